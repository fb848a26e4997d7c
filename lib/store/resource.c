#include "lib/store/resource.h"

#include "lib/store/sql.h"

static void read_resource(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_resource *r = ret;

    *r = (struct rbe_resource){
        .id = rbe_db_get_int(st, 0),
        .rid = rbe_db_get_text(st, 1, arena),
        .name = rbe_db_get_text(st, 2, arena),
        .description = rbe_db_get_text(st, 3, arena),
        .update = (enum rbe_resource_update)rbe_db_get_int(st, 4),
        .access = (enum rbe_resource_access)rbe_db_get_int(st, 5),
        .order = (enum rbe_resource_order)rbe_db_get_int(st, 6),
        .always_include = rbe_db_get_text(st, 7, arena),
        .last_number = rbe_db_get_int(st, 8),
        .versions = rbe_db_get_int(st, 8),
        .created_at = rbe_db_get_int(st, 9),
    };
}

static const char *or_else(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

enum rbe_code rbe_resource_put(struct rbe_store *s, struct rbe_resource *r, struct rbe_err *e)
{
    struct rbe_db_values values = RBE_DB_VALUES(
        rbe_db_text(r->rid), rbe_db_text(or_else(r->name, "")), rbe_db_text(or_else(r->description, "")),
        rbe_db_int(r->update), rbe_db_int(r->access), rbe_db_int(r->order),
        rbe_db_text(or_else(r->always_include, "[]")), rbe_db_int(r->created_at));
    bool new;

    s->added = true;
    RBE_TRY(rbe_sql_put(s, RBE_SQL_RESOURCE_PUT, values, &r->id, &new, e));
    if (!new)
        return rbe_fail(e, RBE_RESOURCE_EXISTS, "resource %s exists", r->rid);
    return RBE_OK;
}

enum rbe_code rbe_resource_get(struct rbe_store *s, const char *rid, struct rbe_arena *arena, struct rbe_resource *ret,
                               struct rbe_err *e)
{
    bool found;

    RBE_TRY(rbe_sql_find(s, RBE_SQL_RESOURCE_GET, RBE_DB_VALUES(rbe_db_text(rid)), read_resource, arena, ret,
                         &found, e));
    return found ? RBE_OK : rbe_fail(e, RBE_NOTFOUND, "resource not found");
}

enum rbe_code rbe_resource_list(struct rbe_store *s, const struct rbe_resource_filter *f, struct rbe_arena *arena,
                                struct rbe_resource **ret, size_t *ret_n, int64_t *ret_total, struct rbe_err *e)
{
    struct rbe_db_value rid = rbe_db_text(or_else(f->rid, "")), name = rbe_db_text(or_else(f->name, ""));
    void *rows;

    RBE_TRY(rbe_sql_number(s, RBE_SQL_RESOURCE_COUNT, RBE_DB_VALUES(rid, name), ret_total, e));
    RBE_TRY(rbe_sql_list(s, RBE_SQL_RESOURCE_LIST,
                         RBE_DB_VALUES(rid, name, rbe_db_int(f->offset), rbe_db_int(f->limit)),
                         read_resource, sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_resource_each(struct rbe_store *s, rbe_resource_visit visit, void *arg, struct rbe_err *e)
{
    enum { PAGE = 256 };
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_resource_filter page = {.limit = PAGE};
    struct rbe_resource *rows;
    int64_t total;
    size_t n;

    do {
        rbe_arena_reset(&arena);
        RBE_TRY(rbe_resource_list(s, &page, &arena, &rows, &n, &total, e));
        for (size_t i = 0; i < n; i++)
            RBE_TRY(visit(arg, &rows[i], e));
        page.offset += (int64_t)n;
    } while (n && page.offset < total);
    return RBE_OK;
}

enum rbe_code rbe_resource_number_is_right(struct rbe_store *s, int64_t id, bool *ret, struct rbe_err *e)
{
    int64_t right = 0;

    RBE_TRY(rbe_sql_number(s, RBE_SQL_RESOURCE_NUMBER_RIGHT, RBE_DB_VALUES(rbe_db_int(id)), &right, e));
    *ret = right != 0;
    return RBE_OK;
}

enum rbe_code rbe_resource_renumber(struct rbe_store *s, int64_t id, struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_RESOURCE_RENUMBER, RBE_DB_VALUES(rbe_db_int(id)), NULL, e);
}

enum rbe_code rbe_resource_find_guarded(struct rbe_store *s, struct rbe_arena *arena, struct rbe_resource *ret,
                                        bool *ret_found, struct rbe_err *e)
{
    return rbe_sql_find(s, RBE_SQL_RESOURCE_GUARDED, RBE_DB_VALUES(rbe_db_int(RBE_ACCESS_CDK)), read_resource, arena, ret,
                        ret_found, e);
}
