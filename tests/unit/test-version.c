#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/store/lookup.h"
#include "lib/store/version.h"
#include "tests/unit/storehome.h"

enum { STABLE, BETA, ALPHA };            /* channels */
enum { ANY, WINDOWS, LINUX };            /* systems */
enum { ANY_ARCH, I386, AMD64 };          /* arches */

static int64_t resource(struct home *h, const char *rid, enum rbe_resource_order order)
{
    struct rbe_resource r = {.rid = rid, .order = order};

    must(h, rbe_resource_put(h->store, &r, &h->err));
    return r.id;
}

/* A version whose order key is its name. */
static int64_t version(struct home *h, int64_t of, const char *name, int channel, int order_by)
{
    struct rbe_version v = {
        .resource = of,
        .name = name,
        .channel = channel,
        .order_by = order_by,
        .order_key = name,
        .order_len = strlen(name),
    };

    must(h, rbe_version_put(h->store, &v, &h->err));
    return v.id;
}

static int64_t package(struct home *h, int64_t of, int system, int arch)
{
    rbe_autofree char *path = rbe_strfmt("p/%d-%d-%d", (int)of, system, arch);
    struct rbe_package p = {.version = of, .system = system, .arch = arch, .file_type = "zip", .path = path};

    must(h, rbe_package_put(h->store, &p, &h->err));
    return p.id;
}

static size_t offers(struct home *h, const char *rid, int channel, int system, int arch, struct rbe_lookup_offer **ret)
{
    const struct rbe_lookup of = {.rid = rid, .channel = channel, .system = system, .arch = arch};
    size_t n;

    must(h, rbe_lookup_offers(h->store, &of, &h->arena, ret, &n, &h->err));
    return n;
}

static bool offered(struct home *h, const char *rid, int channel, int system, int arch, int64_t version_id)
{
    struct rbe_lookup_offer *list;
    size_t n = offers(h, rid, channel, system, arch, &list);

    for (size_t i = 0; i < n; i++)
        if (list[i].version == version_id)
            return true;
    return false;
}

static void test_put_get(void **state)
{
    struct home *h = *state;
    static const unsigned char key[] = {1, 0, 2, 0xff};
    struct rbe_version v = {
        .name = "1.0.0+ä b",
        .channel = BETA,
        .order_by = 2,
        .order_key = key,
        .order_len = sizeof(key),
        .release_note = "note",
        .custom_data = "{}",
        .created_at = 77,
    };
    struct rbe_version got;
    bool found;

    home_begin(h);
    v.resource = resource(h, "app", RBE_ORDER_VERSION);
    must(h, rbe_version_put(h->store, &v, &h->err));
    home_commit(h);
    assert_int_equal(v.number, 1);
    must(h, rbe_version_get(h->store, v.id, &h->arena, &got, &h->err));
    assert_int_equal(got.id, v.id);
    assert_int_equal(got.resource, v.resource);
    assert_string_equal(got.name, v.name);
    assert_int_equal(got.number, 1);
    assert_int_equal(got.channel, BETA);
    assert_int_equal(got.order_by, 2);
    assert_int_equal(got.order_len, sizeof(key));
    assert_memory_equal(got.order_key, key, sizeof(key));
    assert_string_equal(got.release_note, "note");
    assert_string_equal(got.custom_data, "{}");
    assert_int_equal(got.created_at, 77);
    assert_int_equal(got.withdrawn_at, 0);
    must(h, rbe_version_find(h->store, v.resource, v.name, &h->arena, &got, &found, &h->err));
    assert_true(found);
    assert_int_equal(got.id, v.id);
    must(h, rbe_version_find(h->store, v.resource, "1.0.0", &h->arena, &got, &found, &h->err));
    assert_false(found);
    must(h, rbe_version_find(h->store, v.resource + 1, v.name, &h->arena, &got, &found, &h->err));
    assert_false(found);
    expect(h, RBE_NOTFOUND, rbe_version_get(h->store, 99, &h->arena, &got, &h->err));
    assert_string_equal(h->err.text, "version not found");
}

