/* lib/store/usage: downloads counted for cdks, and when tokens were used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/store/usage.h"
#include "tests/unit/storehome.h"

static void put(struct home *h, int64_t cdk, const char *key, int64_t day)
{
    const struct rbe_usage u = {.cdk = cdk, .key = key, .key_len = strlen(key), .day = day, .used_at = 1};

    must(h, rbe_usage_put(h->store, &u, &h->err));
}

static bool found(struct home *h, int64_t cdk, const char *key)
{
    const struct rbe_usage u = {.cdk = cdk, .key = key, .key_len = strlen(key)};
    bool yes = false;

    must(h, rbe_usage_find(h->store, &u, &yes, &h->err));
    return yes;
}

static int64_t count(struct home *h, int64_t cdk, int64_t day, int64_t max)
{
    int64_t n = -1;

    must(h, rbe_usage_count(h->store, cdk, day, max, &n, &h->err));
    return n;
}

static int64_t total(struct home *h, int64_t cdk)
{
    int64_t n = -1;

    must(h, rbe_usage_total(h->store, cdk, &n, &h->err));
    return n;
}

static void test_downloads(void **state)
{
    const struct rbe_usage again = {.cdk = 1, .key = "a", .key_len = 1, .day = 11};
    struct home *h = *state;
    int64_t last, removed;

    must(h, rbe_usage_last_day(h->store, &last, &h->err));
    assert_int_equal(last, 0);
    must(h, rbe_store_begin(h->store, RBE_BASE_USAGE, &h->err));
    put(h, 1, "a", 10);
    put(h, 1, "b", 10);
    put(h, 1, "c", 11);
    put(h, 2, "a", 10);
    put(h, -5, "a", 12);
    assert_int_not_equal(rbe_usage_put(h->store, &again, &h->err), RBE_OK);
    must(h, rbe_store_commit(h->store, RBE_BASE_USAGE, &h->err));

    assert_true(found(h, 1, "a") && found(h, -5, "a"));
    assert_false(found(h, 1, "d") || found(h, 3, "a"));
    assert_int_equal(count(h, 1, 10, 100), 2);
    assert_int_equal(count(h, 1, 10, 1), 1);
    assert_int_equal(count(h, 1, 11, 100), 1);
    assert_int_equal(count(h, 1, 12, 100), 0);
    assert_int_equal(count(h, -5, 12, 100), 1);
    assert_int_equal(total(h, 1), 3);
    assert_int_equal(total(h, 2), 1);
    assert_int_equal(total(h, -5), 0);
    must(h, rbe_usage_last_day(h->store, &last, &h->err));
    assert_int_equal(last, 12);

    must(h, rbe_store_begin(h->store, RBE_BASE_USAGE, &h->err));
    must(h, rbe_usage_purge(h->store, 11, 2, &removed, &h->err));
    assert_int_equal(removed, 2);
    must(h, rbe_usage_purge(h->store, 11, 2, &removed, &h->err));
    assert_int_equal(removed, 1);
    must(h, rbe_store_commit(h->store, RBE_BASE_USAGE, &h->err));
    assert_int_equal(count(h, 1, 10, 100), 0);
    assert_int_equal(count(h, 1, 11, 100), 1);
    assert_int_equal(total(h, 1), 3);
}

static void test_tokens(void **state)
{
    struct home *h = *state;
    int64_t at;

    must(h, rbe_usage_token(h->store, 7, &at, &h->err));
    assert_int_equal(at, 0);
    must(h, rbe_store_begin(h->store, RBE_BASE_USAGE, &h->err));
    must(h, rbe_usage_token_put(h->store, 7, 100, &h->err));
    must(h, rbe_usage_token_put(h->store, 7, 200, &h->err));
    must(h, rbe_store_commit(h->store, RBE_BASE_USAGE, &h->err));
    must(h, rbe_usage_token(h->store, 7, &at, &h->err));
    assert_int_equal(at, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_downloads, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(test_tokens, home_setup, home_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
