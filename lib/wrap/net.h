/* HTTP and HTTPS as a client, by libcurl, which is loaded when the first request is made: nothing links it, so a program
 * pays for it only where a setting needs it. No other file knows its names.
 *
 * Certificates are checked against the system's. Only http and https are spoken, and https never leads back to http.
 */
#ifndef RBE_WRAP_NET_H
#define RBE_WRAP_NET_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum rbe_net_method { RBE_NET_GET, RBE_NET_HEAD, RBE_NET_POST, RBE_NET_METHOD_MAX };

struct rbe_net_request {
    enum rbe_net_method method;
    const char *url;
    const char *const *headers;      /* "Name: value", ended by NULL; NULL for none */
    const void *body;                /* of a POST */
    size_t len;
    int64_t timeout_ms;              /* for all of it, from looking up the name to the last byte */
    size_t max;                      /* bytes of body that are taken */
    unsigned redirects;              /* that are followed; never those of a POST */
};
struct rbe_net_answer {
    int status;
    int64_t length;                  /* as declared, -1 when it was not */
    struct rbe_str body;
};
void rbe_net_answer_release(struct rbe_net_answer *a);

/* What a process keeps between requests: the library and open connections. Not handed on over a fork. */
struct rbe_net;
struct rbe_net *rbe_net_new(void);
void rbe_net_free(struct rbe_net *n);
RBE_DEFINE_CLEANUP(net, struct rbe_net, rbe_net_free)

/* RBE_OK when an answer came, whatever its status; ret, zeroed or of an earlier call, holds it. No library, no
 * connection, a certificate that is not trusted, or no answer in time: RBE_UNAVAILABLE. More than max: RBE_TOOLARGE. No
 * URL of http or https: RBE_REFUSED. Messages name the URL without its query, which may be secret. */
enum rbe_code rbe_net_do(struct rbe_net *n, const struct rbe_net_request *q, struct rbe_net_answer *ret,
                         struct rbe_err *e) RBE_MUST_USE;

#endif
