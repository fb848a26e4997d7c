#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/store/package.h"
#include "lib/store/resource.h"
#include "lib/store/version.h"
#include "tests/unit/storehome.h"

struct scene {
    int64_t one, two;                    /* versions */
    struct rbe_package old, full, patch;
};

/* Two versions with a full package each and the patch between them. */
static struct scene make(struct home *h)
{
    struct rbe_resource r = {.rid = "app"};
    struct scene s = {
        .old = {.system = 2, .arch = 2, .file_type = "tar.gz", .path = "p/old", .size = 100, .files = 3,
                .created_at = 5},
        .full = {.system = 2, .arch = 2, .file_type = "tar.gz", .path = "p/full", .size = INT64_C(5) << 32, .files = 4},
        .patch = {.system = 2, .arch = 2, .file_type = "tar.gz", .path = "p/patch", .format = RBE_FORMAT_FILES},
    };

    memset(s.old.sha256, 0xab, sizeof(s.old.sha256));
    memset(s.old.tree, 0xcd, sizeof(s.old.tree));
    must(h, rbe_resource_put(h->store, &r, &h->err));
    struct rbe_version one = {.resource = r.id, .name = "1"}, two = {.resource = r.id, .name = "2"};
    must(h, rbe_version_put(h->store, &one, &h->err));
    must(h, rbe_version_put(h->store, &two, &h->err));
    s.old.version = s.one = one.id;
    s.full.version = s.patch.version = s.two = two.id;
    must(h, rbe_package_put(h->store, &s.old, &h->err));
    must(h, rbe_package_put(h->store, &s.full, &h->err));
    s.patch.target = s.full.id;
    s.patch.source = s.old.id;
    must(h, rbe_package_put(h->store, &s.patch, &h->err));
    return s;
}

static void assert_same(const struct rbe_package *a, const struct rbe_package *b)
{
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->version, b->version);
    assert_int_equal(a->system, b->system);
    assert_int_equal(a->arch, b->arch);
    assert_int_equal(a->format, b->format);
    assert_int_equal(a->target, b->target);
    assert_int_equal(a->source, b->source);
    assert_string_equal(a->file_type, b->file_type);
    assert_string_equal(a->path, b->path);
    assert_true(a->size == b->size);
    assert_memory_equal(a->sha256, b->sha256, 32);
    assert_memory_equal(a->tree, b->tree, 32);
    assert_int_equal(a->files, b->files);
    assert_int_equal(a->created_at, b->created_at);
    assert_int_equal(a->purged_at, b->purged_at);
}

static void test_put_get(void **state)
{
    struct home *h = *state;
    struct rbe_package got;
    bool found;

    home_begin(h);
    struct scene s = make(h);
    home_commit(h);
    must(h, rbe_package_get(h->store, s.old.id, &h->arena, &got, &h->err));
    assert_same(&got, &s.old);
    must(h, rbe_package_get(h->store, s.patch.id, &h->arena, &got, &h->err));
    assert_same(&got, &s.patch);
    must(h, rbe_package_find(h->store, s.two, 2, 2, &h->arena, &got, &found, &h->err));
    assert_true(found);
    assert_same(&got, &s.full);
    must(h, rbe_package_find(h->store, s.two, 2, 0, &h->arena, &got, &found, &h->err));
    assert_false(found);
    must(h, rbe_package_find_patch(h->store, s.full.id, s.old.id, RBE_FORMAT_FILES, &h->arena, &got, &found, &h->err));
    assert_true(found);
    assert_same(&got, &s.patch);
    must(h, rbe_package_find_patch(h->store, s.old.id, s.full.id, RBE_FORMAT_FILES, &h->arena, &got, &found, &h->err));
    assert_false(found);
    expect(h, RBE_NOTFOUND, rbe_package_get(h->store, 99, &h->arena, &got, &h->err));
}

