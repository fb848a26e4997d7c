#include "lib/store/stock.h"

#include "lib/store/sql.h"

static void read_stock(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_stock *r = ret;

    *r = (struct rbe_stock){
        .package = rbe_db_get_int(st, 0),
        .system = (int)rbe_db_get_int(st, 1),
        .arch = (int)rbe_db_get_int(st, 2),
        .channel = (int)rbe_db_get_int(st, 3),
        .order_by = (int)rbe_db_get_int(st, 4),
        .number = rbe_db_get_int(st, 6),
        .withdrawn_at = rbe_db_get_int(st, 7),
        .offered = rbe_db_get_int(st, 8) != 0,
    };
    r->order_key = rbe_db_get_blob(st, 5, arena, &r->order_len);
}

enum rbe_code rbe_stock_list(struct rbe_store *s, int64_t resource, struct rbe_arena *arena, struct rbe_stock **ret,
                             size_t *ret_n, struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_STOCK_LIST, RBE_DB_VALUES(rbe_db_int(resource)), read_stock, sizeof(**ret), arena,
                         &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_stock_purge(struct rbe_store *s, int64_t package, int64_t now, int64_t *packages, int64_t *patches,
                              int64_t *bytes, struct rbe_err *e)
{
    struct rbe_db_values one = RBE_DB_VALUES(rbe_db_int(package));
    struct rbe_db_values timed = RBE_DB_VALUES(rbe_db_int(package), rbe_db_int(now));
    int64_t size, full, leading;

    RBE_TRY(rbe_sql_number(s, RBE_SQL_STOCK_SIZE, one, &size, e));
    RBE_TRY(rbe_sql_run(s, RBE_SQL_STOCK_PURGE, timed, &full, e));
    RBE_TRY(rbe_sql_run(s, RBE_SQL_STOCK_PURGE_PATCHES, timed, &leading, e));
    *packages += full;
    *patches += leading;
    *bytes += size;
    return RBE_OK;
}

enum rbe_code rbe_stock_waiting(struct rbe_store *s, int64_t *ret, struct rbe_err *e)
{
    return rbe_sql_number(s, RBE_SQL_STOCK_WAITING, RBE_DB_NONE, ret, e);
}

enum rbe_code rbe_stock_put_back(struct rbe_store *s, int64_t latest, int64_t now, struct rbe_err *e)
{
    int64_t ahead;

    RBE_TRY(rbe_sql_number(s, RBE_SQL_STOCK_AHEAD, RBE_DB_VALUES(rbe_db_int(latest)), &ahead, e));
    if (ahead == 0)
        return RBE_OK;
    RBE_TRY(rbe_store_begin(s, RBE_BASE_RELEASES, e));
    enum rbe_code code =
        rbe_sql_run(s, RBE_SQL_STOCK_PUT_BACK, RBE_DB_VALUES(rbe_db_int(now), rbe_db_int(latest)), NULL, e);
    return rbe_store_end(s, RBE_BASE_RELEASES, code, e);
}

enum rbe_code rbe_stock_removed(struct rbe_store *s, int64_t package, int64_t now, struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_STOCK_REMOVED, RBE_DB_VALUES(rbe_db_int(package), rbe_db_int(now)), NULL, e);
}
