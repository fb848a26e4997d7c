/* lib/base/breaker: when nobody asks any more, who tries again, and how many ask at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/breaker.h"

#define SECOND UINT64_C(1000000000)
#define NOW (1000000 * SECOND)
#define SPAN (2 * SECOND)
#define PAUSE (10 * SECOND)

static bool ask(struct rbe_share_breaker *b, bool good, uint64_t now)
{
    unsigned seat;

    if (!rbe_breaker_enter(b, 4, SPAN, now, &seat))
        return false;
    rbe_breaker_leave(b, seat, good, PAUSE, now);
    return true;
}

static void test_opens(void **state)
{
    struct rbe_share_breaker b = {0};

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_true(ask(&b, false, NOW));
    assert_true(ask(&b, true, NOW));
    for (int i = 0; i < 5; i++)
        assert_true(ask(&b, false, NOW));
    assert_false(ask(&b, true, NOW));
    assert_false(ask(&b, true, NOW + PAUSE - 1));
    /* one failure more, and it is closed for as long again */
    assert_true(ask(&b, false, NOW + PAUSE));
    assert_false(ask(&b, true, NOW + 2 * PAUSE - 1));
    assert_true(ask(&b, true, NOW + 2 * PAUSE));
    for (int i = 0; i < 4; i++)
        assert_true(ask(&b, false, NOW + 2 * PAUSE));
    assert_true(ask(&b, true, NOW + 2 * PAUSE));
    assert_true(ask(NULL, false, NOW));
}

static void test_one_tries(void **state)
{
    struct rbe_share_breaker b = {0};
    unsigned seat, other;

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_true(ask(&b, false, NOW));
    assert_true(rbe_breaker_enter(&b, 4, SPAN, NOW + PAUSE, &seat));
    assert_false(rbe_breaker_enter(&b, 4, SPAN, NOW + PAUSE, &other));
    assert_false(rbe_breaker_enter(&b, 4, SPAN, NOW + PAUSE + SPAN - 1, &other));
    /* who tried is gone: the next one does */
    assert_true(rbe_breaker_enter(&b, 4, SPAN, NOW + PAUSE + SPAN, &other));
    rbe_breaker_leave(&b, other, true, PAUSE, NOW + PAUSE + SPAN);
    assert_true(ask(&b, true, NOW + PAUSE + SPAN));
    rbe_breaker_leave(&b, seat, false, PAUSE, NOW + PAUSE + SPAN);
    assert_true(ask(&b, true, NOW + PAUSE + SPAN));
}

static void test_seats(void **state)
{
    struct rbe_share_breaker b = {0};
    unsigned seat[3], none;

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(rbe_breaker_enter(&b, 3, SPAN, NOW, &seat[i]));
    assert_false(rbe_breaker_enter(&b, 3, SPAN, NOW, &none));
    rbe_breaker_leave(&b, seat[1], true, PAUSE, NOW);
    assert_true(rbe_breaker_enter(&b, 3, SPAN, NOW, &none));
    assert_int_equal(none, seat[1]);
    assert_false(rbe_breaker_enter(&b, 3, SPAN, NOW + SPAN - 1, &none));
    /* those who died are out when their time is over, also after the machine's clock began anew */
    for (int i = 0; i < 3; i++)
        assert_true(rbe_breaker_enter(&b, 3, SPAN, NOW + SPAN, &none));
    for (int i = 0; i < 3; i++)
        assert_true(rbe_breaker_enter(&b, 3, SPAN, SECOND, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_opens), cmocka_unit_test(test_one_tries),
                                       cmocka_unit_test(test_seats)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
