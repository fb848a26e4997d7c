#include "lib/core/crew.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/wrap/sys.h"

enum { RESPAWN_MS = 1000, LOOK_MS = 200 };

/* What a worker leaves behind, in memory that all share. */
struct outcome {
    pid_t pid;                   /* 0 while there is none */
    bool lost;                   /* it died, and another one is to take its place */
    unsigned failed;
    enum rbe_code code;
    struct rbe_err err;
};

unsigned rbe_crew_size(const struct rbe_settings *settings)
{
    uint64_t room = rbe_memory_size() / (uint64_t)settings->batch.memory_bytes;
    unsigned cpus = rbe_cpu_count();

    if (settings->batch.workers > 0)
        return (unsigned)settings->batch.workers;
    if (room == 0)
        room = 1;
    return room < cpus ? (unsigned)room : cpus;
}

static void work(struct rbe_app *app, const struct rbe_work *w, pid_t parent, struct outcome *o)
{
    unsigned failed = 0;

    /* The parent may have died before the call took hold. */
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) == 0 && getppid() == parent)
        o->code = rbe_work_run(app, w, &failed, &o->err);
    o->failed += failed;
    rbe_app_detach(app);
    exit(0);
}

static enum rbe_code start(struct rbe_app *app, const struct rbe_work *w, struct outcome *o, struct rbe_err *e)
{
    pid_t parent = getpid(), pid = fork();

    if (pid < 0)
        return rbe_fail(e, RBE_UNAVAILABLE, "cannot start a worker: %s", strerror(errno));
    if (pid == 0)
        work(app, w, parent, o);
    o->pid = pid;
    return RBE_OK;
}

static void wait_ms(long ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&t, NULL);
}

static enum rbe_code died(int status, struct rbe_err *e)
{
    if (WIFSIGNALED(status))
        return rbe_fail(e, RBE_UNAVAILABLE, "a worker was killed by signal %d (%s)", WTERMSIG(status),
                        strsignal(WTERMSIG(status)));
    return rbe_fail(e, RBE_UNAVAILABLE, "a worker ended with status %d", WEXITSTATUS(status));
}

/* Looks after one worker; true while it is there or is to be. One that died is missed: where nobody stays to start another,
 * that is what came of it. */
static bool look_after(struct rbe_app *app, const struct rbe_work *w, struct outcome *o)
{
    struct rbe_err ignored = {0};
    int status = 0;
    pid_t got = o->pid ? waitpid(o->pid, &status, WNOHANG) : 0;

    if (o->pid && (got == 0 || (got < 0 && errno == EINTR)))
        return true;
    if (o->pid) {
        o->pid = 0;
        o->lost = got > 0 && status != 0;
    }
    if (!o->lost || (w->stop && *w->stop))
        return false;
    if (!w->watch) {
        o->lost = false;
        o->code = died(status, &o->err);
        return false;
    }
    wait_ms(RESPAWN_MS);
    o->lost = start(app, w, o, &ignored) != RBE_OK;
    return true;
}

static void tend(struct rbe_app *app, const struct rbe_work *w, struct outcome *all, unsigned size)
{
    bool told = false;

    for (;;) {
        unsigned living = 0;

        if (!told && w->stop && *w->stop) {
            told = true;
            for (unsigned i = 0; i < size; i++)
                if (all[i].pid)
                    (void)kill(all[i].pid, SIGTERM);
        }
        for (unsigned i = 0; i < size; i++)
            living += look_after(app, w, &all[i]);
        if (living == 0)
            return;
        wait_ms(LOOK_MS);
    }
}

static enum rbe_code sum_up(const struct outcome *all, unsigned size, unsigned *ret_failed, struct rbe_err *e)
{
    for (unsigned i = 0; i < size; i++)
        *ret_failed += all[i].failed;
    for (unsigned i = 0; i < size; i++)
        if (all[i].code != RBE_OK) {
            if (e)
                *e = all[i].err;
            return all[i].code;
        }
    return RBE_OK;
}

enum rbe_code rbe_crew_run(struct rbe_app *app, const struct rbe_work *w, unsigned size, unsigned *ret_failed,
                           struct rbe_err *e)
{
    const size_t bytes = size * sizeof(struct outcome);
    enum rbe_code code = RBE_OK;

    *ret_failed = 0;
    if (size <= 1)
        return rbe_work_run(app, w, ret_failed, e);
    struct outcome *all = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (all == MAP_FAILED)
        return rbe_fail_errno(e, "cannot start workers");
    /* Connections of a database must not be carried over a fork; each worker opens its own. */
    rbe_app_detach(app);
    for (unsigned i = 0; i < size && code == RBE_OK; i++)
        code = start(app, w, &all[i], e);
    tend(app, w, all, size);
    if (code == RBE_OK)
        code = sum_up(all, size, ret_failed, e);
    (void)munmap(all, bytes);
    return code;
}
