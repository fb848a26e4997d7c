#include "lib/store/version.h"

#include "lib/store/sql.h"

static void read_version(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_version *v = ret;

    *v = (struct rbe_version){
        .id = rbe_db_get_int(st, 0),
        .resource = rbe_db_get_int(st, 1),
        .name = rbe_db_get_text(st, 2, arena),
        .number = rbe_db_get_int(st, 3),
        .channel = (int)rbe_db_get_int(st, 4),
        .order_by = (int)rbe_db_get_int(st, 5),
        .release_note = rbe_db_get_text(st, 7, arena),
        .custom_data = rbe_db_get_text(st, 8, arena),
        .created_at = rbe_db_get_int(st, 9),
        .withdrawn_at = rbe_db_get_int(st, 10),
        .packages = rbe_db_get_int(st, 11),
    };
    v->order_key = rbe_db_get_blob(st, 6, arena, &v->order_len);
}

enum rbe_code rbe_version_put(struct rbe_store *s, struct rbe_version *v, struct rbe_err *e)
{
    int64_t last;
    bool new;

    RBE_TRY(rbe_sql_number(s, RBE_SQL_RESOURCE_NUMBER, RBE_DB_VALUES(rbe_db_int(v->resource)), &last, e));
    struct rbe_db_values values = RBE_DB_VALUES(
        rbe_db_int(v->resource), rbe_db_text(v->name), rbe_db_int(last + 1), rbe_db_int(v->channel),
        rbe_db_int(v->order_by), rbe_db_blob(v->order_key, v->order_len),
        rbe_db_text(v->release_note ? v->release_note : ""), rbe_db_text(v->custom_data ? v->custom_data : ""),
        rbe_db_int(v->created_at), rbe_db_int(v->withdrawn_at));
    s->added = true;
    RBE_TRY(rbe_sql_put(s, RBE_SQL_VERSION_PUT, values, &v->id, &new, e));
    if (!new)
        return rbe_fail(e, RBE_VERSION_EXISTS, "version %s exists", v->name);
    v->number = last + 1;
    return rbe_sql_run(s, RBE_SQL_RESOURCE_SET_NUMBER,
                       RBE_DB_VALUES(rbe_db_int(v->resource), rbe_db_int(v->number)), NULL, e);
}

enum rbe_code rbe_version_find(struct rbe_store *s, int64_t resource, const char *name, struct rbe_arena *arena,
                               struct rbe_version *ret, bool *ret_found, struct rbe_err *e)
{
    return rbe_sql_find(s, RBE_SQL_VERSION_FIND, RBE_DB_VALUES(rbe_db_int(resource), rbe_db_text(name)), read_version,
                        arena, ret, ret_found, e);
}

static enum rbe_code not_found(struct rbe_err *e)
{
    return rbe_fail(e, RBE_NOTFOUND, "version not found");
}

enum rbe_code rbe_version_get(struct rbe_store *s, int64_t id, struct rbe_arena *arena, struct rbe_version *ret,
                              struct rbe_err *e)
{
    bool found;

    RBE_TRY(rbe_sql_find(s, RBE_SQL_VERSION_GET, RBE_DB_VALUES(rbe_db_int(id)), read_version, arena, ret, &found, e));
    return found ? RBE_OK : not_found(e);
}

enum rbe_code rbe_version_set_data(struct rbe_store *s, int64_t id, const char *release_note, const char *custom_data,
                                   struct rbe_err *e)
{
    int64_t changes;

    RBE_TRY(rbe_sql_run(s, RBE_SQL_VERSION_SET_DATA,
                        RBE_DB_VALUES(rbe_db_int(id), rbe_db_text(release_note), rbe_db_text(custom_data)), &changes,
                        e));
    return changes ? RBE_OK : not_found(e);
}

enum rbe_code rbe_version_set_order(struct rbe_store *s, int64_t id, int order_by, const void *key, size_t len,
                                    struct rbe_err *e)
{
    int64_t changes;

    RBE_TRY(rbe_sql_run(s, RBE_SQL_VERSION_SET_ORDER,
                        RBE_DB_VALUES(rbe_db_int(id), rbe_db_int(order_by), rbe_db_blob(key, len)), &changes, e));
    return changes ? RBE_OK : not_found(e);
}

enum rbe_code rbe_version_set_channel(struct rbe_store *s, int64_t id, int channel, struct rbe_err *e)
{
    int64_t changes;

    RBE_TRY(rbe_sql_run(s, RBE_SQL_VERSION_SET_CHANNEL, RBE_DB_VALUES(rbe_db_int(id), rbe_db_int(channel)), &changes,
                        e));
    return changes ? RBE_OK : not_found(e);
}

enum rbe_code rbe_version_withdraw(struct rbe_store *s, int64_t resource, int64_t id, int64_t now, int64_t *ret_n,
                                   struct rbe_err *e)
{
    return rbe_sql_run(s, id ? RBE_SQL_VERSION_WITHDRAW : RBE_SQL_VERSION_WITHDRAW_ALL,
                       RBE_DB_VALUES(rbe_db_int(id ? id : resource), rbe_db_int(now)), ret_n, e);
}

enum rbe_code rbe_version_list(struct rbe_store *s, const struct rbe_version_filter *f, struct rbe_arena *arena,
                               struct rbe_version **ret, size_t *ret_n, int64_t *ret_total, struct rbe_err *e)
{
    struct rbe_db_value resource = rbe_db_int(f->resource), channel = rbe_db_int(f->channel);
    void *rows;

    RBE_TRY(rbe_sql_number(s, RBE_SQL_VERSION_COUNT, RBE_DB_VALUES(resource, channel), ret_total, e));
    RBE_TRY(rbe_sql_list(s, RBE_SQL_VERSION_LIST,
                         RBE_DB_VALUES(resource, channel, rbe_db_int(f->offset), rbe_db_int(f->limit)), read_version,
                         sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_offer_count_wrong(struct rbe_store *s, int64_t resource, int64_t *ret, struct rbe_err *e)
{
    return rbe_sql_number(s, RBE_SQL_OFFER_WRONG, RBE_DB_VALUES(rbe_db_int(resource)), ret, e);
}

enum rbe_code rbe_offer_refresh(struct rbe_store *s, int64_t resource, struct rbe_err *e)
{
    RBE_TRY(rbe_sql_run(s, RBE_SQL_OFFER_CLEAR, RBE_DB_VALUES(rbe_db_int(resource)), NULL, e));
    return rbe_sql_run(s, RBE_SQL_OFFER_FILL, RBE_DB_VALUES(rbe_db_int(resource)), NULL, e);
}
