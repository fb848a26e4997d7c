/* lib/core/latest against a real store: which version and package a client is told of. */
#include "tests/unit/latest.h"

static const char *name_for(struct site *s, enum rbe_channel channel, enum rbe_system system, enum rbe_arch arch)
{
    struct rbe_question q = question();
    struct rbe_latest a = {0};

    q.channel = channel;
    q.system = system;
    q.arch = arch;
    if (rbe_latest_find(s->app, &q, &s->arena, &a, &s->err) == RBE_OK)
        return a.version_name;
    assert_int_equal(s->err.code, RBE_NOTFOUND);
    assert_string_equal(s->err.text, "resource not found");
    return "-";
}

static const char *name_of(struct site *s)
{
    return name_for(s, RBE_CHANNEL_STABLE, ANY);
}

static void test_record(void **state)
{
    struct site *s = *state;
    struct rbe_question q = question();
    int64_t r = resource_new(s, &(struct rbe_resource){0});
    int64_t full = publish(s, r, "1.2.0", RBE_CHANNEL_BETA, WIN64);
    struct rbe_package p;

    q.channel = RBE_CHANNEL_ALPHA;
    q.system = RBE_SYSTEM_WINDOWS;
    q.arch = RBE_ARCH_AMD64;
    q.region = "eu-1";
    q.cdk = "ignored where access is public";
    struct rbe_latest a = ask(s, &q);
    must(s, rbe_package_get(s->app->store, full, &s->arena, &p, &s->err));
    assert_string_equal(a.rid, "my-app");
    assert_string_equal(a.version_name, "1.2.0");
    assert_int_equal(a.version_number, 1);
    assert_int_equal(a.channel, RBE_CHANNEL_BETA);
    assert_int_equal(a.system, RBE_SYSTEM_WINDOWS);
    assert_int_equal(a.arch, RBE_ARCH_AMD64);
    assert_string_equal(rbe_update_name(a.update), "full");
    assert_null(rbe_format_name(a.format));
    assert_int_equal(a.file_size, 1000);
    assert_memory_equal(a.sha256, p.sha256, sizeof(a.sha256));
    assert_string_equal(a.release_note, "note");
    assert_string_equal(a.custom_data, "data");
    assert_int_equal(a.published_at, NOW - 5);
    assert_int_equal(a.cdk_expires, 0);
    assert_int_equal(a.verdict, RBE_OK);
    assert_int_equal(a.grant.kind, RBE_GRANT_DOWNLOAD);
    assert_int_equal(a.grant.package, full);
    assert_int_equal(a.grant.expires, NOW + 600);
    assert_int_equal(a.grant.cdk, 0);
    assert_string_equal(a.grant.region, "eu-1");
    /* a region that could not stand in a key is none */
    q.region = "far too long to be the name of a region";
    assert_string_equal(ask(s, &q).grant.region, "");
    q.region = "EU";
    assert_string_equal(ask(s, &q).grant.region, "");
}

static void test_nothing(void **state)
{
    struct site *s = *state;
    struct rbe_question q = question();
    struct rbe_latest a;

    expect(s, RBE_NOTFOUND, rbe_latest_find(s->app, &q, &s->arena, &a, &s->err));
    (void)resource_new(s, &(struct rbe_resource){0});
    assert_string_equal(name_of(s), "-");
    q.rid = "other";
    expect(s, RBE_NOTFOUND, rbe_latest_find(s->app, &q, &s->arena, &a, &s->err));
    assert_string_equal(s->err.text, "resource not found");
}

