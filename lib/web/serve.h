/* The request loop: FastCGI on descriptor 0 or a socket of its own, prefork or single, and plain CGI; the same
 * handlers in all.
 *
 * A program is a table of routes. Unknown paths answer 404 and wrong methods 405 with Allow, both as JSON; HEAD
 * works where GET does. A handler that fails is answered by the table of lib/base/err; faults of the server are
 * logged, with a text that tells the client nothing of its inside.
 */
#ifndef RBE_WEB_SERVE_H
#define RBE_WEB_SERVE_H

#include "lib/base/share.h"
#include "lib/web/cors.h"
#include "lib/web/req.h"
#include "lib/web/resp.h"

typedef enum rbe_code (*rbe_handler)(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e);

struct rbe_route {
    unsigned methods;            /* enum rbe_method, or-ed; HEAD comes with GET */
    const char *pattern;         /* "/resources/{}/latest": {} takes one segment; the route's label in metrics */
    rbe_handler handle;
    const void *data;            /* for the handler, which several routes may share */
    bool secret_path;            /* a segment is a right in itself: the log shows the pattern in place of the path */
};

struct rbe_serve_options {
    const char *name;            /* of the program: "latest" */
    const struct rbe_route *routes;
    size_t n_routes;
    const char *listen;          /* socket to make: "/path/sock" or "host:port"; NULL: descriptor 0 or CGI */
    int64_t workers;             /* 0: one when spawned on descriptor 0, else one a CPU */
    int64_t max_requests;        /* a worker retires after so many; 0: never */
    int64_t slow_ms;             /* a request that takes so long is logged; 0: none is */
    int64_t access_every;        /* one in so many requests of a process is logged; 0: none is */
    const char *public_url;      /* "" for none */
    const char *const *trusted_proxies;
    size_t n_trusted_proxies;
    struct rbe_cors cors;
    /* Called in each worker before its first request; what *ret_ctx gets is handed to handlers. *ret_share (may
     * stay NULL) is where requests are counted. */
    enum rbe_code (*open)(void *arg, void **ret_ctx, struct rbe_share **ret_share, struct rbe_err *e);
    void (*close)(void *ctx);
    /* Called in the parent, for what it has to count itself: maps where requests are counted. NULL: nothing is. */
    enum rbe_code (*open_share)(void *arg, struct rbe_share **ret, struct rbe_err *e);
    /* Called in the parent at SIGHUP: reads the configuration again and changes *o by it. When it fails, all stays as it was.
     * NULL: there is nothing to read. */
    enum rbe_code (*reload)(void *arg, struct rbe_serve_options *o, struct rbe_err *e);
    void *arg;
};
/* How many processes answer when so many are configured (rbe_serve_options.workers). */
unsigned rbe_serve_workers(int64_t workers, const char *listen);
/* Serves until SIGTERM or SIGINT (what is in flight is finished), or one request as CGI. Returns the process' exit
 * status. The parent forks a worker anew when it dies, with growing delays when it dies young; at SIGHUP it reloads, and
 * replaces the workers without dropping a request. */
int rbe_serve(struct rbe_serve_options *o);

#endif
