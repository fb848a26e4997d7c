/* From what stands on disk to what should: the steps of a journal, and the files that they need.
 *
 * Only paths of the manifests are touched: what a deleted directory still holds stays, and so does the directory. Where a file
 * is to stand and a directory with other things in it stands, nothing can be done without losing them: that is refused.
 */
#ifndef RBE_PATCH_MOVES_H
#define RBE_PATCH_MOVES_H

#include "lib/patch/journal.h"
#include "lib/patch/survey.h"

/* A file or link that has to be in new/ of the set under its number. */
struct rbe_need {
    const struct rbe_entry *entry;   /* of the target's manifest */
    uint32_t number;
    bool here;                   /* its content stands at its path already */
    bool done;
};
struct rbe_needs {
    struct rbe_need *v;          /* sorted by path */
    size_t n;
    uint64_t bytes;              /* of all files among them */
};
void rbe_needs_release(struct rbe_needs *n);
struct rbe_need *rbe_needs_find(const struct rbe_needs *n, const char *path);

struct rbe_moves {
    struct rbe_home *home;
    const struct rbe_manifest *old;      /* what was installed, empty when that is not known */
    const struct rbe_manifest *target;
    const enum rbe_look *looks;          /* one for each entry of target */
    struct rbe_keep keep;
};
/* Adds the steps to j, none when everything is as it should be. */
enum rbe_code rbe_moves_plan(const struct rbe_moves *m, struct rbe_journal *j, struct rbe_needs *ret, struct rbe_err *e)
    RBE_MUST_USE;

#endif
