/* admin.fcgi: calls about the installation as a whole. */
#include "cgi-bin/admin.h"
#include "lib/core/purge.h"

enum rbe_code rbe_call_purge(struct rbe_call *c, struct rbe_err *e)
{
    const char *rid = rbe_req_param(c->req, "resource_id");
    struct rbe_purged sum;

    RBE_TRY(rbe_purge_run(c->app, *rid ? rid : NULL, &sum, e));
    struct rbe_jsonw *w = rbe_resp_json(c->resp, 0, "success");
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_int(w, "packages", sum.packages);
    rbe_jsonw_int(w, "patches", sum.patches);
    rbe_jsonw_int(w, "bytes", sum.bytes);
    rbe_jsonw_int(w, "waiting", sum.waiting);
    rbe_jsonw_obj_end(w);
    return RBE_OK;
}
