#include "lib/store/reply.h"

#include "lib/store/sql.h"

static void read_reply(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_reply *r = ret;

    (void)arena;
    *r = (struct rbe_reply){
        .valid = rbe_db_get_int(st, 0) != 0,
        .code = rbe_db_get_int(st, 1),
        .expires_at = rbe_db_get_int(st, 2),
    };
}

enum rbe_code rbe_reply_read(struct rbe_store *s, const char *text, struct rbe_reply *ret, struct rbe_err *e)
{
    bool found;

    *ret = (struct rbe_reply){0};
    return rbe_sql_find(s, RBE_SQL_REPLY_READ, RBE_DB_VALUES(rbe_db_text(text)), read_reply, NULL, ret, &found, e);
}
