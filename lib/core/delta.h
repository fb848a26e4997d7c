/* Incremental packages as jobs: which are wanted, and building one.
 */
#ifndef RBE_CORE_DELTA_H
#define RBE_CORE_DELTA_H

#include "lib/core/app.h"
#include "lib/store/job.h"
#include "lib/store/package.h"

/* The weight of what a publisher named: before anything clients ask for, and not bounded by batch.max_patches. */
enum { RBE_DELTA_NAMED = 1000000 };

/* Queues the files patch from source to target (full packages) unless it was queued before or the target has
 * batch.max_patches already. *ret_new may be NULL. */
enum rbe_code rbe_delta_want(struct rbe_app *app, const struct rbe_package *target, const struct rbe_package *source,
                             int64_t weight, bool *ret_new, struct rbe_err *e) RBE_MUST_USE;
/* Turns what clients asked for (lib/core/demand) into jobs: pairs of one resource and a source published for that very
 * platform, most asked first. */
enum rbe_code rbe_delta_fold(struct rbe_app *app, struct rbe_err *e) RBE_MUST_USE;
/* Builds and proves the patch of a leased job, puts package and row; a package not smaller than the full one is
 * thrown away and the note says so. */
enum rbe_code rbe_delta_build(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                              struct rbe_err *e) RBE_MUST_USE;

#endif
