/* admin.fcgi: files that arrive in three steps - a location is asked for, the file is brought there, and the publish is
 * asked for.
 *
 * Who brings the file needs no token, because the form itself proves the right to.
 */
#include <stddef.h>
#include <string.h>

#include "cgi-bin/admin.h"
#include "cgi-bin/form.h"
#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/core/limit.h"
#include "lib/core/location.h"
#include "lib/web/jsonbody.h"

/* ---- asking for a location, and for the publish ---- */

/* What the two calls say, one of the last two each. */
struct said {
    struct rbe_publish publish;
    const char *file_name, *key;
};

#define WHAT_IT_IS_FOR                                                                \
    {"version_name", RBE_JSONBODY_TEXT, offsetof(struct said, publish.version_name)}, \
    {"channel", RBE_JSONBODY_TEXT, offsetof(struct said, publish.channel)},           \
    {"system", RBE_JSONBODY_TEXT, offsetof(struct said, publish.system)},             \
    {"arch", RBE_JSONBODY_TEXT, offsetof(struct said, publish.arch)}

enum rbe_code rbe_call_locate_upload(struct rbe_call *c, struct rbe_err *e)
{
    static const struct rbe_jsonbody_field fields[] = {
        WHAT_IT_IS_FOR,
        {"filename", RBE_JSONBODY_TEXT, offsetof(struct said, file_name)},
    };
    struct said said = {.publish.rid = c->resource.rid};
    struct rbe_location made;
    const char *base;

    RBE_TRY(rbe_jsonbody_read(c->req, fields, RBE_COUNT(fields), &said, e));
    RBE_TRY(rbe_req_base_url(c->req, &base, e));
    RBE_TRY(rbe_location_make(c->app, &said.publish, said.file_name, c->now, c->arena, &made, e));
    struct rbe_jsonw *w = rbe_resp_json(c->resp, 0, "success");
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "host", rbe_arena_strfmt(c->arena, "%s" RBE_LOCATION_PATH, base));
    rbe_jsonw_str(w, "key", made.key);
    rbe_jsonw_str(w, "name", made.name);
    rbe_jsonw_str(w, "policy", made.policy);
    rbe_jsonw_str(w, "access_key", made.access_key);
    rbe_jsonw_str(w, "signature", made.signature);
    rbe_jsonw_obj_end(w);
    return RBE_OK;
}

enum rbe_code rbe_call_publish_upload(struct rbe_call *c, struct rbe_err *e)
{
    static const struct rbe_jsonbody_field fields[] = {
        WHAT_IT_IS_FOR,
        {"key", RBE_JSONBODY_TEXT, offsetof(struct said, key)},
    };
    struct said said = {.publish.rid = c->resource.rid};
    struct rbe_published done;

    RBE_TRY(rbe_jsonbody_read(c->req, fields, RBE_COUNT(fields), &said, e));
    if (!said.key || !*said.key)
        return rbe_invalid(e, "key", "required", "is required");
    RBE_TRY(rbe_location_publish(c->app, &said.publish, said.key, c->now, c->arena, &done, e));
    rbe_call_published(&done);
    struct rbe_jsonw *w = rbe_resp_json(c->resp, 0, "success");
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "status_key", done.status_key);
    rbe_jsonw_obj_end(w);
    return RBE_OK;
}

/* ---- bringing the file ---- */

struct bringing {
    struct rbe_app *app;
    struct rbe_location location;
    struct rbe_location_right right;
    const char *status;          /* that the asker wants to see on success */
};

/* Nothing is written for one who did not show his right before. */
static enum rbe_code allow(void *arg, uint64_t *max, struct rbe_err *e)
{
    struct bringing *b = arg;

    if (!b->location.key || !b->location.policy || !b->location.signature || !b->location.access_key)
        return rbe_invalid(e, "file", "order", "must come after key, policy, OSSAccessKeyId and signature");
    RBE_TRY(rbe_location_check(b->app, &b->location, rbe_clock_now(), &b->right, e));
    *max = *max < b->right.bytes ? *max : b->right.bytes;
    return RBE_OK;
}

static enum rbe_code status_of(const char *said, int *ret, struct rbe_err *e)
{
    static const int known[] = {200, 201, 204};
    int64_t n = 200;

    *ret = 200;
    if (said && *said && !rbe_int_parse(said, 200, 204, &n))
        n = 0;
    for (size_t i = 0; i < RBE_COUNT(known); i++)
        if (known[i] == n) {
            *ret = known[i];
            return RBE_OK;
        }
    return rbe_invalid(e, "success_action_status", "one_of", "must be one of 200, 201, 204");
}

enum rbe_code rbe_call_bring_upload(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    static const struct rbe_form_field fields[] = {
        {"key", RBE_FORM_TEXT, offsetof(struct bringing, location.key)},
        {"policy", RBE_FORM_TEXT, offsetof(struct bringing, location.policy)},
        {"OSSAccessKeyId", RBE_FORM_TEXT, offsetof(struct bringing, location.access_key)},
        {"signature", RBE_FORM_TEXT, offsetof(struct bringing, location.signature)},
        {"success_action_status", RBE_FORM_TEXT, offsetof(struct bringing, status)},
        {"file", RBE_FORM_FILE, 0},
    };
    struct bringing b = {.app = ctx};
    const struct rbe_form form = {.fields = fields, .n = RBE_COUNT(fields), .into = &b, .others = true, .allow = allow,
                                  .arg = &b};
    rbe_autoptr(staging) struct rbe_staging *staged = NULL;
    int status;

    RBE_TRY(rbe_limit_take(b.app, RBE_LIMIT_ADMIN, rbe_req_address(r), e));
    RBE_TRY(rbe_form_read(&form, b.app, r, &staged, e));
    if (!staged || staged->size == 0)
        return rbe_invalid(e, "file", staged ? "empty" : "required", staged ? "must not be empty" : "is required");
    RBE_TRY(status_of(b.status, &status, e));
    RBE_TRY(rbe_location_put(b.app, &b.right, staged, e));
    rbe_resp_status(p, status);
    struct rbe_jsonw *w = rbe_resp_json(p, 0, "success");
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "key", b.location.key);
    rbe_jsonw_int(w, "file_size", (int64_t)staged->size);
    rbe_jsonw_sha256(w, "file_hash", staged->sha256);
    rbe_jsonw_obj_end(w);
    return RBE_OK;
}
