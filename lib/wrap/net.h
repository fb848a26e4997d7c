/* HTTP and HTTPS as a client, by libcurl, which is loaded when the first request is made: nothing links it, so a program
 * pays for it only where a setting needs it. No other file knows its names.
 *
 * Certificates are checked against the system's. Only http and https are spoken, and https never leads back to http.
 */
#ifndef RBE_WRAP_NET_H
#define RBE_WRAP_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

struct rbe_net_answer;

enum rbe_net_method { RBE_NET_GET, RBE_NET_HEAD, RBE_NET_POST, RBE_NET_METHOD_MAX };

struct rbe_net_request {
    enum rbe_net_method method;
    const char *url;
    const char *const *headers;      /* "Name: value", ended by NULL; NULL for none */
    const void *body;                /* of a POST */
    size_t len;
    int64_t timeout_ms;              /* for all of it, from looking up the name to the last byte; 0 for none */
    int64_t connect_ms;              /* until there is a connection; 0: timeout_ms */
    int64_t stall_s;                 /* the transfer is given up when nothing comes for so long; 0: never */
    size_t max;                      /* bytes of body that are taken */
    unsigned redirects;              /* that are followed; never those of a POST */
    /* Where set, gets the body of the last answer (none of a redirect) piece by piece, status and headers being known;
     * other than RBE_OK stops the transfer with that failure. */
    enum rbe_code (*sink)(void *arg, const struct rbe_net_answer *so_far, const void *p, size_t n, struct rbe_err *e);
    /* Where set, asked several times a second; true stops the transfer: RBE_UNAVAILABLE. */
    bool (*stop)(void *arg);
    void *arg;
};
struct rbe_net_answer {
    int status;
    int64_t length;                  /* as declared, -1 when it was not */
    struct rbe_str body;
    struct rbe_str headers;          /* the lines of the last answer, as they came */
};
void rbe_net_answer_release(struct rbe_net_answer *a);
/* The value of a header, in ret; false when it did not come. */
bool rbe_net_header(const struct rbe_net_answer *a, const char *name, struct rbe_str *ret);
/* In how many seconds the server wants to be asked again (Retry-After, a number or a date), 0 when it does not say; a year at
 * most. */
int64_t rbe_net_retry_after(const struct rbe_net_answer *a);

/* What a process keeps between requests: the library and open connections. Not handed on over a fork. */
struct rbe_net;
struct rbe_net *rbe_net_new(void);
void rbe_net_free(struct rbe_net *n);
RBE_DEFINE_CLEANUP(net, struct rbe_net, rbe_net_free)

/* Loads the library now, so that its lack (RBE_UNAVAILABLE) is told from an answer that does not come. */
enum rbe_code rbe_net_ready(struct rbe_net *n, struct rbe_err *e) RBE_MUST_USE;
/* RBE_OK when an answer came, whatever its status; ret, zeroed or of an earlier call, holds it. No library, no
 * connection, a certificate that is not trusted, or no answer in time: RBE_UNAVAILABLE. More than max: RBE_TOOLARGE. No
 * URL of http or https: RBE_REFUSED. Messages name the URL without its query, which may be secret. */
enum rbe_code rbe_net_do(struct rbe_net *n, const struct rbe_net_request *q, struct rbe_net_answer *ret,
                         struct rbe_err *e) RBE_MUST_USE;

#endif
