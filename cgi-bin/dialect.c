#include "cgi-bin/dialect.h"

#include <stdio.h>

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

struct rbe_jsonw *rbe_dialect_envelope(struct rbe_resp *p, const struct rbe_latest *l, bool offered)
{
    char msg[256];

    if (l->verdict != RBE_OK) {
        const struct rbe_code_info *info = rbe_code_info(l->verdict);

        rbe_resp_status(p, info->http);
        return rbe_resp_json(p, info->api, verdict_text(l->verdict));
    }
    if (offered)
        return rbe_resp_json(p, 0, "success");
    if (l->update != RBE_UPDATE_UNTOLD)
        return rbe_resp_json(p, 0, "current version is latest");
    (void)snprintf(msg, sizeof(msg), "current resource latest version is %s", l->version_name);
    return rbe_resp_json(p, 0, msg);
}
