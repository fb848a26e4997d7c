/* Packing what came out of another gzip, with the blocks of that taken over as they are compressed.
 *
 * DEFLATE (RFC 1951) is a sequence of blocks that begin at any bit, and each refers to at most 32 KiB before it. So a block says
 * the same behind other data too, if what it holds and the 32 KiB before it come along: it is copied bit by bit, and nothing is
 * searched for.
 */
#ifndef RBE_WRAP_REGZIP_H
#define RBE_WRAP_REGZIP_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

struct rbe_regzip_source {
    int fd;                      /* a file of one gzip member, all checks made */
    const unsigned char *plain;  /* what it unpacks to */
    size_t plain_n;
};
/* n bytes that stand at `from` in the source's plain bytes and at `to` in what is packed. */
struct rbe_regzip_run {
    uint64_t from, to, n;
};
/* Writes n bytes to fd as one gzip member. Where the runs, which are sorted and do not overlap, hold most of it and samples show
 * that the source was packed no worse than zlib's level 6 does it, its blocks are taken over; the beginning and all between is
 * packed anew. Otherwise, and where the runs are not true, it is rbe_flate_gzip's. The same bytes from the same data, source and
 * libraries. */
enum rbe_code rbe_regzip(int fd, const void *p, size_t n, const struct rbe_regzip_source *source,
                         const struct rbe_regzip_run *runs, size_t n_runs, struct rbe_err *e) RBE_MUST_USE;

#endif
