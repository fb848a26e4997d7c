#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/store/job.h"
#include "tests/unit/storehome.h"

static const struct rbe_job_worker me = {"here", 100, 1}, peer = {"here", 200, 2}, far = {"there", 300, 3};

static bool all_alive(const struct rbe_job_worker *w)
{
    (void)w;
    return true;
}

/* Process 200 of any start time is gone. */
static bool peer_dead(const struct rbe_job_worker *w)
{
    assert_string_equal(w->host, "here");
    return w->pid != 200;
}

static int64_t put(struct home *h, const char *subject, int64_t weight, int64_t run_at)
{
    struct rbe_job j = {.kind = RBE_JOB_PATCH, .subject = subject, .target = 1, .source = 2, .format = 1,
                        .weight = weight, .created_at = 1, .run_at = run_at};
    bool new;

    must(h, rbe_job_put(h->store, &j, &new, &h->err));
    assert_true(new);
    assert_int_equal(j.state, RBE_JOB_QUEUED);
    return j.id;
}

static bool lease_as(struct home *h, const struct rbe_job_worker *w, int64_t now, struct rbe_job *ret,
                     int64_t *ret_busy)
{
    bool found;

    must(h, rbe_job_lease(h->store, w, now, all_alive, &h->arena, ret, &found, ret_busy, &h->err));
    return found;
}

static bool lease(struct home *h, int64_t now, struct rbe_job *ret)
{
    return lease_as(h, &me, now, ret, NULL);
}

static struct rbe_job only(struct home *h)
{
    struct rbe_job *list;
    size_t n;

