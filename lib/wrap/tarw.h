/* Tar.gz archives being written (POSIX.1-2017 pax), by hand: a tar header is simple, and this way its bytes do not hang on the
 * release of a library. */
#ifndef RBE_WRAP_TARW_H
#define RBE_WRAP_TARW_H

#include "lib/wrap/arc.h"

/* Pax only where ustar cannot hold it, no owner, one gzip member without time or name. */
struct rbe_tarw;
struct rbe_tarw *rbe_tarw_new(int fd);
/* The same for what cannot be made smaller. */
struct rbe_tarw *rbe_tarw_new_stored(int fd);
/* Gathers the tar, of at most `most` bytes, in memory and packs it at once, much faster: takes twice that, and what the reader
 * of rbe_tarw_copy was opened with. */
struct rbe_tarw *rbe_tarw_new_whole(int fd, uint64_t most);
/* The most bytes of a tar that an entry takes. */
uint64_t rbe_tarw_most(const struct rbe_arc_entry *entry);
void rbe_tarw_free(struct rbe_tarw *w);
RBE_DEFINE_CLEANUP(tarw, struct rbe_tarw, rbe_tarw_free)
/* Begins an entry (HARDLINK and SPECIAL are not written); its size bytes of data follow by rbe_tarw_write. */
enum rbe_code rbe_tarw_add(struct rbe_tarw *w, const struct rbe_arc_entry *entry, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_tarw_write(struct rbe_tarw *w, const void *p, size_t n, struct rbe_err *e) RBE_MUST_USE;
/* The entry's data out of a reader's present entry, none of which were read. Where the tar is gathered, what comes from the first
 * reader that has all in memory (rbe_arc_whole) is taken over as it was packed (lib/wrap/regzip): that one has to stay open until
 * rbe_tarw_finish. */
enum rbe_code rbe_tarw_copy(struct rbe_tarw *w, struct rbe_arc *from, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_tarw_finish(struct rbe_tarw *w, struct rbe_err *e) RBE_MUST_USE;

#endif
