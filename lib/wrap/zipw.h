/* Zip archives being written (PKWARE APPNOTE 6.3.10): entries copied as they are compressed elsewhere, and new ones.
 *
 * Nothing in the output depends on the machine or the time: the same calls give the same bytes. Zip64 only where
 * sizes, offsets or counts need it; no data descriptors, no gaps, no extra fields but zip64, flag bit 11 for names
 * that are not ASCII.
 */
#ifndef RBE_WRAP_ZIPW_H
#define RBE_WRAP_ZIPW_H

#include "lib/wrap/zip.h"

struct rbe_zipw;
/* Writes to fd from its start (by pwrite, the file should be empty); fd stays the caller's. */
struct rbe_zipw *rbe_zipw_new(int fd);
void rbe_zipw_free(struct rbe_zipw *w);
RBE_DEFINE_CLEANUP(zipw, struct rbe_zipw, rbe_zipw_free)
/* Copies the data of an entry of the archive on from_fd as they are compressed there; name, time and mode are those of
 * `entry`, which may be a changed copy of what rbe_zip_open gave. The name is used before the call returns. */
enum rbe_code rbe_zipw_copy(struct rbe_zipw *w, int from_fd, const struct rbe_zip_entry *entry, struct rbe_err *e)
    RBE_MUST_USE;
/* Adds n bytes as a new entry, deflated when that is smaller. unix_mode is an st_mode; a directory's name ends in
 * '/'. */
enum rbe_code rbe_zipw_add(struct rbe_zipw *w, const char *name, uint16_t unix_mode, uint32_t dos_time, const void *p,
                           size_t n, struct rbe_err *e) RBE_MUST_USE;
/* The same as they are, for what is packed already. */
enum rbe_code rbe_zipw_store(struct rbe_zipw *w, const char *name, uint16_t unix_mode, uint32_t dos_time, const void *p,
                             size_t n, struct rbe_err *e) RBE_MUST_USE;
/* Writes the central directory; the archive is complete afterwards (not synced). */
enum rbe_code rbe_zipw_finish(struct rbe_zipw *w, struct rbe_err *e) RBE_MUST_USE;

#endif
