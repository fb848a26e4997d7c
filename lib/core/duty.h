/* What the worker of the queue does: one row for each kind of job, one for each chore that comes round by itself. A new
 * kind is a value of enum rbe_job_kind and a row; a new chore is a row.
 */
#ifndef RBE_CORE_DUTY_H
#define RBE_CORE_DUTY_H

#include "lib/core/app.h"
#include "lib/store/job.h"

struct rbe_duty {
    const char *name;            /* "patch" */
    /* Does the leased job; *ret_note (in the arena or static, "" before) is what came of it. May set j's bytes and
     * rss_bytes. A failure of the machine (RBE_FAULT, RBE_UNAVAILABLE, RBE_NOSPACE) is tried again later, any other is
     * final, but RBE_GONE: the work has no point any more, and its row goes, so that it can be asked for again. It is done
     * again when its worker died half-way, so it must bear that. */
    enum rbe_code (*run)(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                         struct rbe_err *e);
    bool apart;                  /* in a process of its own (attempt.h): takes long, or memory */
    int64_t keep;                /* seconds that jobs are kept when they ended; 0: for ever, so that none is done twice */
};
/* NULL for a kind that this program does not know. */
const struct rbe_duty *rbe_duty_of(enum rbe_job_kind kind);

struct rbe_chore {
    const char *name;            /* in messages */
    int64_t every;               /* seconds; also done whenever a worker starts */
    /* Any number of workers may be at it at once. A failure is told, and the chore comes round again. */
    enum rbe_code (*run)(struct rbe_app *app, int64_t now, struct rbe_err *e);
};
const struct rbe_chore *rbe_duty_chores(size_t *ret_n);
/* A chore: forgets the jobs that were kept long enough. */
enum rbe_code rbe_duty_forget(struct rbe_app *app, int64_t now, struct rbe_err *e) RBE_MUST_USE;

#endif
