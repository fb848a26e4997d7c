/* lib/core/access: who gets in with which token, and what is wrong with a cdk. */
#include "tests/unit/site.h"

#include "lib/core/access.h"
#include "lib/core/release.h"
#include "lib/store/usage.h"

enum { NOW = 1700000000 };

static void grant(struct site *s, const char *name, enum rbe_scope scope, const char *rid, int64_t expires,
                  char ret_text[static RBE_TOKEN_TEXT])
{
    struct rbe_token t = {.name = name, .scope = scope, .rid = rid, .expires_at = expires};

    must(s, rbe_access_grant_token(s->app, &t, ret_text, &s->err));
    assert_true(t.id > 0);
    assert_true(t.created_at > 0);
}

static enum rbe_code ask(struct site *s, const char *bearer, int64_t now, struct rbe_token *ret)
{
    s->err = (struct rbe_err){0};
    return rbe_access_token(s->app, bearer, now, &s->arena, ret, &s->err);
}

static void make_resource(struct site *s, const char *rid, struct rbe_resource *ret)
{
    const struct rbe_resource_draft d = {.rid = rid};

    must(s, rbe_release_create(s->app, &d, &s->arena, ret, &s->err));
}

static void test_token(void **state)
{
    struct site *s = *state;
    char one[RBE_TOKEN_TEXT], two[RBE_TOKEN_TEXT];
    struct rbe_token t;

    grant(s, "one", RBE_SCOPE_ADMIN, NULL, 0, one);
    grant(s, "two", RBE_SCOPE_PUBLISH, NULL, NOW + 10, two);
    assert_int_equal(strlen(one), RBE_TOKEN_TEXT - 1);
    assert_memory_equal(one, "rbe_", 4);
    assert_string_not_equal(one, two);

    assert_int_equal(ask(s, one, NOW, &t), RBE_OK);
    assert_string_equal(t.name, "one");
    assert_int_equal(t.scope, RBE_SCOPE_ADMIN);
    assert_null(t.rid);
    assert_int_equal(ask(s, two, NOW + 9, &t), RBE_OK);
    assert_int_equal(t.scope, RBE_SCOPE_PUBLISH);
}

/* All that is not good is refused in the same words. */
static void test_token_refused(void **state)
{
    struct site *s = *state;
    char good[RBE_TOKEN_TEXT], old[RBE_TOKEN_TEXT], revoked[RBE_TOKEN_TEXT], twisted[RBE_TOKEN_TEXT];
    struct rbe_token t;

    grant(s, "good", RBE_SCOPE_ADMIN, NULL, 0, good);
    grant(s, "old", RBE_SCOPE_ADMIN, NULL, NOW, old);
    grant(s, "revoked", RBE_SCOPE_ADMIN, NULL, 0, revoked);
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_token_revoke(s->app->store, "revoked", NOW - 1, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    memcpy(twisted, good, sizeof(twisted));
    twisted[20] = twisted[20] == 'a' ? 'b' : 'a';

    const char *const bad[] = {NULL, "", "rbe_", "x", twisted, old, revoked, good + 4};
    for (size_t i = 0; i < RBE_COUNT(bad); i++) {
        assert_int_equal(ask(s, bad[i], NOW, &t), RBE_UNAUTHORIZED);
        assert_string_equal(s->err.text, "a valid token is needed");
    }
    /* the name of a token that was revoked may be given again */
    grant(s, "revoked", RBE_SCOPE_ADMIN, NULL, 0, revoked);
    struct rbe_token again = {.name = "good"};
    expect(s, RBE_REFUSED, rbe_access_grant_token(s->app, &again, twisted, &s->err));
    /* and a refusal leaves no transaction open */
    grant(s, "next", RBE_SCOPE_ADMIN, NULL, 0, twisted);
}

static enum rbe_code enter(struct site *s, const char *bearer, const char *address, int64_t now)
{
    const struct rbe_access_entry who = {bearer, address, NULL, now};
    struct rbe_token t;

    s->err = (struct rbe_err){0};
    return rbe_access_enter(s->app, &who, &s->arena, &t, &s->err);
}

/* Who fails too often is told to wait, whatever he says next; others there, and the same elsewhere, go on. */
static void test_enter(void **state)
{
    struct site *s = *state;
    char good[RBE_TOKEN_TEXT], other[RBE_TOKEN_TEXT];

    grant(s, "good", RBE_SCOPE_ADMIN, NULL, 0, good);
    grant(s, "other", RBE_SCOPE_ADMIN, NULL, 0, other);
    assert_int_equal(enter(s, good, "192.0.2.1", NOW), RBE_OK);
    for (int i = 0; i < 20; i++)
        assert_int_equal(enter(s, NULL, "192.0.2.1", NOW), RBE_UNAUTHORIZED);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(enter(s, "rbe_guess", "192.0.2.1", NOW), RBE_UNAUTHORIZED);
        assert_string_equal(s->err.text, "a valid token is needed");
        assert_int_equal(s->err.retry_after, 0);
    }
    assert_int_equal(enter(s, "rbe_guess", "192.0.2.1", NOW), RBE_LIMITED);
    assert_in_range(s->err.retry_after, 1, 6);
    assert_int_equal(enter(s, other, "192.0.2.1", NOW), RBE_LIMITED);
    assert_int_equal(enter(s, NULL, "192.0.2.1", NOW), RBE_UNAUTHORIZED);
    assert_int_equal(enter(s, good, "192.0.2.1", NOW), RBE_OK);
    assert_int_equal(enter(s, other, "192.0.2.2", NOW), RBE_OK);
    s->settings.limits.auth_failures = 0;
    assert_int_equal(enter(s, other, "192.0.2.1", NOW), RBE_OK);
}

