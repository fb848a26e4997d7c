/* A second look at a tar's headers (POSIX.1-2017 pax, GNU tar's manual), made on the unpacked bytes as they pass.
 *
 * Tar readers differ where a header is said twice or oddly: global pax records, several long names for one entry, sizes on
 * entries without data, NULs inside names. Such archives are refused, so that what was inspected is what every reader sees. So
 * are maps of sparse files that are larger than any real one: readers keep them in memory, and they pack well.
 */
#ifndef RBE_WRAP_TARSCAN_H
#define RBE_WRAP_TARSCAN_H

#include "lib/base/err.h"
#include "lib/base/str.h"

struct rbe_tarscan {
    unsigned char header[512];
    size_t have;                 /* bytes of it */
    uint64_t skip;               /* bytes of data and padding before the next header */
    uint64_t collect;            /* bytes still to come of an extension's data */
    struct rbe_str extension;
    char type;                   /* of that extension */
    unsigned pending;            /* what was said for the next entry */
    bool sized;                  /* ... its size among it */
    uint64_t size;
    bool sparse_goes_on;         /* the next block continues a sparse map */
    unsigned sparse_blocks;      /* that did so far */
    bool map;                    /* the next block begins the map of a pax sparse file, first of its data */
    uint64_t sparse_size;        /* of the data behind the map */
    bool ended;
};

/* A zeroed struct is ready for the first byte. */
void rbe_tarscan_release(struct rbe_tarscan *t);
/* RBE_INVALID, field "file", rule "ambiguous", "broken" or "limit_memory". */
enum rbe_code rbe_tarscan_put(struct rbe_tarscan *t, const void *p, size_t n, struct rbe_err *e) RBE_MUST_USE;

#endif
