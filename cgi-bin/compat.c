/* The compatible dialect: GET /api/resources/{rid}/latest, as many desktop clients speak it already.
 *
 * They compare versions for themselves, so everybody whose version has another name is offered the latest; they take
 * any message but "success" beside a URL for a failure, look for fields by their absence, and some keep numbers in 32
 * bits.
 */
#include "cgi-bin/dialect.h"

#include "lib/base/codec.h"

static bool offers(const struct rbe_latest *l)
{
    return !l->named;
}

/* Fields that say nothing are left out. */
static void put_some(struct rbe_jsonw *w, const char *key, const char *text)
{
    if (text[0])
        rbe_jsonw_str(w, key, text);
}

/* As asked, not as the package has it; any is the empty word. */
static void put_platform(struct rbe_jsonw *w, const struct rbe_question *q)
{
    rbe_jsonw_str(w, "channel", rbe_channel_name(q->channel));
    rbe_jsonw_str(w, "os", q->system == RBE_SYSTEM_ANY ? "" : rbe_system_name(q->system));
    rbe_jsonw_str(w, "arch", q->arch == RBE_ARCH_ANY ? "" : rbe_arch_name(q->arch));
}

/* The same, and what there is to fetch around it. */
static void put_offer(struct rbe_jsonw *w, const struct rbe_question *q, const struct rbe_latest *l, const char *url)
{
    char hash[RBE_SHA256_TEXT];

    rbe_hex_encode(l->sha256, sizeof(l->sha256), hash);
    rbe_jsonw_str(w, "url", url);
    rbe_jsonw_str(w, "sha256", hash);
    put_platform(w, q);
    rbe_jsonw_str(w, "update_type", rbe_update_name(l->update == RBE_UPDATE_NONE ? RBE_UPDATE_FULL : l->update));
    put_some(w, "custom_data", l->custom_data);
    put_some(w, "release_note", l->release_note);
    rbe_jsonw_int(w, "filesize", l->file_size);
}

static void render(struct rbe_resp *p, const struct rbe_question *q, const struct rbe_latest *l, const char *url)
{
    struct rbe_jsonw *w = rbe_dialect_envelope(p, l, url);

    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "version_name", l->version_name);
    rbe_jsonw_int(w, "version_number", l->version_number);
    if (url) {
        put_offer(w, q, l, url);
    } else {
        put_platform(w, q);
        rbe_jsonw_str(w, "release_note", l->named ? "placeholder" : l->release_note);
    }
    if (l->cdk_expires > 0)
        rbe_jsonw_int(w, "cdk_expired_time", l->cdk_expires < INT32_MAX ? l->cdk_expires : INT32_MAX);
    rbe_jsonw_obj_end(w);
}

const struct rbe_dialect rbe_dialect_compat = {
    .download = "/api/resources/download/",
    .cdk_always = true,
    .offers = offers,
    .render = render,
};