static void test_numbers(void **state)
{
    struct home *h = *state;
    struct rbe_version v = {.name = "b"}, got;

    home_begin(h);
    int64_t one = resource(h, "one", RBE_ORDER_VERSION), two = resource(h, "two", RBE_ORDER_VERSION);
    version(h, one, "a", 0, 0);
    v.resource = one;
    must(h, rbe_version_put(h->store, &v, &h->err));
    assert_int_equal(v.number, 2);
    struct rbe_version again = {.resource = one, .name = "b"};
    expect(h, RBE_VERSION_EXISTS, rbe_version_put(h->store, &again, &h->err));
    assert_int_equal(again.id, 0);
    assert_int_equal(again.number, 0);
    again.name = "B";
    must(h, rbe_version_put(h->store, &again, &h->err));
    assert_int_equal(again.number, 3);
    must(h, rbe_version_get(h->store, version(h, two, "a", 0, 0), &h->arena, &got, &h->err));
    assert_int_equal(got.number, 1);
    home_commit(h);

    home_begin(h);
    version(h, one, "lost", 0, 0);
    rbe_store_rollback(h->store, RBE_BASE_RELEASES);
    home_begin(h);
    must(h, rbe_version_get(h->store, version(h, one, "kept", 0, 0), &h->arena, &got, &h->err));
    assert_int_equal(got.number, 4);
    home_commit(h);
}

static void test_set(void **state)
{
    struct home *h = *state;
    struct rbe_version got;

    home_begin(h);
    int64_t id = version(h, resource(h, "app", RBE_ORDER_VERSION), "1", 0, 1);
    must(h, rbe_version_set_data(h->store, id, "note", "data", &h->err));
    must(h, rbe_version_set_data(h->store, id, NULL, "new data", &h->err));
    must(h, rbe_version_get(h->store, id, &h->arena, &got, &h->err));
    assert_string_equal(got.release_note, "note");
    assert_string_equal(got.custom_data, "new data");
    must(h, rbe_version_set_data(h->store, id, "", NULL, &h->err));
    must(h, rbe_version_set_order(h->store, id, 0, NULL, 0, &h->err));
    must(h, rbe_version_get(h->store, id, &h->arena, &got, &h->err));
    assert_string_equal(got.release_note, "");
    assert_int_equal(got.order_by, 0);
    assert_int_equal(got.order_len, 0);
    must(h, rbe_version_set_order(h->store, id, 3, "abc", 3, &h->err));
    must(h, rbe_version_get(h->store, id, &h->arena, &got, &h->err));
    assert_int_equal(got.order_by, 3);
    assert_memory_equal(got.order_key, "abc", 3);
    expect(h, RBE_NOTFOUND, rbe_version_set_data(h->store, 99, "", "", &h->err));
    expect(h, RBE_NOTFOUND, rbe_version_set_order(h->store, 99, 0, "", 0, &h->err));
    home_commit(h);
}

static void test_list(void **state)
{
    struct home *h = *state;
    struct rbe_version_filter f = {.channel = -1, .limit = 3};
    struct rbe_version *list;
    int64_t total, last = 0;
    size_t n;

    home_begin(h);
    f.resource = resource(h, "app", RBE_ORDER_VERSION);
    version(h, resource(h, "other", RBE_ORDER_VERSION), "1", 0, 0);
    for (int i = 0; i < 7; i++) {
        char name[] = {(char)('a' + i), '\0'};

        last = version(h, f.resource, name, i % 3, 0);
        package(h, last, WINDOWS, AMD64);
    }
    int64_t full = package(h, last, LINUX, AMD64), purged = package(h, last, ANY, ANY_ARCH);
    struct rbe_package patch = {.version = last, .format = RBE_FORMAT_FILES, .target = full, .source = full - 1,
                                .path = "p/patch", .file_type = "zip"};
    must(h, rbe_package_put(h->store, &patch, &h->err));
    home_commit(h);
    rbe_autofree char *sql = rbe_strfmt("UPDATE package SET purged_at = 1 WHERE id = %d", (int)purged);
    home_sql(h, "rbe.db", sql);

    must(h, rbe_version_list(h->store, &f, &h->arena, &list, &n, &total, &h->err));
    assert_int_equal(n, 3);
    assert_int_equal(total, 7);
    assert_int_equal(list[0].number, 7);
    assert_int_equal(list[0].packages, 2);
    assert_int_equal(list[1].number, 6);
    assert_int_equal(list[1].packages, 1);
    f.offset = 6;
    must(h, rbe_version_list(h->store, &f, &h->arena, &list, &n, &total, &h->err));
    assert_int_equal(n, 1);
    assert_string_equal(list[0].name, "a");
    f.offset = 0;
    f.channel = BETA;
    must(h, rbe_version_list(h->store, &f, &h->arena, &list, &n, &total, &h->err));
    assert_int_equal(n, 2);
    assert_int_equal(total, 2);
    assert_string_equal(list[0].name, "e");
    assert_string_equal(list[1].name, "b");
}

