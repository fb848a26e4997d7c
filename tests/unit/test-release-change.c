#include "tests/unit/releases.h"

#include "lib/core/latest.h"
#include "lib/core/release-change.h"
#include "lib/core/release.h"

static const struct site_file files[] = {{"app", "text"}, {NULL, NULL}};

/* A resource with a version for each name, and its row. */
static struct rbe_resource resource(struct site *s, const char *rid, const char *const *names)
{
    int64_t id = site_resource(s, rid, "[]");
    struct rbe_resource r;

    for (; *names; names++)
        (void)site_publish(s, id, rid, *names, files);
    must(s, rbe_resource_get(s->app->store, rid, &s->arena, &r, &s->err));
    return r;
}

/* What a client of a channel is told; NULL when there is nothing. */
static const char *latest(struct site *s, const char *rid, enum rbe_channel channel)
{
    const struct rbe_question q = {.rid = rid, .channel = channel, .system = RBE_SYSTEM_LINUX, .arch = RBE_ARCH_AMD64,
                                   .current = "", .cdk = "", .region = "", .now = rbe_clock_now()};
    struct rbe_latest l;

    return rbe_latest_find(s->app, &q, &s->arena, &l, NULL) == RBE_OK ? l.version_name : NULL;
}

static struct rbe_version version(struct site *s, const struct rbe_resource *r, const char *name)
{
    struct rbe_version v;
    bool found;

    must(s, rbe_version_find(s->app->store, r->id, name, &s->arena, &v, &found, &s->err));
    assert_true(found);
    return v;
}

static enum rbe_code describe(struct site *s, const struct rbe_resource *r, const struct rbe_release_words *words)
{
    struct rbe_version v;

    s->err = (struct rbe_err){0};
    return rbe_release_describe(s->app, r, words, &s->arena, &v, &s->err);
}

static void test_describe(void **state)
{
    struct site *s = *state;
    struct rbe_resource r = resource(s, "app", (const char *const[]){"1.0.0", NULL});
    struct rbe_release_words w = {.which = RBE_RELEASE_NOTE, .version_name = "1.0.0", .content = "note"};

    must(s, describe(s, &r, &w));
    w = (struct rbe_release_words){.which = RBE_RELEASE_DATA, .version_name = "1.0.0", .channel = "STABLE",
                                   .content = "data"};
    must(s, describe(s, &r, &w));
    struct rbe_version v = version(s, &r, "1.0.0");
    assert_string_equal(v.release_note, "note");
    assert_string_equal(v.custom_data, "data");
    w.content = "";
    must(s, describe(s, &r, &w));
    v = version(s, &r, "1.0.0");
    assert_string_equal(v.release_note, "note");
    assert_string_equal(v.custom_data, "");
}

static void test_describe_limits(void **state)
{
    struct site *s = *state;
    struct rbe_resource r = resource(s, "app", (const char *const[]){"1.0.0", NULL});
    struct rbe_release_words w = {.version_name = "1.0.0"};
    rbe_auto(str) struct rbe_str text = {0};

    for (int i = 0; i <= RBE_RELEASE_NOTE_MAX; i++)
        rbe_str_puts(&text, "\xc3\xa9");
    w.content = rbe_str_text(&text);
    must(s, describe(s, &r, &w));
    assert_int_equal(strlen(version(s, &r, "1.0.0").release_note), 2 * RBE_RELEASE_NOTE_MAX);
    w.which = RBE_RELEASE_DATA;
    expect(s, RBE_INVALID, describe(s, &r, &w));
    assert_string_equal(s->err.violation[0].field, "content");
    w.content = rbe_arena_strndup(&s->arena, w.content, RBE_CUSTOM_DATA_MAX);
    must(s, describe(s, &r, &w));
}

static void test_describe_refused(void **state)
{
    struct site *s = *state;
    struct rbe_resource r = resource(s, "app", (const char *const[]){"1.0.0", NULL});
    static const struct {
        struct rbe_release_words words;
        enum rbe_code code;
    } cases[] = {
        {{.version_name = "2.0.0", .content = "x"}, RBE_NOTFOUND},
        {{.version_name = "1.0.0", .channel = "beta", .content = "x"}, RBE_NOTFOUND},
        {{.version_name = "1.0.0", .channel = "daily", .content = "x"}, RBE_BAD_CHANNEL},
        {{.version_name = "1.0.0"}, RBE_INVALID},
        {{.version_name = "1.0.0", .content = "\xff"}, RBE_INVALID},
        {{.version_name = "a/b", .content = "x"}, RBE_INVALID},
        {{.content = "x"}, RBE_INVALID},
    };

    for (size_t i = 0; i < RBE_COUNT(cases); i++)
        expect(s, cases[i].code, describe(s, &r, &cases[i].words));
    assert_string_equal(version(s, &r, "1.0.0").release_note, "");
    /* no transaction was left open */
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    rbe_store_rollback(s->app->store, RBE_BASE_RELEASES);
}

