/* lib/base/bucket: tokens that come and go, a table that is full, many processes at one bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/base/bucket.h"

#define SECOND UINT64_C(1000000000)
#define NOW (1000000 * SECOND)
enum { PROCESSES = 4, BURST = 500 };

static const struct rbe_bucket_rate slow = {.every = SECOND, .burst = 3};

static int set_up(void **state)
{
    *state = mmap(NULL, sizeof(struct rbe_share), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return *state == MAP_FAILED;
}

static int tear_down(void **state)
{
    return munmap(*state, sizeof(struct rbe_share));
}

static bool take(struct rbe_share *share, uint64_t who, uint64_t now, uint64_t *ret_wait)
{
    uint64_t wait;
    bool looked = rbe_bucket_look(share, who, slow, now, &wait), took = rbe_bucket_take(share, who, slow, now, ret_wait);

    assert_true(looked == took);
    assert_int_equal(wait, *ret_wait);
    return took;
}

static void test_tokens(void **state)
{
    uint64_t wait;

    for (int i = 0; i < 3; i++)
        assert_true(take(*state, 7, NOW, &wait));
    assert_false(take(*state, 7, NOW, &wait));
    assert_int_equal(wait, SECOND);
    assert_false(take(*state, 7, NOW + SECOND - 1, &wait));
    assert_int_equal(wait, 1);
    assert_true(take(*state, 7, NOW + SECOND, &wait));
    assert_false(take(*state, 7, NOW + SECOND, &wait));
    assert_true(take(*state, 8, NOW + SECOND, &wait));
    /* a long pause fills it, and no more than fills it */
    for (int i = 0; i < 3; i++)
        assert_true(take(*state, 7, NOW + 100 * SECOND, &wait));
    assert_false(take(*state, 7, NOW + 100 * SECOND, &wait));
    /* after the machine was started anew, its clock begins at zero */
    assert_true(take(*state, 7, 5 * SECOND, &wait));
    /* 0 is a name like others, and without the file nothing is refused */
    for (int i = 0; i < 3; i++)
        assert_true(take(*state, 0, NOW, &wait));
    assert_false(take(*state, 0, NOW, &wait));
    for (int i = 0; i < 9; i++)
        assert_true(take(NULL, 7, NOW, &wait));
}

static void test_another_rate(void **state)
{
    const struct rbe_bucket_rate slower = {.every = 60 * SECOND, .burst = 10};
    uint64_t wait;

    for (int i = 0; i < 10; i++)
        assert_true(rbe_bucket_take(*state, 7, slower, NOW, &wait));
    assert_true(take(*state, 7, NOW, &wait));
}

/* Slots lie beside each other: of a neighbourhood that is full, the bucket that has most tokens makes way. */
static void test_full(void **state)
{
    struct rbe_share *share = *state;
    uint64_t wait;

    for (uint64_t who = 1; who <= 8; who++)
        for (uint64_t n = 0; n < (who == 5 ? 1 : 3); n++)
            assert_true(take(share, who * RBE_SHARE_BUCKETS, NOW, &wait));
    assert_true(take(share, 9 * RBE_SHARE_BUCKETS, NOW, &wait));
    for (uint64_t who = 1; who <= 8; who++)
        if (who != 5)
            assert_false(take(share, who * RBE_SHARE_BUCKETS, NOW, &wait));
    /* one that is full again is as good as a free slot */
    for (uint64_t who = 11; who <= 18; who++)
        assert_true(take(share, who * RBE_SHARE_BUCKETS, NOW + 10 * SECOND, &wait));
}

static void test_marks(void **state)
{
    struct rbe_share *share = *state;
    uint64_t wait;

    assert_false(rbe_bucket_marked(share, 7, NOW));
    rbe_bucket_mark(share, 7, 10 * SECOND, NOW);
    assert_true(rbe_bucket_marked(share, 7, NOW));
    for (uint64_t who = 1; who <= 20; who++)
        assert_true(take(share, 7 + who * RBE_SHARE_BUCKETS, NOW, &wait));
    assert_true(rbe_bucket_marked(share, 7, NOW + 10 * SECOND - 1));
    assert_false(rbe_bucket_marked(share, 7, NOW + 10 * SECOND));
    assert_false(rbe_bucket_marked(share, 8, NOW));
    rbe_bucket_mark(NULL, 7, SECOND, NOW);
    assert_false(rbe_bucket_marked(NULL, 7, NOW));
}

static void test_race(void **state)
{
    const struct rbe_bucket_rate rate = {.every = SECOND, .burst = BURST};
    struct rbe_share *share = *state;
    uint64_t wait;
    pid_t pids[PROCESSES];
    int got = 0, status;

    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            int mine = 0;

            for (int k = 0; k < BURST; k++)
                mine += rbe_bucket_take(share, 7, rate, NOW, &wait);
            atomic_fetch_add(&share->pairs[0].count, (uint64_t)mine);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        got += status;
    }
    assert_int_equal(got, 0);
    assert_int_equal(atomic_load(&share->pairs[0].count), BURST);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {T(test_tokens), T(test_another_rate), T(test_full), T(test_marks), T(test_race)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
