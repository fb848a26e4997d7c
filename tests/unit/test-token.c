#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/store/resource.h"
#include "lib/store/token.h"
#include "tests/unit/storehome.h"

static struct rbe_token token(const char *name, int hash, const char *rid)
{
    struct rbe_token t = {.name = name, .scope = RBE_SCOPE_PUBLISH, .rid = rid, .created_at = 10, .expires_at = 20};

    memset(t.sha256, hash, sizeof(t.sha256));
    return t;
}

static void test_put_find(void **state)
{
    struct home *h = *state;
    struct rbe_token t = token("ci", 1, "app"), all = token("root", 2, NULL), got;
    struct rbe_resource r = {.rid = "app"};
    bool found;

    home_begin(h);
    expect(h, RBE_NOTFOUND, rbe_token_put(h->store, &t, &h->err));
    must(h, rbe_resource_put(h->store, &r, &h->err));
    must(h, rbe_token_put(h->store, &t, &h->err));
    all.scope = RBE_SCOPE_ADMIN;
    must(h, rbe_token_put(h->store, &all, &h->err));
    home_commit(h);
    must(h, rbe_token_find(h->store, t.sha256, &h->arena, &got, &found, &h->err));
    assert_true(found);
    assert_int_equal(got.id, t.id);
    assert_string_equal(got.name, "ci");
    assert_memory_equal(got.sha256, t.sha256, 32);
    assert_int_equal(got.scope, RBE_SCOPE_PUBLISH);
    assert_string_equal(got.rid, "app");
    assert_int_equal(got.created_at, 10);
    assert_int_equal(got.expires_at, 20);
    assert_int_equal(got.revoked_at, 0);
    must(h, rbe_token_find(h->store, all.sha256, &h->arena, &got, &found, &h->err));
    assert_int_equal(got.scope, RBE_SCOPE_ADMIN);
    assert_null(got.rid);
    t.sha256[31] ^= 1;
    must(h, rbe_token_find(h->store, t.sha256, &h->arena, &got, &found, &h->err));
    assert_false(found);
}

static void test_names(void **state)
{
    struct home *h = *state;
    struct rbe_token first = token("ci", 1, NULL), second = token("ci", 2, NULL), twin = token("twin", 1, NULL);
    struct rbe_token got, *list;
    bool found;
    size_t n;

    home_begin(h);
    must(h, rbe_token_put(h->store, &first, &h->err));
    expect(h, RBE_REFUSED, rbe_token_put(h->store, &second, &h->err));
    assert_non_null(strstr(h->err.text, "ci"));
    expect(h, RBE_FAULT, rbe_token_put(h->store, &twin, &h->err));
    must(h, rbe_token_revoke(h->store, "ci", 50, &h->err));
    expect(h, RBE_NOTFOUND, rbe_token_revoke(h->store, "ci", 51, &h->err));
    expect(h, RBE_NOTFOUND, rbe_token_revoke(h->store, "none", 51, &h->err));
    must(h, rbe_token_put(h->store, &second, &h->err));
    twin.sha256[0] = 9;
    twin.name = "b";
    must(h, rbe_token_put(h->store, &twin, &h->err));
    home_commit(h);
    must(h, rbe_token_find(h->store, first.sha256, &h->arena, &got, &found, &h->err));
    assert_true(found);
    assert_int_equal(got.revoked_at, 50);
    must(h, rbe_token_list(h->store, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 3);
    assert_string_equal(list[0].name, "b");
    assert_int_equal(list[1].id, first.id);
    assert_int_equal(list[1].revoked_at, 50);
    assert_int_equal(list[2].id, second.id);
    assert_int_equal(list[2].revoked_at, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)
    const struct CMUnitTest tests[] = {T(test_put_find), T(test_names)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
