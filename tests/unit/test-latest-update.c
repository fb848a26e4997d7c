/* lib/core/latest against a real store: whether a client is moved, over which package, and whether it may have it. */
#include "tests/unit/latest.h"

#include "lib/core/demand.h"
#include "lib/store/cdk.h"

static int64_t patch_as(struct site *s, int64_t target, int64_t source, int64_t size, enum rbe_format format)
{
    struct rbe_package full, p;

    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_package_get(s->app->store, target, &s->arena, &full, &s->err));
    p = (struct rbe_package){.version = full.version, .system = full.system, .arch = full.arch,
                             .format = format, .target = target, .source = source, .size = size};
    (void)put_package(s, &p);
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    return p.id;
}

static int64_t patch(struct site *s, int64_t target, int64_t source, int64_t size)
{
    return patch_as(s, target, source, size, RBE_FORMAT_FILES);
}

static void assert_demand(struct site *s, int64_t source, int64_t target)
{
    struct rbe_demand d[8];
    size_t all = rbe_demand_take(s->app->share, d, RBE_COUNT(d)), n = 0;

    /* who is up to date is counted as well, but wants nothing */
    for (size_t i = 0; i < all; i++)
        if (d[i].source != d[i].target)
            d[n++] = d[i];

    assert_int_equal(n, source ? 1 : 0);
    if (source) {
        assert_int_equal(d[0].source, source);
        assert_int_equal(d[0].target, target);
    }
}

static void test_current(void **state)
{
    static const struct {
        const char *current;
        enum rbe_update update;
    } rows[] = {
        {"", RBE_UPDATE_FULL},
        {"1.1.0", RBE_UPDATE_NONE},
        {"1.0.0", RBE_UPDATE_FULL},
        /* unknown to the server */
        {"0.1.0", RBE_UPDATE_FULL},
        {"1.1.1", RBE_UPDATE_NONE},
        {"v9.0.0-rc.1", RBE_UPDATE_NONE},
        {"v1.1.0", RBE_UPDATE_NONE},
        {"1.1.0+local", RBE_UPDATE_NONE},
        {"1.1.0-rc.1", RBE_UPDATE_FULL},
        {"2099-01-01", RBE_UPDATE_FULL},
        {"custom", RBE_UPDATE_FULL},
        /* known, greater, not for this channel */
        {"1.2.0-beta.1", RBE_UPDATE_NONE},
    };
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});

    (void)stable(s, r, "1.0.0");
    (void)publish(s, r, "1.2.0-beta.1", RBE_CHANNEL_BETA, ANY);
    int64_t new = stable(s, r, "1.1.0");
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        struct rbe_latest a = ask_from(s, rows[i].current);

        if (a.update != rows[i].update)
            fail_msg("%s: %s", rows[i].current, rbe_update_name(a.update));
        assert_string_equal(a.version_name, "1.1.0");
        assert_int_equal(a.named, strcmp(rows[i].current, "1.1.0") == 0);
        /* what could be fetched is told to all, also where there is no need */
        assert_int_equal(a.grant.package, new);
        assert_int_equal(a.file_size, 1000);
    }
}

/* A known version that ties with the latest is older by its number, and is moved. */
static void test_current_tie(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});

    (void)stable(s, r, "1.0.0+a");
    (void)stable(s, r, "1.0.0+b");
    assert_int_equal(update_from(s, "1.0.0+a"), RBE_UPDATE_FULL);
    assert_int_equal(update_from(s, "1.0.0+b"), RBE_UPDATE_NONE);
}

static void test_current_with_space(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});

    int64_t old = stable(s, r, "1.0.0+a.1");
    int64_t new = stable(s, r, "1.1.0+b.2");
    assert_int_equal(update_from(s, "1.1.0 b.2"), RBE_UPDATE_NONE);
    assert_true(ask_from(s, "1.1.0 b.2").named);
    assert_int_equal(update_from(s, "1.0.0 a.1"), RBE_UPDATE_FULL);
    assert_demand(s, old, new);
    /* unknown under either spelling, greater under the second */
    assert_int_equal(update_from(s, "1.2.0 c"), RBE_UPDATE_NONE);
    assert_int_equal(update_from(s, "1.0.5 c"), RBE_UPDATE_FULL);
    /* a space that belongs to the name */
    (void)stable(s, r, "2024-01-15 10:30:00");
    assert_int_equal(update_from(s, "2024-01-15 10:30:00"), RBE_UPDATE_NONE);
    assert_int_equal(update_from(s, "2024-01-15 10:30:01"), RBE_UPDATE_NONE);
    assert_int_equal(update_from(s, "2024-01-15 10:29:59"), RBE_UPDATE_FULL);
    assert_int_equal(update_from(s, "2024-01-15T11:30:01 01:00"), RBE_UPDATE_NONE);
}

