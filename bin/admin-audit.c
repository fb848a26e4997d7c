/* rbe-admin audit */
#include "bin/admin.h"
#include "bin/listing.h"
#include "lib/base/clock.h"
#include "lib/core/deed.h"

enum { ROWS = 100, ROWS_MAX = 1000000 };

static void put_json(struct rbe_jsonw *w, const struct rbe_audit *a)
{
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_int(w, "id", a->id);
    rbe_jsonw_time(w, "at", a->at);
    rbe_jsonw_str(w, "actor", a->actor);
    rbe_jsonw_str(w, "origin", *a->origin ? a->origin : NULL);
    rbe_jsonw_str(w, "action", a->action);
    rbe_jsonw_str(w, "resource", *a->rid ? a->rid : NULL);
    rbe_jsonw_str(w, "subject", *a->subject ? a->subject : NULL);
    rbe_jsonw_raw(w, "detail", *a->detail ? a->detail : "null");
    rbe_jsonw_obj_end(w);
}

static void put_row(struct rbe_table *t, const struct rbe_audit *a)
{
    rbe_table_time(t, a->at, "");
    rbe_table_text(t, a->actor);
    rbe_table_text(t, a->origin);
    rbe_table_text(t, a->action);
    rbe_table_text(t, a->rid);
    rbe_table_text(t, a->subject);
    rbe_table_text(t, a->detail);
}

static const char *text_of(const struct rbe_cli *cli, const char *option)
{
    const char *text = rbe_cli_value(cli, option);

    return text ? text : "";
}

enum rbe_code rbe_admin_audit(struct rbe_cli *cli, struct rbe_err *e)
{
    static const struct rbe_table_column columns[] = {{"AT", false},     {"ACTOR", false},    {"FROM", false},
                                                      {"ACTION", false}, {"RESOURCE", false}, {"SUBJECT", false},
                                                      {"DETAIL", false}};
    struct rbe_audit_filter f = {.actor = text_of(cli, "--actor"), .action = text_of(cli, "--action"),
                                 .rid = text_of(cli, "--resource")};
    const char *since = rbe_cli_value(cli, "--since");
    rbe_auto(listing) struct rbe_listing l = {0};
    struct rbe_audit *rows;
    int64_t span = 0;
    size_t n;

    RBE_TRY(rbe_cli_int(cli, "--limit", 1, ROWS_MAX, ROWS, &f.limit, e));
    if (since && !rbe_duration_parse(since, &span))
        return rbe_fail(e, RBE_USAGE, "--since must be a span such as 7d or 12h");
    if (since)
        f.since = rbe_clock_now() - span;
    RBE_TRY(rbe_deed_list(cli->app, &f, &cli->arena, &rows, &n, e));
    rbe_listing_init(&l, cli, columns, RBE_COUNT(columns));
    for (size_t i = 0; i < n; i++)
        if (cli->json)
            put_json(&l.json, &rows[i]);
        else
            put_row(&l.table, &rows[i]);
    rbe_listing_put(&l);
    return RBE_OK;
}
