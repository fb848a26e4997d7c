#include "lib/store/cdk.h"

#include "lib/store/sql.h"

static void read_cdk(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_cdk *c = ret;

    *c = (struct rbe_cdk){
        .id = rbe_db_get_int(st, 0),
        .prefix = rbe_db_get_text(st, 2, arena),
        .resource = rbe_db_get_int(st, 3),
        .daily_limit = rbe_db_get_int(st, 4),
        .created_at = rbe_db_get_int(st, 5),
        .expires_at = rbe_db_get_int(st, 6),
        .blocked_at = rbe_db_get_int(st, 7),
        .rid = rbe_db_get_text(st, 8, arena),
    };
    rbe_db_get_bytes(st, 1, c->sha256, sizeof(c->sha256));
}

enum rbe_code rbe_cdk_put(struct rbe_store *s, struct rbe_cdk *c, struct rbe_err *e)
{
    struct rbe_db_values values =
        RBE_DB_VALUES(rbe_db_blob(c->sha256, sizeof(c->sha256)), rbe_db_text(c->prefix), rbe_db_ref(c->resource),
                      rbe_db_int(c->daily_limit), rbe_db_int(c->created_at), rbe_db_int(c->expires_at),
                      rbe_db_int(c->blocked_at));
    bool new;

    RBE_TRY(rbe_sql_put(s, RBE_SQL_CDK_PUT, values, &c->id, &new, e));
    return new ? RBE_OK : rbe_fail(e, RBE_REFUSED, "this cdk exists");
}

enum rbe_code rbe_cdk_find(struct rbe_store *s, const unsigned char sha256[32], struct rbe_arena *arena,
                           struct rbe_cdk *ret, bool *ret_found, struct rbe_err *e)
{
    return rbe_sql_find(s, RBE_SQL_CDK_FIND, RBE_DB_VALUES(rbe_db_blob(sha256, 32)), read_cdk, arena, ret, ret_found,
                        e);
}

enum rbe_code rbe_cdk_get(struct rbe_store *s, int64_t id, struct rbe_arena *arena, struct rbe_cdk *ret,
                          struct rbe_err *e)
{
    bool found;

    RBE_TRY(rbe_sql_find(s, RBE_SQL_CDK_GET, RBE_DB_VALUES(rbe_db_int(id)), read_cdk, arena, ret, &found, e));
    return found ? RBE_OK : rbe_fail(e, RBE_NOTFOUND, "cdk not found");
}

enum rbe_code rbe_cdk_list(struct rbe_store *s, int64_t after, int64_t limit, struct rbe_arena *arena,
                           struct rbe_cdk **ret, size_t *ret_n, struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_CDK_LIST, RBE_DB_VALUES(rbe_db_int(after), rbe_db_int(limit)), read_cdk,
                         sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_cdk_block(struct rbe_store *s, int64_t id, int64_t blocked_at, struct rbe_err *e)
{
    int64_t changes;

    RBE_TRY(rbe_sql_run(s, RBE_SQL_CDK_BLOCK, RBE_DB_VALUES(rbe_db_int(id), rbe_db_int(blocked_at)), &changes, e));
    return changes ? RBE_OK : rbe_fail(e, RBE_NOTFOUND, "cdk not found");
}
