/* The worker: doing what is queued, retrying, taking over, sharing a queue, keeping house. */
#include "tests/unit/releases.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <utime.h>

#include "lib/core/crew.h"
#include "lib/core/demand.h"
#include "lib/core/sweep.h"
#include "lib/core/wish.h"
#include "lib/core/work.h"
#include "lib/wrap/sys.h"

enum { RELEASES = 6, LAST = RELEASES - 1 };

struct seen {
    int done, failed;
    char note[512];
};

static void report(void *arg, const struct rbe_job *j, const char *note, const struct rbe_err *e)
{
    struct seen *seen = arg;

    assert_true(j->id > 0);
    *(e->code == RBE_OK ? &seen->done : &seen->failed) += 1;
    (void)snprintf(seen->note, sizeof(seen->note), "%s", note);
}

static void publish_some(struct site *s, struct rbe_package all[RELEASES])
{
    rbe_autofree char *big = site_text(1, 1000);
    int64_t r = site_resource(s, "app", "[]");

    s->settings.batch.prebuild_depth = 0;
    for (int i = 0; i < RELEASES; i++) {
        char text[16];
        const char *name = rbe_arena_strfmt(&s->arena, "1.%d.0", i);

        (void)snprintf(text, sizeof(text), "%d", i);
        const struct site_file files[] = {{"big", big}, {"small", text}, {0}};
        all[i] = site_publish(s, r, "app", name, files);
    }
}

static void wish(struct site *s, const struct rbe_package *target, const struct rbe_package *source)
{
    const struct rbe_wish w = {.target = target, .source = source, .format = RBE_FORMAT_FILES, .tier = RBE_WISH_ASKED};

    must(s, rbe_wish_put(s->app, &w, NULL, &s->err));
}

static struct rbe_job *jobs(struct site *s, size_t *ret_n)
{
    struct rbe_job *all;

    must(s, rbe_job_list(s->app->store, -1, 1000, &s->arena, &all, ret_n, &s->err));
    return all;
}

static void test_empty_queue(void **state)
{
    struct site *s = *state;
    unsigned failed = 1;

    must(s, rbe_work_run(s->app, &(struct rbe_work){0}, &failed, &s->err));
    assert_int_equal(failed, 0);
}

/* From a question noted to a package there, in one run. */
static void test_works_off_demand(void **state)
{
    struct site *s = *state;
    struct rbe_package all[RELEASES], patch;
    struct seen seen = {0};
    unsigned failed;
    bool found;
    size_t n;

    publish_some(s, all);
    rbe_demand_note(s->app->share, all[0].id, all[LAST].id, 0);
    must(s, rbe_work_run(s->app, &(struct rbe_work){.report = report, .arg = &seen}, &failed, &s->err));
    assert_int_equal(seen.done, 1);
    assert_int_equal(failed, 0);
    const struct rbe_job *j = jobs(s, &n);
    assert_int_equal(n, 1);
    assert_int_equal(j->state, RBE_JOB_DONE);
    assert_string_equal(j->note, seen.note);
    must(s, rbe_package_find_patch(s->app->store, all[LAST].id, all[0].id, RBE_FORMAT_FILES, &s->arena, &patch, &found,
                                   &s->err));
    assert_true(found);
}