static void test_channels(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});

    (void)publish(s, r, "1.2.0-alpha.1", RBE_CHANNEL_ALPHA, ANY);
    assert_string_equal(name_for(s, RBE_CHANNEL_STABLE, ANY), "-");
    assert_string_equal(name_for(s, RBE_CHANNEL_BETA, ANY), "-");
    (void)publish(s, r, "1.1.0-beta.1", RBE_CHANNEL_BETA, ANY);
    (void)publish(s, r, "1.0.0", RBE_CHANNEL_STABLE, ANY);
    assert_string_equal(name_for(s, RBE_CHANNEL_STABLE, ANY), "1.0.0");
    assert_string_equal(name_for(s, RBE_CHANNEL_BETA, ANY), "1.1.0-beta.1");
    assert_string_equal(name_for(s, RBE_CHANNEL_ALPHA, ANY), "1.2.0-alpha.1");
    /* the steadier channels are seen too */
    (void)publish(s, r, "1.3.0", RBE_CHANNEL_STABLE, ANY);
    assert_string_equal(name_for(s, RBE_CHANNEL_BETA, ANY), "1.3.0");
    assert_string_equal(name_for(s, RBE_CHANNEL_ALPHA, ANY), "1.3.0");
}

static void test_platforms(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});
    struct rbe_question q = question();

    int64_t any = publish(s, r, "1.0.0", RBE_CHANNEL_STABLE, ANY);
    int64_t win = publish(s, r, "1.0.0", RBE_CHANNEL_STABLE, RBE_SYSTEM_WINDOWS, RBE_ARCH_ANY);
    int64_t win64 = publish(s, r, "1.0.0", RBE_CHANNEL_STABLE, WIN64);
    q.system = RBE_SYSTEM_WINDOWS;
    q.arch = RBE_ARCH_AMD64;
    assert_int_equal(ask(s, &q).grant.package, win64);
    q.arch = RBE_ARCH_386;
    struct rbe_latest a = ask(s, &q);
    assert_int_equal(a.grant.package, win);
    assert_int_equal(a.system, RBE_SYSTEM_WINDOWS);
    assert_int_equal(a.arch, RBE_ARCH_ANY);
    q.arch = RBE_ARCH_ANY;
    assert_int_equal(ask(s, &q).grant.package, win);
    q.system = RBE_SYSTEM_LINUX;
    q.arch = RBE_ARCH_AMD64;
    assert_int_equal(ask(s, &q).grant.package, any);
    q.system = RBE_SYSTEM_ANY;
    assert_int_equal(ask(s, &q).grant.package, any);
    /* the version comes before the platform: a newer one for all wins over an older one for this */
    int64_t any2 = publish(s, r, "1.1.0", RBE_CHANNEL_STABLE, ANY);
    q.system = RBE_SYSTEM_WINDOWS;
    assert_int_equal(ask(s, &q).grant.package, any2);
    /* and a newer one for others only plays no part */
    (void)publish(s, r, "1.2.0", RBE_CHANNEL_STABLE, LINUX64);
    assert_int_equal(ask(s, &q).grant.package, any2);
    assert_string_equal(name_for(s, RBE_CHANNEL_STABLE, ANY), "1.1.0");
    assert_string_equal(name_for(s, RBE_CHANNEL_STABLE, LINUX64), "1.2.0");
    assert_string_equal(name_for(s, RBE_CHANNEL_STABLE, RBE_SYSTEM_LINUX, RBE_ARCH_ANY), "1.1.0");
}

/* An arch without a system is a place of its own. */
static void test_arch_alone(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});

    (void)publish(s, r, "1.0.0", RBE_CHANNEL_STABLE, RBE_SYSTEM_ANY, RBE_ARCH_ARM64);
    assert_string_equal(name_for(s, RBE_CHANNEL_STABLE, ANY), "-");
    assert_string_equal(name_for(s, RBE_CHANNEL_STABLE, RBE_SYSTEM_ANY, RBE_ARCH_ARM64), "1.0.0");
    assert_string_equal(name_for(s, RBE_CHANNEL_STABLE, RBE_SYSTEM_LINUX, RBE_ARCH_ARM64), "-");
}