static void test_last_use(void **state)
{
    struct site *s = *state;
    rbe_autofree char *path = rbe_strfmt("%s/db/usage.db", s->dir);
    char good[RBE_TOKEN_TEXT];
    int64_t used;

    grant(s, "good", RBE_SCOPE_ADMIN, NULL, 0, good);
    static const struct {
        int64_t at, noted;
    } rows[] = {{NOW, NOW}, {NOW + 59, NOW}, {NOW + 60, NOW + 60}, {NOW + 90, NOW + 60}, {NOW - 500, NOW - 500}};
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        assert_int_equal(enter(s, good, "", rows[i].at), RBE_OK);
        must(s, rbe_usage_token(s->app->store, 1, &used, &s->err));
        assert_int_equal(used, rows[i].noted);
    }
    /* a usage.db that is gone does not keep anybody out */
    site_close(s);
    must(s, rbe_app_open(&s->settings, RBE_APP_READ, &s->app, &s->err));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(enter(s, good, "", NOW + 900), RBE_OK);
}

static void test_allow(void **state)
{
    static const struct {
        enum rbe_scope has;
        const char *bound;
        enum rbe_scope need;
        const char *rid;
        enum rbe_code want;
    } rows[] = {
        {RBE_SCOPE_ADMIN, NULL, RBE_SCOPE_ADMIN, NULL, RBE_OK},
        {RBE_SCOPE_ADMIN, NULL, RBE_SCOPE_PUBLISH, "app", RBE_OK},
        {RBE_SCOPE_PUBLISH, NULL, RBE_SCOPE_PUBLISH, "app", RBE_OK},
        {RBE_SCOPE_PUBLISH, NULL, RBE_SCOPE_ADMIN, NULL, RBE_FORBIDDEN},
        {RBE_SCOPE_PUBLISH, NULL, RBE_SCOPE_ADMIN, "app", RBE_FORBIDDEN},
        {RBE_SCOPE_PUBLISH, "app", RBE_SCOPE_PUBLISH, "app", RBE_OK},
        {RBE_SCOPE_PUBLISH, "app", RBE_SCOPE_PUBLISH, "App", RBE_FORBIDDEN},
        {RBE_SCOPE_PUBLISH, "app", RBE_SCOPE_PUBLISH, "other", RBE_FORBIDDEN},
        {RBE_SCOPE_PUBLISH, "app", RBE_SCOPE_PUBLISH, NULL, RBE_FORBIDDEN},
        {RBE_SCOPE_ADMIN, "app", RBE_SCOPE_ADMIN, "app", RBE_OK},
        {RBE_SCOPE_ADMIN, "app", RBE_SCOPE_ADMIN, NULL, RBE_FORBIDDEN},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        const struct rbe_token t = {.scope = rows[i].has, .rid = rows[i].bound};
        struct rbe_err e = {0};

        assert_int_equal(rbe_access_allow(&t, rows[i].need, rows[i].rid, &e), rows[i].want);
    }
}

#define CDK "0123456789ABCDEFGHJKMNPQRS"

