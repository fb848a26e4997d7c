/* The SHA-256 of a file's bytes. */
#ifndef RBE_CORE_DIGEST_H
#define RBE_CORE_DIGEST_H

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/wrap/hash.h"

/* Reads fd from its start, whatever its offset, without moving it. step (may be NULL) is told of each piece read. */
enum rbe_code rbe_digest_of(int fd, void (*step)(void *arg, uint64_t n), void *arg,
                            unsigned char ret_sum[static RBE_SHA256_SIZE], uint64_t *ret_size, struct rbe_err *e)
    RBE_MUST_USE;

#endif
