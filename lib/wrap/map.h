/* Files as memory: a regular file mapped for reading, or one being made at its full size. */
#ifndef RBE_WRAP_MAP_H
#define RBE_WRAP_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct rbe_map {
    unsigned char *p;            /* never NULL, also for a file of no bytes */
    size_t n;
};
/* A zeroed struct is nothing mapped. */
void rbe_map_release(struct rbe_map *m);
/* All of fd, a regular file that nobody makes shorter meanwhile. */
enum rbe_code rbe_map_read(int fd, struct rbe_map *ret, struct rbe_err *e) RBE_MUST_USE;
/* Makes the file n bytes long, all of them on disk already (a full disk is found here: RBE_NOSPACE), and maps them for
 * reading and writing. */
enum rbe_code rbe_map_make(int fd, uint64_t n, struct rbe_map *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
