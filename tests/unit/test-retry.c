/* lib/patch/retry: how often, how long between, and what a server asks for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/patch/retry.h"

struct scene {
    struct rbe_retry retry;
    struct rbe_err err;
    int64_t pause;               /* that was told */
    unsigned told;
    bool stops;                  /* once it was told */
};

static void on_again(void *arg, const struct rbe_err *e, int64_t pause)
{
    struct scene *c = arg;

    assert_true(e->code != RBE_OK);
    c->pause = pause;
    c->told++;
}

static bool on_stop(void *arg)
{
    const struct scene *c = arg;

    return c->stops && c->told;
}

static struct scene scene(unsigned tries)
{
    return (struct scene){.retry = {.tries = tries, .pause_ms = 1, .patience_s = 300, .again = on_again, .stop = on_stop}};
}

static enum rbe_code failed(struct scene *c, enum rbe_code code, int64_t retry_after, bool progress)
{
    c->retry.arg = c;
    (void)rbe_fail(&c->err, code, "no");
    c->err.retry_after = retry_after;
    return rbe_retry(&c->retry, progress, &c->err);
}

/* However many tries are allowed, nobody waits for hours between two. */
static void test_pauses(void **state)
{
    int64_t pause = 1000, before;

    (void)state;
    for (int i = 0; i < 100; i++) {
        before = pause;
        pause = rbe_retry_longer(before);
        assert_true(pause >= before && pause <= 60000);
        assert_true(pause >= before + before / 2 || pause == 60000);
    }
    assert_int_equal(pause, 60000);
    assert_int_equal(rbe_retry_longer(UINT32_MAX), 60000);
}

static void test_tries(void **state)
{
    struct scene c = scene(3);

    (void)state;
    assert_int_equal(failed(&c, RBE_UNAVAILABLE, 0, false), RBE_OK);
    assert_int_equal(c.pause, 1);
    assert_int_equal(failed(&c, RBE_LIMITED, 0, false), RBE_OK);
    assert_in_range(c.pause, 1, 3);
    /* what brought something begins anew */
    assert_int_equal(failed(&c, RBE_UNAVAILABLE, 0, true), RBE_OK);
    assert_int_equal(failed(&c, RBE_UNAVAILABLE, 0, false), RBE_OK);
    assert_int_equal(failed(&c, RBE_UNAVAILABLE, 0, false), RBE_OK);
    assert_int_equal(failed(&c, RBE_UNAVAILABLE, 0, false), RBE_UNAVAILABLE);
    assert_string_equal(c.err.text, "no");
    assert_int_equal(c.told, 5);
}

/* What time does not mend is not tried again. */
static void test_final(void **state)
{
    static const enum rbe_code codes[] = {RBE_FAULT, RBE_GONE, RBE_INVALID, RBE_REFUSED, RBE_NOSPACE};

    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
        struct scene c = scene(3);

        assert_int_equal(failed(&c, codes[i], 0, true), codes[i]);
        assert_int_equal(c.told, 0);
    }
}

/* A server's wish is granted up to the patience there is, never cut short, and not by all at the same moment. */
static void test_asked(void **state)
{
    int64_t least = INT64_MAX, most = 0;

    (void)state;
    for (int i = 0; i < 50; i++) {
        struct scene c = scene(3);

        c.stops = true;
        assert_int_equal(failed(&c, RBE_UNAVAILABLE, 300, false), RBE_UNAVAILABLE);
        assert_string_equal(c.err.text, "stopped");
        least = c.pause < least ? c.pause : least;
        most = c.pause > most ? c.pause : most;
    }
    assert_true(least >= 300000 && most <= 330000 && least < most);
}

/* Nobody is told to wait once more, when what comes later fails for another reason or not at all. */
static void test_granted(void **state)
{
    struct scene c = scene(3);

    (void)state;
    assert_int_equal(failed(&c, RBE_LIMITED, 1, false), RBE_OK);
    assert_in_range(c.pause, 1000, 1100);
    assert_int_equal(rbe_invalid(&c.err, "package", "broken", "is broken"), RBE_INVALID);
    assert_int_equal(c.err.retry_after, 0);
}

static void test_asked_too_much(void **state)
{
    static const struct {
        int64_t after;
        const char *text;
    } rows[] = {
        {301, "no; it may be asked again in 6 minutes"},
        {7200, "no; it may be asked again in 120 minutes"},
        {7201, "no; it may be asked again in 3 hours"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct scene c = scene(9);

        assert_int_equal(failed(&c, RBE_LIMITED, rows[i].after, true), RBE_LIMITED);
        assert_string_equal(c.err.text, rows[i].text);
        assert_int_equal(c.err.retry_after, rows[i].after);
        assert_int_equal(c.told, 0);
    }
    /* the last try tells it too */
    struct scene c = scene(1);
    assert_int_equal(failed(&c, RBE_UNAVAILABLE, 7, false), RBE_UNAVAILABLE);
    assert_string_equal(c.err.text, "no; it may be asked again in 7 seconds");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pauses), cmocka_unit_test(test_tries), cmocka_unit_test(test_final),
        cmocka_unit_test(test_asked), cmocka_unit_test(test_granted), cmocka_unit_test(test_asked_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
