/* Child programs by fork and exec.
 *
 * Between fork and exec the child makes only calls that are safe in a copy of any process (signal-safety(7)), so all
 * that needs memory, the path of the program above all, is made ready before. What goes wrong there comes back through
 * a pipe that a successful exec closes: the parent reads either a complaint or the end.
 */
#include "lib/wrap/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"

enum {
    PASSED = 3,              /* the child's number of pass_fd */
    STATUS,                  /* and of the pipe that complaints go through */
    ABOVE = 16,              /* descriptors are moved up here before they are put in their places */
    TAIL = 512,
    STEP = 16 * 1024,
};

enum stage { AT_DESCRIPTORS, AT_LIMITS, AT_CONFINE, AT_EXEC, STAGE_MAX };

static const char *const stage_text[STAGE_MAX] = {
    [AT_DESCRIPTORS] = "its descriptors could not be set up",
    [AT_LIMITS] = "its limits could not be set",
    [AT_CONFINE] = "it could not be confined",
    [AT_EXEC] = "it could not be executed",
};

struct complaint {
    int stage, why;
};

/* All that the child needs, made before the fork. */
struct launch {
    const struct rbe_child *child;
    char *program;
    char *env[3];
    int null, pass;
    int out[2], err[2], status[2];
    pid_t parent;
    rlim_t descriptors;
};

static void close_end(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static void rbe_launch_release(struct launch *l)
{
    free(l->program);
    free(l->env[0]);
    free(l->env[1]);
    close_end(&l->null);
    close_end(&l->pass);
    for (int i = 0; i < 2; i++) {
        close_end(&l->out[i]);
        close_end(&l->err[i]);
        close_end(&l->status[i]);
    }
}

/* The program's file: argv[0] itself when it holds a slash, else the first of PATH that may be executed; NULL for
 * none. */
static char *find_program(const char *name, const char *path)
{
    if (strchr(name, '/'))
        return rbe_strdup(name);
    while (*path) {
        size_t len = strcspn(path, ":");
        char *try = len ? rbe_strfmt("%.*s/%s", (int)len, path, name) : rbe_strfmt("./%s", name);

        if (access(try, X_OK) == 0)
            return try;
        free(try);
        path += len + (path[len] == ':');
    }
    return NULL;
}

static bool pipe_above(int fds[2])
{
    int raw[2];

    if (pipe2(raw, O_CLOEXEC) < 0)
        return false;
    for (int i = 0; i < 2; i++) {
        fds[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, ABOVE);
        (void)close(raw[i]);
    }
    return fds[0] >= 0 && fds[1] >= 0;
}

/* Nothing stands below ABOVE, so that putting one descriptor in its place cannot close another one. */
static bool descriptors_ready(struct launch *l)
{
    rbe_autoclose int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null < 0)
        return false;
    l->null = fcntl(null, F_DUPFD_CLOEXEC, ABOVE);
    if (l->child->pass_fd >= 0)
        l->pass = fcntl(l->child->pass_fd, F_DUPFD_CLOEXEC, ABOVE);
    return l->null >= 0 && (l->child->pass_fd < 0 || l->pass >= 0) && pipe_above(l->out) && pipe_above(l->err) &&
           pipe_above(l->status);
}

static enum rbe_code launch_ready(struct launch *l, struct rbe_err *e)
{
    const char *path = getenv("PATH");
    struct rlimit files;

    if (!path || !*path)
        path = "/usr/local/bin:/usr/bin:/bin";
    l->program = find_program(l->child->argv[0], path);
    if (!l->program)
        return rbe_fail(e, RBE_UNAVAILABLE, "cannot start %s: no such program on PATH", l->child->argv[0]);
    l->env[0] = rbe_strfmt("PATH=%s", path);
    l->env[1] = rbe_strdup("LC_ALL=C");
    l->parent = getpid();
    l->descriptors = getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < INT_MAX ? files.rlim_cur : 65536;
    if (!descriptors_ready(l))
        return rbe_fail(e, RBE_UNAVAILABLE, "cannot start %s: %s", l->child->argv[0], strerror(errno));
    return RBE_OK;
}

/* From here to child_main: in the child, before exec. */

static bool place(int fd, int number)
{
    return dup2(fd, number) >= 0;
}

static bool child_descriptors(const struct launch *l)
{
    if (!place(l->null, 0) || !place(l->out[1], 1) || !place(l->err[1], 2) || !place(l->status[1], STATUS))
        return false;
    if (l->pass >= 0 ? !place(l->pass, PASSED) : (close(PASSED) < 0 && errno != EBADF))
        return false;
    if (fcntl(STATUS, F_SETFD, FD_CLOEXEC) < 0)
        return false;
#ifdef SYS_close_range
    if (syscall(SYS_close_range, STATUS + 1, ~0U, 0) == 0)
        return true;
#endif
    for (rlim_t fd = STATUS + 1; fd < l->descriptors; fd++)
        (void)close((int)fd);
    return true;
}

static bool child_limit(int what, uint64_t value)
{
    struct rlimit limit = {.rlim_cur = value, .rlim_max = value};

    return value == 0 || setrlimit((__rlimit_resource_t)what, &limit) == 0;
}

static bool child_limits(const struct rbe_child *c)
{
    return child_limit(RLIMIT_CPU, c->cpu_seconds) && child_limit(RLIMIT_AS, c->memory_bytes) &&
           child_limit(RLIMIT_FSIZE, c->file_bytes);
}

