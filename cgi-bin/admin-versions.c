/* admin.fcgi: versions published, listed, described and withdrawn. */
#include <stddef.h>
#include <strings.h>

#include "cgi-bin/admin.h"
#include "cgi-bin/page.h"
#include "cgi-bin/upload.h"
#include "lib/base/log.h"
#include "lib/core/catalog.h"
#include "lib/core/describe.h"
#include "lib/core/release-change.h"
#include "lib/core/release.h"
#include "lib/web/jsonbody.h"

/* ---- publishing ---- */

void rbe_call_published(const struct rbe_published *done)
{
    if (done->queue_error.code != RBE_OK)
        rbe_log_err(RBE_LOG_ERROR, &done->queue_error, "%s %s is live, but its patches were not queued",
                    done->resource.rid, done->version.name);
}

/* The bytes at once in a form, or a question in JSON where to bring them. */
enum rbe_code rbe_call_publish_version(struct rbe_call *c, struct rbe_err *e)
{
    static const char form[] = "multipart/";
    const char *type = rbe_req_header(c->req, "Content-Type");
    rbe_auto(upload) struct rbe_upload upload = {0};
    struct rbe_published done;

    if (!type || strncasecmp(type, form, sizeof(form) - 1) != 0)
        return rbe_call_locate_upload(c, e);
    RBE_TRY(rbe_upload_read(c->app, c->req, &upload, e));
    upload.publish.rid = c->resource.rid;
    RBE_TRY(rbe_release_publish(c->app, &upload.publish, c->arena, &done, e));
    rbe_call_published(&done);
    rbe_resp_status(c->resp, done.existed ? 200 : 201);
    struct rbe_jsonw *w = rbe_resp_json(c->resp, 0, "success");
    rbe_jsonw_obj(w, NULL);
    rbe_describe_published(w, &done);
    rbe_jsonw_obj_end(w);
    return RBE_OK;
}

enum rbe_code rbe_call_show_status(struct rbe_call *c, struct rbe_err *e)
{
    const char *key = rbe_req_param(c->req, "key");
    enum rbe_status status;

    if (!*key)
        return rbe_invalid(e, "key", "required", "is required");
    RBE_TRY(rbe_release_status(c->app, &c->resource, key, c->now, c->arena, &status, e));
    struct rbe_jsonw *w = rbe_resp_json(c->resp, 0, "success");
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_int(w, "status", status);
    rbe_jsonw_obj_end(w);
    return RBE_OK;
}

/* ---- what is published ---- */

enum rbe_code rbe_call_list_versions(struct rbe_call *c, struct rbe_err *e)
{
    const char *said = rbe_req_param(c->req, "channel");
    enum rbe_channel channel = RBE_CHANNEL_STABLE;
    struct rbe_catalog_versions found;
    struct rbe_page page;

    RBE_TRY(rbe_page_read(c->req, &page, e));
    RBE_TRY(rbe_channel_parse(said, &channel, e));
    const struct rbe_version_filter f = {.channel = *said ? (int)channel : -1, .offset = rbe_page_offset(&page),
                                         .limit = page.size};
    RBE_TRY(rbe_catalog_versions(c->app, c->resource.rid, &f, c->arena, &found, e));
    struct rbe_jsonw *w = rbe_page_begin(c->resp);
    for (size_t i = 0; i < found.n; i++) {
        const struct rbe_version *v = &found.v[i];

        rbe_jsonw_obj(w, NULL);
        rbe_describe_version(w, v);
        rbe_jsonw_int(w, "packages", v->packages);
        rbe_jsonw_obj_end(w);
    }
    rbe_page_end(w, &page, found.total);
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
