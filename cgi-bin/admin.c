/* admin.fcgi: publishing and administration, /health, /metrics: the gate and the table of calls.
 *
 * What needs a token goes through handle_call, which asks in the contract's order: a good token (401), its scope and
 * the resource it is bound to (403), whether the resource is there (404). Only then the call's own handler looks at
 * its parameters and its body (400). A new call is a call_row and a route.
 */
#include "cgi-bin/admin.h"
#include "cgi-bin/program.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/core/access.h"
#include "lib/core/catalog.h"
#include "lib/core/health.h"
#include "lib/core/limit.h"
#include "lib/core/probe.h"
#include "lib/core/stats.h"

/* ---- the gate ---- */

struct call_row {
    enum rbe_scope scope;        /* what a token needs */
    bool names_resource;         /* the path's first segment is a resource id */
    rbe_call_handler *handle;
};

static enum rbe_code handle_call(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    struct rbe_app *app = ctx;
    const struct call_row *row = rbe_req_route_data(r);
    const char *rid = row->names_resource ? rbe_req_segment(r, 0) : NULL;
    struct rbe_call c = {.app = app, .req = r, .resp = p, .arena = rbe_req_arena(r), .now = rbe_clock_now()};
    const struct rbe_access_entry who = {rbe_req_bearer(r), rbe_req_address(r),
                                         row->scope == RBE_SCOPE_PUBLISH ? rid : NULL, c.now};

    RBE_TRY(rbe_limit_take(app, RBE_LIMIT_ADMIN, rbe_req_address(r), e));
    RBE_TRY(rbe_access_enter(app, &who, c.arena, &c.token, e));
    RBE_TRY(rbe_access_allow(&c.token, row->scope, rid, e));
    if (rid)
        RBE_TRY(rbe_catalog_resource(app, rid, c.arena, &c.resource, e));
    RBE_TRY(rbe_req_query(r, e));
    app->actor = (struct rbe_actor){.name = rbe_arena_strfmt(c.arena, "token %s", c.token.name),
                                    .origin = rbe_req_address(r)};
    enum rbe_code code = row->handle(&c, e);
    app->actor = (struct rbe_actor){0};
    return code;
}

/* ---- without a token ---- */

static enum rbe_code handle_health(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    const char *reason = NULL;
    enum rbe_code code = rbe_health_check(ctx, &reason, e);

    (void)r;
    if (code != RBE_OK) {
        rbe_log_err(RBE_LOG_ERROR, e, "%s", reason);
        rbe_resp_status(p, rbe_code_info(code)->http);
    }
    struct rbe_jsonw w = {.out = rbe_resp_text(p, "application/json; charset=utf-8")};
    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_str(&w, "status", code == RBE_OK ? "ok" : "fail");
    if (code != RBE_OK)
        rbe_jsonw_str(&w, "reason", reason);
    rbe_jsonw_obj_end(&w);
    return RBE_OK;
}

static enum rbe_code handle_metrics(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    struct rbe_app *app = ctx;
    const struct rbe_conf_list *allow = &app->settings->metrics.allow;

    if (!rbe_address_in(rbe_req_address(r), allow->v, allow->n))
        return rbe_fail(e, RBE_FORBIDDEN, "metrics are not open to this address");
    struct rbe_str *out = rbe_resp_text(p, "text/plain; version=0.0.4; charset=utf-8");
    rbe_metrics_format(app->share, out);
    rbe_stats_metrics(app, out);
    rbe_probe_metrics(app, out);
    return RBE_OK;
}

int main(int argc, char **argv)
{
    static const struct call_row create_resource_call = {RBE_SCOPE_ADMIN, false, rbe_call_create_resource},
                                 publish_version_call = {RBE_SCOPE_PUBLISH, true, rbe_call_publish_version},
                                 publish_upload_call = {RBE_SCOPE_PUBLISH, true, rbe_call_publish_upload},
                                 show_status_call = {RBE_SCOPE_PUBLISH, true, rbe_call_show_status},
                                 note_call = {RBE_SCOPE_PUBLISH, true, rbe_call_set_release_note},
                                 data_call = {RBE_SCOPE_PUBLISH, true, rbe_call_set_custom_data},
                                 withdraw_call = {RBE_SCOPE_PUBLISH, true, rbe_call_withdraw_version},
                                 delete_call = {RBE_SCOPE_ADMIN, true, rbe_call_delete_resource},
                                 resources_call = {RBE_SCOPE_ADMIN, false, rbe_call_list_resources},
                                 resource_call = {RBE_SCOPE_ADMIN, true, rbe_call_show_resource},
                                 purge_call = {RBE_SCOPE_ADMIN, false, rbe_call_purge},
                                 versions_call = {RBE_SCOPE_ADMIN, true, rbe_call_list_versions};
    static const struct rbe_route routes[] = {
        {.methods = RBE_POST, .pattern = "/resources", .handle = handle_call, .data = &create_resource_call},
        {.methods = RBE_POST, .pattern = "/resources/{}/versions", .handle = handle_call,
         .data = &publish_version_call},
        {.methods = RBE_POST, .pattern = "/resources/{}/versions/callback", .handle = handle_call,
         .data = &publish_upload_call},
        /* Jobs that have the address which clients of the compatible dialect have. */
        {.methods = RBE_POST, .pattern = "/api/resources/{}/versions", .handle = handle_call,
         .data = &publish_version_call},
        {.methods = RBE_POST, .pattern = "/api/resources/{}/versions/callback", .handle = handle_call,
         .data = &publish_upload_call},
        {.methods = RBE_GET, .pattern = "/api/resources/{}/versions/status", .handle = handle_call,
         .data = &show_status_call},
        {.methods = RBE_POST, .pattern = RBE_LOCATION_PATH, .handle = rbe_call_bring_upload},
        {.methods = RBE_GET, .pattern = "/resources/{}/versions/status", .handle = handle_call,
         .data = &show_status_call},
        {.methods = RBE_PUT, .pattern = "/resources/{}/versions/release-note", .handle = handle_call, .data = &note_call},
        {.methods = RBE_PUT, .pattern = "/resources/{}/versions/custom-data", .handle = handle_call, .data = &data_call},
        {.methods = RBE_DELETE, .pattern = "/resources/{}/versions/{}", .handle = handle_call, .data = &withdraw_call},
        {.methods = RBE_DELETE, .pattern = "/resources/{}", .handle = handle_call, .data = &delete_call},
        {.methods = RBE_GET, .pattern = "/admin/resources", .handle = handle_call, .data = &resources_call},
        {.methods = RBE_GET, .pattern = "/admin/resources/{}", .handle = handle_call, .data = &resource_call},
        {.methods = RBE_GET, .pattern = "/admin/resources/{}/versions", .handle = handle_call, .data = &versions_call},
        {.methods = RBE_POST, .pattern = "/admin/purge", .handle = handle_call, .data = &purge_call},
        {.methods = RBE_GET, .pattern = "/health", .handle = handle_health},
        {.methods = RBE_GET, .pattern = "/metrics", .handle = handle_metrics},
    };
    static const struct rbe_program program = {
        .name = "admin",
        .what = "Publishing and administration, /health, /metrics.",
        .routes = routes,
        .n_routes = RBE_COUNT(routes),
        .mode = RBE_APP_WRITE,
        .prepare = rbe_limit_open,
    };

    return rbe_program_main(argc, argv, &program);
}
