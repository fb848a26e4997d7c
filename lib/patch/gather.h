/* Brings together the files that a change needs, as new/<number> of its set: out of a package, from files that stand in the tree,
 * by patches. Nothing of the tree is changed. Every file is hashed while it is written and must be what the manifest says.
 */
#ifndef RBE_PATCH_GATHER_H
#define RBE_PATCH_GATHER_H

#include "lib/patch/incoming.h"
#include "lib/patch/moves.h"

struct rbe_gather {
    struct rbe_home *home;
    const struct rbe_home_set *set;
    const struct rbe_incoming *in;       /* NULL: only what stands in the tree */
    const struct rbe_manifest *old;      /* what was installed */
    const struct rbe_manifest *target;
    struct rbe_needs *needs;
    /* Bytes written so far; other than RBE_OK stops with that code. May be NULL. */
    enum rbe_code (*tick)(void *arg, uint64_t done, uint64_t total, struct rbe_err *e);
    void *arg;
};
/* All that is needed is there and synced; ticks needs->v[].done. RBE_NOTFOUND: a file is in neither package nor tree;
 * RBE_REFUSED: a file that a patch or copy starts from is damaged; RBE_INVALID: what came out is not what was promised. */
enum rbe_code rbe_gather(const struct rbe_gather *g, struct rbe_err *e) RBE_MUST_USE;
/* Bytes of disk that gathering takes at most. */
uint64_t rbe_gather_space(const struct rbe_gather *g);

#endif
