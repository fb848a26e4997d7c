/* lib/core/limit: whose requests count together, and what is off. */
#include "tests/unit/site.h"

#include "lib/core/limit.h"

static enum rbe_code take(struct site *s, enum rbe_limit limit, const char *address)
{
    s->err = (struct rbe_err){0};
    enum rbe_code code = rbe_limit_take(s->app, limit, address, &s->err);
    assert_true(code == RBE_OK ? s->err.retry_after == 0 : s->err.retry_after >= 1 && s->err.retry_after <= 60);
    return code;
}

static int taken(struct site *s, enum rbe_limit limit, const char *address)
{
    int n = 0;

    while (n < 100 && take(s, limit, address) == RBE_OK)
        n++;
    return n;
}

static void test_addresses(void **state)
{
    struct site *s = *state;

    s->settings.limits.auth_failures = 5;
    assert_int_equal(taken(s, RBE_LIMIT_FAILED, "192.0.2.1"), 5);
    assert_non_null(strstr(s->err.text, "try again in 12 s"));
    assert_int_equal(taken(s, RBE_LIMIT_FAILED, "::ffff:192.0.2.1"), 0);
    assert_int_equal(taken(s, RBE_LIMIT_FAILED, "192.0.2.2"), 5);
    assert_int_equal(taken(s, RBE_LIMIT_FAILED, "2001:db8:0:1::1"), 5);
    assert_int_equal(taken(s, RBE_LIMIT_FAILED, "2001:db8:0:1:ffff::"), 0);
    assert_int_equal(taken(s, RBE_LIMIT_FAILED, "2001:db8:0:2::1"), 5);
    /* what is no address counts as one client */
    assert_int_equal(taken(s, RBE_LIMIT_FAILED, ""), 5);
    assert_int_equal(taken(s, RBE_LIMIT_FAILED, NULL), 0);
    assert_int_equal(taken(s, RBE_LIMIT_FAILED, "localhost"), 0);
}

static void test_kinds(void **state)
{
    struct site *s = *state;

    assert_int_equal(taken(s, RBE_LIMIT_DOWNLOAD, "192.0.2.1"), 100);
    assert_int_equal(taken(s, RBE_LIMIT_ADMIN, "192.0.2.1"), 100);
    assert_int_equal(taken(s, RBE_LIMIT_FAILED, "192.0.2.1"), 10);
    s->settings.limits.auth_failures = 0;
    assert_int_equal(taken(s, RBE_LIMIT_FAILED, "192.0.2.1"), 100);
    /* a token a second would come within the test: so few come that none does */
    s->settings.limits.download_rate = 1;
    s->settings.limits.download_burst = 7;
    assert_in_range(taken(s, RBE_LIMIT_DOWNLOAD, "192.0.2.1"), 7, 8);
    assert_int_equal(taken(s, RBE_LIMIT_ADMIN, "192.0.2.1"), 100);
    expect(s, RBE_LIMITED, rbe_limit_look(s->app, RBE_LIMIT_DOWNLOAD, "192.0.2.1", &s->err));
    must(s, rbe_limit_look(s->app, RBE_LIMIT_DOWNLOAD, "192.0.2.9", &s->err));
}

static void test_trust(void **state)
{
    struct site *s = *state;

    assert_false(rbe_limit_trusts(s->app, "192.0.2.1", "one", 3));
    rbe_limit_trust(s->app, "192.0.2.1", "one", 3);
    assert_true(rbe_limit_trusts(s->app, "192.0.2.1", "one", 3));
    assert_false(rbe_limit_trusts(s->app, "192.0.2.1", "two", 3));
    assert_false(rbe_limit_trusts(s->app, "192.0.2.2", "one", 3));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {T(test_addresses), T(test_kinds), T(test_trust)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
