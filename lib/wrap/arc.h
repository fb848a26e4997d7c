/* Tar archives in gzip, xz, zstd or plain, read by libarchive. No other file includes its headers.
 *
 * Gzip is undone by lib/wrap/deflate, not by libarchive, because libarchive does not check the CRC of a gzip member.
 */
#ifndef RBE_WRAP_ARC_H
#define RBE_WRAP_ARC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

enum rbe_arc_type {              /* of a stored package */
    RBE_ARC_NONE,                /* not an archive we open */
    RBE_ARC_ZIP,
    RBE_ARC_TAR_GZ,
    RBE_ARC_TAR_XZ,
    RBE_ARC_TAR_ZST,
    RBE_ARC_TYPE_MAX
};
/* "zip", "tar.gz", "tar.xz", "tar.zst"; "" for RBE_ARC_NONE. */
const char *rbe_arc_name(enum rbe_arc_type type);
enum rbe_arc_type rbe_arc_type_of(const char *name);
/* By its first bytes (8 suffice). */
enum rbe_arc_type rbe_arc_detect(const void *p, size_t n);

enum rbe_arc_kind { RBE_ARC_FILE, RBE_ARC_DIR, RBE_ARC_LINK, RBE_ARC_HARDLINK, RBE_ARC_SPECIAL };
struct rbe_arc_entry {
    enum rbe_arc_kind kind;
    const char *name;            /* raw bytes of the archive; valid until the next call */
    const char *target;          /* of LINK and HARDLINK */
    unsigned mode;               /* permission bits */
    uint64_t size;
    int64_t mtime;               /* seconds */
};

struct rbe_arc;                  /* an archive being read */
/* Reads from fd's start; fd stays the caller's and must outlive the reader. */
enum rbe_code rbe_arc_open(int fd, enum rbe_arc_type type, struct rbe_arc **ret, struct rbe_err *e) RBE_MUST_USE;
/* The same for one that was read strictly before: unpacks a tar.gz at once, much faster, where that takes at most
 * memory_bytes. */
enum rbe_code rbe_arc_open_whole(int fd, enum rbe_arc_type type, uint64_t memory_bytes, struct rbe_arc **ret,
                                 struct rbe_err *e) RBE_MUST_USE;
struct rbe_regzip_source;
/* Where that was done: the tar and what it came from, as long as the reader and its file are open. */
bool rbe_arc_whole(const struct rbe_arc *a, struct rbe_regzip_source *ret);
/* Where in the tar the present entry's data begin, before any of them are read. Of a sparse file the map may come first. */
uint64_t rbe_arc_data_at(const struct rbe_arc *a);
void rbe_arc_close(struct rbe_arc *a);
RBE_DEFINE_CLEANUP(arc, struct rbe_arc, rbe_arc_close)
/* The next entry; at the end *ret_end is set, after the compressed stream was read to its end and its checks were made.
 * A broken archive: RBE_INVALID, field "file". */
enum rbe_code rbe_arc_next(struct rbe_arc *a, struct rbe_arc_entry *ret, bool *ret_end, struct rbe_err *e) RBE_MUST_USE;
/* The next bytes of the present entry's data; *ret_n of 0 at its end. */
enum rbe_code rbe_arc_read(struct rbe_arc *a, void *p, size_t n, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;

#endif
