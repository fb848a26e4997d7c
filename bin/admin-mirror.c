/* rbe-admin mirror list */
#include "bin/admin.h"
#include "bin/listing.h"
#include "lib/core/probe.h"

static void put_json(struct rbe_jsonw *w, const struct rbe_probe_row *r)
{
    bool copied = *r->target;

    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "url", r->url);
    rbe_jsonw_str(w, "role", r->role);
    rbe_jsonw_str(w, "signature", r->signature);
    rbe_jsonw_str(w, "target", copied ? r->target : NULL);
    if (copied)
        rbe_jsonw_int(w, "copies", r->copies);
    else
        rbe_jsonw_null(w, "copies");
    rbe_jsonw_str(w, "state", rbe_probe_state_name(r->state));
    rbe_jsonw_int(w, "failures", r->failures);
    rbe_jsonw_time(w, "checked_at", r->checked_at);
    rbe_jsonw_time(w, "changed_at", r->changed_at);
    rbe_jsonw_str(w, "reason", r->reason);
    rbe_jsonw_obj_end(w);
}

static void put_row(struct rbe_table *t, struct rbe_arena *arena, const struct rbe_probe_row *r)
{
    rbe_table_text(t, r->url);
    rbe_table_text(t, r->role);
    rbe_table_text(t, r->signature);
    rbe_table_text(t, r->target);
    rbe_table_text(t, *r->target ? rbe_arena_strfmt(arena, "%lld", (long long)r->copies) : "");
    rbe_table_text(t, rbe_probe_state_name(r->state));
    rbe_table_time(t, r->changed_at, "");
    rbe_table_time(t, r->checked_at, "");
    rbe_table_text(t, r->reason);
}

enum rbe_code rbe_admin_mirror_list(struct rbe_cli *cli, struct rbe_err *e)
{
    static const struct rbe_table_column columns[] = {{"URL", false},   {"ROLE", false},    {"SIGNATURE", false},
                                                      {"TARGET", false}, {"COPIES", true},  {"STATE", false},
                                                      {"SINCE", false}, {"CHECKED", false}, {"REASON", false}};
    rbe_auto(listing) struct rbe_listing l = {0};
    struct rbe_probe_row *rows;
    size_t n;

    RBE_TRY(rbe_probe_list(cli->app, &cli->arena, &rows, &n, e));
    rbe_listing_init(&l, cli, columns, RBE_COUNT(columns));
    for (size_t i = 0; i < n; i++)
        if (cli->json)
            put_json(&l.json, &rows[i]);
        else
            put_row(&l.table, &cli->arena, &rows[i]);
    rbe_listing_put(&l);
    return RBE_OK;
}
