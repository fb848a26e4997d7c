/* One try of a job: its outcome comes back from a process of its own, and what kills that process kills nothing else. */
#include "tests/unit/site.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "lib/core/attempt.h"
#include "lib/wrap/sys.h"

static enum rbe_code good(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                          struct rbe_err *e)
{
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
    RBE_TRY(rbe_store_meta_put(app->store, "seen", j->subject, e));
    RBE_TRY(rbe_store_commit(app->store, RBE_BASE_RELEASES, e));
    j->bytes = 77;
    *ret_note = rbe_arena_strfmt(arena, "made %s", j->subject);
    return RBE_OK;
}

static enum rbe_code bad(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                         struct rbe_err *e)
{
    (void)app;
    (void)arena;
    (void)ret_note;
    return rbe_invalid(e, "file", "broken", "%s is broken", j->subject);
}

static enum rbe_code crashes(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                             struct rbe_err *e)
{
    (void)app;
    (void)arena;
    (void)ret_note;
    (void)e;
    if (strcmp(j->subject, "exit") == 0)
        _exit(3);
    /* the test's own handler would go on with the next test in this process */
    (void)signal(SIGSEGV, SIG_DFL);
    (void)kill(getpid(), strcmp(j->subject, "segv") == 0 ? SIGSEGV : SIGKILL);
    return RBE_OK;
}

static enum rbe_code hungry(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                            struct rbe_err *e)
{
    enum { BYTES = 96 << 20 };
    char *p = rbe_alloc(BYTES);
    unsigned sum = 0;

    (void)app;
    (void)j;
    (void)e;
    for (int round = 0; round < 4; round++)
        for (size_t i = 0; i < BYTES; i += 512)
            sum += (unsigned)(p[i] = (char)(i + sum));
    free(p);
    *ret_note = rbe_arena_strfmt(arena, "%u", sum);
    return RBE_OK;
}

static enum rbe_code slow(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                          struct rbe_err *e)
{
    static const struct timespec moment = {.tv_sec = 2, .tv_nsec = 500000000};

    (void)app;
    (void)j;
    (void)arena;
    (void)ret_note;
    (void)e;
    (void)nanosleep(&moment, NULL);
    return RBE_OK;
}

static pid_t *shared_pid;

static enum rbe_code stays(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                           struct rbe_err *e)
{
    (void)app;
    (void)j;
    (void)arena;
    (void)ret_note;
    (void)e;
    *shared_pid = getpid();
    while (*shared_pid)
        (void)pause();
    return RBE_OK;
}

static enum rbe_code attempt(struct site *s, struct rbe_duty duty, struct rbe_job *j, const char **note)
{
    const struct rbe_attempt a = {.duty = &duty};

    s->err = (struct rbe_err){0};
    return rbe_attempt_run(s->app, &a, j, &s->arena, note, &s->err);
}

static void test_outcome(void **state)
{
    struct site *s = *state;

    for (int apart = 0; apart < 2; apart++) {
        struct rbe_job j = {.subject = apart ? "apart" : "here", .bytes = 5};
        const char *note, *seen;

        must(s, attempt(s, (struct rbe_duty){.name = "t", .run = good, .apart = apart}, &j, &note));
        assert_string_equal(note, apart ? "made apart" : "made here");
        assert_int_equal(j.bytes, 77);
        must(s, rbe_store_meta_find(s->app->store, "seen", &s->arena, &seen, &s->err));
        assert_string_equal(seen, j.subject);
        expect(s, RBE_INVALID, attempt(s, (struct rbe_duty){.name = "t", .run = bad, .apart = apart}, &j, &note));
        assert_string_equal(note, "");
        assert_int_equal(s->err.violations, 1);
        assert_string_equal(s->err.violation[0].message, apart ? "apart is broken" : "here is broken");
        assert_int_equal(j.bytes, 0);
    }
}

static void test_killed(void **state)
{
    static const struct {
        const char *how, *why;
    } cases[] = {{"kill", "killed by signal 9"}, {"segv", "killed by signal 11"}, {"exit", "ended with status 3"}};
    struct site *s = *state;

    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        struct rbe_job j = {.subject = cases[i].how};
        const char *note, *seen;

        expect(s, RBE_UNAVAILABLE, attempt(s, (struct rbe_duty){.name = "t", .run = crashes, .apart = true}, &j, &note));
        if (!strstr(s->err.text, cases[i].why))
            fail_msg("%s: %s", cases[i].how, s->err.text);
        /* the databases are open again */
        must(s, rbe_store_meta_find(s->app->store, "seen", &s->arena, &seen, &s->err));
    }
}

static void test_cost(void **state)
{
    struct site *s = *state;
    struct rbe_job j = {.subject = "x"};
    const char *note;

    must(s, attempt(s, (struct rbe_duty){.name = "t", .run = hungry, .apart = true}, &j, &note));
    assert_true(j.rss_bytes >= INT64_C(96) << 20);
    assert_true(j.cpu_ms > 0);
}

static void count(void *arg)
{
    ++*(int *)arg;
}

static void test_beats(void **state)
{
    struct site *s = *state;
    const struct rbe_duty duty = {.name = "t", .run = slow, .apart = true};
    struct rbe_job j = {.subject = "x"};
    const char *note;
    int beats = 0;
    const struct rbe_attempt a = {.duty = &duty, .beat = count, .arg = &beats, .beat_seconds = 1};

    must(s, rbe_attempt_run(s->app, &a, &j, &s->arena, &note, &s->err));
    assert_in_range(beats, 1, 3);
}

/* A try does not outlive its worker, which has lost the lease. */
static void test_goes_with_its_worker(void **state)
{
    static const struct timespec moment = {.tv_nsec = 20000000};
    struct site *s = *state;
    int status;

    shared_pid = mmap(NULL, sizeof(*shared_pid), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared_pid != MAP_FAILED);
    rbe_app_detach(s->app);
    pid_t worker = fork();
    if (worker == 0) {
        struct rbe_job j = {.subject = "x"};
        const char *note;

        (void)attempt(s, (struct rbe_duty){.name = "t", .run = stays, .apart = true}, &j, &note);
        _exit(1);
    }
    for (int i = 0; i < 500 && !*(volatile pid_t *)shared_pid; i++)
        (void)nanosleep(&moment, NULL);
    pid_t child = *(volatile pid_t *)shared_pid;
    assert_true(child > 0);
    assert_int_equal(kill(worker, SIGKILL), 0);
    assert_int_equal(waitpid(worker, &status, 0), worker);
    for (int i = 0; i < 500 && rbe_process_alive(child, 0); i++)
        (void)nanosleep(&moment, NULL);
    assert_false(rbe_process_alive(child, 0));
    (void)munmap(shared_pid, sizeof(*shared_pid));
    must(s, rbe_app_reopen(s->app, &s->err));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        T(test_outcome), T(test_killed), T(test_cost), T(test_beats), T(test_goes_with_its_worker),
    };

    return cmocka_run_group_tests_name("attempt", tests, NULL, NULL);
}
