#include "lib/store/lookup.h"

#include <string.h>

#include "lib/store/sql.h"

static bool has_tree(struct rbe_db_stmt *st, int column)
{
    static const unsigned char none[sizeof(((struct rbe_package *)0)->tree)];
    unsigned char tree[sizeof(none)];

    rbe_db_get_bytes(st, column, tree, sizeof(tree));
    return memcmp(tree, none, sizeof(none)) != 0;
}

static void read_offer(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_lookup_offer *o = ret;

    *o = (struct rbe_lookup_offer){
        .version = rbe_db_get_int(st, 0),
        .package = rbe_db_get_int(st, 1),
        .number = rbe_db_get_int(st, 2),
        .channel = (int)rbe_db_get_int(st, 3),
        .system = (int)rbe_db_get_int(st, 4),
        .arch = (int)rbe_db_get_int(st, 5),
        .order_by = (int)rbe_db_get_int(st, 6),
        .resource = rbe_db_get_int(st, 8),
        .update = (enum rbe_resource_update)rbe_db_get_int(st, 9),
        .access = (enum rbe_resource_access)rbe_db_get_int(st, 10),
        .order = (enum rbe_resource_order)rbe_db_get_int(st, 11),
    };
    o->order_key = rbe_db_get_blob(st, 7, arena, &o->order_len);
}

enum rbe_code rbe_lookup_offers(struct rbe_store *s, const struct rbe_lookup *of, struct rbe_arena *arena,
                                struct rbe_lookup_offer **ret, size_t *ret_n, struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_LOOKUP_OFFERS,
                         RBE_DB_VALUES(rbe_db_text(of->rid), rbe_db_int(of->channel), rbe_db_int(of->system),
                                       rbe_db_int(of->arch)),
                         read_offer, sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

static void read_offered(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_lookup_offered *o = ret;

    *o = (struct rbe_lookup_offered){
        .name = rbe_db_get_text(st, 0, arena),
        .release_note = rbe_db_get_text(st, 1, arena),
        .custom_data = rbe_db_get_text(st, 2, arena),
        .published_at = rbe_db_get_int(st, 3),
        .size = rbe_db_get_int(st, 4),
        .has_tree = has_tree(st, 6),
    };
    rbe_db_get_bytes(st, 5, o->sha256, sizeof(o->sha256));
}

enum rbe_code rbe_lookup_offered(struct rbe_store *s, const struct rbe_lookup_offer *o, struct rbe_arena *arena,
                                 struct rbe_lookup_offered *ret, struct rbe_err *e)
{
    bool found;

    RBE_TRY(rbe_sql_find(s, RBE_SQL_LOOKUP_OFFERED, RBE_DB_VALUES(rbe_db_int(o->version), rbe_db_int(o->package)),
                         read_offered, arena, ret, &found, e));
    return found ? RBE_OK : rbe_fail(e, RBE_NOTFOUND, "version not found");
}

static void read_standing(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_lookup_standing *on = ret;

    *on = (struct rbe_lookup_standing){
        .version = rbe_db_get_int(st, 0),
        .number = rbe_db_get_int(st, 1),
        .withdrawn_at = rbe_db_get_int(st, 2),
        .order_by = (int)rbe_db_get_int(st, 3),
        .package = rbe_db_get_int(st, 5),
        .system = (int)rbe_db_get_int(st, 6),
        .arch = (int)rbe_db_get_int(st, 7),
        .purged_at = rbe_db_get_int(st, 8),
        .has_tree = has_tree(st, 9),
    };
    on->order_key = rbe_db_get_blob(st, 4, arena, &on->order_len);
}

enum rbe_code rbe_lookup_standing(struct rbe_store *s, int64_t resource, const char *name, const struct rbe_lookup *of,
                                  struct rbe_arena *arena, struct rbe_lookup_standing *ret, bool *ret_found,
                                  struct rbe_err *e)
{
    return rbe_sql_find(s, RBE_SQL_LOOKUP_STANDING,
                        RBE_DB_VALUES(rbe_db_int(resource), rbe_db_text(name), rbe_db_int(of->system),
                                      rbe_db_int(of->arch)),
                        read_standing, arena, ret, ret_found, e);
}
