/* The SHA-256 of files' bytes, read in pieces. A zeroed struct is ready; it serves any number of files. */
#ifndef RBE_PATCH_DIGEST_H
#define RBE_PATCH_DIGEST_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/wrap/hash.h"

struct rbe_digest {
    /* Told of each piece read; other than RBE_OK stops with that code. May be NULL. */
    enum rbe_code (*step)(void *arg, uint64_t n, struct rbe_err *e);
    void *arg;
    struct rbe_sha256 *hash;     /* its own, like piece */
    unsigned char *piece;
};
void rbe_digest_release(struct rbe_digest *d);
/* Reads fd from its start, whatever its offset, without moving it. */
enum rbe_code rbe_digest_file(struct rbe_digest *d, int fd, unsigned char ret_sum[static RBE_SHA256_SIZE],
                              uint64_t *ret_size, struct rbe_err *e) RBE_MUST_USE;
/* The same for one file, without a word on the way. */
enum rbe_code rbe_digest_of(int fd, unsigned char ret_sum[static RBE_SHA256_SIZE], uint64_t *ret_size,
                            struct rbe_err *e) RBE_MUST_USE;

#endif
