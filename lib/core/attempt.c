/* The child opens databases of its own, since SQLite's connections must not be carried over a fork. What came of it comes
 * through a pipe: a struct outcome, then the note.
 */
#include "lib/core/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/wrap/file.h"

enum { NOTE_MAX = 4096, MS = 1000 };

struct outcome {
    struct rbe_err err;
    int64_t bytes, rss_bytes;
    size_t note;                 /* bytes behind this */
};

static int64_t ms_of(const struct rusage *u)
{
    return ((int64_t)u->ru_utime.tv_sec + u->ru_stime.tv_sec) * MS + (u->ru_utime.tv_usec + u->ru_stime.tv_usec) / MS;
}

/* Processor time of this process and of the programs it ran. */
static int64_t cpu_ms(void)
{
    static const int who[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    struct rusage u;
    int64_t ms = 0;

    for (size_t i = 0; i < RBE_COUNT(who); i++)
        if (getrusage(who[i], &u) == 0)
            ms += ms_of(&u);
    return ms;
}

/* ---- the process of its own ---- */

/* Never returns. */
static void be_child(struct rbe_app *app, const struct rbe_duty *duty, struct rbe_job *j, pid_t parent, int fd)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct outcome o = {0};
    const char *note = "";

    /* a worker that was killed has lost the lease; one that is told to stop waits for this */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(1);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    enum rbe_code code = rbe_app_reopen(app, &o.err);
    if (code == RBE_OK)
        code = duty->run(app, j, &arena, &note, &o.err);
    o.err.code = code;
    o.bytes = j->bytes;
    o.rss_bytes = j->rss_bytes;
    o.note = strnlen(note, NOTE_MAX);
    if (rbe_file_write(fd, &o, sizeof(o), NULL) != RBE_OK || rbe_file_write(fd, note, o.note, NULL) != RBE_OK)
        _exit(1);
    rbe_app_detach(app);
    rbe_arena_release(&arena);
    exit(0);
}

/* ---- the worker ---- */

/* Gathers what comes until the pipe's end, with a beat every so often. */
static void listen_to(const struct rbe_attempt *a, int fd, struct rbe_str *out)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (;;) {
        int ready = poll(&p, 1, a->beat ? a->beat_seconds * MS : -1);

        if (ready == 0)
            a->beat(a->arg);
        if (ready == 0 || (ready < 0 && errno == EINTR))
            continue;
        ssize_t n = ready < 0 ? -1 : read(fd, rbe_str_reserve(out, sizeof(struct outcome) + NOTE_MAX),
                                          sizeof(struct outcome) + NOTE_MAX);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || out->len > 2 * (sizeof(struct outcome) + NOTE_MAX))
            return;
        out->len += (size_t)n;
    }
}

/* What the child said, if it said all of it. */
static bool read_outcome(const struct rbe_str *said, struct outcome *ret)
{
    if (said->len < sizeof(*ret))
        return false;
    memcpy(ret, said->s, sizeof(*ret));
    return said->len == sizeof(*ret) + ret->note;
}

static enum rbe_code died(int status, struct rbe_err *e)
{
    if (WIFSIGNALED(status))
        return rbe_fail(e, RBE_UNAVAILABLE, "the process of this job was killed by signal %d (%s)", WTERMSIG(status),
                        strsignal(WTERMSIG(status)));
    return rbe_fail(e, RBE_UNAVAILABLE, "the process of this job ended with status %d", WEXITSTATUS(status));
}

static enum rbe_code wait_for(const struct rbe_attempt *a, pid_t pid, int fd, struct rbe_job *j, struct rbe_arena *arena,
                              const char **ret_note, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str said = {0};
    struct outcome o = {0};
    struct rusage used = {0};
    int status = 0;
    pid_t got;

    listen_to(a, fd, &said);
    do
        got = wait4(pid, &status, 0, &used);
    while (got < 0 && errno == EINTR);
    j->cpu_ms = ms_of(&used);
    j->rss_bytes = (int64_t)used.ru_maxrss * 1024;
    if (got != pid || status != 0 || !read_outcome(&said, &o))
        return died(status, e);
    j->bytes = o.bytes;
    if (o.rss_bytes > j->rss_bytes)
        j->rss_bytes = o.rss_bytes;
    *ret_note = rbe_arena_strndup(arena, said.s + sizeof(o), o.note);
    if (o.err.code != RBE_OK && e)
        *e = o.err;
    return o.err.code;
}

static enum rbe_code run_apart(struct rbe_app *app, const struct rbe_attempt *a, struct rbe_job *j,
                               struct rbe_arena *arena, const char **ret_note, struct rbe_err *e)
{
    const pid_t parent = getpid();
    struct rbe_err untold = {0};
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return rbe_fail_errno(e, "cannot make a pipe");
    rbe_autoclose int from = ends[0];
    rbe_app_detach(app);
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(ends[0]);
        be_child(app, a->duty, j, parent, ends[1]);
    }
    int no = errno;
    (void)close(ends[1]);
    /* whoever cannot renew its lease now learns of it at the end of the job */
    if (rbe_app_reopen(app, &untold) != RBE_OK)
        untold.code = RBE_OK;
    if (pid < 0) {
        errno = no;
        (void)rbe_fail_errno(e, "cannot fork");
        return e ? (e->code = RBE_UNAVAILABLE) : RBE_UNAVAILABLE;
    }
    enum rbe_code code = wait_for(a, pid, from, j, arena, ret_note, e);
    if (!app->store && rbe_app_reopen(app, &untold) != RBE_OK)
        untold.code = RBE_OK;
    return code;
}

enum rbe_code rbe_attempt_run(struct rbe_app *app, const struct rbe_attempt *a, struct rbe_job *j,
                              struct rbe_arena *arena, const char **ret_note, struct rbe_err *e)
{
    *ret_note = "";
    j->bytes = j->rss_bytes = j->cpu_ms = 0;
    if (a->duty->apart)
        return run_apart(app, a, j, arena, ret_note, e);
    int64_t before = cpu_ms();
    enum rbe_code code = a->duty->run(app, j, arena, ret_note, e);
    j->cpu_ms = cpu_ms() - before;
    return code;
}