static void test_incremental(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});
    int64_t old = stable(s, r, "1.0.0"), new = stable(s, r, "1.1.0");

    assert_int_equal(update_from(s, ""), RBE_UPDATE_FULL);
    assert_demand(s, 0, 0);
    assert_int_equal(update_from(s, "1.0.0"), RBE_UPDATE_FULL);
    assert_int_equal(update_from(s, "0.9.0"), RBE_UPDATE_FULL);
    assert_int_equal(update_from(s, "1.1.0"), RBE_UPDATE_NONE);
    assert_demand(s, old, new);
    int64_t way = patch(s, new, old, 100);
    struct rbe_latest a = ask_from(s, "1.0.0");
    assert_int_equal(a.update, RBE_UPDATE_INCREMENTAL);
    assert_string_equal(rbe_update_name(a.update), "incremental");
    assert_string_equal(rbe_format_name(a.format), "files");
    assert_int_equal(a.file_size, 100);
    assert_int_equal(a.grant.package, way);
    assert_demand(s, old, new);
    /* from a withdrawn version as well */
    change(s, r, "UPDATE version SET withdrawn_at = 1 WHERE name = '1.0.0'");
    assert_int_equal(update_from(s, "1.0.0"), RBE_UPDATE_INCREMENTAL);
    /* purged, it is no longer offered */
    change(s, r, "UPDATE package SET purged_at = 1 WHERE format = 1");
    a = ask_from(s, "1.0.0");
    assert_int_equal(a.update, RBE_UPDATE_FULL);
    assert_int_equal(a.grant.package, new);
    assert_demand(s, old, new);
}

/* The smallest that the client can apply, never one that is not smaller than the full package. */
static void test_deltas(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});
    int64_t old = stable(s, r, "1.0.0"), new = stable(s, r, "1.1.0"), full_size = 800;
    int64_t vcdiff = patch_as(s, new, old, full_size / 4, RBE_FORMAT_VCDIFF), files;
    struct rbe_question q = question();
    struct rbe_demand d[4];

    q.current = "1.0.0";
    assert_int_equal(ask(s, &q).update, RBE_UPDATE_FULL);
    q.formats = RBE_FORMAT_BIT(RBE_FORMAT_VCDIFF);
    assert_int_equal(ask(s, &q).grant.package, vcdiff);
    files = patch(s, new, old, full_size / 2);
    assert_int_equal(ask(s, &q).grant.package, vcdiff);
    assert_string_equal(rbe_format_name(ask(s, &q).format), "vcdiff");
    q.formats = RBE_FORMAT_BIT(RBE_FORMAT_ZSTD);
    assert_int_equal(ask(s, &q).grant.package, files);
    int64_t zstd = patch_as(s, new, old, full_size / 8, RBE_FORMAT_ZSTD);
    assert_int_equal(ask(s, &q).grant.package, zstd);
    q.formats |= RBE_FORMAT_BIT(RBE_FORMAT_VCDIFF);
    assert_int_equal(ask(s, &q).grant.package, zstd);
    q.formats = 0;
    assert_int_equal(ask(s, &q).grant.package, files);
    assert_int_equal(rbe_demand_take(s->app->share, d, RBE_COUNT(d)), 1);
    assert_int_equal(d[0].formats, RBE_FORMAT_BIT(RBE_FORMAT_ZSTD) | RBE_FORMAT_BIT(RBE_FORMAT_VCDIFF));
}

