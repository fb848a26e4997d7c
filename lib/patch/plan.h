/* What must happen to get from one tree to another: the five lists of changes.json (lib/patch/changes).
 *
 * A path that is a file or link on both sides and differs (content, permission bits, link target, file or link) is
 * modified. A path that turns from directory to file or back is deleted and added: its old self stands in deleted_dir
 * (and all that was below in deleted and deleted_dir) and its new self in added, or in deleted and added_dir.
 * Directories have no mode of their own, so nothing ever happens to one that stays. Lists are sorted by path (bytes)
 * and name every directory, parents before their children.
 */
#ifndef RBE_PATCH_PLAN_H
#define RBE_PATCH_PLAN_H

#include "lib/patch/manifest.h"

enum rbe_change { RBE_ADDED, RBE_MODIFIED, RBE_DELETED, RBE_ADDED_DIR, RBE_DELETED_DIR, RBE_CHANGE_MAX };
/* "added", "modified", "deleted", "added_dir", "deleted_dir" */
const char *rbe_change_name(enum rbe_change change);

struct rbe_plan_list {
    const struct rbe_entry **v;  /* added, modified, added_dir: of the new manifest; deleted*: of the old one */
    size_t n;
};

struct rbe_plan {
    struct rbe_plan_list change[RBE_CHANGE_MAX];
    struct rbe_plan_list carried;    /* unchanged files and links that match always_include: packed, but in no list */
};

/* Patterns of files that every incremental carries whole: fnmatch(3) on the whole path, where '*' does not match '/'
 * (FNM_PATHNAME) and a backslash takes the next character as it is. One without a '/' is matched with the last part of the
 * path as well, so "interface.json" is found in any directory. */
struct rbe_plan_globs {
    const char *const *v;
    size_t n;
};
bool rbe_plan_match(const struct rbe_plan_globs *globs, const char *path);

/* Both manifests sealed. Entries point into the manifests, which must outlive the plan; the lists live in the arena. */
void rbe_plan_make(const struct rbe_manifest *from, const struct rbe_manifest *to, const struct rbe_plan_globs *globs,
                   struct rbe_arena *arena, struct rbe_plan *ret);

#endif