static void test_places_are_taken_once(void **state)
{
    struct home *h = *state;

    home_begin(h);
    struct scene s = make(h);
    struct rbe_package again = s.full, patch = s.patch, elsewhere = s.full;
    again.id = patch.id = 0;
    again.path = "p/again";
    expect(h, RBE_VERSION_EXISTS, rbe_package_put(h->store, &again, &h->err));
    assert_string_equal(h->err.text, "version exists for this platform");
    assert_int_equal(again.id, 0);
    patch.path = "p/patch-again";
    expect(h, RBE_VERSION_EXISTS, rbe_package_put(h->store, &patch, &h->err));
    elsewhere.arch = 0;
    elsewhere.path = "p/elsewhere";
    must(h, rbe_package_put(h->store, &elsewhere, &h->err));
    /* a path that comes again is a fault of ours, not a version that exists */
    elsewhere.system = 0;
    expect(h, RBE_FAULT, rbe_package_put(h->store, &elsewhere, &h->err));
    assert_non_null(strstr(h->err.text, "package.path"));
    struct rbe_package half = s.patch;
    half.source = 0;
    half.path = "p/half";
    expect(h, RBE_FAULT, rbe_package_put(h->store, &half, &h->err));
    half = s.old;
    half.version = 99;
    half.path = "p/nowhere";
    expect(h, RBE_FAULT, rbe_package_put(h->store, &half, &h->err));
    home_commit(h);
}

/* A download key names a package for as long as it lives: an id never stands for another file. */
static void test_ids_never_come_again(void **state)
{
    struct home *h = *state;

    home_begin(h);
    struct scene s = make(h);
    home_commit(h);
    home_sql(h, "rbe.db", "DELETE FROM package WHERE format > 0");
    int64_t before = s.patch.id;
    home_begin(h);
    must(h, rbe_package_put(h->store, &s.patch, &h->err));
    home_commit(h);
    assert_true(s.patch.id > before);
}

static void test_list(void **state)
{
    struct home *h = *state;
    struct rbe_package *list;
    size_t n;

    home_begin(h);
    struct scene s = make(h);
    struct rbe_package any = {.version = s.two, .file_type = "zip", .path = "p/any"};
    must(h, rbe_package_put(h->store, &any, &h->err));
    home_commit(h);
    must(h, rbe_package_list(h->store, s.two, 0, 0, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 3);
    assert_same(&list[0], &s.full);
    assert_same(&list[1], &any);
    assert_same(&list[2], &s.patch);
    must(h, rbe_package_list(h->store, s.two, 0, 1, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 1);
    must(h, rbe_package_list(h->store, 0, 0, 2, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 2);
    assert_same(&list[0], &s.old);
    assert_same(&list[1], &s.full);
    must(h, rbe_package_list(h->store, 0, list[1].id, 10, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 2);
    assert_same(&list[0], &s.patch);
    must(h, rbe_package_list(h->store, 0, any.id, 10, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 0);
    must(h, rbe_package_list(h->store, 99, 0, 10, &h->arena, &list, &n, &h->err));
    assert_int_equal(n, 0);
}

static void test_origin(void **state)
{
    struct home *h = *state;
    struct rbe_package_origin o;
    bool found;

    home_begin(h);
    struct scene s = make(h);
    home_commit(h);
    must(h, rbe_package_find_origin(h->store, s.full.id, &h->arena, &o, &found, &h->err));
    assert_true(found);
    assert_same(&o.package, &s.full);
    assert_string_equal(o.rid, "app");
    assert_string_equal(o.version_name, "2");
    assert_null(o.source_name);
    assert_int_equal(o.withdrawn_at, 0);
    home_sql(h, "rbe.db", "UPDATE version SET withdrawn_at = 9 WHERE name = '2'; UPDATE package SET purged_at = 8");
    must(h, rbe_package_find_origin(h->store, s.patch.id, &h->arena, &o, &found, &h->err));
    assert_string_equal(o.version_name, "2");
    assert_string_equal(o.source_name, "1");
    assert_int_equal(o.withdrawn_at, 9);
    assert_int_equal(o.package.purged_at, 8);
    must(h, rbe_package_find_origin(h->store, 99, &h->arena, &o, &found, &h->err));
    assert_false(found);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)
    const struct CMUnitTest tests[] = {
        T(test_put_get), T(test_places_are_taken_once), T(test_ids_never_come_again), T(test_list), T(test_origin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
