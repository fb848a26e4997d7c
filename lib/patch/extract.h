/* Picks files out of an archive by what they hold.
 *
 * A manifest says what stands under each name of the archive, so content is found wherever it lies in it: under another
 * name, or where the archive has the wanted name as a hard link. Each archive is read once, and what is read is hashed.
 */
#ifndef RBE_PATCH_EXTRACT_H
#define RBE_PATCH_EXTRACT_H

#include "lib/patch/manifest.h"
#include "lib/wrap/arc.h"

struct rbe_pick {
    const struct rbe_entry *entry;   /* whose content is wanted */
    int fd;                          /* where it goes to, */
    uint64_t offset;                 /* from here on */
    bool done;
};

/* Writes all picks, in any order. Content that the archive lacks, or that is not what the manifest says: RBE_FAULT, naming
 * the path and both hashes. memory_bytes: what a tar.gz may take to be unpacked at once; one that takes more is read piece by
 * piece. `what` begins the text: "target package". */
enum rbe_code rbe_extract(int archive_fd, enum rbe_arc_type type, const struct rbe_manifest *manifest,
                          struct rbe_pick *picks, size_t n, uint64_t memory_bytes, const char *what, struct rbe_err *e)
    RBE_MUST_USE;

#endif
