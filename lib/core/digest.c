#include "lib/core/digest.h"

#include <errno.h>
#include <unistd.h>

enum { PIECE = 256 * 1024 };

enum rbe_code rbe_digest_of(int fd, void (*step)(void *arg, uint64_t n), void *arg,
                            unsigned char ret_sum[static RBE_SHA256_SIZE], uint64_t *ret_size, struct rbe_err *e)
{
    rbe_autoptr(sha256) struct rbe_sha256 *h = rbe_sha256_new();
    rbe_autofree char *piece = rbe_alloc(PIECE);
    uint64_t at = 0;

    for (;;) {
        ssize_t n = pread(fd, piece, PIECE, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rbe_fail_errno(e, "cannot read the file");
        if (n == 0)
            break;
        rbe_sha256_put(h, piece, (size_t)n);
        at += (uint64_t)n;
        if (step)
            step(arg, (uint64_t)n);
    }
    rbe_sha256_end(h, ret_sum);
    *ret_size = at;
    return RBE_OK;
}
