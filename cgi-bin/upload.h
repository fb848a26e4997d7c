/* The form that publishes a version: its parts in any order, the file streamed to a staging area while it arrives. */
#ifndef RBE_CGI_UPLOAD_H
#define RBE_CGI_UPLOAD_H

#include "lib/core/release.h"
#include "lib/web/req.h"

struct rbe_upload {
    struct rbe_publish publish;  /* all but rid, as the uploader spelled it; texts in the request's arena */
    struct rbe_staging *staged;  /* owned, NULL while no file came */
};

/* Reads the whole body as rbe_form_read does. ret may be released whatever comes of it, and takes with it what nobody
 * took over. */
enum rbe_code rbe_upload_read(struct rbe_app *app, struct rbe_req *r, struct rbe_upload *ret, struct rbe_err *e)
    RBE_MUST_USE;
void rbe_upload_release(struct rbe_upload *u);

#endif
