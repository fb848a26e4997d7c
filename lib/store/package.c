#include "lib/store/package.h"

#include "lib/store/sql.h"

static void read_package(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_package *p = ret;

    *p = (struct rbe_package){
        .id = rbe_db_get_int(st, 0),
        .version = rbe_db_get_int(st, 1),
        .system = (int)rbe_db_get_int(st, 2),
        .arch = (int)rbe_db_get_int(st, 3),
        .format = (enum rbe_format)rbe_db_get_int(st, 4),
        .target = rbe_db_get_int(st, 5),
        .source = rbe_db_get_int(st, 6),
        .file_type = rbe_db_get_text(st, 7, arena),
        .path = rbe_db_get_text(st, 8, arena),
        .size = rbe_db_get_int(st, 9),
        .files = rbe_db_get_int(st, 12),
        .created_at = rbe_db_get_int(st, 13),
        .purged_at = rbe_db_get_int(st, 14),
        .removed_at = rbe_db_get_int(st, 15),
    };
    rbe_db_get_bytes(st, 10, p->sha256, sizeof(p->sha256));
    rbe_db_get_bytes(st, 11, p->tree, sizeof(p->tree));
}

enum rbe_code rbe_package_put(struct rbe_store *s, struct rbe_package *p, struct rbe_err *e)
{
    struct rbe_db_values values = RBE_DB_VALUES(
        rbe_db_int(p->version), rbe_db_int(p->system), rbe_db_int(p->arch), rbe_db_int(p->format),
        rbe_db_ref(p->target), rbe_db_ref(p->source), rbe_db_text(p->file_type ? p->file_type : ""),
        rbe_db_text(p->path), rbe_db_int(p->size),
        rbe_db_blob(p->sha256, sizeof(p->sha256)), rbe_db_blob(p->tree, sizeof(p->tree)), rbe_db_int(p->files),
        rbe_db_int(p->created_at), rbe_db_int(p->purged_at));
    bool new;

    s->added = true;
    RBE_TRY(rbe_sql_put(s, RBE_SQL_PACKAGE_PUT, values, &p->id, &new, e));
    if (!new)
        return rbe_fail(e, RBE_VERSION_EXISTS,
                        p->target ? "the package between these versions exists" : "version exists for this platform");
    return RBE_OK;
}

enum rbe_code rbe_package_get(struct rbe_store *s, int64_t id, struct rbe_arena *arena, struct rbe_package *ret,
                              struct rbe_err *e)
{
    bool found;

    RBE_TRY(rbe_sql_find(s, RBE_SQL_PACKAGE_GET, RBE_DB_VALUES(rbe_db_int(id)), read_package, arena, ret, &found, e));
    return found ? RBE_OK : rbe_fail(e, RBE_NOTFOUND, "package not found");
}

enum rbe_code rbe_package_find(struct rbe_store *s, int64_t version, int system, int arch, struct rbe_arena *arena,
                               struct rbe_package *ret, bool *ret_found, struct rbe_err *e)
{
    return rbe_sql_find(s, RBE_SQL_PACKAGE_FIND,
                        RBE_DB_VALUES(rbe_db_int(version), rbe_db_int(system), rbe_db_int(arch)),
                        read_package, arena, ret, ret_found, e);
}

enum rbe_code rbe_package_find_patch(struct rbe_store *s, int64_t target, int64_t source, enum rbe_format format,
                                     struct rbe_arena *arena, struct rbe_package *ret, bool *ret_found,
                                     struct rbe_err *e)
{
    return rbe_sql_find(s, RBE_SQL_PACKAGE_FIND_PATCH,
                        RBE_DB_VALUES(rbe_db_int(target), rbe_db_int(source), rbe_db_int(format)), read_package, arena,
                        ret, ret_found, e);
}

enum rbe_code rbe_package_patches(struct rbe_store *s, int64_t target, int64_t source, struct rbe_arena *arena,
                                  struct rbe_package **ret, size_t *ret_n, struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_PACKAGE_PATCHES, RBE_DB_VALUES(rbe_db_int(target), rbe_db_int(source)),
                         read_package, sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_package_purge_pair(struct rbe_store *s, int64_t target, int64_t source, int64_t now, struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_PACKAGE_PURGE_PAIR,
                       RBE_DB_VALUES(rbe_db_int(target), rbe_db_int(source), rbe_db_int(now)), NULL, e);
}

