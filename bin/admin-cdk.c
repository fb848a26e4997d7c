/* rbe-admin cdk … */
#include "bin/admin.h"
#include "bin/listing.h"
#include "lib/base/clock.h"
#include "lib/core/catalog.h"
#include "lib/core/cdks.h"

enum { PAGE = 1000 };

/* ---- create ---- */

static void put_made(struct rbe_cli *cli, const struct rbe_cdk *like, const struct rbe_cdks_made *made, size_t n)
{
    struct rbe_jsonw w = {.out = &cli->out};

    if (!cli->json) {
        for (size_t i = 0; i < n; i++)
            rbe_str_putf(&cli->out, "%s\n", made[i].text);
        return;
    }
    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_str(&w, "resource", like->rid);
    rbe_jsonw_int(&w, "daily_limit", like->daily_limit);
    rbe_jsonw_time(&w, "expires_at", like->expires_at);
    rbe_jsonw_arr(&w, "cdks");
    for (size_t i = 0; i < n; i++) {
        rbe_jsonw_obj(&w, NULL);
        rbe_jsonw_int(&w, "id", made[i].id);
        rbe_jsonw_str(&w, "cdk", made[i].text);
        rbe_jsonw_obj_end(&w);
    }
    rbe_jsonw_arr_end(&w);
    rbe_jsonw_obj_end(&w);
}

enum rbe_code rbe_admin_cdk_create(struct rbe_cli *cli, struct rbe_err *e)
{
    struct rbe_cdk like = {.rid = rbe_cli_value(cli, "--resource"), .created_at = rbe_clock_now()};
    struct rbe_cdks_made *made;
    struct rbe_resource r;
    int64_t count;

    RBE_TRY(rbe_cli_int(cli, "--count", 1, RBE_CDKS_MAX, 1, &count, e));
    RBE_TRY(rbe_cli_int(cli, "--daily-limit", 0, RBE_CDK_DAILY_MAX, 0, &like.daily_limit, e));
    RBE_TRY(rbe_admin_expiry(cli, like.created_at, &like.expires_at, e));
    if (like.rid) {
        RBE_TRY(rbe_catalog_resource(cli->app, like.rid, &cli->arena, &r, e));
        like.resource = r.id;
    }
    RBE_TRY(rbe_cdks_make(cli->app, &like, (size_t)count, &cli->arena, &made, e));
    put_made(cli, &like, made, (size_t)count);
    return RBE_OK;
}

/* ---- list, show ---- */

static void put_json(struct rbe_jsonw *w, const struct rbe_cdks_row *row, int64_t now)
{
    const struct rbe_cdk *c = &row->cdk;

    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_int(w, "id", c->id);
    rbe_jsonw_str(w, "prefix", c->prefix);
    rbe_jsonw_str(w, "resource", c->rid);
    rbe_jsonw_int(w, "daily_limit", c->daily_limit);
    rbe_jsonw_int(w, "today", row->today);
    rbe_jsonw_int(w, "total", row->total);
    rbe_jsonw_str(w, "state", rbe_cdks_state(c, now));
    rbe_jsonw_time(w, "created_at", c->created_at);
    rbe_jsonw_time(w, "expires_at", c->expires_at);
    rbe_jsonw_time(w, "blocked_at", c->blocked_at);
    rbe_jsonw_obj_end(w);
}

static const char *text_of(struct rbe_cli *cli, const struct rbe_cdk *c)
{
    return rbe_arena_strfmt(&cli->arena, "%s...", c->prefix);
}

static void put_limit(struct rbe_table *t, const struct rbe_cdk *c)
{
    if (c->daily_limit)
        rbe_table_int(t, c->daily_limit);
    else
        rbe_table_text(t, "default");
}

static void put_row(struct rbe_cli *cli, struct rbe_table *t, const struct rbe_cdks_row *row, int64_t now)
{
    const struct rbe_cdk *c = &row->cdk;

    rbe_table_int(t, c->id);
    rbe_table_text(t, text_of(cli, c));
    rbe_table_text(t, c->rid ? c->rid : "(all)");
    put_limit(t, c);
    rbe_table_int(t, row->today);
    rbe_table_int(t, row->total);
    rbe_table_time(t, c->created_at, "");
    rbe_table_time(t, c->expires_at, "never");
    rbe_table_text(t, rbe_cdks_state(c, now));
}

