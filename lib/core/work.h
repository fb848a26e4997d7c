/* The worker of the queue: leases jobs, runs them, does the chores that come round by themselves (duty.h).
 */
#ifndef RBE_CORE_WORK_H
#define RBE_CORE_WORK_H

#include <signal.h>

#include "lib/core/app.h"
#include "lib/store/job.h"

struct rbe_work {
    /* Stay when nothing is runnable, and whatever is away for the moment: a locked or missing database, a full disk. */
    bool watch;
    const volatile sig_atomic_t *stop;           /* set: finish the present job and return */
    /* Told of each job after it ended; e->code is RBE_OK when it went well. May be NULL. */
    void (*report)(void *arg, const struct rbe_job *j, const char *note, const struct rbe_err *e);
    /* Told when a chore fails, and with watch of what keeps from working, once until it changes; an e without text says
     * that it is over. May be NULL. */
    void (*trouble)(void *arg, const struct rbe_err *e);
    void *arg;
};
/* Works until no job is runnable or leased by a living worker (or until stop, with watch). A job that fails is not a
 * failure of this function; *ret_failed counts those that failed for good. After a failure app->store may be NULL. */
enum rbe_code rbe_work_run(struct rbe_app *app, const struct rbe_work *w, unsigned *ret_failed, struct rbe_err *e)
    RBE_MUST_USE;

#endif
