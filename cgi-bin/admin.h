/* The calls of admin.fcgi that need a token, and what their handlers get. */
#ifndef RBE_CGI_ADMIN_H
#define RBE_CGI_ADMIN_H

#include "lib/core/access.h"
#include "lib/core/catalog.h"
#include "lib/core/release.h"
#include "lib/web/req.h"
#include "lib/web/resp.h"

/* A call that passed the gate. */
struct rbe_call {
    struct rbe_app *app;
    struct rbe_req *req;
    struct rbe_resp *resp;
    struct rbe_arena *arena;
    int64_t now;
    struct rbe_token token;
    struct rbe_resource resource;    /* of calls that name one */
};
typedef enum rbe_code rbe_call_handler(struct rbe_call *c, struct rbe_err *e);

/* Where files of upload locations are brought to, below the public URL. */
#define RBE_LOCATION_PATH "/upload"

/* Says in the log what a publish that went well could not do. */
void rbe_call_published(const struct rbe_published *done);

rbe_call_handler rbe_call_create_resource;
rbe_call_handler rbe_call_publish_version;
rbe_call_handler rbe_call_show_status;
rbe_call_handler rbe_call_locate_upload;
rbe_call_handler rbe_call_publish_upload;
/* A handler of its own: it needs no token. */
enum rbe_code rbe_call_bring_upload(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e);
rbe_call_handler rbe_call_list_resources;
rbe_call_handler rbe_call_show_resource;
rbe_call_handler rbe_call_delete_resource;
rbe_call_handler rbe_call_list_versions;
rbe_call_handler rbe_call_set_release_note;
rbe_call_handler rbe_call_set_custom_data;
rbe_call_handler rbe_call_withdraw_version;
rbe_call_handler rbe_call_purge;

#endif
