/* How a delta package is put together: what is copied, what is patched, what comes whole.
 *
 * Files of the new tree that equal an old one or one another are copies. The others lie in groups, one behind the other
 * in an order that puts like beside like (directory, name, kind), opposite the old files they may stem from in the same
 * order: those that are modified or deleted and live on nowhere. Directories and links stand in the package as they are,
 * and so do files that a pattern wants whole or that gain nothing from being patched.
 */
#ifndef RBE_PATCH_SOLID_H
#define RBE_PATCH_SOLID_H

#include "lib/patch/changes.h"
#include "lib/patch/engine.h"
#include "lib/patch/wanted.h"

#define RBE_SOLID_GROUP (UINT64_C(256) << 20)

struct rbe_solid_side {
    const struct rbe_entry **v;
    size_t n;
    uint64_t bytes;
};
struct rbe_solid_group {
    struct rbe_solid_side source, target;
};
struct rbe_solid {
    struct rbe_copy *copies;
    size_t n_copies;
    struct rbe_solid_group *groups;
    size_t n_groups;
    struct rbe_wanted whole;
};

struct rbe_solid_input {
    const struct rbe_manifest *from, *to;
    const struct rbe_plan *plan;
    const struct rbe_plan_globs *globs;
    const bool *apart;           /* by index in `to`: files that shall come whole; NULL for none */
    uint64_t bound;              /* bytes of a side of a group, unless one file is larger: RBE_SOLID_GROUP */
};

/* Points into the manifests; lives in the arena. */
void rbe_solid_make(const struct rbe_solid_input *in, struct rbe_arena *arena, struct rbe_solid *ret);
/* What changes.json says of it. Patches lie in the first of delta/, delta-1/, … that is no name in the new tree. */
void rbe_solid_describe(const struct rbe_solid *s, const struct rbe_manifest *to, const struct rbe_engine *engine,
                        struct rbe_arena *arena, struct rbe_delta *ret);

#endif
