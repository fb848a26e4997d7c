/* admin.fcgi: resources made, listed, shown, and withdrawn as a whole. */
#include <stddef.h>

#include "cgi-bin/admin.h"
#include "cgi-bin/page.h"
#include "lib/core/catalog.h"
#include "lib/core/describe.h"
#include "lib/core/release-change.h"
#include "lib/core/release.h"
#include "lib/web/jsonbody.h"

static void put_resource(struct rbe_jsonw *w, const struct rbe_resource *r)
{
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "resource_id", r->rid);
    rbe_describe_resource(w, r);
    rbe_jsonw_raw(w, "always_include", r->always_include);
    rbe_jsonw_time(w, "created_at", r->created_at);
    rbe_jsonw_obj_end(w);
}

enum rbe_code rbe_call_create_resource(struct rbe_call *c, struct rbe_err *e)
{
    struct body {
        struct rbe_resource_draft draft;
        struct rbe_jsonbody_texts always_include;
    } body = {0};
    static const struct rbe_jsonbody_field fields[] = {
        {"resource_id", RBE_JSONBODY_TEXT, offsetof(struct body, draft.rid)},
        {"name", RBE_JSONBODY_TEXT, offsetof(struct body, draft.name)},
        {"description", RBE_JSONBODY_TEXT, offsetof(struct body, draft.description)},
        {"update_type", RBE_JSONBODY_TEXT, offsetof(struct body, draft.update_type)},
        {"access", RBE_JSONBODY_TEXT, offsetof(struct body, draft.access)},
        {"order", RBE_JSONBODY_TEXT, offsetof(struct body, draft.order)},
        {"always_include", RBE_JSONBODY_TEXTS, offsetof(struct body, always_include)},
    };
    struct rbe_resource made;

    RBE_TRY(rbe_jsonbody_read(c->req, fields, RBE_COUNT(fields), &body, e));
    body.draft.always_include = body.always_include.v;
    body.draft.always_includes = body.always_include.n;
    RBE_TRY(rbe_release_create(c->app, &body.draft, c->arena, &made, e));
    rbe_resp_status(c->resp, 201);
    put_resource(rbe_resp_json(c->resp, 0, "success"), &made);
    return RBE_OK;
}

static void put_resource_fields(struct rbe_jsonw *w, const struct rbe_resource *r)
{
    rbe_jsonw_str(w, "id", r->rid);
    rbe_describe_resource(w, r);
    rbe_jsonw_time(w, "created_at", r->created_at);
}

enum rbe_code rbe_call_list_resources(struct rbe_call *c, struct rbe_err *e)
{
    struct rbe_catalog_resources found;
    struct rbe_page page;

    RBE_TRY(rbe_page_read(c->req, &page, e));
    const struct rbe_resource_filter f = {.rid = rbe_req_param(c->req, "resource_id"),
                                          .name = rbe_req_param(c->req, "name"),
                                          .offset = rbe_page_offset(&page), .limit = page.size};
    RBE_TRY(rbe_catalog_resources(c->app, &f, c->arena, &found, e));
    struct rbe_jsonw *w = rbe_page_begin(c->resp);
    for (size_t i = 0; i < found.n; i++) {
        rbe_jsonw_obj(w, NULL);
        put_resource_fields(w, &found.v[i]);
        rbe_jsonw_obj_end(w);
    }
    rbe_page_end(w, &page, found.total);
    return RBE_OK;
}

enum rbe_code rbe_call_show_resource(struct rbe_call *c, struct rbe_err *e)
{
    struct rbe_jsonw *w = rbe_resp_json(c->resp, 0, "success");

    (void)e;
    rbe_jsonw_obj(w, NULL);
    put_resource_fields(w, &c->resource);
    rbe_jsonw_int(w, "version_count", c->resource.versions);
    rbe_jsonw_obj_end(w);
    return RBE_OK;
}

enum rbe_code rbe_call_delete_resource(struct rbe_call *c, struct rbe_err *e)
{
    int64_t n;

    RBE_TRY(rbe_release_withdraw_all(c->app, &c->resource, &n, e));
    struct rbe_jsonw *w = rbe_resp_json(c->resp, 0, "success");
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "resource_id", c->resource.rid);
    rbe_jsonw_int(w, "withdrawn", n);
    rbe_jsonw_obj_end(w);
    return RBE_OK;
}
