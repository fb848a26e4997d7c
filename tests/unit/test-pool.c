#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/pool.h"

enum { BUCKET = 8192, PROCESSES = 4 };

static struct rbe_pool *make(size_t bytes)
{
    struct rbe_pool *p;
    struct rbe_err e = {0};

    assert_int_equal(rbe_pool_new(bytes, 42, &p, &e), RBE_OK);
    rbe_pool_claim(p);
    return p;
}

/* A value that its key foretells: so many bytes, all alike. */
static size_t foretold(unsigned number, char ret[static 256])
{
    const size_t n = 1 + number % 200;

    memset(ret, 'a' + (int)(number % 26), n);
    return n;
}

static void put(struct rbe_pool *p, const char *name, unsigned number)
{
    char key[32], value[256];

    (void)snprintf(key, sizeof(key), "%s%u", name, number);
    rbe_pool_put(p, key, strlen(key), value, foretold(number, value));
}

/* False where it is not there; what is there must be right. */
static bool find(struct rbe_pool *p, const char *name, unsigned number)
{
    char key[32], value[256];
    size_t len = 0, n = foretold(number, value);

    (void)snprintf(key, sizeof(key), "%s%u", name, number);
    const char *found = rbe_pool_find(p, key, strlen(key), &len);
    if (found && (len != n || memcmp(found, value, n) != 0))
        fail_msg("%s has %zu bytes, %.10s", key, len, found);
    return found;
}

/* As one who asks: what is not there is put. */
static bool ask(struct rbe_pool *p, const char *name, unsigned number)
{
    const bool found = find(p, name, number);

    if (!found)
        put(p, name, number);
    return found;
}

static void test_keeps_and_replaces(void **state)
{
    rbe_autoptr(pool) struct rbe_pool *p = make(16 * BUCKET);
    char large[RBE_POOL_BYTES_MAX + 1] = "large";
    size_t len;

    (void)state;
    assert_null(rbe_pool_find(p, "a", 1, &len));
    rbe_pool_put(p, "a", 1, "first", 5);
    assert_memory_equal(rbe_pool_find(p, "a", 1, &len), "first", 5);
    assert_int_equal(len, 5);
    rbe_pool_put(p, "a", 1, "the second", 10);
    assert_memory_equal(rbe_pool_find(p, "a", 1, &len), "the second", 10);
    assert_int_equal(len, 10);
    /* Keys are bytes, values may be empty. */
    assert_null(rbe_pool_find(p, "a\0", 2, &len));
    rbe_pool_put(p, "", 0, "", 0);
    assert_non_null(rbe_pool_find(p, "", 0, &len));
    assert_int_equal(len, 0);
    /* The largest fits, one byte more does not. */
    rbe_pool_put(p, "b", 1, large, RBE_POOL_BYTES_MAX - 1);
    assert_memory_equal(rbe_pool_find(p, "b", 1, &len), large, RBE_POOL_BYTES_MAX - 1);
    rbe_pool_put(p, "c", 1, large, RBE_POOL_BYTES_MAX);
    assert_null(rbe_pool_find(p, "c", 1, &len));
}

/* One bucket is enough for sixty small values; whatever is put, what is found is right. */
static void test_a_full_bucket(void **state)
{
    rbe_autoptr(pool) struct rbe_pool *p = make(1);
    unsigned found = 0;

    (void)state;
    for (unsigned i = 0; i < 40; i++)
        put(p, "k", i * 26 * 200);
    for (unsigned i = 0; i < 40; i++)
        found += find(p, "k", i * 26 * 200);
    assert_int_equal(found, 40);
    for (unsigned i = 0; i < 20000; i++)
        (void)ask(p, "n", i * 7919 % 701);
}

/* What is asked a hundred times as often as anything else stays through a scan of a hundred thousand rare keys. */
static void test_a_scan_does_not_evict_what_is_hot(void **state)
{
    rbe_autoptr(pool) struct rbe_pool *p = make(64 * BUCKET);
    unsigned hot = 0, asked = 0;

    (void)state;
    for (unsigned round = 0; round < 20; round++)
        for (unsigned i = 0; i < 300; i++)
            (void)ask(p, "hot", i);
    for (unsigned i = 0; i < 100000; i++) {
        (void)ask(p, "rare", i);
        if (i % 10 == 0) {
            hot += ask(p, "hot", (i / 10) % 300);
            asked++;
        }
    }
    assert_true(hot * 100 >= asked * 95);
}

/* What was hot once does not stay for ever. */
static void test_the_past_fades(void **state)
{
    rbe_autoptr(pool) struct rbe_pool *p = make(8 * BUCKET);
    unsigned found = 0;

    (void)state;
    for (unsigned round = 0; round < 50; round++)
        for (unsigned i = 0; i < 400; i++)
            (void)ask(p, "old", i);
    for (unsigned round = 0; round < 100; round++)
        for (unsigned i = 0; i < 60; i++)
            (void)ask(p, "new", i);
    for (unsigned i = 0; i < 60; i++)
        found += ask(p, "new", i);
    assert_true(found >= 55);
}

/* Values with the same keys are changed and read by all at once: none is ever torn, and most are there. One whose bucket is
 * just being changed is not, for as long as that one waits for a processor. */
static void test_processes_share(void **state)
{
    rbe_autoptr(pool) struct rbe_pool *p = make(16 * BUCKET);
    int status;

    (void)state;
    put(p, "of the parent", 1);
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            unsigned found = 0;

            while (!find(p, "of the parent", 1))
                (void)usleep(100);
            for (unsigned n = 0; n < 60000; n++)
                if (n % 5 == 0)
                    put(p, "k", n * 31 % 223);
                else
                    found += find(p, "k", n * 17 % 223);
            _exit(found > 10000 ? 0 : 1);
        }
    for (int i = 0; i < PROCESSES; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_true(find(p, "k", 17));
}

/* Killed at any moment: what is found afterwards is right, and after a while the pool takes and gives as before. */
static void test_a_process_is_killed_within_a_change(void **state)
{
    rbe_autoptr(pool) struct rbe_pool *p = make(1);
    const struct timespec moment = {.tv_nsec = 2000000};
    const uint64_t began = rbe_clock_mono();

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        const pid_t pid = fork();

        if (pid == 0)
            for (unsigned n = i;; n++)
                put(p, "k", n % 97);
        (void)nanosleep(&moment, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        for (unsigned n = 0; n < 97; n++)
            (void)find(p, "k", n);
    }
    while (!ask(p, "after", 1)) {
        (void)nanosleep(&moment, NULL);
        assert_true(rbe_clock_mono() - began < UINT64_C(20) * 1000000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_and_replaces),
        cmocka_unit_test(test_a_full_bucket),
        cmocka_unit_test(test_a_scan_does_not_evict_what_is_hot),
        cmocka_unit_test(test_the_past_fades),
        cmocka_unit_test(test_processes_share),
        cmocka_unit_test(test_a_process_is_killed_within_a_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
