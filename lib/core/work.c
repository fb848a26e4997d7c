#include "lib/core/work.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/core/delta.h"
#include "lib/wrap/file.h"
#include "lib/wrap/sys.h"

enum {
    WAIT_BUSY_MS = 200,          /* others still work: look again soon */
    WAIT_WATCH_MS = 1000,
    PATIENCE = 60,               /* waits in a row for a database that is locked or away, with watch */
    KEEP_HOUSE_SECONDS = 3600,
    STALE_SECONDS = 86400,
};

/* How each kind of job is done. */
static enum rbe_code (*const runners[RBE_JOB_KIND_MAX])(struct rbe_app *app, const struct rbe_job *j,
                                                        struct rbe_arena *arena, const char **ret_note,
                                                        struct rbe_err *e) = {
    [RBE_JOB_PATCH] = rbe_delta_build,
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

static enum rbe_code run(struct rbe_app *app, const struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                         struct rbe_err *e)
{
    *ret_note = "";
    if ((unsigned)j->kind >= RBE_JOB_KIND_MAX)
        return rbe_fail(e, RBE_REFUSED, "a job of unknown kind %d", (int)j->kind);
    return runners[j->kind](app, j, arena, ret_note, e);
}

/* Does the job and ends its lease. Fails only when the queue does. */
static enum rbe_code work_off(struct rbe_app *app, const struct rbe_work *w, const struct rbe_job *j,
                              struct rbe_arena *arena, unsigned *failed, struct rbe_err *e)
{
    struct rbe_err of_job = {0};
    const char *note;
    enum rbe_code code = run(app, j, arena, &note, &of_job), end;

    if (code == RBE_OK) {
        end = rbe_job_done(app->store, j, note, rbe_clock_now(), e);
    } else {
        bool final = !worth_retrying(code) || j->tries >= RBE_JOB_TRIES;

        note = of_job.text;
        end = rbe_job_fail(app->store, j, note, final, rbe_clock_now(), e);
        if (final)
            ++*failed;
    }
    /* Somebody took this process for dead and the job over: what comes of it is theirs to say. */
    if (end == RBE_REFUSED)
        return RBE_OK;
    if (end == RBE_OK && w->report)
        w->report(w->arg, j, note, &of_job);
    return end;
}

static void sweep_one(int dir_fd, const char *dir, const char *name, int64_t now)
{
    struct stat st;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || now - (int64_t)st.st_mtime < STALE_SECONDS)
        return;
    if (!S_ISDIR(st.st_mode)) {
        (void)unlinkat(dir_fd, name, 0);
        return;
    }
    rbe_autofree char *path = rbe_strfmt("%s/%s", dir, name);
    struct rbe_err ignored = {0};
    if (rbe_dir_remove(path, &ignored) != RBE_OK)
        return;
}

/* What killed processes left in tmp/. What cannot be removed now is tried again next time. */
static void sweep(struct rbe_app *app)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    const char *dir = rbe_app_path(app, &arena, "tmp");
    DIR *d = opendir(dir);
    const struct dirent *entry;
    int64_t now = rbe_clock_now();

    if (!d)
        return;
    while ((entry = readdir(d)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            sweep_one(dirfd(d), dir, entry->d_name, now);
    (void)closedir(d);
}

/* One turn: folds demand in and does the next job. *ret_wait: milliseconds to wait before the next turn, -1 when all is
 * done. */
static enum rbe_code turn(struct rbe_app *app, const struct rbe_work *w, const struct rbe_job_worker *me,
                          unsigned *failed, long *ret_wait, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_job j;
    int64_t busy = 0;
    bool found;

    RBE_TRY(rbe_delta_fold(app, e));
    RBE_TRY(rbe_job_lease(app->store, me, rbe_clock_now(), alive, &arena, &j, &found, &busy, e));
    if (found) {
        *ret_wait = 0;
        return work_off(app, w, &j, &arena, failed, e);
    }
    *ret_wait = busy ? WAIT_BUSY_MS : -1;
    if (w->watch)
        *ret_wait = WAIT_WATCH_MS;
    return RBE_OK;
}

enum rbe_code rbe_work_run(struct rbe_app *app, const struct rbe_work *w, unsigned *ret_failed, struct rbe_err *e)
{
    struct rbe_job_worker me = {.host = rbe_host_name(), .pid = getpid(),
                                .start = (int64_t)rbe_process_start(getpid())};
    int64_t swept = 0;
    unsigned away = 0;
    long wait = 0;

    *ret_failed = 0;
    while (!stopped(w)) {
        int64_t now = rbe_clock_now();

        if (now < swept || now - swept >= KEEP_HOUSE_SECONDS) {
            sweep(app);
            swept = now;
        }
        enum rbe_code code = turn(app, w, &me, ret_failed, &wait, e);
        if (code == RBE_UNAVAILABLE && w->watch && ++away < PATIENCE)
            wait = WAIT_WATCH_MS;
        else if (code != RBE_OK)
            return code;
        else
            away = 0;
        if (wait < 0)
            break;
        if (wait > 0 && !stopped(w))
            wait_ms(wait);
    }
    return RBE_OK;
}
