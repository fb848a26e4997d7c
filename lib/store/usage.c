#include "lib/store/usage.h"

#include "lib/store/sql.h"

enum rbe_code rbe_usage_find(struct rbe_store *s, const struct rbe_usage *u, bool *ret_found, struct rbe_err *e)
{
    int64_t one;

    RBE_TRY(rbe_sql_number(s, RBE_SQL_CDK_USE_FIND,
                           RBE_DB_VALUES(rbe_db_int(u->cdk), rbe_db_blob(u->key, u->key_len)), &one, e));
    *ret_found = one != 0;
    return RBE_OK;
}

enum rbe_code rbe_usage_put(struct rbe_store *s, const struct rbe_usage *u, struct rbe_err *e)
{
    RBE_TRY(rbe_sql_run(s, RBE_SQL_CDK_USE_PUT,
                        RBE_DB_VALUES(rbe_db_int(u->cdk), rbe_db_blob(u->key, u->key_len), rbe_db_int(u->day),
                                      rbe_db_int(u->used_at)), NULL, e));
    return u->cdk > 0 ? rbe_sql_run(s, RBE_SQL_CDK_TOTAL_ADD, RBE_DB_VALUES(rbe_db_int(u->cdk)), NULL, e) : RBE_OK;
}

enum rbe_code rbe_usage_count(struct rbe_store *s, int64_t cdk, int64_t day, int64_t max, int64_t *ret,
                              struct rbe_err *e)
{
    return rbe_sql_number(s, RBE_SQL_CDK_USE_COUNT,
                          RBE_DB_VALUES(rbe_db_int(cdk), rbe_db_int(day), rbe_db_int(max)), ret, e);
}

enum rbe_code rbe_usage_total(struct rbe_store *s, int64_t cdk, int64_t *ret, struct rbe_err *e)
{
    return rbe_sql_number(s, RBE_SQL_CDK_TOTAL, RBE_DB_VALUES(rbe_db_int(cdk)), ret, e);
}

enum rbe_code rbe_usage_last_day(struct rbe_store *s, int64_t *ret, struct rbe_err *e)
{
    return rbe_sql_number(s, RBE_SQL_CDK_USE_LAST, RBE_DB_NONE, ret, e);
}

enum rbe_code rbe_usage_purge(struct rbe_store *s, int64_t before_day, int64_t max, int64_t *ret_removed,
                              struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_CDK_USE_PURGE, RBE_DB_VALUES(rbe_db_int(before_day), rbe_db_int(max)), ret_removed,
                       e);
}

enum rbe_code rbe_usage_token(struct rbe_store *s, int64_t token, int64_t *ret_used_at, struct rbe_err *e)
{
    return rbe_sql_number(s, RBE_SQL_TOKEN_USE_FIND, RBE_DB_VALUES(rbe_db_int(token)), ret_used_at, e);
}

enum rbe_code rbe_usage_token_put(struct rbe_store *s, int64_t token, int64_t used_at, struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_TOKEN_USE_PUT, RBE_DB_VALUES(rbe_db_int(token), rbe_db_int(used_at)), NULL, e);
}
