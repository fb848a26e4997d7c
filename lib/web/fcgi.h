/* Where requests come from: a FastCGI socket by libfcgi, or one request of plain CGI. What is above cannot tell
 * them apart. No other file includes libfcgi's header.
 *
 * A FastCGI connection is closed after its answer, or kept where the web server asks for it (lib/web/kept).
 */
#ifndef RBE_WEB_FCGI_H
#define RBE_WEB_FCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/mem.h"
#include "lib/web/kept.h"

struct rbe_fcgi;

/* True when descriptor 0 is no listening socket, so that this process is to answer one request as CGI. */
bool rbe_fcgi_is_cgi(void);
/* pool: shared with other workers on this socket; RBE_KEPT_NO_POOL when there are none. */
struct rbe_fcgi *rbe_fcgi_new(int listen_fd, struct rbe_kept_pool pool);
/* One request: body from `in`, answer to `out` (both stay the caller's), environment "K=V" ended by NULL. */
struct rbe_fcgi *rbe_fcgi_new_cgi(int in, int out, char *const *env);
void rbe_fcgi_free(struct rbe_fcgi *f);
RBE_DEFINE_CLEANUP(fcgi, struct rbe_fcgi, rbe_fcgi_free)

/* SIGTERM and SIGINT from now on make rbe_fcgi_stopping true and end a waiting or coming rbe_fcgi_accept of any
 * object on this descriptor in this process; whatever else they interrupt goes on. SIGPIPE is ignored. */
void rbe_fcgi_stop_on_signals(int listen_fd);
bool rbe_fcgi_stopping(void);

/* Waits for a request: 1; 0 when there will be none (CGI has had its one; stopped, and what kept connections had brought
 * until then is answered); -1 with errno on failure. */
int rbe_fcgi_accept(struct rbe_fcgi *f);
/* The answer is complete: sends what is buffered. unread: what of the declared body was not read. */
void rbe_fcgi_finish(struct rbe_fcgi *f, uint64_t unread);

/* A variable of the request, NULL when absent. */
const char *rbe_fcgi_env(const struct rbe_fcgi *f, const char *name);
/* Bytes of the body: 0 at its end, -1 when the connection broke. */
ssize_t rbe_fcgi_read(struct rbe_fcgi *f, void *p, size_t n);
/* False when the client is gone. */
bool rbe_fcgi_write(struct rbe_fcgi *f, const void *p, size_t n);

#endif