static void put_cdk(struct site *s, const char *text, struct rbe_cdk c)
{
    rbe_sha256_of(text, strlen(text), c.sha256);
    c.prefix = rbe_arena_strndup(&s->arena, text, 4);
    c.created_at = NOW - 100;
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_cdk_put(s->app->store, &c, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
}

static enum rbe_code verdict(struct site *s, const char *cdk, int64_t resource, struct rbe_access_verdict *ret)
{
    const struct rbe_access_ask ask = {.cdk = cdk, .resource = resource, .now = NOW};

    must(s, rbe_access_cdk(s->app, &ask, &s->arena, ret, &s->err));
    return ret->code;
}

static void test_cdk_spelling(void **state)
{
    static const char *const good[] = {CDK, "0123456789abcdefghjkmnpqrs", "O123456789ABCDEFGHJKMNPQRS",
                                       "OI23456789ABCDEFGHJKMNPQRS", "ol23456789abcdefghjkmnpqrs"};
    static const char *const bad[] = {"", "0", "0123456789ABCDEFGHJKMNPQR", CDK "T", "U123456789ABCDEFGHJKMNPQRS",
                                      "0123456789-BCDEFGHJKMNPQRS", "0123456789ABCDEFGHJKMNPQR ",
                                      "0123456789ABCDEFGHJKMNPQRT", "\303\24423456789ABCDEFGHJKMNPQRS"};
    struct site *s = *state;
    struct rbe_access_verdict got;

    put_cdk(s, CDK, (struct rbe_cdk){.daily_limit = 5});
    for (size_t i = 0; i < RBE_COUNT(good); i++) {
        assert_int_equal(verdict(s, good[i], 1, &got), RBE_OK);
        assert_true(got.cdk > 0);
    }
    for (size_t i = 0; i < RBE_COUNT(bad); i++) {
        assert_int_equal(verdict(s, bad[i], 1, &got), RBE_CDK_INVALID);
        assert_int_equal(got.cdk, 0);
    }
}

static void test_cdk_verdicts(void **state)
{
    struct site *s = *state;
    struct rbe_resource mine, other;
    struct rbe_access_verdict got;

    make_resource(s, "mine", &mine);
    make_resource(s, "other", &other);
    const struct {
        char last;
        struct rbe_cdk cdk;
        enum rbe_code want;
    } rows[] = {
        {'0', {.resource = 0}, RBE_OK},
        {'1', {.resource = mine.id}, RBE_OK},
        {'2', {.resource = other.id}, RBE_CDK_FOREIGN},
        {'3', {.expires_at = NOW + 1}, RBE_OK},
        {'4', {.expires_at = NOW}, RBE_CDK_EXPIRED},
        {'5', {.resource = other.id, .expires_at = NOW - 1}, RBE_CDK_FOREIGN},
        {'6', {.blocked_at = NOW - 5, .resource = other.id, .expires_at = NOW - 1}, RBE_CDK_BLOCKED},
    };

    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        char text[] = CDK;

        text[25] = rows[i].last;
        put_cdk(s, text, rows[i].cdk);
        assert_int_equal(verdict(s, text, mine.id, &got), rows[i].want);
        assert_true((got.cdk > 0) == (rows[i].want == RBE_OK));
        assert_int_equal(got.expires_at, rows[i].want == RBE_OK ? rows[i].cdk.expires_at : 0);
        assert_string_not_equal(rbe_access_cdk_text(rows[i].want), "");
    }
}

static enum rbe_code use(struct site *s, const struct rbe_grant *key, bool counts, int64_t now)
{
    const struct rbe_access_use use = {.key = key, .counts = counts, .rid = "app", .version_name = "1", .now = now};
    struct rbe_err lost;

    return rbe_access_download(s->app, &use, &s->arena, &lost, &s->err);
}

/* From the key on: a block counts, an expiry does not; what is used up is told at latest, and a key used again is not
 * refused. */
static void test_download(void **state)
{
    struct site *s = *state;
    struct rbe_grant first = {.id = "first"}, second = {.id = "second"}, none = {0}, gone = {.cdk = 99};
    struct rbe_access_verdict got;

    put_cdk(s, CDK, (struct rbe_cdk){.daily_limit = 1, .expires_at = NOW + 10});
    assert_int_equal(verdict(s, CDK, 1, &got), RBE_OK);
    first.cdk = second.cdk = got.cdk;
    must(s, use(s, &none, true, NOW));
    expect(s, RBE_CDK_INVALID, use(s, &gone, true, NOW));

    must(s, use(s, &first, false, NOW));
    assert_int_equal(verdict(s, CDK, 1, &got), RBE_OK);
    must(s, use(s, &first, true, NOW + 20));
    assert_int_equal(verdict(s, CDK, 1, &got), RBE_CDK_QUOTA);
    must(s, use(s, &first, true, NOW + 20));
    expect(s, RBE_CDK_QUOTA, use(s, &second, true, NOW + 20));
    must(s, use(s, &second, false, NOW + 20));

    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_cdk_block(s->app->store, first.cdk, NOW, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    expect(s, RBE_CDK_BLOCKED, use(s, &first, true, NOW));
    expect(s, RBE_CDK_BLOCKED, use(s, &first, false, NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_token, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_token_refused, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_enter, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_last_use, site_setup, site_teardown),
        cmocka_unit_test(test_allow),
        cmocka_unit_test_setup_teardown(test_cdk_spelling, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_cdk_verdicts, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_download, site_setup, site_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