    must(h, rbe_job_list(h->store, -1, 10, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 1);
    return list[0];
}

static void test_put_and_fields(void **state)
{
    struct home *h = *state;
    int64_t id = put(h, "files:1:2", 5, 7), count;
    struct rbe_job j = only(h);

    assert_int_equal(j.id, id);
    assert_int_equal(j.kind, RBE_JOB_PATCH);
    assert_string_equal(j.subject, "files:1:2");
    assert_int_equal(j.target, 1);
    assert_int_equal(j.source, 2);
    assert_int_equal(j.format, 1);
    assert_int_equal(j.weight, 5);
    assert_int_equal(j.state, RBE_JOB_QUEUED);
    assert_int_equal(j.tries, 0);
    assert_int_equal(j.created_at, 1);
    assert_int_equal(j.run_at, 7);
    assert_int_equal(j.finished_at, 0);
    assert_string_equal(j.worker.host, "");
    assert_string_equal(j.note, "");
    put(h, "files:1:3", 5, 7);
    /* both begin from the same source */
    must(h, rbe_job_count(h->store, 1, &count, &h->err));
    assert_int_equal(count, 1);
    must(h, rbe_job_count(h->store, 9, &count, &h->err));
    assert_int_equal(count, 0);
}

static void test_same_work_again(void **state)
{
    struct home *h = *state;
    int64_t id = put(h, "files:1:2", 5, 0);
    struct rbe_job again = {.subject = "files:1:2", .weight = 3, .run_at = 9, .created_at = 9}, j;
    bool new = true;

    must(h, rbe_job_put(h->store, &again, &new, &h->err));
    assert_false(new);
    assert_int_equal(again.id, id);
    assert_int_equal(only(h).weight, 5);
    again.weight = 8;
    must(h, rbe_job_put(h->store, &again, NULL, &h->err));
    assert_int_equal(only(h).weight, 8);
    assert_int_equal(only(h).run_at, 0);

    assert_true(lease(h, 1, &j));
    again.weight = 20;
    must(h, rbe_job_put(h->store, &again, &new, &h->err));
    assert_false(new);
    assert_int_equal(again.state, RBE_JOB_LEASED);
    assert_int_equal(only(h).weight, 8);
    must(h, rbe_job_done(h->store, &j, "made", 2, &h->err));
    must(h, rbe_job_put(h->store, &again, &new, &h->err));
    assert_false(new);
    assert_int_equal(again.state, RBE_JOB_DONE);
    assert_false(lease(h, 99, &j));
    assert_string_equal(only(h).note, "made");
}

static void test_put_inside_a_transaction(void **state)
{
    struct home *h = *state;
    struct rbe_job j = {.subject = "files:1:2"}, *list;
    size_t n;

    must(h, rbe_store_begin(h->store, RBE_BASE_USAGE, &h->err));
    must(h, rbe_job_put(h->store, &j, NULL, &h->err));
    must(h, rbe_job_put(h->store, &j, NULL, &h->err));
    rbe_store_rollback(h->store, RBE_BASE_USAGE);
    must(h, rbe_job_list(h->store, -1, 10, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 0);
    must(h, rbe_store_begin(h->store, RBE_BASE_USAGE, &h->err));
    must(h, rbe_job_put(h->store, &j, NULL, &h->err));
    must(h, rbe_store_commit(h->store, RBE_BASE_USAGE, &h->err));
    (void)only(h);
    j.subject = NULL;
    expect(h, RBE_FAULT, rbe_job_put(h->store, &j, NULL, &h->err));
    must(h, rbe_store_begin(h->store, RBE_BASE_USAGE, &h->err));
    rbe_store_rollback(h->store, RBE_BASE_USAGE);
}

static void test_order(void **state)
{
    struct home *h = *state;
    int64_t light = put(h, "light", 1, 0), heavy = put(h, "heavy", 9, 0), second = put(h, "second", 9, 0);
    int64_t early = put(h, "early", 1, -5), later = put(h, "later", 99, 50), busy;
    struct rbe_job j;

    assert_true(lease_as(h, &me, 10, &j, &busy));
    assert_int_equal(j.id, heavy);
    assert_int_equal(busy, 0);
    assert_int_equal(j.state, RBE_JOB_LEASED);
    assert_int_equal(j.tries, 1);
    assert_int_equal(j.leased_at, 10);
    assert_string_equal(j.worker.host, "here");
    assert_int_equal(j.worker.pid, 100);
    assert_int_equal(j.worker.start, 1);
    assert_true(lease_as(h, &peer, 10, &j, &busy));
    assert_int_equal(j.id, second);
    assert_int_equal(busy, 1);
    assert_true(lease(h, 10, &j));
    assert_int_equal(j.id, early);
    assert_true(lease(h, 10, &j));
    assert_int_equal(j.id, light);
    assert_false(lease_as(h, &me, 49, &j, &busy));
    assert_int_equal(busy, 4);
    assert_true(lease(h, 50, &j));
    assert_int_equal(j.id, later);
}

/* What a clock put that ran ahead, or a worker of another host whose clock did, does not wait until that time comes. */
static void test_clock_put_back(void **state)
{
    struct home *h = *state;
    const int64_t year = 365 * 86400, now = 2 * year;
    struct rbe_job j;

    int64_t id = put(h, "ahead", 1, now + year);
    assert_true(lease_as(h, &far, now, &j, NULL));
    assert_int_equal(j.id, id);
    must(h, rbe_job_renew(h->store, &j, now + year, &h->err));
    assert_true(lease(h, now, &j));
    assert_int_equal(j.id, id);
    /* as far off as a retry can be, and no further */
    must(h, rbe_job_fail(h->store, &j, "no", true, now, &h->err));
    id = put(h, "later", 1, now + 256 * 60);
    assert_false(lease(h, now, &j));
    assert_true(lease(h, now + 256 * 60, &j));
    assert_int_equal(j.id, id);
}

static void test_done(void **state)
{
    struct home *h = *state;
    struct rbe_job j;
    int64_t busy;

    put(h, "a", 0, 0);
    assert_true(lease(h, 5, &j));
    must(h, rbe_job_done(h->store, &j, NULL, 6, &h->err));
    assert_int_equal(only(h).state, RBE_JOB_DONE);
    assert_int_equal(only(h).finished_at, 6);
    assert_string_equal(only(h).note, "");
    assert_int_equal(only(h).worker.pid, 0);
    expect(h, RBE_REFUSED, rbe_job_done(h->store, &j, "twice", 7, &h->err));
    expect(h, RBE_REFUSED, rbe_job_fail(h->store, &j, "twice", true, 7, &h->err));
    assert_false(lease_as(h, &me, 99, &j, &busy));
    assert_int_equal(busy, 0);
}

static void test_retries(void **state)
{
    static const int64_t minutes[] = {1, 4, 16, 64, 256};
    struct home *h = *state;
    struct rbe_job j;
    int64_t now = 1000;

    put(h, "a", 0, 0);
    for (size_t i = 0; i < RBE_COUNT(minutes); i++) {
        assert_true(lease(h, now, &j));
        assert_int_equal(j.tries, i + 1);
        must(h, rbe_job_fail(h->store, &j, "it broke", false, now, &h->err));
        assert_int_equal(only(h).state, RBE_JOB_QUEUED);
        assert_int_equal(only(h).run_at, now + minutes[i] * 60);
        assert_int_equal(only(h).finished_at, 0);
        assert_string_equal(only(h).note, "it broke");
        assert_false(lease(h, now + minutes[i] * 60 - 1, &j));
        now += minutes[i] * 60;
    }
    assert_true(lease(h, now, &j));
    assert_int_equal(j.tries, RBE_JOB_TRIES);
    must(h, rbe_job_fail(h->store, &j, "for good", false, now, &h->err));
    assert_int_equal(only(h).state, RBE_JOB_FAILED);
    assert_int_equal(only(h).finished_at, now);
    assert_string_equal(only(h).note, "for good");
    assert_false(lease(h, INT64_MAX / 2, &j));
}

static void test_final_failure(void **state)
{
    struct home *h = *state;
    struct rbe_job j;

    put(h, "a", 0, 0);
    assert_true(lease(h, 5, &j));
    must(h, rbe_job_fail(h->store, &j, "never works", true, 6, &h->err));
    assert_int_equal(only(h).state, RBE_JOB_FAILED);
    assert_int_equal(only(h).tries, 1);
}

static void test_payload_and_cost(void **state)
{
    struct home *h = *state;
    struct rbe_job j = {.subject = "a", .payload = "{\"a\":1}"};

    must(h, rbe_job_put(h->store, &j, NULL, &h->err));
    assert_true(lease(h, 5, &j));
    assert_string_equal(j.payload, "{\"a\":1}");
    j.bytes = 3;
    j.cpu_ms = 1500;
    j.rss_bytes = INT64_C(5) << 30;
    must(h, rbe_job_done(h->store, &j, "made", 6, &h->err));
    assert_string_equal(only(h).payload, "{\"a\":1}");
    assert_int_equal(only(h).bytes, 3);
    assert_int_equal(only(h).cpu_ms, 1500);
    assert_int_equal(only(h).rss_bytes, INT64_C(5) << 30);
}

static void test_retry(void **state)
{
    struct home *h = *state;
    struct rbe_job j, was;

    put(h, "a", 0, 0);
    assert_true(lease(h, 5, &j));
    expect(h, RBE_PROCESSING, rbe_job_retry(h->store, j.id, 5, &h->arena, &was, &h->err));
    must(h, rbe_job_fail(h->store, &j, "it broke", true, 6, &h->err));
    must(h, rbe_job_retry(h->store, j.id, 7, &h->arena, &was, &h->err));
    assert_int_equal(was.state, RBE_JOB_FAILED);
    assert_string_equal(was.note, "it broke");
    assert_int_equal(only(h).state, RBE_JOB_QUEUED);
    assert_int_equal(only(h).tries, 0);
    assert_int_equal(only(h).run_at, 7);
    assert_int_equal(only(h).finished_at, 0);
    assert_string_equal(only(h).note, "");

    /* one that waits for its next try is due at once */
    assert_true(lease(h, 8, &j));
    must(h, rbe_job_fail(h->store, &j, "it broke", false, 9, &h->err));
    assert_false(lease(h, 10, &j));
    must(h, rbe_job_retry(h->store, j.id, 10, &h->arena, &was, &h->err));
    assert_true(lease(h, 10, &j));

    /* inside a transaction it is part of it */
    must(h, rbe_job_done(h->store, &j, NULL, 11, &h->err));
    must(h, rbe_store_begin(h->store, RBE_BASE_USAGE, &h->err));
    must(h, rbe_job_retry(h->store, j.id, 12, &h->arena, &was, &h->err));
    rbe_store_rollback(h->store, RBE_BASE_USAGE);
    assert_int_equal(only(h).state, RBE_JOB_DONE);
    expect(h, RBE_NOTFOUND, rbe_job_retry(h->store, 99, 12, &h->arena, &was, &h->err));
}

/* A renewed lease counts from then; one that was lost is not taken back. */
static void test_renew(void **state)
{
    struct home *h = *state;
    struct rbe_job j, lost;

    put(h, "a", 0, 0);
    assert_true(lease(h, 5, &j));
    must(h, rbe_job_renew(h->store, &j, 50, &h->err));
    assert_int_equal(only(h).leased_at, 50);
    lost = j;
    lost.tries = 2;
    must(h, rbe_job_renew(h->store, &lost, 99, &h->err));
    assert_int_equal(only(h).leased_at, 50);
    must(h, rbe_job_done(h->store, &j, NULL, 60, &h->err));
    must(h, rbe_job_renew(h->store, &j, 99, &h->err));
    assert_int_equal(only(h).leased_at, 50);
}

static void test_dead_worker(void **state)
{
    struct home *h = *state;
    struct rbe_job mine, lost;
    int64_t busy;
    bool found;

    put(h, "a", 2, 0);
    put(h, "b", 1, 0);
    assert_true(lease_as(h, &peer, 10, &lost, NULL));
    assert_true(lease_as(h, &me, 10, &mine, NULL));
    assert_int_equal(lost.tries, 1);
    assert_false(lease_as(h, &me, 20, &mine, &busy));
    assert_int_equal(busy, 2);
    must(h, rbe_job_lease(h->store, &me, 20, peer_dead, &h->arena, &mine, &found, &busy, &h->err));
    assert_true(found);
    assert_int_equal(busy, 1);
    assert_int_equal(mine.id, lost.id);
    assert_int_equal(mine.tries, 2);
    assert_string_equal(mine.note, "its worker died");
    expect(h, RBE_REFUSED, rbe_job_done(h->store, &lost, NULL, 21, &h->err));
    assert_non_null(strstr(h->err.text, "taken over"));
    must(h, rbe_job_done(h->store, &mine, NULL, 22, &h->err));
}

/* The same process leases the same job twice: only the second lease ends it. */
static void test_old_lease_of_the_same_worker(void **state)
{
    struct home *h = *state;
    struct rbe_job first, second;
    bool found;

    put(h, "a", 0, 0);
    assert_true(lease_as(h, &peer, 10, &first, NULL));
    must(h, rbe_job_lease(h->store, &peer, 11, peer_dead, &h->arena, &second, &found, NULL, &h->err));
    assert_true(found);
    expect(h, RBE_REFUSED, rbe_job_done(h->store, &first, NULL, 12, &h->err));
    must(h, rbe_job_done(h->store, &second, NULL, 12, &h->err));
}

static void test_job_that_kills_its_workers(void **state)
{
    struct home *h = *state;
    struct rbe_job j;
    bool found;

    put(h, "a", 0, 0);
    for (int i = 1; i <= RBE_JOB_TRIES; i++) {
        must(h, rbe_job_lease(h->store, &peer, 10 + i, peer_dead, &h->arena, &j, &found, NULL, &h->err));
        assert_true(found);
        assert_int_equal(j.tries, i);
    }
    must(h, rbe_job_lease(h->store, &me, 50, peer_dead, &h->arena, &j, &found, NULL, &h->err));
    assert_false(found);
    assert_int_equal(only(h).state, RBE_JOB_FAILED);
    assert_int_equal(only(h).finished_at, 50);
    assert_string_equal(only(h).note, "its worker died");
}

static void test_worker_of_another_host(void **state)
{
    struct home *h = *state;
    struct rbe_job j, lost;
    int64_t busy, late = 100 + RBE_JOB_LEASE_SECONDS;
    bool found;

    put(h, "a", 0, 0);
    assert_true(lease_as(h, &far, 100, &lost, NULL));
    /* peer_dead would fail the test if it were asked about that host */
    must(h, rbe_job_lease(h->store, &me, late - 1, peer_dead, &h->arena, &j, &found, &busy, &h->err));
    assert_false(found);
    assert_int_equal(busy, 1);
    must(h, rbe_job_lease(h->store, &me, late, peer_dead, &h->arena, &j, &found, &busy, &h->err));
    assert_true(found);
    assert_int_equal(busy, 0);
}

static void test_list(void **state)
{
    struct home *h = *state;
    struct rbe_job j, *list;
    size_t n;

    put(h, "a", 3, 0);
    put(h, "b", 2, 0);
    put(h, "c", 1, 0);
    assert_true(lease(h, 1, &j));
    must(h, rbe_job_list(h->store, -1, 2, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].subject, "c");
    assert_string_equal(list[1].subject, "b");
    must(h, rbe_job_list(h->store, RBE_JOB_QUEUED, 10, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].subject, "c");
    must(h, rbe_job_list(h->store, RBE_JOB_LEASED, 10, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 1);
    assert_string_equal(list[0].subject, "a");
    assert_string_equal(list[0].worker.host, "here");
    must(h, rbe_job_list(h->store, RBE_JOB_FAILED, 10, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 0);
}

static int work(const struct rbe_store_options *o)
{
    struct rbe_job_worker w = {"here", getpid(), 1};
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_autoptr(store) struct rbe_store *s = NULL;
    struct rbe_err e = {0};
    bool found = true;
    int done = 0;

    if (rbe_store_open(o, &s, &e) != RBE_OK)
        return 100;
    while (found) {
        struct rbe_job j;

        if (rbe_job_lease(s, &w, 10, all_alive, &arena, &j, &found, NULL, &e) ||
            (found && rbe_job_done(s, &j, NULL, 11, &e))) {
            (void)fprintf(stderr, "%s\n", e.text);
            return 100;
        }
        done += found;
    }
    return done;
}

/* Every job is done once, whoever does it. */
static void test_workers_at_once(void **state)
{
    enum { PROCESSES = 4, JOBS = 40 };
    struct home *h = *state;
    pid_t pids[PROCESSES];
    struct rbe_job *list;
    int total = 0;
    size_t n;

    for (int i = 0; i < JOBS; i++) {
        rbe_autofree char *subject = rbe_strfmt("job %d", i);

        put(h, subject, 0, 0);
    }
    rbe_store_close(rbe_steal(h->store));
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(work(&h->options));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        total += WEXITSTATUS(status);
    }
    assert_int_equal(total, JOBS);
    must(h, rbe_store_open(&h->options, &h->store, &h->err));
    must(h, rbe_job_list(h->store, RBE_JOB_DONE, 100, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, JOBS);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(list[i].tries, 1);
}

/* What a leased job is doing stands as its note; one that has lost its point goes, and can be put again. */
static void test_note_and_drop(void **state)
{
    struct home *h = *state;
    struct rbe_job j, there;
    bool found;

    put(h, "files:1:2", 5, 0);
    must(h, rbe_job_lease(h->store, &me, 10, all_alive, &h->arena, &j, &found, NULL, &h->err));
    assert_true(found);
    must(h, rbe_job_note(h->store, &j, "half-way", &h->err));
    must(h, rbe_job_find(h->store, RBE_JOB_PATCH, "files:1:2", &h->arena, &there, &found, &h->err));
    assert_true(found);
    assert_string_equal(there.note, "half-way");
    assert_int_equal(there.state, RBE_JOB_LEASED);
    must(h, rbe_job_drop(h->store, &j, &h->err));
    must(h, rbe_job_find(h->store, RBE_JOB_PATCH, "files:1:2", &h->arena, &there, &found, &h->err));
    assert_false(found);
    assert_int_equal(rbe_job_drop(h->store, &j, &h->err), RBE_REFUSED);
    must(h, rbe_job_note(h->store, &j, "nobody reads it", &h->err));
    put(h, "files:1:2", 5, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)
    const struct CMUnitTest tests[] = {
        T(test_put_and_fields), T(test_same_work_again), T(test_put_inside_a_transaction), T(test_order),
        T(test_clock_put_back), T(test_done),
        T(test_retries), T(test_final_failure), T(test_payload_and_cost), T(test_retry), T(test_renew), T(test_dead_worker), T(test_old_lease_of_the_same_worker),
        T(test_job_that_kills_its_workers), T(test_worker_of_another_host), T(test_list), T(test_workers_at_once),
        T(test_note_and_drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
