/* The table of wanted pairs: counting, replacing, taking, and all of it from several processes at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/base/clock.h"
#include "lib/core/demand.h"

static int setup(void **state)
{
    *state = rbe_alloc(sizeof(struct rbe_share));
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void note(struct rbe_share *s, int64_t source, int64_t target, int times)
{
    while (times-- > 0)
        rbe_demand_note(s, source, target, 0);
}

static void test_counts_and_order(void **state)
{
    struct rbe_share *s = *state;
    struct rbe_demand d[8];

    note(s, 1, 9, 3);
    note(s, 2, 9, 5);
    note(s, 9, 1, 1);
    assert_int_equal(rbe_demand_take(s, d, 8), 3);
    assert_int_equal(d[0].source, 2);
    assert_int_equal(d[0].target, 9);
    assert_int_equal(d[0].count, 5);
    assert_int_equal(d[1].source, 1);
    assert_int_equal(d[1].count, 3);
    assert_int_equal(d[2].source, 9);
    assert_int_equal(d[2].target, 1);
    assert_int_equal(rbe_demand_take(s, d, 8), 0);
    note(s, 1, 9, 2);
    assert_int_equal(rbe_demand_take(s, d, 8), 1);
    assert_int_equal(d[0].count, 2);
}

static void test_nothing_to_note(void **state)
{
    struct rbe_demand d[1];

    rbe_demand_note(NULL, 1, 2, 0);
    rbe_demand_note(*state, 0, 2, 0);
    rbe_demand_note(*state, 1, -1, 0);
    assert_int_equal(rbe_demand_take(*state, d, 1), 0);
    assert_int_equal(rbe_demand_take(NULL, d, 1), 0);
}

static void test_most_asked_of_many(void **state)
{
    struct rbe_demand d[2];

    for (int64_t i = 1; i <= 50; i++)
        note(*state, i, 1000, (int)i);
    assert_int_equal(rbe_demand_take(*state, d, 2), 2);
    assert_int_equal(d[0].source, 50);
    assert_int_equal(d[1].source, 49);
}

/* A million different pairs, asked once each, between questions for a hundred that matter. */
static void test_flood(void **state)
{
    enum { HOT = 100, ROUNDS = 100, COLD = 10000 };
    struct rbe_demand *d = rbe_alloc_array(RBE_SHARE_PAIRS, sizeof(*d));
    int64_t cold = 1000000;
    size_t hot = 0;

    for (int round = 0; round < ROUNDS; round++) {
        for (int64_t i = 1; i <= HOT; i++)
            note(*state, i, 7, 3);
        for (int i = 0; i < COLD; i++)
            note(*state, cold++, 7, 1);
    }
    size_t n = rbe_demand_take(*state, d, RBE_SHARE_PAIRS);
    assert_true(n <= RBE_SHARE_PAIRS);
    for (size_t i = 0; i < n && i < HOT; i++)
        hot += d[i].source <= HOT && d[i].count > ROUNDS;
    assert_true(hot >= HOT * 95 / 100);
    free(d);
}

/* A killed process left every slot busy: passed over now, used again later. */
static void test_left_busy(void **state)
{
    struct rbe_share *s = *state;
    struct rbe_demand d[1];

    for (size_t i = 0; i < RBE_SHARE_PAIRS; i++)
        s->pairs[i].busy = (uint64_t)rbe_clock_now();
    rbe_demand_note(s, 1, 2, 0);
    assert_int_equal(rbe_demand_take(s, d, 1), 0);
    for (size_t i = 0; i < RBE_SHARE_PAIRS; i++)
        s->pairs[i].busy = (uint64_t)rbe_clock_now() - 60;
    rbe_demand_note(s, 1, 2, 0);
    assert_int_equal(rbe_demand_take(s, d, 1), 1);
    for (size_t i = 0; i < RBE_SHARE_PAIRS; i++)
        s->pairs[i].busy = (uint64_t)rbe_clock_now() + 3600;    /* a clock that was set back */
    rbe_demand_note(s, 1, 2, 0);
    assert_int_equal(rbe_demand_take(s, d, 1), 1);
}

/* Four processes note while this one takes: nothing is lost or counted twice. */
static void test_processes(void **state)
{
    enum { CHILDREN = 4, TIMES = 20000, PAIRS = 5 };
    struct rbe_share *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct rbe_demand d[16];
    uint64_t sum = 0;
    int left = CHILDREN;

    (void)state;
    assert_true(s != MAP_FAILED);
    for (int64_t pair = 1; pair <= PAIRS; pair++)
        rbe_demand_note(s, pair, 77, 0);
    for (int c = 0; c < CHILDREN; c++)
        if (fork() == 0) {
            for (int i = 0; i < TIMES; i++)
                rbe_demand_note(s, 1 + i % PAIRS, 77, 0);
            _exit(0);
        }
    while (left) {
        int status = 0;

        while (left && waitpid(-1, &status, WNOHANG) > 0) {
            assert_int_equal(status, 0);
            left--;
        }
        for (size_t n = rbe_demand_take(s, d, RBE_COUNT(d)); n > 0; n--)
            sum += d[n - 1].count;
    }
    for (size_t n = rbe_demand_take(s, d, RBE_COUNT(d)); n > 0; n--)
        sum += d[n - 1].count;
    assert_int_equal(sum, PAIRS + CHILDREN * TIMES);
    assert_int_equal(munmap(s, sizeof(*s)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts_and_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nothing_to_note, setup, teardown),
        cmocka_unit_test_setup_teardown(test_most_asked_of_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
        cmocka_unit_test_setup_teardown(test_left_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_processes, setup, teardown),
    };

    return cmocka_run_group_tests_name("demand", tests, NULL, NULL);
}
