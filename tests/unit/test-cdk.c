#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/store/cdk.h"
#include "lib/store/resource.h"
#include "tests/unit/storehome.h"

static void test_put_find(void **state)
{
    struct home *h = *state;
    struct rbe_cdk c = {.prefix = "ABCD", .daily_limit = 3, .created_at = 1, .expires_at = 2, .blocked_at = 0}, got;
    struct rbe_resource r = {.rid = "app"};
    bool found;

    memset(c.sha256, 7, sizeof(c.sha256));
    home_begin(h);
    must(h, rbe_resource_put(h->store, &r, &h->err));
    must(h, rbe_cdk_put(h->store, &c, &h->err));
    struct rbe_cdk again = c, bound = c;
    expect(h, RBE_REFUSED, rbe_cdk_put(h->store, &again, &h->err));
    bound.sha256[0] = 8;
    bound.resource = r.id;
    bound.blocked_at = 9;
    must(h, rbe_cdk_put(h->store, &bound, &h->err));
    home_commit(h);

    must(h, rbe_cdk_find(h->store, c.sha256, &h->arena, &got, &found, &h->err));
    assert_true(found);
    assert_int_equal(got.id, c.id);
    assert_memory_equal(got.sha256, c.sha256, 32);
    assert_string_equal(got.prefix, "ABCD");
    assert_int_equal(got.resource, 0);
    assert_int_equal(got.daily_limit, 3);
    assert_int_equal(got.created_at, 1);
    assert_int_equal(got.expires_at, 2);
    assert_int_equal(got.blocked_at, 0);
    must(h, rbe_cdk_get(h->store, bound.id, &h->arena, &got, &h->err));
    assert_int_equal(got.resource, r.id);
    assert_string_equal(got.rid, "app");
    assert_int_equal(got.blocked_at, 9);
    expect(h, RBE_NOTFOUND, rbe_cdk_get(h->store, 99, &h->arena, &got, &h->err));
    bound.sha256[0] = 10;
    must(h, rbe_cdk_find(h->store, bound.sha256, &h->arena, &got, &found, &h->err));
    assert_false(found);
    home_begin(h);
    bound.resource = 99;
    expect(h, RBE_FAULT, rbe_cdk_put(h->store, &bound, &h->err));
    home_commit(h);
}

static void test_list_block(void **state)
{
    struct home *h = *state;
    struct rbe_cdk *page, got;
    size_t n;

    home_begin(h);
    for (int i = 1; i <= 5; i++) {
        struct rbe_cdk c = {.prefix = "ABCD"};

        memset(c.sha256, i, sizeof(c.sha256));
        must(h, rbe_cdk_put(h->store, &c, &h->err));
        assert_int_equal(c.id, i);
    }
    must(h, rbe_cdk_block(h->store, 4, 77, &h->err));
    must(h, rbe_cdk_block(h->store, 5, 78, &h->err));
    must(h, rbe_cdk_block(h->store, 5, 0, &h->err));
    expect(h, RBE_NOTFOUND, rbe_cdk_block(h->store, 6, 0, &h->err));
    home_commit(h);
    must(h, rbe_cdk_list(h->store, 2, 2, &h->arena, &page, &n, &h->err));
    assert_int_equal(n, 2);
    assert_int_equal(page[0].id, 3);
    assert_null(page[0].rid);
    assert_int_equal(page[1].blocked_at, 77);
    must(h, rbe_cdk_list(h->store, 4, 2, &h->arena, &page, &n, &h->err));
    assert_int_equal(n, 1);
    must(h, rbe_cdk_list(h->store, 5, 2, &h->arena, &page, &n, &h->err));
    assert_int_equal(n, 0);
    must(h, rbe_cdk_get(h->store, 5, &h->arena, &got, &h->err));
    assert_int_equal(got.blocked_at, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put_find, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(test_list_block, home_setup, home_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