static void child_signals(void)
{
    sigset_t none;

    for (int sig = 1; sig < NSIG; sig++)
        (void)signal(sig, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void child_main(const struct launch *l)
{
    struct complaint c = {.stage = AT_DESCRIPTORS};

    child_signals();
    /* The parent may have died before the call took hold. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != l->parent || !child_descriptors(l))
        goto fail;
    c.stage = AT_LIMITS;
    if (!child_limits(l->child))
        goto fail;
    c.stage = AT_CONFINE;
    errno = 0;
    if (l->child->confine && l->child->confine() != 0)
        goto fail;
    c.stage = AT_EXEC;
    (void)execve(l->program, (char *const *)(uintptr_t)l->child->argv, l->env);
fail:
    c.why = errno;
    /* Descriptors may not be in their places yet, and then the pipe is still where the parent made it. */
    (void)!write(c.stage == AT_DESCRIPTORS ? l->status[1] : STATUS, &c, sizeof(c));
    _exit(127);
}

/* Signals stay blocked from before the fork until the child has none of our handlers left. */
static pid_t launch_fork(const struct launch *l)
{
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();

    if (pid == 0)
        child_main(l);
    int why = errno;

    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    errno = why;
    return pid;
}

static void reap(pid_t pid, int *ret_status, struct rusage *ret_usage)
{
    while (wait4(pid, ret_status, 0, ret_usage) < 0)
        if (errno != EINTR)
            abort();
}

/* False with the complaint when the child did not come as far as its program. */
static bool launched(int fd, struct complaint *ret)
{
    ssize_t n;

    do
        n = read(fd, ret, sizeof(*ret));
    while (n < 0 && errno == EINTR);
    return n != (ssize_t)sizeof(*ret);
}

/* Reads once; false at the end of the stream. */
static bool drain(int fd, struct rbe_str *into)
{
    ssize_t n = read(fd, rbe_str_reserve(into, STEP), STEP);

    if (n > 0) {
        into->len += (size_t)n;
        into->s[into->len] = '\0';
    }
    return n > 0 || (n < 0 && errno == EINTR);
}

static void keep_tail(struct rbe_str *s)
{
    if (s->len <= TAIL)
        return;
    memmove(s->s, s->s + s->len - TAIL, TAIL + 1);
    s->len = TAIL;
}

/* Reads both streams to their ends. True when standard output stayed within its bound; else the child was killed. */
static bool gather(struct launch *l, pid_t pid, struct rbe_str *out, struct rbe_str *errors)
{
    size_t begin = out->len;
    bool within = true;

    while (l->out[0] >= 0 || l->err[0] >= 0) {
        struct pollfd fds[2] = {{.fd = l->out[0], .events = POLLIN}, {.fd = l->err[0], .events = POLLIN}};

        if (poll(fds, 2, -1) < 0) {
            if (errno == EINTR)
                continue;
            abort();
        }
        if (fds[0].revents && !drain(l->out[0], out))
            close_end(&l->out[0]);
        if (fds[1].revents) {
            if (!drain(l->err[0], errors))
                close_end(&l->err[0]);
            keep_tail(errors);
        }
        if (within && out->len - begin > l->child->out_max) {
            within = false;
            (void)kill(pid, SIGKILL);
            close_end(&l->out[0]);
            close_end(&l->err[0]);
        }
    }
    return within;
}

static uint64_t usage_ns(const struct timeval *tv)
{
    return (uint64_t)tv->tv_sec * 1000000000U + (uint64_t)tv->tv_usec * 1000U;
}

static struct rbe_child_end child_end(int status, const struct rusage *usage)
{
    return (struct rbe_child_end){
        .exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .cpu_ns = usage_ns(&usage->ru_utime) + usage_ns(&usage->ru_stime),
        .rss_bytes = (uint64_t)usage->ru_maxrss * 1024,
    };
}

enum rbe_code rbe_child_run(const struct rbe_child *c, struct rbe_str *out, struct rbe_str *ret_errors,
                            struct rbe_child_end *ret_end, struct rbe_err *e)
{
    rbe_auto(launch) struct launch l = {.child = c, .null = -1, .pass = -1, .out = {-1, -1}, .err = {-1, -1},
                                        .status = {-1, -1}};
    rbe_auto(str) struct rbe_str errors = {0};
    struct complaint complaint;
    struct rusage usage;
    int status;

    RBE_TRY(launch_ready(&l, e));
    pid_t pid = launch_fork(&l);

    if (pid < 0)
        return rbe_fail(e, RBE_UNAVAILABLE, "cannot start %s: %s", c->argv[0], strerror(errno));
    close_end(&l.out[1]);
    close_end(&l.err[1]);
    close_end(&l.status[1]);
    if (!launched(l.status[0], &complaint)) {
        reap(pid, &status, &usage);
        return rbe_fail(e, RBE_UNAVAILABLE, "cannot start %s: %s: %s", c->argv[0], stage_text[complaint.stage],
                        strerror(complaint.why));
    }
    bool within = gather(&l, pid, out, &errors);

    reap(pid, &status, &usage);
    *ret_end = child_end(status, &usage);
    if (ret_errors) {
        rbe_str_reset(ret_errors);
        rbe_str_put(ret_errors, errors.s, errors.len);
    }
    if (!within)
        return rbe_fail(e, RBE_TOOLARGE, "%s wrote more than %zu bytes", c->argv[0], c->out_max);
    return RBE_OK;
}
