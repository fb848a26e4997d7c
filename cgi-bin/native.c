#include "cgi-bin/native.h"

#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"

static const char *verdict_text(enum rbe_code verdict)
{
    static const char *const texts[RBE_CODE_MAX] = {
        [RBE_CDK_EXPIRED] = "the cdk has expired",
        [RBE_CDK_INVALID] = "the cdk is not valid",
        [RBE_CDK_QUOTA] = "the cdk's downloads of today are used up",
        [RBE_CDK_FOREIGN] = "the cdk is not for this resource",
        [RBE_CDK_BLOCKED] = "the cdk is blocked",
    };

    return texts[verdict] ? texts[verdict] : "the cdk was refused";
}

static struct rbe_jsonw *open_envelope(struct rbe_resp *p, const struct rbe_latest *l)
{
    char msg[256];

    if (l->verdict != RBE_OK) {
        const struct rbe_code_info *info = rbe_code_info(l->verdict);

        rbe_resp_status(p, info->http);
        return rbe_resp_json(p, info->api, verdict_text(l->verdict));
    }
    if (l->update == RBE_UPDATE_NONE)
        return rbe_resp_json(p, 0, "current version is latest");
    if (l->update != RBE_UPDATE_UNTOLD)
        return rbe_resp_json(p, 0, "success");
    (void)snprintf(msg, sizeof(msg), "current resource latest version is %s", l->version_name);
    return rbe_resp_json(p, 0, msg);
}

static void put_offer(struct rbe_jsonw *w, const struct rbe_latest *l, const char *download_url)
{
    char hash[7 + RBE_SHA256_TEXT] = "sha256:";

    if (!download_url)
        return;
    rbe_hex_encode(l->sha256, sizeof(l->sha256), hash + 7);
    rbe_jsonw_str(w, "download_url", download_url);
    rbe_jsonw_int(w, "file_size", l->file_size);
    rbe_jsonw_str(w, "file_hash", hash);
}

void rbe_native_render(struct rbe_resp *p, const struct rbe_latest *l, const char *download_url)
{
    char published[RBE_CLOCK_TEXT];
    struct rbe_jsonw *w = open_envelope(p, l);

    rbe_clock_format(l->published_at, published);
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "resource_id", l->rid);
    rbe_jsonw_str(w, "version_name", l->version_name);
    rbe_jsonw_int(w, "version_number", l->version_number);
    rbe_jsonw_str(w, "channel", rbe_channel_name(l->channel));
    rbe_jsonw_str(w, "system", rbe_system_name(l->system));
    rbe_jsonw_str(w, "arch", rbe_arch_name(l->arch));
    if (l->update != RBE_UPDATE_UNTOLD)
        rbe_jsonw_str(w, "update_type", rbe_update_name(l->update));
    if (l->update == RBE_UPDATE_INCREMENTAL)
        rbe_jsonw_str(w, "patch_format", rbe_format_name(l->format));
    put_offer(w, l, download_url);
    rbe_jsonw_str(w, "release_note", l->release_note);
    rbe_jsonw_str(w, "custom_data", l->custom_data);
    rbe_jsonw_str(w, "published_at", published);
    if (l->cdk_expires > 0)
        rbe_jsonw_int(w, "cdk_expired_time", l->cdk_expires);
    rbe_jsonw_obj_end(w);
}
