#include "lib/store/standing.h"

#include "lib/store/sql.h"

enum { WEEK = 7 * 24 * 60 * 60 };

enum rbe_code rbe_standing_add(struct rbe_store *s, const struct rbe_standing *more, int64_t now, struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_STANDING_ADD,
                       RBE_DB_VALUES(rbe_db_int(more->package), rbe_db_int(more->asked), rbe_db_int(now / WEEK),
                                     rbe_db_int((int64_t)more->formats)), NULL, e);
}

static void read_standing(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_standing *standing = ret;

    (void)arena;
    standing->asked = rbe_db_get_int(st, 0);
    standing->formats = (unsigned)rbe_db_get_int(st, 1);
}

enum rbe_code rbe_standing_find(struct rbe_store *s, int64_t package, int64_t now, struct rbe_standing *ret,
                                struct rbe_err *e)
{
    bool found;

    *ret = (struct rbe_standing){.package = package};
    return rbe_sql_find(s, RBE_SQL_STANDING_FIND, RBE_DB_VALUES(rbe_db_int(package), rbe_db_int(now / WEEK)),
                        read_standing, NULL, ret, &found, e);
}

static void read_top(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_standing *standing = ret;

    read_standing(st, arena, ret);
    standing->package = rbe_db_get_int(st, 2);
}

enum rbe_code rbe_standing_top(struct rbe_store *s, int64_t now, int64_t limit, struct rbe_arena *arena,
                               struct rbe_standing **ret, size_t *ret_n, struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_STANDING_TOP, RBE_DB_VALUES(rbe_db_int(now / WEEK), rbe_db_int(limit)), read_top,
                         sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}