/* Every place a package can be in, against every place a client can ask from. */
static void test_offer_places(void **state)
{
    struct home *h = *state;
    int64_t ids[3][3][3];

    home_begin(h);
    int64_t app = resource(h, "app", RBE_ORDER_VERSION);
    for (int channel = 0; channel < 3; channel++)
        for (int system = 0; system < 3; system++)
            for (int arch = 0; arch < 3; arch++) {
                rbe_autofree char *name = rbe_strfmt("%d%d%d", channel, system, arch);

                ids[channel][system][arch] = version(h, app, name, channel, 1);
                package(h, ids[channel][system][arch], system, arch);
            }
    must(h, rbe_offer_refresh(h->store, app, &h->err));
    home_commit(h);
    for (int ask = 0; ask < 27; ask++) {
        int channel = ask / 9, system = ask / 3 % 3, arch = ask % 3;
        struct rbe_lookup_offer *list;
        size_t want = 0;

        for (int at = 0; at < 27; at++) {
            int c = at / 9, s = at / 3 % 3, a = at % 3;
            bool fits = c <= channel && ((s == system && a == arch) || (s == system && a == 0) || (s == 0 && a == 0));

            assert_int_equal(offered(h, "app", channel, system, arch, ids[c][s][a]), fits);
            want += fits;
        }
        assert_int_equal(offers(h, "app", channel, system, arch, &list), want);
    }
}

static void test_offer_fields(void **state)
{
    struct home *h = *state;
    struct rbe_lookup_offer *list;

    home_begin(h);
    int64_t app = resource(h, "app", RBE_ORDER_VERSION), id = version(h, app, "key", BETA, 2);
    int64_t file = package(h, id, LINUX, AMD64);
    must(h, rbe_offer_refresh(h->store, app, &h->err));
    home_commit(h);
    assert_int_equal(offers(h, "app", ALPHA, LINUX, AMD64, &list), 1);
    assert_int_equal(list[0].version, id);
    assert_int_equal(list[0].package, file);
    assert_int_equal(list[0].number, 1);
    assert_int_equal(list[0].channel, BETA);
    assert_int_equal(list[0].system, LINUX);
    assert_int_equal(list[0].arch, AMD64);
    assert_int_equal(list[0].order_by, 2);
    assert_int_equal(list[0].order_len, 3);
    assert_memory_equal(list[0].order_key, "key", 3);
    assert_int_equal(offers(h, "app", STABLE, LINUX, AMD64, &list), 0);
    assert_int_equal(offers(h, "none", ALPHA, LINUX, AMD64, &list), 0);
}

/* The greatest of each parser, equal ones by number, and of those no parser takes the last. */
static void test_offer_greatest(void **state)
{
    struct home *h = *state;
    struct rbe_lookup_offer *list;

    home_begin(h);
    int64_t app = resource(h, "app", RBE_ORDER_VERSION);
    int64_t greatest = version(h, app, "9", STABLE, 1);
    package(h, greatest, LINUX, AMD64);
    package(h, version(h, app, "5", STABLE, 1), LINUX, AMD64);
    package(h, version(h, app, "zzz", STABLE, 0), LINUX, AMD64);
    int64_t unordered = version(h, app, "aaa", STABLE, 0), other = version(h, app, "1", STABLE, 2);
    package(h, unordered, LINUX, AMD64);
    package(h, other, LINUX, AMD64);
    version(h, app, "99", STABLE, 1);    /* has no package at all */
    package(h, version(h, app, "98", STABLE, 1), WINDOWS, AMD64);
    must(h, rbe_offer_refresh(h->store, app, &h->err));
    assert_int_equal(offers(h, "app", STABLE, LINUX, AMD64, &list), 3);
    assert_true(offered(h, "app", STABLE, LINUX, AMD64, greatest));
    assert_true(offered(h, "app", STABLE, LINUX, AMD64, unordered));
    assert_true(offered(h, "app", STABLE, LINUX, AMD64, other));

    struct rbe_version same = {.resource = app, .name = "9 again", .order_by = 1, .order_key = "9", .order_len = 1};
    must(h, rbe_version_put(h->store, &same, &h->err));
    package(h, same.id, LINUX, AMD64);
    must(h, rbe_offer_refresh(h->store, app, &h->err));
    assert_true(offered(h, "app", STABLE, LINUX, AMD64, same.id));
    assert_false(offered(h, "app", STABLE, LINUX, AMD64, greatest));

    /* bytes order as numbers from 0 to 255, a longer key behind its beginning */
    struct rbe_version high = {.resource = app, .name = "high", .order_by = 1, .order_key = "\xff", .order_len = 1};
    must(h, rbe_version_put(h->store, &high, &h->err));
    package(h, high.id, LINUX, AMD64);
    struct rbe_version longer = {.resource = app, .name = "long", .order_by = 1, .order_key = "9\0", .order_len = 2};
    must(h, rbe_version_put(h->store, &longer, &h->err));
    package(h, longer.id, LINUX, AMD64);
    must(h, rbe_offer_refresh(h->store, app, &h->err));
    assert_true(offered(h, "app", STABLE, LINUX, AMD64, high.id));
    home_commit(h);
    rbe_autofree char *sql = rbe_strfmt("UPDATE version SET withdrawn_at = 1 WHERE id = %d", (int)high.id);
    home_sql(h, "rbe.db", sql);
    home_begin(h);
    must(h, rbe_offer_refresh(h->store, app, &h->err));
    home_commit(h);
    assert_true(offered(h, "app", STABLE, LINUX, AMD64, longer.id));
}

