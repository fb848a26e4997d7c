/* A request made of an environment and a body, and what is answered to it, for the tests of lib/web. */
#ifndef RBE_TESTS_EXCHANGE_H
#define RBE_TESTS_EXCHANGE_H

#include <string.h>
#include <sys/mman.h>

#include "lib/web/inside.h"

struct exchange {
    struct rbe_serve_options site;
    struct rbe_req req;
    struct rbe_resp resp;
    struct rbe_fcgi *io;
    struct rbe_str out;
    int in_fd, out_fd;
};

static inline void exchange_begin(struct exchange *x, const char *const *env, const char *body)
{
    size_t n = strlen(body);

    x->in_fd = memfd_create("in", MFD_CLOEXEC);
    x->out_fd = memfd_create("out", MFD_CLOEXEC);
    if (x->in_fd < 0 || x->out_fd < 0 || pwrite(x->in_fd, body, n, 0) != (ssize_t)n)
        abort();
    x->io = rbe_fcgi_new_cgi(x->in_fd, x->out_fd, (char *const *)(uintptr_t)env);
    rbe_req_begin(&x->req, x->io, &x->site);
    rbe_resp_begin(&x->resp, &x->req);
}

/* What was sent so far; owned by x. */
static inline const char *exchange_sent(struct exchange *x)
{
    off_t n = lseek(x->out_fd, 0, SEEK_END);

    rbe_str_reset(&x->out);
    if (n < 0 || pread(x->out_fd, rbe_str_reserve(&x->out, (size_t)n), (size_t)n, 0) != (ssize_t)n)
        abort();
    x->out.len = (size_t)n;
    x->out.s[n] = '\0';
    return x->out.s;
}

static inline void exchange_end(struct exchange *x)
{
    rbe_req_release(&x->req);
    rbe_resp_release(&x->resp);
    rbe_fcgi_free(x->io);
    rbe_str_release(&x->out);
    (void)close(x->in_fd);
    (void)close(x->out_fd);
}

#endif
