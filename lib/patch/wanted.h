/* What an incremental package of format "files" holds beside changes.json: added directories, and added, modified and
 * carried files and links, as one list sorted by path that is ticked off while a package is written or read.
 */
#ifndef RBE_PATCH_WANTED_H
#define RBE_PATCH_WANTED_H

#include "lib/patch/plan.h"

/* The entry every package begins with. It and directories without an entry in the target bear the first time a zip can
 * say, 1980-01-01 00:00. */
#define RBE_CHANGES_NAME "changes.json"
enum { RBE_CHANGES_MODE = 0644, RBE_EPOCH_DOS = 0x00210000 };
static const int64_t RBE_EPOCH_UNIX = 315532800;

struct rbe_want {
    const struct rbe_entry *entry;
    bool done;
};
struct rbe_wanted {
    struct rbe_want *v;
    size_t n;
};

/* Lives in the arena and points into the plan's manifests. */
void rbe_wanted_make(const struct rbe_plan *plan, struct rbe_arena *arena, struct rbe_wanted *ret);
/* By path, as rbe_wanted_find needs it. */
void rbe_wanted_sort(struct rbe_wanted *w);
/* NULL when path is not wanted. */
struct rbe_want *rbe_wanted_find(const struct rbe_wanted *w, const char *path);
/* The first one not done, or NULL. */
const struct rbe_entry *rbe_wanted_missing(const struct rbe_wanted *w);
/* The path that an archive's name stands for in the manifest: without "./" before and '/' behind it. "" for the
 * root. */
const char *rbe_wanted_path(struct rbe_arena *arena, const char *name);
/* A stored package that breaks a rule is no asker's mistake: turns RBE_INVALID into RBE_FAULT, "what: " before its
 * text. Other codes are handed on. */
enum rbe_code rbe_wanted_fault(enum rbe_code code, const char *what, struct rbe_err *e) RBE_MUST_USE;

#endif
