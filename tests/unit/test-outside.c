/* lib/core/outside, and access on top of it: what a service is asked, what its answers mean, and what holds without it. */
#include "tests/unit/site.h"
#include "tests/unit/peer.h"

#include <sys/mman.h>

#include "lib/base/breaker.h"
#include "lib/base/clock.h"
#include "lib/base/metrics.h"
#include "lib/core/access.h"
#include "lib/core/outside.h"

enum { NOW = 1700000000 };

/* Shared with the peer. */
struct desk {
    _Atomic int asked;
    char last[4096];             /* the request that came last */
};

static struct desk *desk;
static struct peer peer;

/* Answers by what stands in the secret: "code7003", "status500", "junk", "slow", "until1700000005". */
static void answer(const char *request, struct rbe_str *to, void *arg)
{
    struct desk *d = arg;
    const char *body = strstr(request, "\r\n\r\n"), *code = strstr(request, "code"), *status = strstr(request, "status");
    const char *until = strstr(request, "until");
    rbe_auto(str) struct rbe_str json = {0};

    (void)snprintf(d->last, sizeof(d->last), "%s", body ? body + 4 : "");
    atomic_fetch_add(&d->asked, 1);
    if (strstr(request, "slow"))
        (void)usleep(8000000);
    rbe_str_putf(&json, "{\"code\":%ld,\"msg\":\"m\",\"data\":{\"expires_at\":%ld}}", code ? strtol(code + 4, NULL, 10) : 0,
                 until ? strtol(until + 5, NULL, 10) : 0);
    if (strstr(request, "junk")) {
        rbe_str_reset(&json);
        rbe_str_puts(&json, "<html>");
    }
    rbe_str_putf(to, "HTTP/1.1 %ld X\r\nContent-Length: %zu\r\n\r\n%s", status ? strtol(status + 6, NULL, 10) : 200,
                 json.len, rbe_str_text(&json));
}

static int set_up(void **state)
{
    (void)site_setup(state);
    struct site *s = *state;

    desk = mmap(NULL, sizeof(*desk), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(desk != MAP_FAILED);
    peer_start(&peer, answer, desk);
    s->settings.auth.cdk_validation_url = s->settings.auth.uploader_validation_url = peer.url;
    s->settings.auth.validation_timeout_ms = 5000;
    s->settings.limits.auth_failures = 0;
    return 0;
}

static int tear_down(void **state)
{
    peer_stop(&peer);
    (void)munmap(desk, sizeof(*desk));
    return site_teardown(state);
}

static enum rbe_code show(struct site *s, const char *cdk, struct rbe_access_verdict *ret)
{
    const struct rbe_access_ask q = {.cdk = cdk, .resource = 1, .rid = "my-app", .address = "192.0.2.1", .now = NOW};

    s->err = (struct rbe_err){0};
    return rbe_access_cdk(s->app, &q, &s->arena, ret, &s->err);
}

static void test_verdicts(void **state)
{
    static const struct {
        const char *cdk;
        enum rbe_code want;
        int64_t expires_at;
    } rows[] = {
        {"good", RBE_OK, 0},
        {"until1700000005", RBE_OK, NOW + 5},
        {"until1700000000", RBE_CDK_EXPIRED, 0},
        {"code7001", RBE_CDK_EXPIRED, 0},
        {"code7002", RBE_CDK_INVALID, 0},
        {"code7003", RBE_CDK_QUOTA, 0},
        {"code7004", RBE_CDK_FOREIGN, 0},
        {"code7005", RBE_CDK_BLOCKED, 0},
        {"code1", RBE_CDK_INVALID, 0},
        {"code7005status403", RBE_CDK_BLOCKED, 0},
    };
    struct site *s = *state;
    struct rbe_access_verdict got;

    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        must(s, show(s, rows[i].cdk, &got));
        assert_int_equal(got.code, rows[i].want);
        assert_int_equal(got.expires_at, rows[i].expires_at);
        assert_true((got.cdk < 0) == (rows[i].want == RBE_OK));
    }
    must(s, show(s, "good", &got));
    assert_string_equal(desk->last,
                        "{\"type\":\"cdk\",\"resource_id\":\"my-app\",\"cdk\":\"code7005status403\",\"address\":\"192.0.2.1\"}");
    /* what no service need be asked about */
    int before = atomic_load(&desk->asked);
    char long_one[200];
    memset(long_one, 'x', sizeof(long_one));
    long_one[129] = '\0';
    const char *const bad[] = {long_one, "a b", "\303\244", "\n", "\177"};
    for (size_t i = 0; i < RBE_COUNT(bad); i++) {
        must(s, show(s, bad[i], &got));
        assert_int_equal(got.code, RBE_CDK_INVALID);
    }
    assert_int_equal(atomic_load(&desk->asked), before);
}

