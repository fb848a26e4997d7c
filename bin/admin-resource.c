/* rbe-admin resource … */
#include "bin/admin.h"
#include "bin/listing.h"
#include "lib/core/catalog.h"
#include "lib/core/describe.h"
#include "lib/core/release-change.h"
#include "lib/core/release.h"

enum { PAGE = 1000 };

static void put_json(struct rbe_jsonw *w, const struct rbe_resource *r)
{
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "id", r->rid);
    rbe_describe_resource(w, r);
    rbe_jsonw_raw(w, "always_include", r->always_include);
    rbe_jsonw_int(w, "version_count", r->versions);
    rbe_jsonw_time(w, "created_at", r->created_at);
    rbe_jsonw_obj_end(w);
}

static void put_one(struct rbe_cli *cli, const struct rbe_resource *r)
{
    static const struct rbe_table_column columns[2];
    struct rbe_table t;

    if (cli->json) {
        struct rbe_jsonw w = {.out = &cli->out};

        put_json(&w, r);
        return;
    }
    rbe_table_init(&t, &cli->arena, columns, RBE_COUNT(columns));
    rbe_table_text(&t, "id");
    rbe_table_text(&t, r->rid);
    rbe_table_text(&t, "name");
    rbe_table_text(&t, r->name);
    rbe_table_text(&t, "description");
    rbe_table_text(&t, r->description);
    rbe_table_text(&t, "update type");
    rbe_table_text(&t, rbe_resource_update_name(r->update));
    rbe_table_text(&t, "access");
    rbe_table_text(&t, rbe_resource_access_name(r->access));
    rbe_table_text(&t, "order");
    rbe_table_text(&t, rbe_resource_order_name(r->order));
    rbe_table_text(&t, "always include");
    rbe_table_text(&t, r->always_include);
    rbe_table_text(&t, "versions");
    rbe_table_int(&t, r->versions);
    rbe_table_text(&t, "created");
    rbe_table_time(&t, r->created_at, "");
    rbe_table_put(&t, &cli->out);
}

enum rbe_code rbe_admin_resource_create(struct rbe_cli *cli, struct rbe_err *e)
{
    struct rbe_resource_draft draft = {
        .rid = cli->args[0],
        .name = rbe_cli_value(cli, "--name"),
        .description = rbe_cli_value(cli, "--description"),
        .update_type = rbe_cli_value(cli, "--update-type"),
        .access = rbe_cli_value(cli, "--access"),
        .order = rbe_cli_value(cli, "--order"),
    };
    struct rbe_resource r;

    draft.always_include = rbe_cli_values(cli, "--always-include", &draft.always_includes);
    RBE_TRY(rbe_release_create(cli->app, &draft, &cli->arena, &r, e));
    put_one(cli, &r);
    return RBE_OK;
}

enum rbe_code rbe_admin_resource_show(struct rbe_cli *cli, struct rbe_err *e)
{
    struct rbe_resource r;

    RBE_TRY(rbe_catalog_resource(cli->app, cli->args[0], &cli->arena, &r, e));
    put_one(cli, &r);
    return RBE_OK;
}

static void put_row(struct rbe_table *t, const struct rbe_resource *r)
{
    rbe_table_text(t, r->rid);
    rbe_table_text(t, r->name);
    rbe_table_text(t, rbe_resource_update_name(r->update));
    rbe_table_text(t, rbe_resource_access_name(r->access));
    rbe_table_text(t, rbe_resource_order_name(r->order));
    rbe_table_int(t, r->versions);
    rbe_table_time(t, r->created_at, "");
}

enum rbe_code rbe_admin_resource_list(struct rbe_cli *cli, struct rbe_err *e)
{
    static const struct rbe_table_column columns[] = {{"ID", false},    {"NAME", false},    {"UPDATE", false},
                                                      {"ACCESS", false}, {"ORDER", false}, {"VERSIONS", true},
                                                      {"CREATED", false}};
    struct rbe_resource_filter f = {.limit = PAGE};
    struct rbe_catalog_resources page;
    rbe_auto(listing) struct rbe_listing l = {0};

    rbe_listing_init(&l, cli, columns, RBE_COUNT(columns));
    do {
        RBE_TRY(rbe_catalog_resources(cli->app, &f, &cli->arena, &page, e));
        for (size_t i = 0; i < page.n; i++)
            if (cli->json)
                put_json(&l.json, &page.v[i]);
            else
                put_row(&l.table, &page.v[i]);
        f.offset += (int64_t)page.n;
    } while (page.n && f.offset < page.total);
    rbe_listing_put(&l);
    return RBE_OK;
}

enum rbe_code rbe_admin_resource_delete(struct rbe_cli *cli, struct rbe_err *e)
{
    struct rbe_resource r;
    int64_t n;

    RBE_TRY(rbe_catalog_resource(cli->app, cli->args[0], &cli->arena, &r, e));
    RBE_TRY(rbe_release_withdraw_all(cli->app, &r, &n, e));
    if (!cli->json) {
        rbe_str_putf(&cli->out, "withdrawn: %lld versions of %s\n", (long long)n, r.rid);
        return RBE_OK;
    }
    struct rbe_jsonw w = {.out = &cli->out};
    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_str(&w, "id", r.rid);
    rbe_jsonw_int(&w, "withdrawn", n);
    rbe_jsonw_obj_end(&w);
    return RBE_OK;
}
