/* Goes the way of a journal, forward or back, to its end; takes up again what was cut off.
 *
 * From the moment the journal is on disk until it is gone, the tree may be between two versions; a process that dies there
 * leaves both ways open. The state is replaced only after every step, so it names the tree that really stands there:
 * forward, state.new of the set becomes the state; back, state.old does, or there is none where the set has none.
 */
#ifndef RBE_PATCH_APPLY_H
#define RBE_PATCH_APPLY_H

#include "lib/patch/home.h"
#include "lib/patch/journal.h"

#define RBE_APPLY_STATE_OLD "state.old"
#define RBE_APPLY_STATE_NEW "state.new"

/* What happened. */
enum rbe_applied { RBE_APPLIED_NOTHING, RBE_APPLIED_FORWARD, RBE_APPLIED_BACK };

/* The set is complete and synced: commits the journal and goes its way. When that way is blocked, goes the other one, and
 * fails with the reason: the tree then is what it was. RBE_UNAVAILABLE: blocked in both, the journal stays. */
enum rbe_code rbe_apply(struct rbe_home *h, const struct rbe_journal *j, struct rbe_err *e) RBE_MUST_USE;
/* Takes up a journal that a run left behind, then removes what else it left. */
enum rbe_code rbe_apply_recover(struct rbe_home *h, enum rbe_applied *ret, struct rbe_err *e) RBE_MUST_USE;
/* Back to the version before; RBE_NOTFOUND when none is kept. */
enum rbe_code rbe_apply_undo(struct rbe_home *h, struct rbe_err *e) RBE_MUST_USE;

#endif