static void test_withdraw(void **state)
{
    struct site *s = *state;
    struct rbe_resource r = resource(s, "app", (const char *const[]){"1.0.0", "1.1.0", NULL});
    struct rbe_version v;

    expect(s, RBE_NOTFOUND, rbe_release_withdraw(s->app, &r, "3", &s->arena, &v, &s->err));
    assert_string_equal(s->err.text, "version not found: app 3");
    assert_string_equal(latest(s, "app", RBE_CHANNEL_STABLE), "1.1.0");
    must(s, rbe_release_withdraw(s->app, &r, "1.1.0", &s->arena, &v, &s->err));
    assert_true(v.withdrawn_at > 0);
    assert_int_equal(version(s, &r, "1.1.0").withdrawn_at, v.withdrawn_at);
    assert_string_equal(latest(s, "app", RBE_CHANNEL_STABLE), "1.0.0");
}

static void test_withdraw_all(void **state)
{
    struct site *s = *state;
    struct rbe_resource r = resource(s, "app", (const char *const[]){"1.0.0", "1.1.0", "1.2.0", NULL});
    struct rbe_version v;
    int64_t n, first;

    (void)resource(s, "other", (const char *const[]){"1.0.0", NULL});
    must(s, rbe_release_withdraw(s->app, &r, "1.0.0", &s->arena, &v, &s->err));
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_version_withdraw(s->app->store, r.id, version(s, &r, "1.1.0").id, 77, &n, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    first = version(s, &r, "1.0.0").withdrawn_at;
    must(s, rbe_release_withdraw_all(s->app, &r, &n, &s->err));
    assert_int_equal(n, 1);
    assert_int_equal(version(s, &r, "1.0.0").withdrawn_at, first);
    assert_int_equal(version(s, &r, "1.1.0").withdrawn_at, 77);
    assert_null(latest(s, "app", RBE_CHANNEL_STABLE));
    assert_string_equal(latest(s, "other", RBE_CHANNEL_STABLE), "1.0.0");
    must(s, rbe_release_withdraw_all(s->app, &r, &n, &s->err));
    assert_int_equal(n, 0);
}

static void test_promote(void **state)
{
    struct site *s = *state;
    struct rbe_resource r = resource(s, "app", (const char *const[]){"1.0.0", "1.1.0", "nightly", NULL});
    struct rbe_version v;

    must(s, rbe_release_withdraw(s->app, &r, "nightly", &s->arena, &v, &s->err));
    must(s, rbe_release_promote(s->app, &r, "1.1.0", "Beta", &s->arena, &v, &s->err));
    assert_int_equal(v.channel, RBE_CHANNEL_BETA);
    assert_string_equal(latest(s, "app", RBE_CHANNEL_STABLE), "1.0.0");
    assert_string_equal(latest(s, "app", RBE_CHANNEL_BETA), "1.1.0");
    must(s, rbe_release_promote(s->app, &r, "1.1.0", "stable", &s->arena, &v, &s->err));
    must(s, rbe_release_promote(s->app, &r, "1.1.0", "stable", &s->arena, &v, &s->err));
    assert_string_equal(latest(s, "app", RBE_CHANNEL_STABLE), "1.1.0");
    expect(s, RBE_NOTFOUND, rbe_release_promote(s->app, &r, "3", "beta", &s->arena, &v, &s->err));
    expect(s, RBE_BAD_CHANNEL, rbe_release_promote(s->app, &r, "1.0.0", "daily", &s->arena, &v, &s->err));
    expect(s, RBE_REFUSED, rbe_release_promote(s->app, &r, "nightly", "stable", &s->arena, &v, &s->err));
}

static void test_promote_unordered(void **state)
{
    struct site *s = *state;
    struct rbe_resource r = resource(s, "app", (const char *const[]){"nightly", NULL});
    struct rbe_version v;

    expect(s, RBE_UNORDERED, rbe_release_promote(s->app, &r, "nightly", "beta", &s->arena, &v, &s->err));
    assert_int_equal(version(s, &r, "nightly").channel, RBE_CHANNEL_STABLE);
    must(s, rbe_release_promote(s->app, &r, "nightly", "", &s->arena, &v, &s->err));
    /* where versions are ordered as published, names need no order */
    r.order = RBE_ORDER_PUBLISHED;
    must(s, rbe_release_promote(s->app, &r, "nightly", "alpha", &s->arena, &v, &s->err));
    assert_int_equal(version(s, &r, "nightly").channel, RBE_CHANNEL_ALPHA);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_describe), TEST(test_describe_limits), TEST(test_describe_refused), TEST(test_withdraw),
        TEST(test_withdraw_all), TEST(test_promote), TEST(test_promote_unordered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
