/* What the files of this room know of a request and its response and nobody else does. Both are made once a process and
 * used for one request after the other; their buffers are kept.
 */
#ifndef RBE_WEB_INSIDE_H
#define RBE_WEB_INSIDE_H

#include "lib/base/str.h"
#include "lib/web/fcgi.h"
#include "lib/web/req.h"
#include "lib/web/resp.h"
#include "lib/web/route.h"
#include "lib/web/serve.h"

enum { RBE_REQ_PARAMS_MAX = 64, RBE_REQ_QUERY_MAX = 16 * 1024 };

struct rbe_req_param {
    const char *name, *canonical, *value;
};

struct rbe_req {
    struct rbe_fcgi *io;
    const struct rbe_serve_options *site;
    struct rbe_arena arena;
    enum rbe_method method;
    const char *path;            /* "" when it cannot name anything */
    const struct rbe_route *route;
    struct rbe_route_segments segments;
    struct rbe_req_param param[RBE_REQ_PARAMS_MAX];
    size_t params;
    int64_t length;              /* declared, -1 when not */
    int64_t taken;               /* bytes of the body read */
    const char *address;         /* NULL until asked for */
    char *base;                  /* the URL of this server that was asked for last, in this request or one before; NULL: none */
    const char *base_host, *base_scheme;
};

/* Takes over a request that was accepted; site and io outlive it. Parameters are not read yet. */
void rbe_req_begin(struct rbe_req *r, struct rbe_fcgi *io, const struct rbe_serve_options *site);
void rbe_req_release(struct rbe_req *r);

enum rbe_resp_kind { RBE_RESP_EMPTY, RBE_RESP_JSON, RBE_RESP_TEXT, RBE_RESP_FILE };

struct rbe_resp {
    struct rbe_req *req;
    enum rbe_resp_kind kind;
    int status;
    bool cache_control;          /* the handler said it, so there is no default */
    const char *content_type;
    struct rbe_str extra;        /* headers of the handler's own */
    struct rbe_str head, body;
    struct rbe_jsonw json;
    size_t data_at;              /* where the envelope's data begins in the body */
    struct rbe_resp_file file;
    struct rbe_str piece;        /* of a file on its way */
    uint64_t sent;               /* bytes of body */
    bool keep, keep_private;     /* rbe_resp_keep */
    int64_t max_age;
};

void rbe_resp_begin(struct rbe_resp *p, struct rbe_req *r);
/* Forgets body, status and file, so that an error can be rendered; headers of the handler's own stay. */
void rbe_resp_clear(struct rbe_resp *p);
/* Renders a failure: status, envelope, violations. Faults of the server say nothing of their cause. */
void rbe_resp_fail(struct rbe_resp *p, const struct rbe_err *e);
/* Sends it. Fails (RBE_FAULT) only when a file could not be read to its end; a client that is gone is no failure. */
enum rbe_code rbe_resp_send(struct rbe_resp *p, struct rbe_err *e) RBE_MUST_USE;
void rbe_resp_release(struct rbe_resp *p);

/* Writes the head: status line, default headers, those of the handler, Content-Length (unless negative), empty line. */
void rbe_resp_head(struct rbe_resp *p, const char *content_type, int64_t length);

/* Sends a response whose body is a file (filebody.c): validators, ranges, the web server's help. */
enum rbe_code rbe_filebody_send(struct rbe_resp *p, struct rbe_err *e) RBE_MUST_USE;

#endif