static void test_kept(void **state)
{
    struct site *s = *state;
    struct rbe_access_verdict got;

    for (int i = 0; i < 5; i++) {
        must(s, show(s, "good", &got));
        assert_int_equal(got.code, RBE_OK);
        must(s, show(s, "code7005", &got));
        assert_int_equal(got.code, RBE_CDK_BLOCKED);
    }
    assert_int_equal(atomic_load(&desk->asked), 2);
    s->settings.auth.validation_cache = 0;
    for (int i = 0; i < 3; i++)
        must(s, show(s, "other", &got));
    assert_int_equal(atomic_load(&desk->asked), 5);
    rbe_auto(str) struct rbe_str metrics = {0};
    rbe_metrics_format(s->app->share, &metrics);
    assert_non_null(strstr(metrics.s, "rbe_validations_total{service=\"cdk\",result=\"kept\"} 8\n"));
    assert_non_null(strstr(metrics.s, "rbe_validations_total{service=\"cdk\",result=\"yes\"} 4\n"));
    assert_non_null(strstr(metrics.s, "rbe_validations_total{service=\"cdk\",result=\"no\"} 1\n"));
}

/* Failures are no verdicts: they are not kept, and after five nobody is asked. */
static void test_away(void **state)
{
    static const char *const failures[] = {"junk", "status500", "status503", "code-1", "status429"};
    struct site *s = *state;
    struct rbe_access_verdict got;

    for (size_t i = 0; i < RBE_COUNT(failures); i++)
        expect(s, RBE_UNAVAILABLE, show(s, failures[i], &got));
    assert_int_equal(atomic_load(&desk->asked), 5);
    expect(s, RBE_UNAVAILABLE, show(s, "good", &got));
    assert_int_equal(atomic_load(&desk->asked), 5);
    s->settings.auth.on_unreachable = RBE_UNREACHABLE_ALLOW;
    must(s, show(s, "whatever", &got));
    assert_int_equal(got.code, RBE_OK);
    assert_true(got.cdk < 0);
    /* the breaker is closed by whoever tries when its pause is over */
    atomic_store(&s->app->share->breakers[RBE_OUTSIDE_CDK].again, 1);
    must(s, show(s, "code7005", &got));
    assert_int_equal(got.code, RBE_CDK_BLOCKED);
    assert_int_equal(atomic_load(&desk->asked), 6);
    must(s, show(s, "code7004", &got));
    assert_int_equal(got.code, RBE_CDK_FOREIGN);
}

static void test_slow(void **state)
{
    struct site *s = *state;
    struct rbe_access_verdict got;
    uint64_t began = rbe_clock_mono();

    s->settings.auth.validation_timeout_ms = 50;
    expect(s, RBE_UNAVAILABLE, show(s, "slow", &got));
    assert_true(rbe_clock_mono() - began < UINT64_C(7000000000));
    peer_stop(&peer);
    expect(s, RBE_UNAVAILABLE, show(s, "good", &got));
    /* all seats taken by others who ask */
    s->settings.auth.on_unreachable = RBE_UNREACHABLE_ALLOW;
    for (int i = 0; i < RBE_SHARE_SEATS; i++)
        atomic_store(&s->app->share->breakers[RBE_OUTSIDE_CDK].seat[i], rbe_clock_mono() + UINT64_C(60000000000));
    must(s, show(s, "good", &got));
    assert_int_equal(got.code, RBE_OK);
    assert_int_equal(atomic_load(&s->app->share->breakers[RBE_OUTSIDE_CDK].failures), 2);
}

/* Who shows one unknown cdk after the other is stopped before the service is asked; a good one that was seen goes on. */
static void test_bogus(void **state)
{
    struct site *s = *state;
    struct rbe_access_verdict got;
    char cdk[32];

    s->settings.limits.auth_failures = 5;
    s->settings.auth.validation_cache = 0;
    must(s, show(s, "good", &got));
    for (int i = 0; i < 5; i++) {
        (void)snprintf(cdk, sizeof(cdk), "bogus%dcode7002", i);
        must(s, show(s, cdk, &got));
        assert_int_equal(got.code, RBE_CDK_INVALID);
    }
    int before = atomic_load(&desk->asked);
    expect(s, RBE_LIMITED, show(s, "bogus5code7002", &got));
    assert_in_range(s->err.retry_after, 1, 12);
    assert_int_equal(atomic_load(&desk->asked), before);
    must(s, show(s, "good", &got));
    assert_int_equal(got.code, RBE_OK);
    /* expired and the like are no guesses */
    s->settings.limits.auth_failures = 0;
    must(s, show(s, "code7001", &got));
}

static enum rbe_code enter(struct site *s, const char *bearer, const char *rid, struct rbe_token *ret)
{
    const struct rbe_access_entry who = {bearer, "192.0.2.1", rid, NOW};