enum rbe_code rbe_package_sources(struct rbe_store *s, int64_t resource, int system, int arch, int64_t limit,
                                  struct rbe_arena *arena, struct rbe_package **ret, size_t *ret_n, struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_PACKAGE_SOURCES,
                         RBE_DB_VALUES(rbe_db_int(resource), rbe_db_int(system), rbe_db_int(arch), rbe_db_int(limit)),
                         read_package, sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_package_offered(struct rbe_store *s, int64_t resource, int64_t id, bool *ret, struct rbe_err *e)
{
    int64_t n;

    RBE_TRY(rbe_sql_number(s, RBE_SQL_PACKAGE_OFFERED, RBE_DB_VALUES(rbe_db_int(resource), rbe_db_int(id)), &n, e));
    *ret = n > 0;
    return RBE_OK;
}

enum rbe_code rbe_package_list(struct rbe_store *s, int64_t version, int64_t after, int64_t limit,
                               struct rbe_arena *arena, struct rbe_package **ret, size_t *ret_n, struct rbe_err *e)
{
    struct rbe_db_value start = rbe_db_int(after), most = rbe_db_int(limit > 0 ? limit : -1);
    struct rbe_db_values all = RBE_DB_VALUES(start, most), one = RBE_DB_VALUES(rbe_db_int(version), start, most);
    void *rows;

    RBE_TRY(rbe_sql_list(s, version ? RBE_SQL_PACKAGE_LIST : RBE_SQL_PACKAGE_LIST_ALL, version ? one : all,
                         read_package, sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_package_each(struct rbe_store *s, int64_t after, rbe_package_visit visit, void *arg,
                               struct rbe_err *e)
{
    enum { PAGE = 256 };
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_package *rows;
    size_t n;

    do {
        rbe_arena_reset(&arena);
        RBE_TRY(rbe_package_list(s, 0, after, PAGE, &arena, &rows, &n, e));
        for (size_t i = 0; i < n; i++) {
            after = rows[i].id;
            RBE_TRY(visit(arg, &rows[i], e));
        }
    } while (n);
    return RBE_OK;
}

enum rbe_code rbe_package_purged(struct rbe_store *s, int64_t before, int64_t after, int64_t limit,
                                 struct rbe_arena *arena, struct rbe_package **ret, size_t *ret_n, struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_PACKAGE_PURGED,
                         RBE_DB_VALUES(rbe_db_int(before), rbe_db_int(after), rbe_db_int(limit)), read_package,
                         sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

static enum rbe_code list_copies(struct rbe_store *s, enum rbe_sql id, struct rbe_db_values values,
                                 struct rbe_arena *arena, struct rbe_package **ret, size_t *ret_n, struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, id, values, read_package, sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_package_uncopied(struct rbe_store *s, const char *target, int64_t after, int64_t limit,
                                   struct rbe_arena *arena, struct rbe_package **ret, size_t *ret_n, struct rbe_err *e)
{
    return list_copies(s, RBE_SQL_PACKAGE_UNCOPIED,
                       RBE_DB_VALUES(rbe_db_text(target), rbe_db_int(after), rbe_db_int(limit)), arena, ret, ret_n, e);
}

enum rbe_code rbe_package_stale_copy(struct rbe_store *s, const char *target, int64_t after, int64_t limit,
                                     struct rbe_arena *arena, struct rbe_package **ret, size_t *ret_n,
                                     struct rbe_err *e)
{
    return list_copies(s, RBE_SQL_PACKAGE_STALE_COPY,
                       RBE_DB_VALUES(rbe_db_text(target), rbe_db_int(after), rbe_db_int(limit)), arena, ret, ret_n, e);
}

enum rbe_code rbe_package_newest(struct rbe_store *s, const char *target, struct rbe_arena *arena,
                                 struct rbe_package *ret, bool *ret_found, struct rbe_err *e)
{
    struct rbe_db_values any = RBE_DB_NONE, copied = RBE_DB_VALUES(rbe_db_text(target));

    return rbe_sql_find(s, target ? RBE_SQL_PACKAGE_NEWEST_COPY : RBE_SQL_PACKAGE_NEWEST, target ? copied : any,
                        read_package, arena, ret, ret_found, e);
}

enum rbe_code rbe_package_forget(struct rbe_store *s, int64_t patch, struct rbe_err *e)
{
    struct rbe_db_values one = RBE_DB_VALUES(rbe_db_int(patch));

    RBE_TRY(rbe_sql_run(s, RBE_SQL_PACKAGE_FORGET_COPIES, one, NULL, e));
    return rbe_sql_run(s, RBE_SQL_PACKAGE_FORGET, one, NULL, e);
}

static void read_origin(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_package_origin *o = ret;

    read_package(st, arena, &o->package);
    o->rid = rbe_db_get_text(st, 16, arena);
    o->version_name = rbe_db_get_text(st, 17, arena);
    o->source_name = rbe_db_get_text(st, 18, arena);
    o->withdrawn_at = rbe_db_get_int(st, 19);
}

enum rbe_code rbe_package_find_origin(struct rbe_store *s, int64_t id, struct rbe_arena *arena,
                                      struct rbe_package_origin *ret, bool *ret_found, struct rbe_err *e)
{
    return rbe_sql_find(s, RBE_SQL_PACKAGE_ORIGIN, RBE_DB_VALUES(rbe_db_int(id)), read_origin, arena, ret,
                        ret_found, e);
}

enum rbe_code rbe_package_find_origin_path(struct rbe_store *s, const char *path, struct rbe_arena *arena,
                                           struct rbe_package_origin *ret, bool *ret_found, struct rbe_err *e)
{
    return rbe_sql_find(s, RBE_SQL_PACKAGE_ORIGIN_PATH, RBE_DB_VALUES(rbe_db_text(path)), read_origin, arena, ret,
                        ret_found, e);
}

static void read_sum(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    int64_t *sum = ret;

    (void)arena;
    sum[0] = rbe_db_get_int(st, 0);
    sum[1] = rbe_db_get_int(st, 1);
}

enum rbe_code rbe_package_sum(struct rbe_store *s, int64_t *ret_count, int64_t *ret_bytes, struct rbe_err *e)
{
    int64_t sum[2] = {0};
    bool found;

    RBE_TRY(rbe_sql_find(s, RBE_SQL_PACKAGE_SUM, RBE_DB_NONE, read_sum, NULL, sum, &found, e));
    *ret_count = sum[0];
    *ret_bytes = sum[1];
    return RBE_OK;
}
