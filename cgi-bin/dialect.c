#include "cgi-bin/dialect.h"

#include <stdio.h>

#include "lib/core/access.h"

struct rbe_jsonw *rbe_dialect_envelope(struct rbe_resp *p, const struct rbe_latest *l, bool offered)
{
    char msg[256];

    if (l->verdict != RBE_OK) {
        const struct rbe_code_info *info = rbe_code_info(l->verdict);

        rbe_resp_status(p, info->http);
        return rbe_resp_json(p, info->api, rbe_access_cdk_text(l->verdict));
    }
    if (offered)
        return rbe_resp_json(p, 0, "success");
    if (l->update != RBE_UPDATE_UNTOLD)
        return rbe_resp_json(p, 0, "current version is latest");
    (void)snprintf(msg, sizeof(msg), "current resource latest version is %s", l->version_name);
    return rbe_resp_json(p, 0, msg);
}
