/* What an answer reads, but for the offers, which tests/unit/test-version.c has: what is offered, and where a client stands. */
#include "tests/unit/storehome.h"

#include "lib/store/lookup.h"
#include "lib/store/version.h"

enum { ANY, WINDOWS, LINUX };            /* systems */
enum { ANY_ARCH, I386, AMD64 };          /* arches */

static int64_t resource(struct home *h, const char *rid, enum rbe_resource_access access)
{
    struct rbe_resource r = {.rid = rid, .access = access, .update = RBE_RESOURCE_FULL, .order = RBE_ORDER_PUBLISHED};

    must(h, rbe_resource_put(h->store, &r, &h->err));
    return r.id;
}

static int64_t version(struct home *h, int64_t of, const char *name)
{
    struct rbe_version v = {.resource = of, .name = name, .order_by = 1, .order_key = name, .order_len = strlen(name),
                            .release_note = "what is new", .custom_data = "{}", .created_at = 77};

    must(h, rbe_version_put(h->store, &v, &h->err));
    return v.id;
}

static int64_t package(struct home *h, int64_t of, int system, int arch, unsigned char tree)
{
    rbe_autofree char *path = rbe_strfmt("p/%d-%d-%d", (int)of, system, arch);
    struct rbe_package p = {.version = of, .system = system, .arch = arch, .file_type = "zip", .path = path, .size = 1234};

    memset(p.sha256, 0xab, sizeof(p.sha256));
    memset(p.tree, tree, sizeof(p.tree));
    must(h, rbe_package_put(h->store, &p, &h->err));
    return p.id;
}

static bool stands(struct home *h, int64_t of, const char *name, int system, int arch, struct rbe_lookup_standing *ret)
{
    const struct rbe_lookup client = {.system = system, .arch = arch};
    bool found;

    must(h, rbe_lookup_standing(h->store, of, name, &client, &h->arena, ret, &found, &h->err));
    return found;
}

static void test_what_is_offered(void **state)
{
    struct home *h = *state;
    const struct rbe_lookup of = {.rid = "app", .system = LINUX, .arch = AMD64};
    unsigned char sha256[32];
    struct rbe_lookup_offer *offers;
    struct rbe_lookup_offered given;
    size_t n;

    home_begin(h);
    int64_t app = resource(h, "app", RBE_ACCESS_CDK);
    (void)package(h, version(h, app, "1.0"), LINUX, AMD64, 0);
    must(h, rbe_offer_refresh(h->store, app, &h->err));
    home_commit(h);
    must(h, rbe_lookup_offers(h->store, &of, &h->arena, &offers, &n, &h->err));
    assert_int_equal(n, 1);
    assert_int_equal(offers->resource, app);
    assert_int_equal(offers->access, RBE_ACCESS_CDK);
    assert_int_equal(offers->update, RBE_RESOURCE_FULL);
    assert_int_equal(offers->order, RBE_ORDER_PUBLISHED);
    must(h, rbe_lookup_offered(h->store, offers, &h->arena, &given, &h->err));
    assert_string_equal(given.name, "1.0");
    assert_string_equal(given.release_note, "what is new");
    assert_string_equal(given.custom_data, "{}");
    assert_int_equal(given.published_at, 77);
    assert_int_equal(given.size, 1234);
    assert_false(given.has_tree);
    memset(sha256, 0xab, sizeof(sha256));
    assert_memory_equal(given.sha256, sha256, sizeof(sha256));
    offers->version++;
    expect(h, RBE_NOTFOUND, rbe_lookup_offered(h->store, offers, &h->arena, &given, &h->err));
}

/* The closest package, whatever else the version has. */
static void test_where_a_client_stands(void **state)
{
    struct home *h = *state;
    struct rbe_lookup_standing on;

    home_begin(h);
    int64_t app = resource(h, "app", RBE_ACCESS_PUBLIC), one = version(h, app, "1.0"), bare = version(h, app, "0.1");
    int64_t any = package(h, one, ANY, ANY_ARCH, 7), all = package(h, one, LINUX, ANY_ARCH, 7);
    int64_t exact = package(h, one, LINUX, AMD64, 0), odd = package(h, one, ANY, I386, 7);
    struct rbe_package patch = {.version = one, .system = LINUX, .arch = I386, .format = RBE_FORMAT_FILES, .target = exact,
                                .source = all, .path = "p/patch", .file_type = "zip"};
    must(h, rbe_package_put(h->store, &patch, &h->err));
    home_commit(h);
    assert_true(stands(h, app, "1.0", LINUX, AMD64, &on));
    assert_int_equal(on.version, one);
    assert_int_equal(on.number, 1);
    assert_int_equal(on.order_by, 1);
    assert_int_equal(on.order_len, 3);
    assert_memory_equal(on.order_key, "1.0", 3);
    assert_int_equal(on.package, exact);
    assert_int_equal(on.system, LINUX);
    assert_int_equal(on.arch, AMD64);
    assert_false(on.has_tree);
    assert_true(stands(h, app, "1.0", LINUX, I386, &on));
    assert_int_equal(on.package, all);
    assert_true(on.has_tree);
    assert_true(stands(h, app, "1.0", WINDOWS, I386, &on));
    assert_int_equal(on.package, any);
    assert_true(stands(h, app, "1.0", ANY, I386, &on));
    assert_int_equal(on.package, odd);
    assert_true(stands(h, app, "1.0", ANY, AMD64, &on));
    assert_int_equal(on.package, any);
    assert_true(stands(h, app, "0.1", LINUX, AMD64, &on));
    assert_int_equal(on.version, bare);
    assert_int_equal(on.package, 0);
    assert_false(stands(h, app, "1.1", LINUX, AMD64, &on));
    assert_false(stands(h, app + 1, "1.0", LINUX, AMD64, &on));
}

/* A withdrawn version and a purged package are still where a client stands. */
static void test_what_is_gone_is_told(void **state)
{
    struct home *h = *state;
    struct rbe_lookup_standing on;

    home_begin(h);
    int64_t app = resource(h, "app", RBE_ACCESS_PUBLIC), one = version(h, app, "1.0");
    int64_t full = package(h, one, ANY, ANY_ARCH, 7);
    home_commit(h);
    home_sql(h, "rbe.db", "UPDATE version SET withdrawn_at = 5; UPDATE package SET purged_at = 6");
    assert_true(stands(h, app, "1.0", LINUX, AMD64, &on));
    assert_int_equal(on.withdrawn_at, 5);
    assert_int_equal(on.package, full);
    assert_int_equal(on.purged_at, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_offered, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(test_where_a_client_stands, home_setup, home_teardown),
        cmocka_unit_test_setup_teardown(test_what_is_gone_is_told, home_setup, home_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
