/* What must happen to get from one tree to another: the five lists of changes.json.
 *
 * A path that is a file or link on both sides and differs (content, permission bits, link target, file or link) is modified.
 * A path that turns from directory to file or back is deleted and added. Lists are sorted by path.
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
    struct rbe_plan_list carried;    /* unchanged files and links that match always_include: in the package, not in the lists */
};

/* Entries point into the manifests, which must outlive the plan; the lists live in the arena. globs: fnmatch(3) patterns on
 * the whole path, where '*' does not match '/' (FNM_PATHNAME). */
void rbe_plan_make(const struct rbe_manifest *from, const struct rbe_manifest *to, const char *const *globs, size_t n_globs,
                   struct rbe_arena *arena, struct rbe_plan *ret);
/* changes.json: {"added":[…],…}, empty lists left out. */
void rbe_plan_format(const struct rbe_plan *plan, struct rbe_str *out);

#endif
