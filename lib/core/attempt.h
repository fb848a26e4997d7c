/* One try of a job. A duty that takes time or memory is done by a process of its own (`apart`): what kills it, a crash, the
 * kernel out of memory, a limit, kills the try and not the worker, and while it goes on the worker can say that it lives.
 */
#ifndef RBE_CORE_ATTEMPT_H
#define RBE_CORE_ATTEMPT_H

#include "lib/core/duty.h"

struct rbe_attempt {
    const struct rbe_duty *duty;
    /* Called about every so many seconds while the job is done apart; may be NULL. */
    void (*beat)(void *arg);
    void *arg;
    int beat_seconds;
};
/* Does the job; fills j's bytes, cpu_ms and rss_bytes, and *ret_note, in the arena. Its outcome is the duty's own; a process
 * that was killed is RBE_UNAVAILABLE and says by what. The databases are closed and opened again, so app->store may be NULL
 * afterwards, when they went away meanwhile. */
enum rbe_code rbe_attempt_run(struct rbe_app *app, const struct rbe_attempt *a, struct rbe_job *j,
                              struct rbe_arena *arena, const char **ret_note, struct rbe_err *e) RBE_MUST_USE;

#endif
