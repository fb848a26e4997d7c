#include "lib/store/audit.h"

#include "lib/store/sql.h"

static void read_audit(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_audit *a = ret;

    *a = (struct rbe_audit){
        .id = rbe_db_get_int(st, 0),
        .at = rbe_db_get_int(st, 1),
        .actor = rbe_db_get_text(st, 2, arena),
        .origin = rbe_db_get_text(st, 3, arena),
        .action = rbe_db_get_text(st, 4, arena),
        .rid = rbe_db_get_text(st, 5, arena),
        .subject = rbe_db_get_text(st, 6, arena),
        .detail = rbe_db_get_text(st, 7, arena),
    };
}

enum rbe_code rbe_audit_put(struct rbe_store *s, struct rbe_audit *a, struct rbe_err *e)
{
    struct rbe_db_values values =
        RBE_DB_VALUES(rbe_db_int(a->at), rbe_db_text(a->actor), rbe_db_text(a->origin), rbe_db_text(a->action),
                      rbe_db_text(a->rid), rbe_db_text(a->subject), rbe_db_text(a->detail));
    bool new;

    return rbe_sql_put(s, RBE_SQL_AUDIT_PUT, values, &a->id, &new, e);
}

enum rbe_code rbe_audit_list(struct rbe_store *s, const struct rbe_audit_filter *f, struct rbe_arena *arena,
                             struct rbe_audit **ret, size_t *ret_n, struct rbe_err *e)
{
    const struct rbe_db_value since = rbe_db_int(f->since), actor = rbe_db_text(f->actor),
                              action = rbe_db_text(f->action), limit = rbe_db_int(f->limit);
    struct rbe_db_values all = RBE_DB_VALUES(since, actor, action, limit);
    struct rbe_db_values one = RBE_DB_VALUES(since, actor, action, limit, rbe_db_text(f->rid));
    void *rows;

    RBE_TRY(rbe_sql_list(s, *f->rid ? RBE_SQL_AUDIT_LIST_RESOURCE : RBE_SQL_AUDIT_LIST, *f->rid ? one : all, read_audit,
                         sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_audit_forget(struct rbe_store *s, int64_t before, struct rbe_err *e)
{
    int64_t n = 0;

    RBE_TRY(rbe_store_begin(s, RBE_BASE_RELEASES, e));
    enum rbe_code code = rbe_sql_run(s, RBE_SQL_AUDIT_FORGET, RBE_DB_VALUES(rbe_db_int(before)), &n, e);

    if (code == RBE_OK && n > 0)
        return rbe_store_commit(s, RBE_BASE_RELEASES, e);
    rbe_store_rollback(s, RBE_BASE_RELEASES);
    return code;
}
