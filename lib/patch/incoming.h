/* A package that was downloaded: what it holds, and the tree it leads to.
 *
 * It is read as any hostile archive is. An incremental package leads from the old manifest to a new one: what is deleted goes,
 * what the package holds whole, what is copied and what patches make comes. The new tree as a whole keeps the rules too,
 * and no path leads out of it, whichever mix of old and new names it is. No patch and no file that one starts from serves
 * twice, so that the work is bounded by what stands on the disk and came over the net.
 */
#ifndef RBE_PATCH_INCOMING_H
#define RBE_PATCH_INCOMING_H

#include "lib/patch/changes.h"
#include "lib/patch/inspect.h"

struct rbe_incoming {
    int fd;                      /* the package; not owned */
    enum rbe_arc_type type;
    bool incremental;
    struct rbe_manifest whole;   /* what it holds under its own path */
    struct rbe_manifest patches; /* and its patches, with the directories they lie in, which are no part of the tree */
    struct rbe_changes changes;  /* of an incremental one */
    struct rbe_arena arena;
};

struct rbe_incoming_limits {
    uint64_t bytes;              /* that the archive may unpack to */
    unsigned rules;              /* enum rbe_rules */
    bool (*stop)(void *arg);     /* as in inspect.h */
    void *arg;
};
void rbe_incoming_release(struct rbe_incoming *in);
/* Reads the package on fd. RBE_INVALID when it breaks a rule, or is incremental in a way that is not understood. */
enum rbe_code rbe_incoming_open(int fd, bool incremental, const struct rbe_incoming_limits *limits, struct rbe_incoming *ret,
                                struct rbe_err *e) RBE_MUST_USE;
/* The tree that it leads to from old (empty for a full package). RBE_INVALID where the two do not fit together. */
enum rbe_code rbe_incoming_target(const struct rbe_incoming *in, const struct rbe_manifest *old, unsigned rules,
                                  struct rbe_manifest *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