static void test_offer_published(void **state)
{
    struct home *h = *state;
    struct rbe_lookup_offer *list;

    home_begin(h);
    int64_t app = resource(h, "app", RBE_ORDER_PUBLISHED);
    package(h, version(h, app, "9", STABLE, 1), LINUX, AMD64);
    package(h, version(h, app, "x", STABLE, 0), LINUX, AMD64);
    package(h, version(h, app, "1", STABLE, 2), LINUX, AMD64);
    int64_t last = version(h, app, "3", STABLE, 1);
    package(h, last, LINUX, AMD64);
    must(h, rbe_offer_refresh(h->store, app, &h->err));
    home_commit(h);
    assert_int_equal(offers(h, "app", STABLE, LINUX, AMD64, &list), 1);
    assert_int_equal(list[0].version, last);
    assert_int_equal(list[0].order_by, 0);
    assert_int_equal(list[0].order_len, 0);
    assert_int_equal(list[0].number, 4);
}

static void test_offer_withdrawn_and_purged(void **state)
{
    struct home *h = *state;
    struct rbe_lookup_offer *list;

    home_begin(h);
    int64_t app = resource(h, "app", RBE_ORDER_VERSION), other = resource(h, "other", RBE_ORDER_VERSION);
    int64_t first = version(h, app, "1", STABLE, 1), second = version(h, app, "2", STABLE, 1);
    int64_t third = version(h, app, "3", STABLE, 1), elsewhere = version(h, other, "1", STABLE, 1);
    package(h, first, LINUX, AMD64);
    int64_t purged = package(h, second, LINUX, AMD64);
    int64_t full = package(h, third, LINUX, AMD64);
    package(h, elsewhere, LINUX, AMD64);
    struct rbe_package patch = {.version = third, .system = LINUX, .arch = I386, .format = RBE_FORMAT_FILES,
                                .target = full, .source = purged, .path = "p/patch", .file_type = "zip"};
    must(h, rbe_package_put(h->store, &patch, &h->err));
    must(h, rbe_offer_refresh(h->store, app, &h->err));
    must(h, rbe_offer_refresh(h->store, other, &h->err));
    home_commit(h);
    assert_true(offered(h, "app", STABLE, LINUX, AMD64, third));
    assert_int_equal(offers(h, "app", STABLE, LINUX, I386, &list), 0);

    rbe_autofree char *sql = rbe_strfmt("UPDATE version SET withdrawn_at = 1 WHERE id = %d;"
                                        "UPDATE package SET purged_at = 1 WHERE id = %d", (int)third, (int)purged);
    home_sql(h, "rbe.db", sql);
    home_begin(h);
    must(h, rbe_offer_refresh(h->store, app, &h->err));
    home_commit(h);
    assert_int_equal(offers(h, "app", STABLE, LINUX, AMD64, &list), 1);
    assert_int_equal(list[0].version, first);
    home_sql(h, "rbe.db", "UPDATE version SET withdrawn_at = 1");
    home_begin(h);
    must(h, rbe_offer_refresh(h->store, app, &h->err));
    home_commit(h);
    assert_int_equal(offers(h, "app", STABLE, LINUX, AMD64, &list), 0);
    assert_true(offered(h, "other", STABLE, LINUX, AMD64, elsewhere));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)
    const struct CMUnitTest tests[] = {
        T(test_put_get), T(test_numbers), T(test_set), T(test_list), T(test_offer_places), T(test_offer_fields),
        T(test_offer_greatest), T(test_offer_published), T(test_offer_withdrawn_and_purged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
