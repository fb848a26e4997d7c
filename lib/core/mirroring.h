/* Copies of packages at the mirror targets: made, verified, remembered, taken away again.
 *
 * A target's tree is that of packages/: p/<key>/<file name>. A file is complete there, under a temporary name, before it
 * has its own, and its copy is remembered (mirror_copy) only when it was read back: a directory by its SHA-256, rsync by
 * the checksums of both sides. What is remembered is what lib/core/destination goes by. A process may die at any point
 * and leave nothing but a temporary file or a copy that is found good the next time.
 */
#ifndef RBE_CORE_MIRRORING_H
#define RBE_CORE_MIRRORING_H

#include "lib/core/app.h"
#include "lib/store/job.h"

/* A chore: queues a job for each new package and target. */
enum rbe_code rbe_mirroring_queue(struct rbe_app *app, int64_t now, struct rbe_err *e) RBE_MUST_USE;
/* A chore: the same for all packages without a copy, whatever their age. */
enum rbe_code rbe_mirroring_queue_all(struct rbe_app *app, int64_t now, struct rbe_err *e) RBE_MUST_USE;
/* Such a job. */
enum rbe_code rbe_mirroring_copy(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                                 struct rbe_err *e) RBE_MUST_USE;
/* A chore: takes away the copies of packages whose own files are gone. */
enum rbe_code rbe_mirroring_sweep(struct rbe_app *app, int64_t now, struct rbe_err *e) RBE_MUST_USE;

/* Copies at once all that is missing at the targets, and sweeps them; with verify, the copies that are there are
 * read back once more, and what is not good is copied anew or no longer used. `report` is told of each copy; e is NULL when it
 * went well. *ret_failed counts those that did not. */
typedef void rbe_mirroring_report(void *arg, const char *target, const char *path, const struct rbe_err *e);
enum rbe_code rbe_mirroring_run(struct rbe_app *app, bool verify, rbe_mirroring_report *report, void *arg,
                                unsigned *ret_failed, struct rbe_err *e) RBE_MUST_USE;

#endif
