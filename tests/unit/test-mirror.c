/* lib/store/mirror: copies, and who sets out to look after a place. */
#include "tests/unit/storehome.h"

#include "lib/store/mirror.h"

enum { NOW = 1700000000 };

static bool claim(struct home *h, const char *url, int64_t now, int64_t before)
{
    bool mine;

    must(h, rbe_store_begin(h->store, RBE_BASE_USAGE, &h->err));
    must(h, rbe_mirror_claim(h->store, url, now, before, &mine, &h->err));
    must(h, rbe_store_commit(h->store, RBE_BASE_USAGE, &h->err));
    return mine;
}

static struct rbe_mirror get(struct home *h, const char *url)
{
    struct rbe_mirror m;
    bool found;

    must(h, rbe_mirror_find(h->store, url, &h->arena, &m, &found, &h->err));
    assert_true(found);
    return m;
}

static void test_claim(void **state)
{
    struct home *h = *state;

    /* the first one of all, and then whoever comes when the time is over */
    assert_true(claim(h, "https://a", NOW, NOW - 60));
    assert_false(claim(h, "https://a", NOW, NOW - 60));
    assert_true(claim(h, "https://b", NOW, NOW - 60));
    assert_false(claim(h, "https://a", NOW + 59, NOW - 1));
    assert_true(claim(h, "https://a", NOW + 60, NOW));
    assert_false(claim(h, "https://a", NOW + 60, NOW));
    /* a clock that was put back does not keep everybody waiting */
    assert_true(claim(h, "https://a", NOW - 1000, NOW - 1060));
    assert_int_equal(get(h, "https://a").checked_at, NOW - 1000);
    /* nobody has seen it yet */
    assert_true(get(h, "https://a").up);
    assert_int_equal(get(h, "https://a").changed_at, 0);
}

/* Setting out keeps what was known. */
static void test_put(void **state)
{
    const struct rbe_mirror down = {.url = "https://a", .up = false, .failures = 3, .checked_at = NOW,
                                    .changed_at = NOW, .reason = "it answers 404"};
    struct home *h = *state;
    struct rbe_mirror *all;
    bool found;
    size_t n;

    must(h, rbe_mirror_find(h->store, "https://a", &h->arena, &(struct rbe_mirror){0}, &found, &h->err));
    assert_false(found);
    must(h, rbe_store_begin(h->store, RBE_BASE_USAGE, &h->err));
    must(h, rbe_mirror_put(h->store, &down, &h->err));
    must(h, rbe_store_commit(h->store, RBE_BASE_USAGE, &h->err));
    assert_true(claim(h, "https://a", NOW + 60, NOW));
    assert_true(claim(h, "https://0", NOW + 60, NOW));
    struct rbe_mirror m = get(h, "https://a");
    assert_false(m.up);
    assert_int_equal(m.failures, 3);
    assert_int_equal(m.checked_at, NOW + 60);
    assert_int_equal(m.changed_at, NOW);
    assert_string_equal(m.reason, "it answers 404");
    must(h, rbe_mirror_list(h->store, &h->arena, &all, &n, &h->err));
    assert_int_equal(n, 2);
    assert_string_equal(all[0].url, "https://0");
    assert_false(all[1].up);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_claim), TEST(test_put)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
