#include "lib/store/mark.h"

#include "lib/store/sql.h"

enum rbe_code rbe_mark_find(struct rbe_store *s, const char *name, int64_t *ret, struct rbe_err *e)
{
    return rbe_sql_number(s, RBE_SQL_MARK_FIND, RBE_DB_VALUES(rbe_db_text(name)), ret, e);
}

enum rbe_code rbe_mark_put(struct rbe_store *s, const char *name, int64_t value, struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_MARK_PUT, RBE_DB_VALUES(rbe_db_text(name), rbe_db_int(value)), NULL, e);
}
