/* Where clients stand and what they are sent to: pairs of full packages, counted in a table of fixed size in the shared
 * file, so that asking writes no database and can never make unbounded state. rbe-batch takes the counts: they tell which
 * incrementals are missing, and between which packages they are worth most. A client that is up to date counts as well, by
 * the pair of its package with itself: it will be there when the next one comes.
 */
#ifndef RBE_CORE_DEMAND_H
#define RBE_CORE_DEMAND_H

#include "lib/base/share.h"

struct rbe_demand {
    int64_t source, target;      /* row ids of full packages */
    uint64_t count;
    unsigned formats;            /* delta formats that any of them can apply, as a set (lib/core/format) */
};

/* Lock-free. A full neighbourhood replaces its least asked pair, so a flood of rare pairs cannot keep frequent ones
 * out. */
void rbe_demand_note(struct rbe_share *share, int64_t source, int64_t target, unsigned formats);
/* Takes all counts out (each is returned once, whoever calls), most asked first; returns how many, at most max. */
size_t rbe_demand_take(struct rbe_share *share, struct rbe_demand *ret, size_t max);

#endif