static void test_incremental_not_smaller(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});
    int64_t a = stable(s, r, "1.0.0"), b = stable(s, r, "1.1.0"), c = stable(s, r, "1.2.0");

    (void)patch(s, c, a, 1000);
    (void)patch(s, c, b, 999);
    assert_int_equal(update_from(s, "1.0.0"), RBE_UPDATE_FULL);
    assert_int_equal(update_from(s, "1.1.0"), RBE_UPDATE_INCREMENTAL);
}

/* The source is what this client was given, not what another platform's was. */
static void test_incremental_platforms(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});
    struct rbe_question q = question();
    int64_t old_any = stable(s, r, "1.0.0");
    int64_t old_win = publish(s, r, "1.0.0", RBE_CHANNEL_STABLE, WIN64);
    int64_t new_win = publish(s, r, "1.1.0", RBE_CHANNEL_STABLE, WIN64);
    int64_t new_any = stable(s, r, "1.1.0");

    q.current = "1.0.0";
    q.system = RBE_SYSTEM_WINDOWS;
    q.arch = RBE_ARCH_AMD64;
    assert_int_equal(ask(s, &q).grant.package, new_win);
    assert_demand(s, old_win, new_win);
    int64_t way = patch(s, new_win, old_win, 10);
    assert_int_equal(ask(s, &q).grant.package, way);
    assert_demand(s, old_win, new_win);
    q.system = RBE_SYSTEM_LINUX;
    assert_int_equal(ask(s, &q).grant.package, new_any);
    assert_demand(s, old_any, new_any);
    /* over platforms nothing is built, but a way that is there is taken */
    int64_t new_linux = publish(s, r, "1.1.0", RBE_CHANNEL_STABLE, LINUX64);
    assert_int_equal(ask(s, &q).grant.package, new_linux);
    assert_demand(s, 0, 0);
    way = patch(s, new_linux, old_any, 10);
    assert_int_equal(ask(s, &q).grant.package, way);
}

/* Pairs that nobody could build are not counted. */
static void test_no_demand(void **state)
{
    struct site *s = *state;
    int64_t full = resource_new(s, &(struct rbe_resource){.update = RBE_RESOURCE_FULL});
    struct rbe_question q = question();

    (void)stable(s, full, "1.0.0");
    (void)stable(s, full, "1.1.0");
    assert_int_equal(update_from(s, "1.0.0"), RBE_UPDATE_FULL);
    assert_demand(s, 0, 0);
    q.rid = "second";
    q.current = "1.0.0";
    int64_t r = resource_new(s, &(struct rbe_resource){.rid = "second"});
    (void)stable(s, r, "1.0.0");
    (void)stable(s, r, "1.1.0");
    site_sql(s, "rbe.db",
             "UPDATE package SET purged_at = 1 WHERE version = (SELECT version.id FROM version "
             "JOIN resource r ON r.id = version.resource WHERE r.rid = 'second' AND version.name = '1.0.0')");
    assert_int_equal(ask(s, &q).update, RBE_UPDATE_FULL);
    assert_demand(s, 0, 0);
    q.rid = "third";
    r = resource_new(s, &(struct rbe_resource){.rid = "third"});
    (void)stable(s, r, "1.0.0");
    (void)stable(s, r, "1.1.0");
    site_sql(s, "rbe.db", "UPDATE package SET tree = zeroblob(32)");
    assert_int_equal(ask(s, &q).update, RBE_UPDATE_FULL);
    assert_demand(s, 0, 0);
}