static void test_order(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});

    (void)stable(s, r, "1.9.0");
    (void)stable(s, r, "1.10.0");
    (void)stable(s, r, "1.10.0-rc.1");
    (void)stable(s, r, "v1.2.0");
    assert_string_equal(name_of(s), "1.10.0");
    /* equal but for build metadata: the later one */
    (void)stable(s, r, "1.10.0+b");
    assert_string_equal(name_of(s), "1.10.0+b");
    (void)stable(s, r, "1.10.0+a");
    assert_string_equal(name_of(s), "1.10.0+a");
}

/* Winners of the parsers, and the last that no parser takes, meet by number. */
static void test_parsers_meet(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});

    (void)stable(s, r, "2.0.0");
    (void)stable(s, r, "2024-06-01");
    assert_string_equal(name_of(s), "2024-06-01");
    (void)stable(s, r, "1.0.0");
    assert_string_equal(name_of(s), "2024-06-01");
    (void)stable(s, r, "nightly");
    assert_string_equal(name_of(s), "nightly");
    (void)stable(s, r, "2024-05-01");
    assert_string_equal(name_of(s), "nightly");
    (void)stable(s, r, "another");
    assert_string_equal(name_of(s), "another");
    (void)stable(s, r, "2.0.1");
    assert_string_equal(name_of(s), "2.0.1");
}

static void test_published_order(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){.order = RBE_ORDER_PUBLISHED});

    (void)stable(s, r, "2.0.0");
    (void)stable(s, r, "3.0.0");
    (void)stable(s, r, "1.0.0");
    assert_string_equal(name_of(s), "1.0.0");
    assert_int_equal(update_from(s, "1.0.0"), RBE_UPDATE_NONE);
    assert_int_equal(update_from(s, "3.0.0"), RBE_UPDATE_FULL);
    /* nothing is known of these but that they are not the latest */
    assert_int_equal(update_from(s, "9.0.0"), RBE_UPDATE_FULL);
    assert_int_equal(update_from(s, "v1.0.0"), RBE_UPDATE_FULL);
    /* published later, but on a channel this client does not see */
    (void)publish(s, r, "nightly", RBE_CHANNEL_ALPHA, ANY);
    assert_string_equal(name_of(s), "1.0.0");
    assert_int_equal(update_from(s, "nightly"), RBE_UPDATE_NONE);
}

static void test_withdrawn(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});

    (void)stable(s, r, "1.0.0");
    (void)stable(s, r, "1.1.0");
    (void)stable(s, r, "1.2.0");
    change(s, r, "UPDATE version SET withdrawn_at = 1 WHERE name = '1.2.0'");
    struct rbe_latest a = ask_from(s, "1.2.0");
    assert_string_equal(a.version_name, "1.1.0");
    assert_int_equal(a.update, RBE_UPDATE_FULL);
    assert_int_equal(update_from(s, "1.1.0"), RBE_UPDATE_NONE);
    change(s, r, "UPDATE version SET withdrawn_at = 1");
    assert_string_equal(name_of(s), "-");
}

/* A reader's app answers as well, and sees a publish in its very next answer. */
static void test_reader(void **state)
{
    struct site *s = *state;
    int64_t r = resource_new(s, &(struct rbe_resource){0});
    rbe_autoptr(app) struct rbe_app *reader = NULL;
    struct rbe_question q = question();
    struct rbe_latest a;

    must(s, rbe_app_open(&s->settings, RBE_APP_READ, &reader, &s->err));
    for (int i = 0; i < 5; i++) {
        const char *name = rbe_arena_strfmt(&s->arena, "1.%d.0", i);

        (void)stable(s, r, name);
        must(s, rbe_latest_find(reader, &q, &s->arena, &a, &s->err));
        assert_string_equal(a.version_name, name);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_record), TEST(test_nothing), TEST(test_channels), TEST(test_platforms), TEST(test_arch_alone),
        TEST(test_order), TEST(test_parsers_meet), TEST(test_published_order), TEST(test_withdrawn),
        TEST(test_reader),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
