#include "lib/web/prefork.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/mem.h"

#define MS UINT64_C(1000000)
static const uint64_t young = 1000 * MS, delay_min = 50 * MS, delay_max = 5000 * MS;

struct worker {
    pid_t pid;                   /* 0: none */
    bool told;                   /* to end */
    uint64_t started, due;       /* when it was, when the next one shall be forked (monotonic ns) */
    uint64_t delay;              /* before the next one, when this one dies young */
};

struct parent {
    const struct rbe_prefork *o;
    struct worker *worker;
    unsigned workers;
    bool stopping;
    sigset_t signals, before;
};

/* In the child true. */
static bool start(struct parent *p, struct worker *w)
{
    pid_t parent = getpid(), pid = fork();

    if (pid < 0) {
        rbe_log(RBE_LOG_ERROR, "cannot fork a worker: %s", strerror(errno));
        w->delay = w->delay ? w->delay : delay_min;
        w->due = rbe_clock_mono() + w->delay;
        return false;
    }
    if (pid > 0) {
        w->pid = pid;
        w->told = false;
        w->started = rbe_clock_mono();
        return false;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    /* It may have died before we asked to be told. */
    if (getppid() != parent)
        (void)raise(SIGTERM);
    /* One for the whole group, as a terminal sends it, is the parent's to judge. */
    (void)signal(SIGHUP, SIG_IGN);
    (void)sigprocmask(SIG_SETMASK, &p->before, NULL);
    return true;
}

static enum rbe_prefork_end end_of(const struct worker *w, int status)
{
    /* A worker that is told very early has not come as far as to take signals itself. */
    if (w->told && (status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM)))
        return RBE_PREFORK_REPLACED;
    if (WIFSIGNALED(status))
        return RBE_PREFORK_KILLED;
    return status == 0 ? RBE_PREFORK_RETIRED : RBE_PREFORK_FAILED;
}

static void ended(const struct parent *p, struct worker *w, int status)
{
    const uint64_t now = rbe_clock_mono();
    const enum rbe_prefork_end how = end_of(w, status);
    const bool died = how == RBE_PREFORK_KILLED || how == RBE_PREFORK_FAILED;

    if (how == RBE_PREFORK_KILLED)
        rbe_log(RBE_LOG_ERROR, "worker %d was killed by signal %d", (int)w->pid, WTERMSIG(status));
    else if (how == RBE_PREFORK_FAILED)
        rbe_log(RBE_LOG_ERROR, "worker %d ended with status %d", (int)w->pid, WEXITSTATUS(status));
    if (!p->stopping && p->o->ended)
        p->o->ended(p->o->arg, how);
    if (!died || now - w->started >= young)
        w->delay = 0;
    else
        w->delay = w->delay == 0 ? delay_min : w->delay * 2 < delay_max ? w->delay * 2 : delay_max;
    w->pid = 0;
    w->due = now + w->delay;
}

static void reap(struct parent *p)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (unsigned i = 0; i < p->workers; i++)
            if (p->worker[i].pid == pid)
                ended(p, &p->worker[i], status);
}

static unsigned alive(const struct parent *p)
{
    unsigned n = 0;

    for (unsigned i = 0; i < p->workers; i++)
        n += p->worker[i].pid != 0;
    return n;
}

static void tell_workers(const struct parent *p, int signo)
{
    for (unsigned i = 0; i < p->workers; i++) {
        if (!p->worker[i].pid)
            continue;
        p->worker[i].told |= signo == SIGTERM;
        (void)kill(p->worker[i].pid, signo);
    }
}

/* Forks what is due; in a child true. *ret_wait gets the time until the next is due, UINT64_MAX when none is. */
static bool start_due(struct parent *p, uint64_t *ret_wait)
{
    *ret_wait = UINT64_MAX;
    for (unsigned i = 0; i < p->workers; i++) {
        struct worker *w = &p->worker[i];

        if (w->pid)
            continue;
        if (w->due <= rbe_clock_mono() && start(p, w))
            return true;
        if (w->pid)
            continue;
        uint64_t now = rbe_clock_mono(), wait = w->due > now ? w->due - now : 0;
        if (wait < *ret_wait)
            *ret_wait = wait;
    }
    return false;
}

static void wait_signal(struct parent *p, uint64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / (1000 * MS)), .tv_nsec = (long)(ns % (1000 * MS))};
    int signo = ns == UINT64_MAX ? sigwaitinfo(&p->signals, NULL) : sigtimedwait(&p->signals, NULL, &t);

    if (signo == SIGTERM || signo == SIGINT) {
        p->stopping = true;
        tell_workers(p, SIGTERM);
    } else if (signo == SIGHUP && !p->stopping && p->o->reload(p->o->arg)) {
        tell_workers(p, SIGTERM);
    } else if (signo == p->o->relay) {
        tell_workers(p, signo);
    }
}

bool rbe_prefork_run(const struct rbe_prefork *o, int *ret_status)
{
    struct parent p = {.o = o, .workers = o->workers};
    uint64_t wait = UINT64_MAX;
    bool child = false;

    p.worker = rbe_alloc_array(o->workers, sizeof(*p.worker));
    (void)sigemptyset(&p.signals);
    (void)sigaddset(&p.signals, SIGCHLD);
    (void)sigaddset(&p.signals, SIGTERM);
    (void)sigaddset(&p.signals, SIGINT);
    (void)sigaddset(&p.signals, SIGHUP);
    (void)sigaddset(&p.signals, o->relay);
    /* A parent that ignores SIGCHLD would hand that on to us, and its children would leave no status. */
    (void)signal(SIGCHLD, SIG_DFL);
    (void)sigprocmask(SIG_BLOCK, &p.signals, &p.before);
    /* Whoever started us may have had it ignored until now, so that none kills us before we listen. */
    (void)signal(SIGHUP, SIG_DFL);
    while (!p.stopping || alive(&p) > 0) {
        if (!p.stopping && start_due(&p, &wait)) {
            child = true;
            break;
        }
        wait_signal(&p, p.stopping ? UINT64_MAX : wait);
        reap(&p);
    }
    if (!child)
        (void)sigprocmask(SIG_SETMASK, &p.before, NULL);
    free(p.worker);
    *ret_status = 0;
    return child;
}
