/* rbe-admin token … */
#include <string.h>

#include "bin/admin.h"
#include "bin/listing.h"
#include "lib/base/clock.h"
#include "lib/base/utf8.h"
#include "lib/core/access.h"
#include "lib/core/catalog.h"

enum { NAME_BYTES = 64 };

static enum rbe_code check_name(const char *name, struct rbe_err *e)
{
    size_t len = strlen(name);

    if (len < 1 || len > NAME_BYTES || !rbe_utf8_valid(name, len) || rbe_utf8_has_control(name, len))
        return rbe_fail(e, RBE_INVALID, "a token's name is 1 to %d bytes of UTF-8 without control characters",
                        NAME_BYTES);
    return RBE_OK;
}

enum rbe_code rbe_admin_expiry(struct rbe_cli *cli, int64_t now, int64_t *ret, struct rbe_err *e)
{
    const char *text = rbe_cli_value(cli, "--expires");
    int64_t span;

    *ret = 0;
    if (!text)
        return RBE_OK;
    if (!rbe_duration_parse(text, &span) || span <= 0 || span > INT64_C(100) * 366 * 86400)
        return rbe_fail(e, RBE_USAGE, "--expires must be a span such as 90d, at most 100 years");
    *ret = now + span;
    return RBE_OK;
}

enum rbe_code rbe_admin_token_create(struct rbe_cli *cli, struct rbe_err *e)
{
    const char *scope = rbe_cli_value(cli, "--scope"), *rid = rbe_cli_value(cli, "--resource");
    struct rbe_token t = {.name = cli->args[0], .rid = rid, .scope = RBE_SCOPE_PUBLISH, .created_at = rbe_clock_now()};
    char text[RBE_TOKEN_TEXT];
    struct rbe_resource r;

    if (scope)
        (void)rbe_scope_parse(scope, &t.scope);
    RBE_TRY(rbe_admin_expiry(cli, t.created_at, &t.expires_at, e));
    RBE_TRY(check_name(t.name, e));
    if (rid)
        RBE_TRY(rbe_catalog_resource(cli->app, rid, &cli->arena, &r, e));
    RBE_TRY(rbe_access_grant_token(cli->app, &t, text, e));
    if (!cli->json) {
        rbe_str_putf(&cli->out, "%s\n", text);
        return RBE_OK;
    }
    struct rbe_jsonw w = {.out = &cli->out};
    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_str(&w, "name", t.name);
    rbe_jsonw_str(&w, "token", text);
    rbe_jsonw_str(&w, "scope", rbe_scope_name(t.scope));
    rbe_jsonw_str(&w, "resource", t.rid);
    rbe_jsonw_time(&w, "expires_at", t.expires_at);
    rbe_jsonw_obj_end(&w);
    return RBE_OK;
}

static const char *state_of(const struct rbe_token *t, int64_t now)
{
    if (t->revoked_at)
        return "revoked";
    return t->expires_at && t->expires_at <= now ? "expired" : "good";
}

static void put_json(struct rbe_jsonw *w, const struct rbe_token *t, int64_t now)
{
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "name", t->name);
    rbe_jsonw_str(w, "scope", rbe_scope_name(t->scope));
    rbe_jsonw_str(w, "resource", t->rid);
    rbe_jsonw_str(w, "state", state_of(t, now));
    rbe_jsonw_time(w, "created_at", t->created_at);
    rbe_jsonw_time(w, "expires_at", t->expires_at);
    rbe_jsonw_time(w, "revoked_at", t->revoked_at);
    rbe_jsonw_time(w, "used_at", t->used_at);
    rbe_jsonw_obj_end(w);
}

static void put_row(struct rbe_table *t, const struct rbe_token *token, int64_t now)
{
    rbe_table_text(t, token->name);
    rbe_table_text(t, rbe_scope_name(token->scope));
    rbe_table_text(t, token->rid ? token->rid : "(all)");
    rbe_table_time(t, token->created_at, "");
    rbe_table_time(t, token->expires_at, "never");
    rbe_table_time(t, token->used_at, "never");
    rbe_table_text(t, state_of(token, now));
}

enum rbe_code rbe_admin_token_list(struct rbe_cli *cli, struct rbe_err *e)
{
    static const struct rbe_table_column columns[] = {{"NAME", false},    {"SCOPE", false},   {"RESOURCE", false},
                                                      {"CREATED", false}, {"EXPIRES", false}, {"LAST USED", false},
                                                      {"STATE", false}};
    rbe_auto(listing) struct rbe_listing l = {0};
    int64_t now = rbe_clock_now();
    struct rbe_token *all;
    size_t n;

    RBE_TRY(rbe_catalog_tokens(cli->app, &cli->arena, &all, &n, e));
    rbe_listing_init(&l, cli, columns, RBE_COUNT(columns));
    for (size_t i = 0; i < n; i++)
        if (cli->json)
            put_json(&l.json, &all[i], now);
        else
            put_row(&l.table, &all[i], now);
    rbe_listing_put(&l);
    return RBE_OK;
}

enum rbe_code rbe_admin_token_revoke(struct rbe_cli *cli, struct rbe_err *e)
{
    RBE_TRY(rbe_catalog_revoke(cli->app, cli->args[0], e));
    if (!cli->json) {
        rbe_str_putf(&cli->out, "revoked %s\n", cli->args[0]);
        return RBE_OK;
    }
    struct rbe_jsonw w = {.out = &cli->out};
    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_str(&w, "revoked", cli->args[0]);
    rbe_jsonw_obj_end(&w);
    return RBE_OK;
}
