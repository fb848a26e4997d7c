/* Builds an incremental package of format "files" and proves it.
 *
 * The package is an archive of the target's own kind (zip, else tar.gz) that holds changes.json first, then the added
 * directories and the added, modified and carried files and links: in a zip all sorted by path, their data copied as
 * they are compressed; in a tar the directories sorted and the rest in the target's order, because a tar is streamed
 * (build-tar.h). Names are the manifest's, modes too; times are those of the target's entries, but 1980-01-01 for
 * changes.json, for directories of a tar and for those that are only implied. The same two packages give the same bytes.
 */
#ifndef RBE_PATCH_BUILD_H
#define RBE_PATCH_BUILD_H

#include "lib/patch/inspect.h"
#include "lib/patch/plan.h"
#include "lib/patch/wanted.h"
#include "lib/wrap/zipw.h"

/* What a process takes before it builds anything, libraries and databases: no part of what building itself may take. */
enum { RBE_BUILD_PROCESS = 64 << 20 };

struct rbe_build {
    const struct rbe_manifest *from, *to;
    const struct rbe_plan *plan;
    int target_fd;               /* the target's full package */
    enum rbe_arc_type target_type;
    int out_fd;                  /* empty, open for reading and writing */
    int tmp_dir_fd;              /* a directory for temporary files, on disk */
    uint64_t memory_bytes;       /* what may be held in memory to be faster */
};

/* The kind of archive a target's incrementals are: zip for zip, else tar.gz. */
enum rbe_arc_type rbe_build_type(enum rbe_arc_type target_type);
/* Writes the package to out_fd (not synced). A target that is broken or is not what its manifest says: RBE_FAULT. */
enum rbe_code rbe_build_files(const struct rbe_build *b, struct rbe_err *e) RBE_MUST_USE;
/* Copies the wanted entries of a zip of at most max_entries into `out`, in their order, data as they are compressed. */
enum rbe_code rbe_build_copy(int target_fd, size_t max_entries, const struct rbe_wanted *want, struct rbe_zipw *out,
                             struct rbe_err *e) RBE_MUST_USE;
/* Reads the built package back: every entry hashes to the target's manifest, changes.json is the plan, and what `from`
 * becomes without the deleted and with the package is `to`. RBE_FAULT with the path and both hashes when it is not. */
enum rbe_code rbe_build_prove(const struct rbe_build *b, struct rbe_err *e) RBE_MUST_USE;

#endif
