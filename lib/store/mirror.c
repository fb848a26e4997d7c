#include "lib/store/mirror.h"

#include "lib/store/sql.h"

static void read_name(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    *(const char **)ret = rbe_db_get_text(st, 0, arena);
}

enum rbe_code rbe_mirror_copies(struct rbe_store *s, int64_t package, struct rbe_arena *arena, const char ***ret,
                                size_t *ret_n, struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_MIRROR_COPIES, RBE_DB_VALUES(rbe_db_int(package)), read_name, sizeof(**ret), arena,
                         &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_mirror_copy_put(struct rbe_store *s, int64_t package, const char *target, int64_t now,
                                  struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_MIRROR_COPY_PUT,
                       RBE_DB_VALUES(rbe_db_int(package), rbe_db_text(target), rbe_db_int(now)), NULL, e);
}

enum rbe_code rbe_mirror_copy_del(struct rbe_store *s, int64_t package, const char *target, struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_MIRROR_COPY_DEL, RBE_DB_VALUES(rbe_db_int(package), rbe_db_text(target)), NULL, e);
}

enum rbe_code rbe_mirror_copy_clear(struct rbe_store *s, struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_MIRROR_COPY_CLEAR, RBE_DB_NONE, NULL, e);
}

enum rbe_code rbe_mirror_copy_count(struct rbe_store *s, const char *target, int64_t *ret, struct rbe_err *e)
{
    return rbe_sql_number(s, RBE_SQL_MIRROR_COPY_COUNT, RBE_DB_VALUES(rbe_db_text(target)), ret, e);
}

static void read_mirror(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    *(struct rbe_mirror *)ret = (struct rbe_mirror){
        .url = rbe_db_get_text(st, 0, arena),
        .up = rbe_db_get_int(st, 1),
        .failures = rbe_db_get_int(st, 2),
        .checked_at = rbe_db_get_int(st, 3),
        .changed_at = rbe_db_get_int(st, 4),
        .reason = rbe_db_get_text(st, 5, arena),
    };
}

enum rbe_code rbe_mirror_list(struct rbe_store *s, struct rbe_arena *arena, struct rbe_mirror **ret, size_t *ret_n,
                              struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_MIRROR_LIST, RBE_DB_NONE, read_mirror, sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_mirror_find(struct rbe_store *s, const char *url, struct rbe_arena *arena, struct rbe_mirror *ret,
                              bool *ret_found, struct rbe_err *e)
{
    return rbe_sql_find(s, RBE_SQL_MIRROR_FIND, RBE_DB_VALUES(rbe_db_text(url)), read_mirror, arena, ret, ret_found, e);
}

enum rbe_code rbe_mirror_claim(struct rbe_store *s, const char *url, int64_t now, int64_t before, bool *ret_mine,
                               struct rbe_err *e)
{
    int64_t changes = 0;

    RBE_TRY(rbe_sql_run(s, RBE_SQL_MIRROR_CLAIM,
                        RBE_DB_VALUES(rbe_db_text(url), rbe_db_int(now), rbe_db_int(before)), &changes, e));
    *ret_mine = changes > 0;
    return RBE_OK;
}

enum rbe_code rbe_mirror_put(struct rbe_store *s, const struct rbe_mirror *m, struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_MIRROR_PUT,
                       RBE_DB_VALUES(rbe_db_text(m->url), rbe_db_int(m->up), rbe_db_int(m->failures),
                                     rbe_db_int(m->checked_at), rbe_db_int(m->changed_at), rbe_db_text(m->reason)),
                       NULL, e);
}
