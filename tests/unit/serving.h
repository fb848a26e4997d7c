/* What programs that unit tests serve have in common: a directory, a socket in it, and handlers that say who answers. */
#ifndef RBE_TESTS_SERVING_H
#define RBE_TESTS_SERVING_H

#include <fcntl.h>
#include <unistd.h>

#include "lib/web/serve.h"
#include "tests/unit/fastcgi.h"
#include "tests/unit/scratch.h"

static char *dir, *sock;

static inline int make_dir(void **state)
{
    (void)state;
    dir = scratch_new();
    sock = scratch_path(dir, "sock");
    return 0;
}

static inline int remove_dir(void **state)
{
    (void)state;
    scratch_free(dir);
    free(sock);
    return 0;
}

static inline enum rbe_code handle_pid(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    (void)ctx;
    (void)r;
    (void)e;
    rbe_jsonw_int(rbe_resp_json(p, 0, "success"), NULL, getpid());
    return RBE_OK;
}

/* Tells by a file that it is at work, then takes its time. */
static inline enum rbe_code handle_slow(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    rbe_autofree char *path = rbe_strfmt("%s/busy", dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

    if (fd < 0)
        return rbe_fail_errno(e, "cannot make %s", path);
    (void)close(fd);
    /* A signal may cut the nap short: only the answer matters. */
    nap(300);
    return handle_pid(ctx, r, p, e);
}

#endif
