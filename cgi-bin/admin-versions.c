/* admin.fcgi: what is published, listed, described and withdrawn. */
#include <stddef.h>

#include "cgi-bin/admin.h"
#include "lib/core/catalog.h"
#include "lib/core/describe.h"
#include "lib/core/release-change.h"
#include "lib/core/release.h"
#include "lib/web/jsonbody.h"

enum { PAGE_SIZE = 20, PAGE_SIZE_MAX = 100 };
#define PAGE_MAX INT64_C(1000000000000)

/* ---- pages ---- */

struct page {
    int64_t number, size;
};

/* A whole number from 1 to max; preset where the query has none. */
static void read_number(const struct rbe_req *r, const char *name, int64_t preset, int64_t max, int64_t *ret,
                        struct rbe_err *e)
{
    const char *text = rbe_req_param(r, name);
    int64_t n = 0;

    *ret = preset;
    if (!*text)
        return;
    for (; *text >= '0' && *text <= '9' && n <= max; text++)
        n = n * 10 + (*text - '0');
    if (*text || n < 1 || n > max)
        rbe_invalid(e, name, "range", "must be a whole number from 1 to %lld", (long long)max);
    *ret = n;
}

static enum rbe_code read_page(const struct rbe_req *r, struct page *ret, struct rbe_err *e)
{
    struct rbe_err own = {0};    /* gathers violations, also for a caller who wants none */

    read_number(r, "page", 1, PAGE_MAX, &ret->number, &own);
    read_number(r, "page_size", PAGE_SIZE, PAGE_SIZE_MAX, &ret->size, &own);
    if (own.code != RBE_OK && e)
        *e = own;
    return own.code;
}

static int64_t offset_of(const struct page *page)
{
    return (page->number - 1) * page->size;
}

static struct rbe_jsonw *begin_list(struct rbe_call *c)
{
    struct rbe_jsonw *w = rbe_resp_json(c->resp, 0, "success");

    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_arr(w, "list");
    return w;
}

static void end_list(struct rbe_jsonw *w, const struct page *page, int64_t total)
{
    rbe_jsonw_arr_end(w);
    rbe_jsonw_int(w, "total", total);
    rbe_jsonw_int(w, "page", page->number);
    rbe_jsonw_int(w, "page_size", page->size);
    rbe_jsonw_obj_end(w);
}

/* ---- resources ---- */

static void put_resource_fields(struct rbe_jsonw *w, const struct rbe_resource *r)
{
    rbe_jsonw_str(w, "id", r->rid);
    rbe_describe_resource(w, r);
    rbe_jsonw_time(w, "created_at", r->created_at);
}

enum rbe_code rbe_call_list_resources(struct rbe_call *c, struct rbe_err *e)
{
    struct rbe_catalog_resources found;
    struct page page;

    RBE_TRY(read_page(c->req, &page, e));
    const struct rbe_resource_filter f = {.rid = rbe_req_param(c->req, "resource_id"),
                                          .name = rbe_req_param(c->req, "name"),
                                          .offset = offset_of(&page), .limit = page.size};
    RBE_TRY(rbe_catalog_resources(c->app, &f, c->arena, &found, e));
    struct rbe_jsonw *w = begin_list(c);
    for (size_t i = 0; i < found.n; i++) {
        rbe_jsonw_obj(w, NULL);
        put_resource_fields(w, &found.v[i]);
        rbe_jsonw_obj_end(w);
    }
    end_list(w, &page, found.total);
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

/* ---- versions ---- */

enum rbe_code rbe_call_list_versions(struct rbe_call *c, struct rbe_err *e)
{
    const char *said = rbe_req_param(c->req, "channel");
    enum rbe_channel channel = RBE_CHANNEL_STABLE;
    struct rbe_catalog_versions found;
    struct page page;

    RBE_TRY(read_page(c->req, &page, e));
    RBE_TRY(rbe_channel_parse(said, &channel, e));
    const struct rbe_version_filter f = {.channel = *said ? (int)channel : -1, .offset = offset_of(&page),
                                         .limit = page.size};
    RBE_TRY(rbe_catalog_versions(c->app, c->resource.rid, &f, c->arena, &found, e));
    struct rbe_jsonw *w = begin_list(c);
    for (size_t i = 0; i < found.n; i++) {
        const struct rbe_version *v = &found.v[i];

        rbe_jsonw_obj(w, NULL);
        rbe_describe_version(w, v);
        rbe_jsonw_int(w, "packages", v->packages);
        rbe_jsonw_obj_end(w);
    }
    end_list(w, &page, found.total);
    return RBE_OK;
}

/* The object stays open, for what else the call has to say. */
static struct rbe_jsonw *begin_version(struct rbe_call *c, const struct rbe_version *v)
{
    struct rbe_jsonw *w = rbe_resp_json(c->resp, 0, "success");

    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "resource_id", c->resource.rid);
    rbe_jsonw_str(w, "version_name", v->name);
    rbe_jsonw_int(w, "version_number", v->number);
    rbe_jsonw_str(w, "channel", rbe_channel_name((enum rbe_channel)v->channel));
    return w;
}

static enum rbe_code describe(struct rbe_call *c, enum rbe_release_text which, struct rbe_err *e)
{
    static const struct rbe_jsonbody_field fields[] = {
        {"version_name", RBE_JSONBODY_TEXT, offsetof(struct rbe_release_words, version_name)},
        {"channel", RBE_JSONBODY_TEXT, offsetof(struct rbe_release_words, channel)},
        {"content", RBE_JSONBODY_TEXT, offsetof(struct rbe_release_words, content)},
    };
    struct rbe_release_words words = {.which = which};
    struct rbe_version v;

    RBE_TRY(rbe_jsonbody_read(c->req, fields, RBE_COUNT(fields), &words, e));
    RBE_TRY(rbe_release_describe(c->app, &c->resource, &words, c->arena, &v, e));
    struct rbe_jsonw *w = begin_version(c, &v);
    rbe_jsonw_str(w, "content", which == RBE_RELEASE_NOTE ? v.release_note : v.custom_data);
    rbe_jsonw_obj_end(w);
    return RBE_OK;
}

enum rbe_code rbe_call_set_release_note(struct rbe_call *c, struct rbe_err *e)
{
    return describe(c, RBE_RELEASE_NOTE, e);
}

enum rbe_code rbe_call_set_custom_data(struct rbe_call *c, struct rbe_err *e)
{
    return describe(c, RBE_RELEASE_DATA, e);
}

enum rbe_code rbe_call_withdraw_version(struct rbe_call *c, struct rbe_err *e)
{
    struct rbe_version v;

    RBE_TRY(rbe_release_withdraw(c->app, &c->resource, rbe_req_segment(c->req, 1), c->arena, &v, e));
    struct rbe_jsonw *w = begin_version(c, &v);
    rbe_jsonw_bool(w, "withdrawn", true);
    rbe_jsonw_obj_end(w);
    return RBE_OK;
}