static void put_cdk(struct site *s, const char *text, int64_t resource, int64_t expires, int64_t blocked,
                    int64_t *ret_id)
{
    struct rbe_cdk c = {.prefix = "0000", .resource = resource, .created_at = NOW, .expires_at = expires,
                        .blocked_at = blocked};

    rbe_sha256_of(text, strlen(text), c.sha256);
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_cdk_put(s->app->store, &c, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    *ret_id = c.id;
}

static void test_cdk(void **state)
{
    static const char good[] = "0123456789ABCDEFGHJKMNPQRS", old[] = "1123456789ABCDEFGHJKMNPQRS",
                      foreign[] = "2123456789ABCDEFGHJKMNPQRS", blocked[] = "3123456789ABCDEFGHJKMNPQRS",
                      lasting[] = "4123456789ABCDEFGHJKMNPQRS";
    static const struct {
        const char *cdk;
        enum rbe_code verdict;
    } rows[] = {
        {"", RBE_OK},
        {"x", RBE_CDK_INVALID},
        {"5123456789ABCDEFGHJKMNPQRS", RBE_CDK_INVALID},
        {old, RBE_CDK_EXPIRED},
        {foreign, RBE_CDK_FOREIGN},
        {blocked, RBE_CDK_BLOCKED},
    };
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){.access = RBE_ACCESS_CDK});
    int64_t other = resource_new(s, &(struct rbe_resource){.rid = "other"});
    int64_t from = stable(s, r, "1.0.0"), to = stable(s, r, "1.1.0"), id, lasting_id, ignored;
    struct rbe_question q = question();

    put_cdk(s, good, r, NOW + 50, 0, &id);
    put_cdk(s, lasting, 0, 0, 0, &lasting_id);
    put_cdk(s, old, r, NOW - 1, 0, &ignored);
    put_cdk(s, foreign, other, 0, 0, &ignored);
    put_cdk(s, blocked, r, 0, NOW - 1, &ignored);
    q.current = "1.0.0";
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        q.cdk = rows[i].cdk;
        struct rbe_latest a = ask(s, &q);
        assert_int_equal(a.verdict, rows[i].verdict);
        assert_int_equal(a.update, RBE_UPDATE_UNTOLD);
        assert_null(rbe_update_name(a.update));
        assert_string_equal(a.version_name, "1.1.0");
        assert_string_equal(a.release_note, "note");
        assert_int_equal(a.grant.package, 0);
        assert_int_equal(a.file_size, 0);
        assert_int_equal(a.cdk_expires, 0);
    }
    /* who may not download makes no work */
    assert_demand(s, 0, 0);
    q.cdk = good;
    struct rbe_latest a = ask(s, &q);
    assert_int_equal(a.verdict, RBE_OK);
    assert_int_equal(a.update, RBE_UPDATE_FULL);
    assert_int_equal(a.cdk_expires, NOW + 50);
    assert_int_equal(a.grant.cdk, id);
    assert_int_equal(a.grant.package, to);
    assert_demand(s, from, to);
    q.current = "1.1.0";
    a = ask(s, &q);
    assert_int_equal(a.update, RBE_UPDATE_NONE);
    assert_int_equal(a.cdk_expires, NOW + 50);
    q.cdk = lasting;
    q.current = "";
    a = ask(s, &q);
    assert_int_equal(a.cdk_expires, 0);
    assert_int_equal(a.grant.cdk, lasting_id);
}

/* Where a cdk is always wanted, the resource's access opens nothing, and a bad one is told as such. */
static void test_cdk_always(void **state)
{
    static const char good[] = "0123456789ABCDEFGHJKMNPQRS";
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){.access = RBE_ACCESS_PUBLIC});
    int64_t id;
    struct rbe_question q = question();

    (void)stable(s, r, "1.0.0");
    put_cdk(s, good, r, NOW + 50, 0, &id);
    q.current = "1.0.0";
    q.cdk_always = true;
    struct rbe_latest a = ask(s, &q);
    assert_int_equal(a.update, RBE_UPDATE_UNTOLD);
    assert_int_equal(a.verdict, RBE_OK);
    assert_true(a.named);
    q.cdk = "x";
    a = ask(s, &q);
    assert_int_equal(a.update, RBE_UPDATE_UNTOLD);
    assert_int_equal(a.verdict, RBE_CDK_INVALID);
    assert_true(a.named);
    q.cdk = good;
    a = ask(s, &q);
    assert_int_equal(a.update, RBE_UPDATE_NONE);
    assert_int_equal(a.cdk_expires, NOW + 50);
    assert_int_equal(a.grant.cdk, id);
    q.current = "";
    a = ask(s, &q);
    assert_int_equal(a.update, RBE_UPDATE_FULL);
    assert_false(a.named);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_current), TEST(test_current_tie), TEST(test_current_with_space), TEST(test_incremental),
        TEST(test_incremental_not_smaller), TEST(test_deltas), TEST(test_incremental_platforms),
        TEST(test_no_demand), TEST(test_cdk), TEST(test_cdk_always),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
