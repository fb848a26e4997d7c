#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/store/resource.h"
#include "lib/store/version.h"
#include "tests/unit/storehome.h"

static void test_put_get(void **state)
{
    struct home *h = *state;
    struct rbe_resource r = {
        .rid = "my-app",
        .name = "Mein Programm ä",
        .description = "two\nlines",
        .update = RBE_RESOURCE_FULL,
        .access = RBE_ACCESS_CDK,
        .order = RBE_ORDER_PUBLISHED,
        .always_include = "[\"interface.json\"]",
        .created_at = 1234,
    };
    struct rbe_resource got = {0};

    home_begin(h);
    must(h, rbe_resource_put(h->store, &r, &h->err));
    home_commit(h);
    assert_true(r.id > 0);
    must(h, rbe_resource_get(h->store, "my-app", &h->arena, &got, &h->err));
    assert_int_equal(got.id, r.id);
    assert_string_equal(got.rid, "my-app");
    assert_string_equal(got.name, r.name);
    assert_string_equal(got.description, r.description);
    assert_int_equal(got.update, RBE_RESOURCE_FULL);
    assert_int_equal(got.access, RBE_ACCESS_CDK);
    assert_int_equal(got.order, RBE_ORDER_PUBLISHED);
    assert_string_equal(got.always_include, r.always_include);
    assert_int_equal(got.created_at, 1234);
    assert_int_equal(got.last_number, 0);
    assert_int_equal(got.versions, 0);
}

static void test_defaults_and_versions(void **state)
{
    struct home *h = *state;
    struct rbe_resource r = {.rid = "app"}, got;

    home_begin(h);
    must(h, rbe_resource_put(h->store, &r, &h->err));
    for (int i = 0; i < 3; i++) {
        char name[] = {(char)('a' + i), '\0'};
        struct rbe_version v = {.resource = r.id, .name = name};

        must(h, rbe_version_put(h->store, &v, &h->err));
    }
    home_commit(h);
    must(h, rbe_resource_get(h->store, "app", &h->arena, &got, &h->err));
    assert_string_equal(got.name, "");
    assert_string_equal(got.description, "");
    assert_string_equal(got.always_include, "[]");
    assert_int_equal(got.last_number, 3);
    assert_int_equal(got.versions, 3);
}

static void test_taken_and_unknown(void **state)
{
    struct home *h = *state;
    struct rbe_resource r = {.rid = "app"}, again = {.rid = "app", .name = "other"}, other = {.rid = "App"}, got;

    home_begin(h);
    must(h, rbe_resource_put(h->store, &r, &h->err));
    expect(h, RBE_RESOURCE_EXISTS, rbe_resource_put(h->store, &again, &h->err));
    assert_int_equal(again.id, 0);
    must(h, rbe_resource_put(h->store, &other, &h->err));
    home_commit(h);
    expect(h, RBE_NOTFOUND, rbe_resource_get(h->store, "APP", &h->arena, &got, &h->err));
    assert_string_equal(h->err.text, "resource not found");
    expect(h, RBE_NOTFOUND, rbe_resource_get(h->store, "", &h->arena, &got, &h->err));
}

static size_t listed(struct home *h, struct rbe_resource_filter f, struct rbe_resource **ret, int64_t *ret_total)
{
    size_t n;

    must(h, rbe_resource_list(h->store, &f, &h->arena, ret, &n, ret_total, &h->err));
    return n;
}

static void test_list(void **state)
{
    struct home *h = *state;
    struct rbe_resource *list;
    int64_t total;

    assert_int_equal(listed(h, (struct rbe_resource_filter){.limit = 5}, &list, &total), 0);
    assert_int_equal(total, 0);
    home_begin(h);
    for (int i = 24; i >= 0; i--) {
        rbe_autofree char *rid = rbe_strfmt("app-%02d", i), *name = rbe_strfmt("Name 100%%_%d", i % 2);
        struct rbe_resource r = {.rid = rid, .name = name};

        must(h, rbe_resource_put(h->store, &r, &h->err));
    }
    home_commit(h);
    assert_int_equal(listed(h, (struct rbe_resource_filter){.limit = 10}, &list, &total), 10);
    assert_int_equal(total, 25);
    assert_string_equal(list[0].rid, "app-00");
    assert_string_equal(list[9].rid, "app-09");
    assert_int_equal(listed(h, (struct rbe_resource_filter){.offset = 20, .limit = 10}, &list, &total), 5);
    assert_string_equal(list[4].rid, "app-24");
    assert_int_equal(listed(h, (struct rbe_resource_filter){.offset = 30, .limit = 10}, &list, &total), 0);
    assert_int_equal(total, 25);
    assert_int_equal(listed(h, (struct rbe_resource_filter){.rid = "PP-1", .limit = 3}, &list, &total), 3);
    assert_int_equal(total, 10);
    assert_int_equal(listed(h, (struct rbe_resource_filter){.name = "100%_1", .rid = "", .limit = 99}, &list, &total),
                     12);
    assert_int_equal(listed(h, (struct rbe_resource_filter){.name = "%_1", .rid = "-0", .limit = 99}, &list, &total),
                     5);
    assert_int_equal(listed(h, (struct rbe_resource_filter){.name = "'; --", .limit = 99}, &list, &total), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)
    const struct CMUnitTest tests[] = {
        T(test_put_get), T(test_defaults_and_versions), T(test_taken_and_unknown), T(test_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