/* Trouble of this machine is tried again later and is no final failure; a broken rule is one at once. */
static void test_failures(void **state)
{
    struct site *s = *state;
    struct rbe_package all[RELEASES];
    struct seen seen = {0};
    unsigned failed;
    size_t n;

    publish_some(s, all);
    const char *path = rbe_depot_path(s->app, &s->arena, all[LAST].path);
    assert_int_equal(unlink(path), 0);
    wish(s, &all[LAST], &all[0]);
    must(s, rbe_work_run(s->app, &(struct rbe_work){.report = report, .arg = &seen}, &failed, &s->err));
    assert_int_equal(seen.failed, 1);
    assert_int_equal(failed, 0);
    const struct rbe_job *j = jobs(s, &n);
    assert_int_equal(j->state, RBE_JOB_QUEUED);
    assert_true(j->run_at >= rbe_clock_now() + 50);
    assert_string_equal(j->note, seen.note);

    int64_t r = site_resource(s, "plain", "[]");
    const struct site_file one[] = {{"a", "1"}, {0}}, two[] = {{"a", "2"}, {0}};
    struct rbe_package a = site_publish(s, r, "plain", "1", one), b = site_publish(s, r, "plain", "2", two);
    struct rbe_version v = {.resource = r, .name = "3", .order_key = "", .release_note = "", .custom_data = ""};
    struct rbe_package c = b;
    memset(c.tree, 0, sizeof(c.tree));
    c.path = "p/00000000000000000000000000000000/c.bin";
    c.file_type = "bin";
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_version_put(s->app->store, &v, &s->err));
    c.version = v.id;
    must(s, rbe_package_put(s->app->store, &c, &s->err));
    must(s, rbe_offer_refresh(s->app->store, r, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    wish(s, &c, &a);
    must(s, rbe_work_run(s->app, &(struct rbe_work){.report = report, .arg = &seen}, &failed, &s->err));
    assert_int_equal(seen.failed, 2);
    assert_int_equal(failed, 1);
    j = jobs(s, &n);
    assert_int_equal(j->state, RBE_JOB_FAILED);
    assert_non_null(strstr(j->note, "no archives"));
}

static bool say_living(const struct rbe_job_worker *w)
{
    (void)w;
    return true;
}

/* A worker killed in the middle of a job: the next run does it, at once. */
static void test_takes_over(void **state)
{
    struct site *s = *state;
    struct rbe_package all[RELEASES];
    struct seen seen = {0};
    struct rbe_job j;
    unsigned failed;
    bool found;
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    publish_some(s, all);
    assert_int_equal(waitpid(child, NULL, 0), child);
    struct rbe_job_worker dead = {.host = rbe_host_name(), .pid = child, .start = 1};
    wish(s, &all[LAST], &all[0]);
    must(s, rbe_job_lease(s->app->store, &dead, rbe_clock_now(), say_living, &s->arena, &j, &found, NULL, &s->err));
    assert_true(found);
    must(s, rbe_work_run(s->app, &(struct rbe_work){.report = report, .arg = &seen}, &failed, &s->err));
    assert_int_equal(seen.done, 1);
}

/* Several workers on one queue: every job once, and none leaves before all is done. */
static void test_several_workers(void **state)
{
    struct site *s = *state;
    struct rbe_package all[RELEASES], *rows;
    int status;
    size_t n, patches = 0;

    publish_some(s, all);
    for (int f = 0; f < LAST; f++)
        wish(s, &all[LAST], &all[f]);
    for (int i = 0; i < 3; i++)
        if (fork() == 0) {
            struct rbe_err e = {0};
            struct rbe_app *app = NULL;
            unsigned failed = 1;

            if (rbe_app_open(&s->settings, RBE_APP_WRITE, &app, &e) != RBE_OK ||
                rbe_work_run(app, &(struct rbe_work){0}, &failed, &e) != RBE_OK)
                _exit(2);
            struct rbe_job *left;
            struct rbe_arena arena = {0};
            if (rbe_job_list(app->store, RBE_JOB_QUEUED, 1, &arena, &left, &n, &e) != RBE_OK || n)
                _exit(3);
            rbe_arena_release(&arena);
            rbe_app_close(app);
            _exit(failed ? 1 : 0);
        }
    for (int i = 0; i < 3; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    const struct rbe_job *j = jobs(s, &n);
    assert_int_equal(n, LAST);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(j[i].state, RBE_JOB_DONE);
        assert_int_equal(j[i].tries, 1);
    }
    must(s, rbe_package_list(s->app->store, 0, 0, 1000, &s->arena, &rows, &n, &s->err));
    for (size_t i = 0; i < n; i++)
        patches += rows[i].format == RBE_FORMAT_FILES;
    assert_int_equal(patches, LAST);
}

/* The same by a crew, which also hands on what fails. */
static void test_crew(void **state)
{
    struct site *s = *state;
    struct rbe_package all[RELEASES];
    unsigned failed = 1;
    size_t n;

    publish_some(s, all);
    for (int f = 0; f < LAST; f++)
        wish(s, &all[LAST], &all[f]);
    must(s, rbe_crew_run(s->app, &(struct rbe_work){0}, 3, &failed, &s->err));
    assert_int_equal(failed, 0);
    must(s, rbe_app_reopen(s->app, &s->err));
    const struct rbe_job *j = jobs(s, &n);
    assert_int_equal(n, LAST);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(j[i].state, RBE_JOB_DONE);
    const char *db = rbe_app_path(s->app, &s->arena, "db"), *away = rbe_app_path(s->app, &s->arena, "gone");

    rbe_app_detach(s->app);
    assert_int_equal(rename(db, away), 0);
    expect(s, RBE_REFUSED, rbe_crew_run(s->app, &(struct rbe_work){0}, 2, &failed, &s->err));
    assert_int_equal(rename(away, db), 0);
    must(s, rbe_app_reopen(s->app, &s->err));
    s->settings.batch.workers = 7;
    assert_int_equal(rbe_crew_size(&s->settings), 7);
    s->settings.batch.workers = 0;
    s->settings.batch.memory_bytes = INT64_MAX;
    assert_int_equal(rbe_crew_size(&s->settings), 1);
}

static void die(void *arg, const struct rbe_job *j, const char *note, const struct rbe_err *e)
{
    (void)arg, (void)j, (void)note, (void)e;
    (void)raise(SIGKILL);
}

/* Work that ended because all workers were killed has not gone well. */
static void test_crew_killed(void **state)
{
    struct site *s = *state;
    struct rbe_package all[RELEASES];
    unsigned failed = 1;

    publish_some(s, all);
    for (int f = 0; f < LAST; f++)
        wish(s, &all[LAST], &all[f]);
    expect(s, RBE_UNAVAILABLE, rbe_crew_run(s->app, &(struct rbe_work){.report = die}, 2, &failed, &s->err));
    assert_non_null(strstr(s->err.text, "killed by signal 9"));
    must(s, rbe_app_reopen(s->app, &s->err));
}

static volatile sig_atomic_t stop;

static void on_alarm(int number)
{
    (void)number;
    stop = 1;
}

static void test_watch_stops(void **state)
{
    struct site *s = *state;
    struct sigaction act = {.sa_handler = on_alarm};
    unsigned failed;

    stop = 0;
    assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
    uint64_t began = rbe_clock_mono();
    (void)alarm(1);
    must(s, rbe_work_run(s->app, &(struct rbe_work){.watch = true, .stop = &stop}, &failed, &s->err));
    assert_true(stop);
    assert_true(rbe_clock_mono() - began < UINT64_C(20000000000));
}

/* What is told of trouble while a worker stays. */
struct troubles {
    int told, over;
    char first[512];
    const char *back;            /* the directory that is put back then, NULL for none */
    const char *away;
};

static void trouble(void *arg, const struct rbe_err *e)
{
    struct troubles *t = arg;

    if (!*e->text) {
        t->over++;
        stop = 1;
        return;
    }
    if (!t->told++)
        (void)snprintf(t->first, sizeof(t->first), "%s", e->text);
    if (t->back)
        assert_int_equal(rename(t->away, t->back), 0);
    t->back = NULL;
}

/* The directory of the databases goes away while a worker waits and comes back: it says so once, and works again. */
static void test_databases_away(void **state)
{
    struct site *s = *state;
    struct rbe_package all[RELEASES];
    struct troubles t = {.back = rbe_app_path(s->app, &s->arena, "db"), .away = rbe_app_path(s->app, &s->arena, "gone")};
    struct rbe_work w = {.watch = true, .stop = &stop, .trouble = trouble, .arg = &t};
    unsigned failed;
    size_t n;

    publish_some(s, all);
    wish(s, &all[LAST], &all[0]);
    rbe_app_detach(s->app);
    assert_int_equal(rename(t.back, t.away), 0);
    stop = 0;
    must(s, rbe_work_run(s->app, &w, &failed, &s->err));
    assert_int_equal(t.told, 1);
    assert_int_equal(t.over, 1);
    assert_non_null(strstr(t.first, "is not there"));
    must(s, rbe_app_reopen(s->app, &s->err));
    assert_int_equal(jobs(s, &n)->state, RBE_JOB_DONE);

    /* without watch it is the end */
    rbe_app_detach(s->app);
    assert_int_equal(rename(rbe_app_path(s->app, &s->arena, "db"), t.away), 0);
    expect(s, RBE_REFUSED, rbe_work_run(s->app, &(struct rbe_work){0}, &failed, &s->err));
    assert_int_equal(rename(t.away, rbe_app_path(s->app, &s->arena, "db")), 0);
    must(s, rbe_app_reopen(s->app, &s->err));
}

/* A disk where nothing can be written: the job is tried again later, and the worker stays. A limit on file sizes stands
 * for the full disk, which needs root to make. */
static void test_disk_full(void **state)
{
    struct site *s = *state;
    struct rbe_package all[RELEASES];
    int status;
    size_t n;

    publish_some(s, all);
    wish(s, &all[LAST], &all[0]);
    rbe_app_close(rbe_steal(s->app));
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit small = {.rlim_cur = 1, .rlim_max = 1 << 30};
        struct rbe_err e = {0};
        struct troubles t = {0};
        unsigned failed;

        (void)signal(SIGXFSZ, SIG_IGN);
        (void)signal(SIGALRM, on_alarm);
        stop = 0;
        if (rbe_app_open(&s->settings, RBE_APP_WRITE, &s->app, &e) != RBE_OK ||
            setrlimit(RLIMIT_FSIZE, &small) != 0)
            _exit(2);
        (void)alarm(3);
        enum rbe_code code = rbe_work_run(s->app, &(struct rbe_work){.watch = true, .stop = &stop, .trouble = trouble,
                                                                     .arg = &t}, &failed, &e);
        _exit(code == RBE_OK && t.told > 0 ? 0 : 3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    must(s, rbe_app_open(&s->settings, RBE_APP_WRITE, &s->app, &s->err));
    unsigned failed;
    must(s, rbe_work_run(s->app, &(struct rbe_work){0}, &failed, &s->err));
    assert_int_equal(failed, 0);
    assert_int_equal(jobs(s, &n)->state, RBE_JOB_DONE);
}

/* What nobody holds and is old enough goes, what somebody works on stays, however old. */
static void test_sweeps_what_nobody_holds(void **state)
{
    static const struct {
        const char *name;
        int64_t age;
        bool hold, stays;
    } cases[] = {
        {"patch-1", 30, false, true},   {"patch-2", 90, false, false},    {"patch-3", 90000, true, true},
        {"upload-1", 90, false, true},  {"upload-2", 8000, false, false}, {"upload-3", 90000, true, true},
        {"other-1", 8000, false, true}, {"other-2", 90000, false, false},
    };
    struct site *s = *state;
    int64_t now = rbe_clock_now();
    int fds[RBE_COUNT(cases)];

    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        rbe_autofree char *below = rbe_strfmt("tmp/%s", cases[i].name);
        const char *path = rbe_app_path(s->app, &s->arena, below);
        struct utimbuf then = {.actime = now - cases[i].age, .modtime = now - cases[i].age};

        fds[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fds[i] >= 0);
        if (cases[i].hold)
            rbe_sweep_hold(fds[i]);
        assert_int_equal(utime(path, &then), 0);
    }
    must(s, rbe_sweep_tmp(s->app, now, &s->err));
    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        rbe_autofree char *below = rbe_strfmt("tmp/%s", cases[i].name);

        if ((access(rbe_app_path(s->app, &s->arena, below), F_OK) == 0) != cases[i].stays)
            fail_msg("%s", cases[i].name);
        (void)close(fds[i]);
    }
}