enum rbe_code rbe_admin_cdk_list(struct rbe_cli *cli, struct rbe_err *e)
{
    static const struct rbe_table_column columns[] = {
        {"ID", true},    {"CDK", false},    {"RESOURCE", false}, {"LIMIT", true},   {"TODAY", true},
        {"TOTAL", true}, {"CREATED", false}, {"EXPIRES", false},  {"STATE", false},
    };
    rbe_auto(listing) struct rbe_listing l = {0};
    int64_t now = rbe_clock_now(), after = 0;
    struct rbe_cdks_row *rows;
    size_t n;

    rbe_listing_init(&l, cli, columns, RBE_COUNT(columns));
    do {
        RBE_TRY(rbe_cdks_list(cli->app, after, PAGE, now, &cli->arena, &rows, &n, e));
        for (size_t i = 0; i < n; i++) {
            if (cli->json)
                put_json(&l.json, &rows[i], now);
            else
                put_row(cli, &l.table, &rows[i], now);
            after = rows[i].cdk.id;
        }
    } while (n == PAGE);
    rbe_listing_put(&l);
    return RBE_OK;
}

enum rbe_code rbe_admin_cdk_show(struct rbe_cli *cli, struct rbe_err *e)
{
    static const struct rbe_table_column columns[2];
    struct rbe_jsonw w = {.out = &cli->out};
    int64_t now = rbe_clock_now();
    struct rbe_cdks_row row;
    struct rbe_table t;

    RBE_TRY(rbe_cdks_get(cli->app, cli->args[0], now, &cli->arena, &row, e));
    if (cli->json) {
        put_json(&w, &row, now);
        return RBE_OK;
    }
    const struct rbe_cdk *c = &row.cdk;
    rbe_table_init(&t, &cli->arena, columns, RBE_COUNT(columns));
    rbe_table_text(&t, "id");
    rbe_table_int(&t, c->id);
    rbe_table_text(&t, "cdk");
    rbe_table_text(&t, text_of(cli, c));
    rbe_table_text(&t, "resource");
    rbe_table_text(&t, c->rid ? c->rid : "(all)");
    rbe_table_text(&t, "daily limit");
    put_limit(&t, c);
    rbe_table_text(&t, "downloads today");
    rbe_table_int(&t, row.today);
    rbe_table_text(&t, "downloads in all");
    rbe_table_int(&t, row.total);
    rbe_table_text(&t, "created");
    rbe_table_time(&t, c->created_at, "");
    rbe_table_text(&t, "expires");
    rbe_table_time(&t, c->expires_at, "never");
    rbe_table_text(&t, "blocked");
    rbe_table_time(&t, c->blocked_at, "no");
    rbe_table_text(&t, "state");
    rbe_table_text(&t, rbe_cdks_state(c, now));
    rbe_table_put(&t, &cli->out);
    return RBE_OK;
}

/* ---- block, unblock ---- */

static enum rbe_code block(struct rbe_cli *cli, bool on, struct rbe_err *e)
{
    struct rbe_jsonw w = {.out = &cli->out};
    int64_t now = rbe_clock_now();
    struct rbe_cdks_row row;

    RBE_TRY(rbe_cdks_block(cli->app, cli->args[0], on, now, &cli->arena, &row, e));
    if (!cli->json) {
        rbe_str_putf(&cli->out, "cdk %lld (%s) is %s\n", (long long)row.cdk.id, text_of(cli, &row.cdk),
                     rbe_cdks_state(&row.cdk, now));
        return RBE_OK;
    }
    put_json(&w, &row, now);
    return RBE_OK;
}

enum rbe_code rbe_admin_cdk_block(struct rbe_cli *cli, struct rbe_err *e)
{
    return block(cli, true, e);
}

enum rbe_code rbe_admin_cdk_unblock(struct rbe_cli *cli, struct rbe_err *e)
{
    return block(cli, false, e);
}
