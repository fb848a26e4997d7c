#include "lib/core/work.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/core/attempt.h"
#include "lib/core/duty.h"
#include "lib/core/wish.h"
#include "lib/wrap/sys.h"

enum {
    WAIT_BUSY_MS = 200,          /* others still work: look again soon */
    WAIT_WATCH_MS = 1000,
    WAIT_AWAY_MAX_MS = 32000,    /* waits grow up to this while something is away */
};

/* A worker while it works. */
struct worker {
    struct rbe_app *app;
    const struct rbe_work *w;
    struct rbe_job_worker me;
    const struct rbe_chore *chores;
    size_t n_chores;
    int64_t *done_at;            /* of each chore */
    unsigned failed;             /* jobs that failed for good */
    char told[512];              /* the trouble that was told last, "" for none */
};

static bool stopped(const struct rbe_work *w)
{
    return w->stop && *w->stop;
}

/* A signal ends the wait early. */
static void wait_ms(long ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&t, NULL);
}

/* What goes on at another machine cannot be seen from here, so its workers count as living. This process asks while
 * it holds no lease, so one in its name is left from a job whose end could not be recorded. */
static bool alive(const struct rbe_job_worker *w)
{
    if (strcmp(w->host, rbe_host_name()) != 0)
        return true;
    return w->pid > 0 && w->pid != getpid() && rbe_process_alive((pid_t)w->pid, (uint64_t)w->start);
}

/* Only a failure of this machine may go away by waiting; a broken rule stays broken. */
static bool worth_retrying(enum rbe_code code)
{
    return code == RBE_FAULT || code == RBE_UNAVAILABLE || code == RBE_NOSPACE;
}

/* ---- jobs ---- */

/* A lease that cannot be renewed now is renewed the next time; others take it for dead only after several. */
struct lease {
    struct rbe_app *app;
    const struct rbe_job *job;
};

static void renew(void *arg)
{
    const struct lease *l = arg;
    struct rbe_err ignored = {0};

    if (l->app->store && rbe_job_renew(l->app->store, l->job, rbe_clock_now(), &ignored) != RBE_OK)
        return;
}

static enum rbe_code run(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                         struct rbe_err *e)
{
    struct lease lease = {.app = app, .job = j};
    const struct rbe_attempt a = {.duty = rbe_duty_of(j->kind), .beat = renew, .arg = &lease,
                                  .beat_seconds = RBE_JOB_LEASE_SECONDS / 10};

    *ret_note = "";
    if (!a.duty)
        return rbe_fail(e, RBE_REFUSED, "a job of unknown kind %d", (int)j->kind);
    return rbe_attempt_run(app, &a, j, arena, ret_note, e);
}

/* Does the job and ends its lease. Fails only when the queue does. */
static enum rbe_code work_off(struct worker *worker, struct rbe_job *j, struct rbe_arena *arena, struct rbe_err *e)
{
    const struct rbe_work *w = worker->w;
    struct rbe_err of_job = {0};
    const char *note;
    enum rbe_code code = run(worker->app, j, arena, &note, &of_job), end;
    bool final = !worth_retrying(code) || j->tries >= RBE_JOB_TRIES;

    if (!worker->app->store)
        RBE_TRY(rbe_app_reopen(worker->app, e));
    struct rbe_store *store = worker->app->store;
    if (code == RBE_GONE) {
        note = rbe_arena_strdup(arena, of_job.text);
        of_job = (struct rbe_err){0};
        end = rbe_job_drop(store, j, e);
    } else if (code == RBE_OK) {
        end = rbe_job_done(store, j, note, rbe_clock_now(), e);
    } else {
        note = of_job.text;
        end = rbe_job_fail(store, j, note, final, rbe_clock_now(), e);
    }
    /* Somebody took this process for dead and the job over: what comes of it is theirs to say. */
    if (end == RBE_REFUSED)
        return RBE_OK;
    if (end == RBE_OK && code != RBE_OK && code != RBE_GONE && final)
        worker->failed++;
    if (end == RBE_OK && w->report)
        w->report(w->arg, j, note, &of_job);
    return end;
}