/* A day-old left-over goes, files and directories; what is in work stays. */
static void test_sweeps(void **state)
{
    struct site *s = *state;
    const char *old = rbe_app_path(s->app, &s->arena, "tmp/old"), *fresh = rbe_app_path(s->app, &s->arena, "tmp/new");
    const char *dir = rbe_app_path(s->app, &s->arena, "tmp/dir");
    const char *inside = rbe_app_path(s->app, &s->arena, "tmp/dir/file");
    struct utimbuf before = {.actime = rbe_clock_now() - 90000, .modtime = rbe_clock_now() - 90000};
    unsigned failed;

    assert_int_equal(mkdir(dir, 0750), 0);
    must(s, rbe_file_put(inside, "x", 1, 0640, &s->err));
    must(s, rbe_file_put(old, "x", 1, 0640, &s->err));
    must(s, rbe_file_put(fresh, "x", 1, 0640, &s->err));
    assert_int_equal(utime(old, &before), 0);
    assert_int_equal(utime(dir, &before), 0);
    must(s, rbe_work_run(s->app, &(struct rbe_work){0}, &failed, &s->err));
    assert_int_equal(access(old, F_OK), -1);
    assert_int_equal(access(dir, F_OK), -1);
    assert_int_equal(access(fresh, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_empty_queue, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_works_off_demand, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_failures, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_takes_over, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_several_workers, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_crew, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_crew_killed, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_watch_stops, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_databases_away, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_disk_full, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_sweeps_what_nobody_holds, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_sweeps, site_setup, site_teardown),
    };

    return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
