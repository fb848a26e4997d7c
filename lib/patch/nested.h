/* Compression inside the files of a release. Two compressed streams have nothing in common even where what they hold is
 * nearly the same, so no engine finds anything; published unpacked, the update would be a fraction. This finds such
 * streams and what it would come to, for the advice of the publisher.
 */
#ifndef RBE_PATCH_NESTED_H
#define RBE_PATCH_NESTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct rbe_nested_bytes {
    const unsigned char *p;
    size_t n;
};
struct rbe_nested {
    const char *kind;            /* "zstd frame", "gzip stream", "xz stream", "zip"; NULL for none */
    uint64_t packed;             /* bytes of it in the new file */
    uint64_t would;              /* about what an update between the unpacked streams takes */
};
/* The largest stream in both versions of a file. dir: for temporary files. ret->kind stays NULL where there is none, one of
 * them cannot be unpacked in bounds, or comparing them would take more than memory_bytes. Fails only when the disk does. */
enum rbe_code rbe_nested_find(struct rbe_nested_bytes old, struct rbe_nested_bytes new, const char *dir,
                              uint64_t memory_bytes, struct rbe_nested *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
