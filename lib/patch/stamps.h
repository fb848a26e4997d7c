/* What the files of a tree looked like when their content was last known to be the manifest's: inode, size and times. A file
 * that still looks so is taken for unchanged without being read. Losing stamps costs time and nothing else.
 *
 * .rbe/stamps is text: a line "rbe-stamps 1", a line with the manifest's SHA-256, then one line for each entry of the manifest:
 * "inode size mtime ctime" (nanoseconds), or "-" where nothing is known.
 */
#ifndef RBE_PATCH_STAMPS_H
#define RBE_PATCH_STAMPS_H

#include <sys/stat.h>

#include "lib/patch/installed.h"

struct rbe_stamp {
    uint64_t inode;              /* 0: nothing is known */
    uint64_t size;
    int64_t mtime, ctime;
};

struct rbe_stamps {
    struct rbe_stamp *v;         /* one for each entry of the manifest */
    size_t n;
};

void rbe_stamps_release(struct rbe_stamps *s);
/* Those of a manifest; where none can be read, of every entry nothing is known. */
void rbe_stamps_load(const struct rbe_home *h, const struct rbe_installed *of, struct rbe_stamps *ret);
enum rbe_code rbe_stamps_save(const struct rbe_home *h, const struct rbe_installed *of, const struct rbe_stamps *s,
                              struct rbe_err *e) RBE_MUST_USE;
struct rbe_stamp rbe_stamp_of(const struct stat *st);
bool rbe_stamp_equal(const struct rbe_stamp *a, const struct rbe_stamp *b);

#endif
