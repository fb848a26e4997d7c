/* Several workers of the queue at once, each a process of its own.
 */
#ifndef RBE_CORE_CREW_H
#define RBE_CORE_CREW_H

#include "lib/core/work.h"

/* How many: batch.workers, or one for each CPU as far as batch.memory_bytes each fit in the machine's memory. */
unsigned rbe_crew_size(const struct rbe_settings *settings);
/* rbe_work_run in `size` processes, in this one where that is 1. A worker that is killed is replaced while w->watch is set
 * and until w->stop is, which is handed on to all; when this process dies, they finish their present jobs. Fails with the
 * first of their failures. app->store may be NULL afterwards. */
enum rbe_code rbe_crew_run(struct rbe_app *app, const struct rbe_work *w, unsigned size, unsigned *ret_failed,
                           struct rbe_err *e) RBE_MUST_USE;

#endif