    s->err = (struct rbe_err){0};
    return rbe_access_enter(s->app, &who, &s->arena, ret, &s->err);
}

static void test_uploader(void **state)
{
    struct site *s = *state;
    struct rbe_token own = {.name = "own", .scope = RBE_SCOPE_ADMIN}, t;
    char text[RBE_TOKEN_TEXT];

    must(s, enter(s, "eyJhbGciOi.x.y", "my-app", &t));
    assert_string_equal(desk->last, "{\"type\":\"uploader\",\"resource_id\":\"my-app\",\"token\":\"eyJhbGciOi.x.y\","
                                    "\"address\":\"192.0.2.1\"}");
    must(s, rbe_access_allow(&t, RBE_SCOPE_PUBLISH, "my-app", &s->err));
    expect(s, RBE_FORBIDDEN, rbe_access_allow(&t, RBE_SCOPE_PUBLISH, "other", &s->err));
    expect(s, RBE_FORBIDDEN, rbe_access_allow(&t, RBE_SCOPE_ADMIN, "my-app", &s->err));
    expect(s, RBE_UNAUTHORIZED, enter(s, "code7002", "my-app", &t));
    expect(s, RBE_UNAUTHORIZED, enter(s, "code7005", "my-app", &t));
    expect(s, RBE_FORBIDDEN, enter(s, "code7004", "my-app", &t));
    /* not for what needs more, and not before our own */
    int before = atomic_load(&desk->asked);
    expect(s, RBE_UNAUTHORIZED, enter(s, "another", NULL, &t));
    expect(s, RBE_UNAUTHORIZED, enter(s, "another", "no\377rid", &t));
    must(s, rbe_access_grant_token(s->app, &own, text, &s->err));
    must(s, enter(s, text, "my-app", &t));
    assert_int_equal(t.id, own.id);
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_token_revoke(s->app->store, "own", NOW, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    expect(s, RBE_UNAUTHORIZED, enter(s, text, "my-app", &t));
    assert_int_equal(atomic_load(&desk->asked), before);
    /* nobody publishes because a service is away */
    s->settings.auth.on_unreachable = RBE_UNREACHABLE_ALLOW;
    peer_stop(&peer);
    expect(s, RBE_UNAVAILABLE, enter(s, "new", "my-app", &t));
    must(s, enter(s, "eyJhbGciOi.x.y", "my-app", &t));
}

static enum rbe_code download(struct site *s, const struct rbe_grant *key, bool counts)
{
    const struct rbe_access_use u = {.key = key, .counts = counts, .rid = "my-app", .version_name = "1.2.0",
                                     .address = "192.0.2.1", .now = NOW};
    struct rbe_err lost;

    s->err = (struct rbe_err){0};
    return rbe_access_download(s->app, &u, &s->arena, &lost, &s->err);
}

static void test_download(void **state)
{
    struct site *s = *state;
    struct rbe_grant key = {.cdk = rbe_outside_cdk("good"), .id = "one", .region = "eu"}, public = {.id = "two"};
    rbe_autofree char *no = rbe_strfmt("%s/code7003", peer.url);

    /* the first 15 hex digits of the SHA-256 of "good" */
    must(s, download(s, &key, true));
    assert_int_equal(atomic_load(&desk->asked), 0);
    s->settings.auth.download_validation_url = peer.url;
    must(s, download(s, &key, false));
    assert_int_equal(atomic_load(&desk->asked), 0);
    must(s, download(s, &key, true));
    assert_string_equal(desk->last, "{\"type\":\"download\",\"resource_id\":\"my-app\",\"version_name\":\"1.2.0\","
                                    "\"cdk_id\":null,\"cdk_hash\":\"770e607624d6892\",\"region\":\"eu\","
                                    "\"address\":\"192.0.2.1\"}");
    must(s, download(s, &key, true));
    assert_int_equal(atomic_load(&desk->asked), 1);
    must(s, download(s, &public, true));
    assert_non_null(strstr(desk->last, "\"cdk_id\":null,\"cdk_hash\":null"));
    s->settings.auth.download_validation_url = no;
    key.id[0] = 'x';
    expect(s, RBE_CDK_QUOTA, download(s, &key, true));
    /* and the quota of one day, for a cdk of which only its hash is known */
    s->settings.auth.download_validation_url = "";
    s->settings.extra.download_limit_count = 2;
    must(s, download(s, &key, true));
    key.id[0] = 'y';
    expect(s, RBE_CDK_QUOTA, download(s, &key, true));
    struct rbe_access_verdict got;
    must(s, show(s, "good", &got));
    assert_int_equal(got.code, RBE_CDK_QUOTA);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {T(test_verdicts), T(test_kept), T(test_away), T(test_slow),
                                       T(test_bogus), T(test_uploader), T(test_download)};

    (void)setenv("no_proxy", "127.0.0.1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
