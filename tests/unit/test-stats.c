/* Figures of an installation: what lies on disk, what waits, where clients stand, and all of it as Prometheus text. */
#include "tests/unit/releases.h"

#include "lib/core/catalog.h"
#include "lib/core/stats.h"
#include "lib/store/job.h"
#include "lib/store/standing.h"

static struct rbe_stats figures(struct site *s, int64_t limit)
{
    struct rbe_stats stats;

    must(s, rbe_stats_read(s->app, limit, &s->arena, &stats, &s->err));
    return stats;
}

static void expect_line(struct site *s, const char *line)
{
    rbe_auto(str) struct rbe_str out = {0};
    rbe_autofree char *whole = rbe_strfmt("\n%s\n", line);

    rbe_stats_metrics(s->app, &out);
    if (!strstr(out.s, whole))
        fail_msg("no line %s in\n%s", line, out.s);
}

static struct rbe_package publish(struct site *s, int64_t resource, const char *rid, const char *version, const char *text)
{
    return site_publish(s, resource, rid, version, (const struct site_file[]){{"a.txt", text}, {NULL, NULL}});
}

static void a_new_one_has_nothing(void **state)
{
    struct site *s = *state;
    const struct rbe_stats stats = figures(s, 10);

    assert_true(stats.database_bytes > 0);
    assert_int_equal(stats.packages, 0);
    assert_int_equal(stats.package_bytes, 0);
    assert_int_equal(stats.n_standing, 0);
    assert_int_equal(stats.n_jobs, RBE_JOB_KIND_MAX);
    for (size_t i = 0; i < stats.n_jobs; i++) {
        assert_string_equal(stats.jobs[i].kind, rbe_job_kind_name((enum rbe_job_kind)i));
        assert_int_equal(stats.jobs[i].queued + stats.jobs[i].leased + stats.jobs[i].failed + stats.jobs[i].oldest, 0);
    }
    expect_line(s, "rbe_packages 0");
    expect_line(s, "rbe_jobs{kind=\"patch\",state=\"queued\"} 0");
}

static void what_lies_on_disk(void **state)
{
    struct site *s = *state;
    const int64_t before = figures(s, 0).database_bytes, resource = site_resource(s, "my-app", "");
    const struct rbe_package one = publish(s, resource, "my-app", "1.0.0", "one"), two = publish(s, resource, "my-app", "2.0.0", "two");
    const struct rbe_stats stats = figures(s, 0);

    assert_int_equal(stats.packages, 2);
    assert_int_equal(stats.package_bytes, one.size + two.size);
    assert_true(stats.database_bytes > before);
    rbe_autofree char *bytes = rbe_strfmt("rbe_package_bytes %lld", (long long)(one.size + two.size));
    expect_line(s, bytes);
}

static void put_job(struct site *s, enum rbe_job_kind kind, const char *subject, int64_t age)
{
    struct rbe_job j = {.kind = kind, .subject = subject, .created_at = rbe_clock_now() - age, .run_at = rbe_clock_now() - age};

    must(s, rbe_job_put(s->app->store, &j, NULL, &s->err));
}

static struct rbe_job lease(struct site *s)
{
    static const struct rbe_job_worker me = {.host = "here", .pid = 1, .start = 1};
    struct rbe_job j;
    bool found;

    must(s, rbe_job_lease(s->app->store, &me, rbe_clock_now(), NULL, &s->arena, &j, &found, NULL, &s->err));
    assert_true(found);
    return j;
}

