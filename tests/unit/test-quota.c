/* lib/core/quota: what counts, when a day begins, and many at once. */
#include "tests/unit/site.h"

#include <sys/wait.h>

#include "lib/core/quota.h"

enum { NOW = 1768500000, HOUR = 3600, DAY = 86400, KEYS = 40, LIMIT = 7, PROCESSES = 4 };   /* 2026-01-15 18:00 UTC */

static const struct rbe_cdk own_limit = {.id = 1, .daily_limit = 2}, no_limit = {.id = 1};

static struct rbe_grant key_of(int64_t cdk, int n)
{
    struct rbe_grant key = {.cdk = cdk};

    (void)snprintf((char *)key.id, sizeof(key.id), "key %d", n);
    return key;
}

static enum rbe_code take(struct site *s, const struct rbe_cdk *c, int n, int64_t now)
{
    struct rbe_grant key = key_of(c ? c->id : -9, n);
    struct rbe_err lost;

    s->err = (struct rbe_err){0};
    enum rbe_code code = rbe_quota_take(s->app, &key, c, now, &lost, &s->err);
    assert_int_equal(lost.code, RBE_OK);
    return code;
}

static bool used_up(struct site *s, const struct rbe_cdk *c, int64_t now)
{
    bool yes = false;

    must(s, rbe_quota_used_up(s->app, c ? c->id : -9, c, now, &yes, &s->err));
    return yes;
}

static void test_limits(void **state)
{
    struct site *s = *state;
    int64_t today, total;

    assert_int_equal(take(s, &own_limit, 1, NOW), RBE_OK);
    assert_int_equal(take(s, &own_limit, 1, NOW), RBE_OK);
    assert_false(used_up(s, &own_limit, NOW));
    assert_int_equal(take(s, &own_limit, 2, NOW), RBE_OK);
    assert_true(used_up(s, &own_limit, NOW));
    assert_int_equal(take(s, &own_limit, 3, NOW), RBE_CDK_QUOTA);
    assert_int_equal(take(s, &own_limit, 2, NOW), RBE_OK);
    must(s, rbe_quota_used(s->app, 1, NOW, &today, &total, &s->err));
    assert_int_equal(today, 2);
    assert_int_equal(total, 2);
    /* without any limit it is still counted, for the list */
    assert_false(used_up(s, &no_limit, NOW));
    assert_int_equal(take(s, &no_limit, 3, NOW), RBE_OK);
    must(s, rbe_quota_used(s->app, 1, NOW, &today, &total, &s->err));
    assert_int_equal(today, 3);
    /* the configured limit holds where the cdk has none; the cdk's own wins, also when it is greater */
    s->settings.extra.download_limit_count = 1;
    assert_true(used_up(s, &no_limit, NOW));
    const struct rbe_cdk more = {.id = 1, .daily_limit = 4};
    assert_false(used_up(s, &more, NOW));
    assert_int_equal(take(s, NULL, 1, NOW), RBE_OK);
    assert_int_equal(take(s, NULL, 2, NOW), RBE_CDK_QUOTA);
    assert_true(used_up(s, NULL, NOW));
}

/* The next day begins with nothing; a key that was counted before midnight is not counted after it. */
static void test_midnight(void **state)
{
    struct site *s = *state;
    int64_t midnight = NOW + 6 * HOUR, today, total;

    assert_int_equal(take(s, &own_limit, 1, NOW), RBE_OK);
    assert_int_equal(take(s, &own_limit, 2, midnight - 1), RBE_OK);
    assert_int_equal(take(s, &own_limit, 3, midnight - 1), RBE_CDK_QUOTA);
    assert_int_equal(take(s, &own_limit, 2, midnight), RBE_OK);
    must(s, rbe_quota_used(s->app, 1, midnight, &today, &total, &s->err));
    assert_int_equal(today, 0);
    assert_int_equal(total, 2);
    assert_int_equal(take(s, &own_limit, 3, midnight), RBE_OK);
    /* a clock that is put back finds the day as it was */
    assert_int_equal(take(s, &own_limit, 4, midnight - 5), RBE_CDK_QUOTA);
    assert_int_equal(take(s, &own_limit, 4, midnight + 5), RBE_OK);
    assert_int_equal(take(s, &own_limit, 5, midnight + 5), RBE_CDK_QUOTA);
}

