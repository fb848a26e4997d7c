#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cache.h"

static int dropped;

static void on_drop(void *value)
{
    (void)value;
    dropped++;
}

static struct rbe_cache *make(size_t values, size_t bytes)
{
    dropped = 0;
    return rbe_cache_new(&(struct rbe_cache_options){.values = values, .bytes = bytes, .seed = 42, .drop = on_drop});
}

static bool ask(struct rbe_cache *c, const char *name, unsigned number, size_t size)
{
    char key[32];
    size_t n = (size_t)snprintf(key, sizeof(key), "%s%u", name, number);
    unsigned *found = rbe_cache_find(c, key, n);

    if (found) {
        assert_int_equal(*found, number);
        return true;
    }
    unsigned *value = rbe_cache_put(c, key, n, size);
    if (value)
        *value = number;
    return false;
}

static void test_keeps_and_replaces(void **state)
{
    rbe_autoptr(cache) struct rbe_cache *c = make(64, 1 << 20);
    char *value;

    (void)state;
    assert_null(rbe_cache_find(c, "a", 1));
    value = rbe_cache_put(c, "a", 1, 6);
    memcpy(value, "first", 6);
    assert_string_equal(rbe_cache_find(c, "a", 1), "first");
    value = rbe_cache_put(c, "a", 1, 7);
    memcpy(value, "second", 7);
    assert_string_equal(rbe_cache_find(c, "a", 1), "second");
    assert_int_equal(rbe_cache_count(c), 1);
    assert_int_equal(dropped, 1);
    /* Keys are bytes: a longer one is another. */
    assert_null(rbe_cache_find(c, "a\0", 2));
    assert_non_null(rbe_cache_put(c, "", 0, 0));
    assert_non_null(rbe_cache_find(c, "", 0));
}

static void test_bounds_hold_whatever_is_asked(void **state)
{
    rbe_autoptr(cache) struct rbe_cache *c = make(128, 64 * 1024);

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        (void)ask(c, "k", i % 700, 16 + i % 3000);
        assert_true(rbe_cache_count(c) <= 128);
        assert_true(rbe_cache_bytes(c) <= 64 * 1024);
    }
    assert_true(rbe_cache_count(c) > 0);
    /* One value may not take all. */
    assert_null(rbe_cache_put(c, "large", 5, 32 * 1024));
}

/* What is asked a hundred times as often as anything else stays through a scan of a hundred thousand rare keys. */
static void test_a_scan_does_not_evict_what_is_hot(void **state)
{
    rbe_autoptr(cache) struct rbe_cache *c = make(1024, 4 << 20);
    unsigned hot = 0, asked = 0;

    (void)state;
    for (unsigned round = 0; round < 20; round++)
        for (unsigned i = 0; i < 300; i++)
            (void)ask(c, "hot", i, 200);
    for (unsigned i = 0; i < 100000; i++) {
        (void)ask(c, "rare", i, 200);
        if (i % 10 == 0) {
            hot += ask(c, "hot", (i / 10) % 300, 200);
            asked++;
        }
    }
    assert_true(hot * 100 >= asked * 95);
}

/* What was hot once does not stay for ever. */
static void test_the_past_fades(void **state)
{
    rbe_autoptr(cache) struct rbe_cache *c = make(256, 1 << 20);
    unsigned found = 0;

    (void)state;
    for (unsigned round = 0; round < 50; round++)
        for (unsigned i = 0; i < 256; i++)
            (void)ask(c, "old", i, 64);
    for (unsigned round = 0; round < 50; round++)
        for (unsigned i = 0; i < 128; i++)
            (void)ask(c, "new", i, 64);
    for (unsigned i = 0; i < 128; i++)
        found += ask(c, "new", i, 64);
    assert_true(found >= 120);
}

static void test_growing_counts_and_spares_itself(void **state)
{
    rbe_autoptr(cache) struct rbe_cache *c = make(64, 64 * 1024);
    char key[8];

    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        (void)snprintf(key, sizeof(key), "%u", i);
        (void)rbe_cache_find(c, key, strlen(key));
        (void)rbe_cache_put(c, key, strlen(key), 900);
    }
    for (unsigned i = 0; i < 3; i++)
        assert_null(rbe_cache_find(c, "mine", 4));
    char *value = rbe_cache_put(c, "mine", 4, 100);
    assert_non_null(value);
    memcpy(value, "mine", 5);
    assert_true(rbe_cache_grow(c, value, 4000));
    assert_true(rbe_cache_grow(c, value, 3000));
    assert_true(rbe_cache_bytes(c) <= 64 * 1024);
    assert_false(rbe_cache_grow(c, value, 64 * 1024));
    assert_ptr_equal(rbe_cache_find(c, "mine", 4), value);
    assert_string_equal(value, "mine");
    size_t before = rbe_cache_bytes(c);
    (void)rbe_cache_put(c, "mine", 4, 100);
    assert_int_equal(rbe_cache_bytes(c), before - 7000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_and_replaces),
        cmocka_unit_test(test_bounds_hold_whatever_is_asked),
        cmocka_unit_test(test_a_scan_does_not_evict_what_is_hot),
        cmocka_unit_test(test_the_past_fades),
        cmocka_unit_test(test_growing_counts_and_spares_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