/* ---- what comes round ---- */

static void tell(struct worker *worker, const struct rbe_err *e)
{
    const struct rbe_work *w = worker->w;

    if (strcmp(worker->told, e->text) == 0)
        return;
    memcpy(worker->told, e->text, sizeof(worker->told));
    if (w->trouble)
        w->trouble(w->arg, e);
}

/* A clock that was put back does not keep a chore waiting. */
static void do_chores(struct worker *worker)
{
    for (size_t i = 0; i < worker->n_chores && !stopped(worker->w); i++) {
        const struct rbe_chore *chore = &worker->chores[i];
        int64_t now = rbe_clock_now();
        struct rbe_err e = {0};

        if (worker->done_at[i] && now >= worker->done_at[i] && now - worker->done_at[i] < chore->every)
            continue;
        worker->done_at[i] = now;
        if (chore->run(worker->app, now, &e) == RBE_OK)
            continue;
        (void)rbe_err_prefix(&e, "%s", chore->name);
        if (worker->w->trouble)
            worker->w->trouble(worker->w->arg, &e);
    }
}

/* ---- the loop ---- */

/* One turn: chores, demand, the next job. *ret_wait: milliseconds to wait before the next turn, -1 when all is done. */
static enum rbe_code turn(struct worker *worker, long *ret_wait, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_app *app = worker->app;
    struct rbe_job j;
    int64_t busy = 0;
    bool found;

    if (!app->store)
        RBE_TRY(rbe_app_reopen(app, e));
    do_chores(worker);
    RBE_TRY(rbe_wish_fold(app, e));
    RBE_TRY(rbe_job_lease(app->store, &worker->me, rbe_clock_now(), alive, &arena, &j, &found, &busy, e));
    if (found) {
        *ret_wait = 0;
        return work_off(worker, &j, &arena, e);
    }
    *ret_wait = busy ? WAIT_BUSY_MS : -1;
    if (worker->w->watch)
        *ret_wait = WAIT_WATCH_MS;
    return RBE_OK;
}

/* A database that cannot be used is opened anew at the next turn, since another file may stand in its place by then. */
static void stand_back(struct worker *worker, const struct rbe_err *e, unsigned *away, long *ret_wait)
{
    long wait = WAIT_WATCH_MS << (*away < 5 ? *away : 5);

    ++*away;
    tell(worker, e);
    rbe_app_detach(worker->app);
    *ret_wait = wait < WAIT_AWAY_MAX_MS ? wait : WAIT_AWAY_MAX_MS;
}

static enum rbe_code work(struct worker *worker, struct rbe_err *e)
{
    static const struct rbe_err nothing = {0};
    unsigned away = 0;
    long wait = 0;

    while (!stopped(worker->w)) {
        struct rbe_err of_turn = {0};
        enum rbe_code code = turn(worker, &wait, &of_turn);

        if (code != RBE_OK && !worker->w->watch) {
            if (e)
                *e = of_turn;
            return code;
        }
        if (code != RBE_OK) {
            stand_back(worker, &of_turn, &away, &wait);
        } else {
            away = 0;
            tell(worker, &nothing);
        }
        if (wait < 0)
            break;
        if (wait > 0 && !stopped(worker->w))
            wait_ms(wait);
    }
    return RBE_OK;
}

enum rbe_code rbe_work_run(struct rbe_app *app, const struct rbe_work *w, unsigned *ret_failed, struct rbe_err *e)
{
    struct worker worker = {.app = app, .w = w,
                            .me = {.host = rbe_host_name(), .pid = getpid(),
                                   .start = (int64_t)rbe_process_start(getpid())}};

    worker.chores = rbe_duty_chores(&worker.n_chores);
    rbe_autofree int64_t *done_at = rbe_alloc_array(worker.n_chores, sizeof(*done_at));
    worker.done_at = done_at;
    enum rbe_code code = work(&worker, e);
    *ret_failed = worker.failed;
    return code;
}
