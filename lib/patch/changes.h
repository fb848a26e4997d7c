/* changes.json of an incremental package, read and written.
 *
 *     {"added":[…],"modified":[…],"deleted":[…],"added_dir":[…],"deleted_dir":[…],
 *      "delta":{"format":"vcdiff",
 *               "copies":[{"path":"a","from":"b","of":"old","sha256":"<hex>","mode":"0644"}],
 *               "groups":[{"patch":"delta/0.vcdiff.xz","source":[{"path":"c","size":5,"sha256":"<hex>"}],
 *                          "target":[{"path":"c","size":6,"sha256":"<hex>","mode":"0644"}]}]}}
 *
 * Empty lists are left out, and so is delta where the package's format is "files". The old files of a group's source, one
 * behind the other, are what its patch turns into the new files of its target.
 */
#ifndef RBE_PATCH_CHANGES_H
#define RBE_PATCH_CHANGES_H

#include "lib/patch/plan.h"

/* A file of a group; the mode is that of a target. */
struct rbe_piece {
    const char *path;
    uint64_t size;
    unsigned char sha256[RBE_SHA256_SIZE];
    uint16_t mode;
};
struct rbe_group {
    const char *patch;           /* the entry of the package that holds it */
    struct rbe_piece *source, *target;
    size_t n_source, n_target;
};
/* A file that equals one of the old tree, or another one of the new tree. */
struct rbe_copy {
    const char *path, *from;
    unsigned char sha256[RBE_SHA256_SIZE];
    uint16_t mode;
    bool of_new;
};
struct rbe_delta {
    const char *format;          /* as lib/patch/engine names it; NULL where there is no delta */
    struct rbe_copy *copies;
    struct rbe_group *groups;
    size_t n_copies, n_groups;
};

struct rbe_changes {
    struct {
        const char **v;
        size_t n;
    } list[RBE_CHANGE_MAX];
    struct rbe_delta delta;
};

/* Members that are not known are passed over. Everything lives in the arena. Paths are relative, of parts that are neither
 * empty nor "." or "..", UTF-8 without control characters; whether a tree may hold them is for lib/patch/rules to judge.
 * Anything else: RBE_INVALID, field "changes.json". */
enum rbe_code rbe_changes_parse(const char *text, size_t len, struct rbe_arena *arena, struct rbe_changes *ret,
                                struct rbe_err *e) RBE_MUST_USE;
/* The lists of a plan and a delta (NULL for none), no white space, no newline at the end. */
void rbe_changes_format(const struct rbe_plan *plan, const struct rbe_delta *delta, struct rbe_str *out);

#endif
