/* Building incremental packages: the jobs that lib/core/wish queues.
 */
#ifndef RBE_CORE_DELTA_H
#define RBE_CORE_DELTA_H

#include "lib/core/app.h"
#include "lib/store/job.h"
#include "lib/store/package.h"

/* Builds and proves the package of a leased job, puts package and row. One that saves nothing is thrown away and the note
 * says so. What was to lead to a package that nobody is sent to any more: RBE_GONE. Sets j's bytes and rss_bytes. */
enum rbe_code rbe_delta_build(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                              struct rbe_err *e) RBE_MUST_USE;
/* The advice to the publisher at the end of a job's note; NULL for none. */
const char *rbe_delta_advice(const char *note);

#endif