static void test_zone(void **state)
{
    struct site *s = *state;
    int64_t midnight = NOW + 5 * HOUR;       /* in Berlin */

    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
        skip();
    site_close(s);
    s->settings.extra.quota_time_zone = "Europe/Berlin";
    site_open(s);
    assert_int_equal(take(s, &own_limit, 1, midnight - 2), RBE_OK);
    assert_int_equal(take(s, &own_limit, 2, midnight - 1), RBE_OK);
    assert_true(used_up(s, &own_limit, midnight - 1));
    assert_false(used_up(s, &own_limit, midnight));
    assert_int_equal(take(s, &own_limit, 3, midnight), RBE_OK);
    site_close(s);
    s->settings.extra.quota_time_zone = "Europe/Nowhere";
    expect(s, RBE_NOTFOUND, rbe_app_open(&s->settings, RBE_APP_READ, &s->app, &s->err));
    assert_non_null(strstr(s->err.text, "extra.quota_time_zone: "));
    s->settings.extra.quota_time_zone = "zone.tab";
    assert_int_not_equal(rbe_app_open(&s->settings, RBE_APP_READ, &s->app, &s->err), RBE_OK);
}

static void test_purge(void **state)
{
    struct site *s = *state;
    int64_t today, total;

    s->settings.extra.download_effective_time = 3 * DAY;
    assert_int_equal(take(s, &own_limit, 1, NOW), RBE_OK);
    must(s, rbe_quota_purge(s->app, NOW + 5 * DAY, &s->err));
    assert_int_equal(take(s, &own_limit, 1, NOW + 5 * DAY), RBE_OK);
    must(s, rbe_quota_used(s->app, 1, NOW, &today, &total, &s->err));
    assert_int_equal(today, 1);
    /* a clock that runs ahead takes nothing away while nothing is counted there */
    must(s, rbe_quota_purge(s->app, NOW + 400 * DAY, &s->err));
    must(s, rbe_quota_used(s->app, 1, NOW, &today, &total, &s->err));
    assert_int_equal(today, 1);
    assert_int_equal(take(s, &own_limit, 2, NOW + 6 * DAY), RBE_OK);
    must(s, rbe_quota_purge(s->app, NOW + 6 * DAY, &s->err));
    must(s, rbe_quota_used(s->app, 1, NOW, &today, &total, &s->err));
    assert_int_equal(today, 0);
    assert_int_equal(total, 2);
}

/* What cannot be counted is refused only where there is a limit. */
static void test_cannot_count(void **state)
{
    struct site *s = *state;
    rbe_autofree char *path = rbe_strfmt("%s/db/usage.db", s->dir);
    struct rbe_grant key = key_of(1, 1);
    struct rbe_err lost;

    site_close(s);
    must(s, rbe_app_open(&s->settings, RBE_APP_READ, &s->app, &s->err));
    assert_int_equal(unlink(path), 0);
    must(s, rbe_quota_take(s->app, &key, &no_limit, NOW, &lost, &s->err));
    assert_int_not_equal(lost.code, RBE_OK);
    assert_int_not_equal(rbe_quota_take(s->app, &key, &own_limit, NOW, &lost, &s->err), RBE_OK);
}

/* A process of its own takes every key in an order of its own; exits with how many it got. */
static void race(struct site *s, int process)
{
    static const struct rbe_cdk c = {.id = 1, .daily_limit = LIMIT};
    int got = 0;

    site_open(s);
    for (int i = 0; i < KEYS; i++)
        got += take(s, &c, process * 1000 + i, NOW) == RBE_OK;
    site_close(s);
    _exit(got);
}

/* Also at the last download exactly the limit passes. */
static void test_race(void **state)
{
    struct site *s = *state;
    int64_t today, total;
    pid_t pids[PROCESSES];
    int got = 0, status;

    site_close(s);
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0)
            race(s, i);
    }
    for (int i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        got += WEXITSTATUS(status);
    }
    assert_int_equal(got, LIMIT);
    site_open(s);
    must(s, rbe_quota_used(s->app, 1, NOW, &today, &total, &s->err));
    assert_int_equal(today, LIMIT);
    assert_int_equal(total, LIMIT);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {T(test_limits), T(test_midnight), T(test_zone), T(test_purge),
                                       T(test_cannot_count), T(test_race)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
