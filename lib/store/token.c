#include "lib/store/token.h"

#include "lib/store/resource.h"
#include "lib/store/sql.h"

static void read_token(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_token *t = ret;

    *t = (struct rbe_token){
        .id = rbe_db_get_int(st, 0),
        .name = rbe_db_get_text(st, 1, arena),
        .scope = (enum rbe_scope)rbe_db_get_int(st, 3),
        .rid = rbe_db_get_text(st, 4, arena),
        .created_at = rbe_db_get_int(st, 5),
        .expires_at = rbe_db_get_int(st, 6),
        .revoked_at = rbe_db_get_int(st, 7),
    };
    rbe_db_get_bytes(st, 2, t->sha256, sizeof(t->sha256));
}

enum rbe_code rbe_token_put(struct rbe_store *s, struct rbe_token *t, struct rbe_err *e)
{
    bool new;

    if (t->rid) {
        rbe_auto(arena) struct rbe_arena arena = {0};
        struct rbe_resource r;

        RBE_TRY(rbe_resource_get(s, t->rid, &arena, &r, e));
    }
    struct rbe_db_values values =
        RBE_DB_VALUES(rbe_db_text(t->name), rbe_db_blob(t->sha256, sizeof(t->sha256)), rbe_db_int(t->scope),
                      rbe_db_text(t->rid), rbe_db_int(t->created_at), rbe_db_int(t->expires_at),
                      rbe_db_int(t->revoked_at));
    RBE_TRY(rbe_sql_put(s, RBE_SQL_TOKEN_PUT, values, &t->id, &new, e));
    return new ? RBE_OK : rbe_fail(e, RBE_REFUSED, "a token named %s exists: revoke it first", t->name);
}

enum rbe_code rbe_token_find(struct rbe_store *s, const unsigned char sha256[32], struct rbe_arena *arena,
                             struct rbe_token *ret, bool *ret_found, struct rbe_err *e)
{
    return rbe_sql_find(s, RBE_SQL_TOKEN_FIND, RBE_DB_VALUES(rbe_db_blob(sha256, 32)), read_token, arena, ret,
                        ret_found, e);
}

enum rbe_code rbe_token_list(struct rbe_store *s, struct rbe_arena *arena, struct rbe_token **ret, size_t *ret_n,
                             struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_TOKEN_LIST, RBE_DB_NONE, read_token, sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_token_revoke(struct rbe_store *s, const char *name, int64_t now, struct rbe_err *e)
{
    int64_t changes;

    RBE_TRY(rbe_sql_run(s, RBE_SQL_TOKEN_REVOKE, RBE_DB_VALUES(rbe_db_text(name), rbe_db_int(now)), &changes, e));
    return changes ? RBE_OK : rbe_fail(e, RBE_NOTFOUND, "no token is named %s", name);
}