static void what_waits(void **state)
{
    struct site *s = *state;

    /* Two webhooks; one is at work, then it fails for good. */
    put_job(s, RBE_JOB_WEBHOOK, "first", 50);
    put_job(s, RBE_JOB_WEBHOOK, "second", 20);
    put_job(s, RBE_JOB_PURGE, "third", 500);
    const struct rbe_stats_jobs *jobs = figures(s, 0).jobs;
    assert_int_equal(jobs[RBE_JOB_WEBHOOK].queued, 2);
    assert_in_range(jobs[RBE_JOB_WEBHOOK].oldest, 50, 80);
    assert_int_equal(jobs[RBE_JOB_PURGE].queued, 1);
    assert_in_range(jobs[RBE_JOB_PURGE].oldest, 500, 530);
    assert_int_equal(jobs[RBE_JOB_PATCH].queued, 0);

    const struct rbe_job j = lease(s);
    jobs = figures(s, 0).jobs;
    assert_int_equal(jobs[j.kind].leased, 1);
    must(s, rbe_job_fail(s->app->store, &j, "no", true, rbe_clock_now(), &s->err));
    jobs = figures(s, 0).jobs;
    assert_int_equal(jobs[j.kind].leased, 0);
    assert_int_equal(jobs[j.kind].failed, 1);
    rbe_autofree char *failed = rbe_strfmt("rbe_jobs{kind=\"%s\",state=\"failed\"} 1", jobs[j.kind].kind);
    expect_line(s, failed);

    /* A clock that was put back makes nothing negative. */
    put_job(s, RBE_JOB_MIRROR, "later", -1000);
    assert_int_equal(figures(s, 0).jobs[RBE_JOB_MIRROR].oldest, 0);
}

static void stand(struct site *s, int64_t package, int64_t asked)
{
    const struct rbe_standing more = {.package = package, .asked = asked};

    must(s, rbe_store_begin(s->app->store, RBE_BASE_USAGE, &s->err));
    must(s, rbe_standing_add(s->app->store, &more, rbe_clock_now(), &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_USAGE, &s->err));
}

static void where_clients_stand(void **state)
{
    struct site *s = *state;
    const int64_t resource = site_resource(s, "my-app", "");
    const struct rbe_package one = publish(s, resource, "my-app", "1.0.0", "one"), odd = publish(s, resource, "my-app", "2.0-\"x\"", "two");

    stand(s, one.id, 3);
    stand(s, odd.id, 40);
    /* One that is there no more. */
    stand(s, odd.id + 1000, 20);
    struct rbe_stats stats = figures(s, 10);
    assert_int_equal(stats.n_standing, 2);
    assert_string_equal(stats.standing[0].version_name, "2.0-\"x\"");
    assert_int_equal(stats.standing[0].asked, 40);
    assert_string_equal(stats.standing[1].rid, "my-app");
    assert_string_equal(stats.standing[1].system, "linux");
    assert_string_equal(stats.standing[1].arch, "amd64");
    assert_int_equal(figures(s, 1).n_standing, 1);
    expect_line(s, "rbe_clients_asked{resource=\"my-app\",version=\"2.0-\\\"x\\\"\",system=\"linux\",arch=\"amd64\"} 40");
}

/* Of what clients can say without end, a scrape shows a hundred. */
static void a_scrape_is_bounded(void **state)
{
    struct site *s = *state;
    const int64_t resource = site_resource(s, "my-app", "");
    rbe_auto(str) struct rbe_str out = {0};
    size_t shown = 0;

    for (int i = 0; i < 105; i++) {
        rbe_autofree char *version = rbe_strfmt("1.0.%d", i);

        stand(s, publish(s, resource, "my-app", version, version).id, 100 + i);
    }
    rbe_stats_metrics(s->app, &out);
    for (const char *at = out.s; (at = strstr(at, "\nrbe_clients_asked{")) != NULL; at++)
        shown++;
    assert_int_equal(shown, 100);
    assert_null(strstr(out.s, "version=\"1.0.4\""));
    assert_non_null(strstr(out.s, "version=\"1.0.5\""));
    assert_int_equal(figures(s, 1000).n_standing, 105);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {T(a_new_one_has_nothing), T(what_lies_on_disk), T(what_waits), T(where_clients_stand),
                                       T(a_scrape_is_bounded)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
