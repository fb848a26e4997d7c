/* The native dialect: GET /resources/{rid}/latest. */
#include "cgi-bin/dialect.h"

static bool offers(const struct rbe_latest *l)
{
    return l->update != RBE_UPDATE_NONE;
}

/* What the client asked for names its platform; a package for any platform answers it too. */
static void put_platform(struct rbe_jsonw *w, const struct rbe_question *q, const struct rbe_latest *l)
{
    rbe_jsonw_str(w, "system", rbe_system_name(q->system != RBE_SYSTEM_ANY ? q->system : l->system));
    rbe_jsonw_str(w, "arch", rbe_arch_name(q->arch != RBE_ARCH_ANY ? q->arch : l->arch));
}

static void put_offer(struct rbe_jsonw *w, const struct rbe_latest *l, const char *url)
{
    if (!url)
        return;
    rbe_jsonw_str(w, "download_url", url);
    rbe_jsonw_int(w, "file_size", l->file_size);
    rbe_jsonw_sha256(w, "file_hash", l->sha256);
}

static void render(struct rbe_resp *p, const struct rbe_question *q, const struct rbe_latest *l, const char *url)
{
    struct rbe_jsonw *w = rbe_dialect_envelope(p, l, url);

    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "resource_id", l->rid);
    rbe_jsonw_str(w, "version_name", l->version_name);
    rbe_jsonw_int(w, "version_number", l->version_number);
    rbe_jsonw_str(w, "channel", rbe_channel_name(l->channel));
    put_platform(w, q, l);
    if (l->update != RBE_UPDATE_UNTOLD)
        rbe_jsonw_str(w, "update_type", rbe_update_name(l->update));
    if (l->update == RBE_UPDATE_INCREMENTAL)
        rbe_jsonw_str(w, "patch_format", rbe_format_name(l->format));
    put_offer(w, l, url);
    rbe_jsonw_str(w, "release_note", l->release_note);
    rbe_jsonw_str(w, "custom_data", l->custom_data);
    rbe_jsonw_time(w, "published_at", l->published_at);
    if (l->cdk_expires > 0)
        rbe_jsonw_int(w, "cdk_expired_time", l->cdk_expires);
    rbe_jsonw_obj_end(w);
}

const struct rbe_dialect rbe_dialect_native = {
    .deltas = true,
    .download = "/resources/download/",
    .offers = offers,
    .render = render,
};
