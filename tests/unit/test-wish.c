/* Which incrementals are queued, and in what order: what is named, what clients are on, what is built ahead. */
#include <errno.h>
#include <limits.h>
#include <sys/inotify.h>

#include "tests/unit/releases.h"

#include "lib/core/demand.h"
#include "lib/core/format.h"
#include "lib/core/wish.h"
#include "lib/store/standing.h"

enum { VERSIONS = 6, LAST = VERSIONS - 1 };

static size_t jobs(struct site *s, struct rbe_job **ret)
{
    size_t n;

    must(s, rbe_job_list(s->app->store, -1, 1000, &s->arena, ret, &n, &s->err));
    return n;
}

static int setup(void **state)
{
    (void)site_setup(state);
    struct site *s = *state;

    s->settings.batch.prebuild_depth = 0;
    return 0;
}

static void publish(struct site *s, const char *rid, struct rbe_package all[VERSIONS])
{
    int64_t r = site_resource(s, rid, "[]");

    for (int i = 0; i < VERSIONS; i++) {
        char name[16], text[16];

        (void)snprintf(name, sizeof(name), "1.%d.0", i);
        (void)snprintf(text, sizeof(text), "%d", i);
        const struct site_file files[] = {{"a", text}, {"same", "the same in all versions"}, {0}};
        all[i] = site_publish(s, r, rid, name, files);
    }
}

static void wish(struct site *s, const struct rbe_package *target, const struct rbe_package *source,
                 enum rbe_wish_tier tier, int64_t asked, bool *ret_new)
{
    const struct rbe_wish w = {.target = target, .source = source, .format = RBE_FORMAT_FILES, .tier = tier,
                               .asked = asked, .saves = 10000};

    must(s, rbe_wish_put(s->app, &w, ret_new, &s->err));
}

static void test_once(void **state)
{
    struct site *s = *state;
    struct rbe_package all[VERSIONS];
    struct rbe_job *j;
    bool new;

    publish(s, "app", all);
    wish(s, &all[1], &all[0], RBE_WISH_ASKED, 5, &new);
    assert_true(new);
    wish(s, &all[1], &all[0], RBE_WISH_ASKED, 5, &new);
    assert_false(new);
    assert_int_equal(jobs(s, &j), 1);
    assert_int_equal(j->target, all[1].id);
    assert_int_equal(j->source, all[0].id);
    assert_int_equal(j->state, RBE_JOB_QUEUED);
    assert_true(j->created_at > 0);
    assert_string_equal(j->payload, "{\"saves\":10000}");
    int64_t weight = j->weight;
    wish(s, &all[1], &all[0], RBE_WISH_ASKED, 50, &new);
    (void)jobs(s, &j);
    assert_true(j->weight > weight);
    assert_int_equal(rbe_wish_tier(j->weight), RBE_WISH_ASKED);
}

static void test_bounded(void **state)
{
    struct site *s = *state;
    struct rbe_package target = {.id = 500}, source = {0};
    struct rbe_job *j;
    bool new = true;

    for (int64_t i = 1; i <= s->settings.batch.max_patches + 5; i++) {
        source.id = i;
        wish(s, &target, &source, RBE_WISH_ASKED, 1, &new);
        assert_int_equal(new, i <= s->settings.batch.max_patches);
    }
    assert_int_equal(jobs(s, &j), s->settings.batch.max_patches);
    source.id = 4711;
    wish(s, &target, &source, RBE_WISH_NAMED, 1, &new);
    assert_true(new);
    assert_int_equal(jobs(s, &j), s->settings.batch.max_patches + 1);
}

/* What finds no place is refused before anything is read to judge it. */
static void test_refused_unread(void **state)
{
    struct site *s = *state;
    struct rbe_package all[VERSIONS];
    rbe_autoclose int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    char event[sizeof(struct inotify_event) + NAME_MAX + 1];
    const char *path;
    bool new;

    publish(s, "app", all);
    s->settings.batch.max_patches = 1;
    wish(s, &all[LAST], &all[0], RBE_WISH_ASKED, 5, &new);
    assert_true(new);
    path = rbe_depot_path(s->app, &s->arena, all[LAST].path);
    path = rbe_arena_strfmt(&s->arena, "%.*s/manifest", (int)(strrchr(path, '/') - path), path);
    assert_true(inotify_add_watch(watch, path, IN_OPEN) >= 0);
    const struct rbe_wish w = {.target = &all[LAST], .source = &all[1], .format = RBE_FORMAT_FILES,
                               .tier = RBE_WISH_ASKED, .asked = 5};
    must(s, rbe_wish_put(s->app, &w, &new, &s->err));
    assert_false(new);
    assert_int_equal(read(watch, event, sizeof(event)), -1);
    assert_int_equal(errno, EAGAIN);
    /* where there is a place, it is judged */
    s->settings.batch.max_patches = 2;
    must(s, rbe_wish_put(s->app, &w, &new, &s->err));
    assert_true(new);
    assert_true(read(watch, event, sizeof(event)) > 0);
}

/* Whoever is asked for more gets a place all the same, as long as one waits that is asked for less. */
static void test_makes_way(void **state)
{
    struct site *s = *state;
    struct rbe_package target = {.id = 500}, source = {0};
    struct rbe_job *j;
    bool new;

    s->settings.batch.max_patches = 3;
    for (int64_t i = 1; i <= 3; i++) {
        source.id = i;
        wish(s, &target, &source, RBE_WISH_ASKED, 10 * i, &new);
    }
    source.id = 4;
    wish(s, &target, &source, RBE_WISH_ASKED, 5, &new);
    assert_false(new);
    wish(s, &target, &source, RBE_WISH_ASKED, 15, &new);
    assert_true(new);
    assert_int_equal(jobs(s, &j), 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_not_equal(j[i].source, 1);
}

/* Of all that clients name, only a pair that leads up within a resource and platform becomes a job. */
static void test_fold(void **state)
{
    struct site *s = *state;
    struct rbe_package app[VERSIONS], other[VERSIONS];
    struct rbe_standing on;
    struct rbe_job *j;

    publish(s, "app", app);
    publish(s, "other", other);
    must(s, rbe_wish_fold(s->app, &s->err));
    rbe_demand_note(s->app->share, app[0].id, app[LAST].id, 0);
    rbe_demand_note(s->app->share, app[0].id, app[LAST].id, RBE_FORMAT_BIT(RBE_FORMAT_ZSTD));
    rbe_demand_note(s->app->share, app[LAST].id, app[0].id, 0);      /* downwards */
    rbe_demand_note(s->app->share, app[1].id, app[1].id, 0);         /* up to date */
    rbe_demand_note(s->app->share, app[0].id, other[LAST].id, 0);    /* another resource */
    rbe_demand_note(s->app->share, 4711, app[LAST].id, 0);           /* unknown */
    rbe_demand_note(s->app->share, app[0].id, 4711, 0);
    must(s, rbe_wish_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 1);
    assert_int_equal(j->target, app[LAST].id);
    assert_int_equal(j->format, RBE_FORMAT_FILES);
    must(s, rbe_standing_find(s->app->store, app[0].id, rbe_clock_now(), &on, &s->err));
    assert_int_equal(on.asked, 4);
    assert_int_equal(on.formats, RBE_FORMAT_BIT(RBE_FORMAT_ZSTD));
    must(s, rbe_standing_find(s->app->store, app[1].id, rbe_clock_now(), &on, &s->err));
    assert_int_equal(on.asked, 1);
    must(s, rbe_standing_find(s->app->store, 4711, rbe_clock_now(), &on, &s->err));
    assert_int_equal(on.asked, 0);
    must(s, rbe_wish_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 1);
}

/* Counts add up over many folds, so that a pair asked for more in the end gets its place. */
static void test_adds_up(void **state)
{
    struct site *s = *state;
    struct rbe_package all[VERSIONS];
    struct rbe_job *j;

    s->settings.batch.max_patches = 2;
    publish(s, "app", all);
    must(s, rbe_wish_fold(s->app, &s->err));
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < 3; k++)
            rbe_demand_note(s->app->share, all[i].id, all[LAST].id, 0);
    must(s, rbe_wish_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 2);
    for (int k = 0; k < 5; k++) {
        rbe_demand_note(s->app->share, all[2].id, all[LAST].id, 0);
        must(s, rbe_wish_fold(s->app, &s->err));
    }
    assert_int_equal(jobs(s, &j), 2);
    assert_true(j[0].source == all[2].id || j[1].source == all[2].id);
}

/* A package that is built makes way to one that clients are on more than twice as often, and does not come back. */
static void test_outdone(void **state)
{
    struct site *s = *state;
    struct rbe_package all[VERSIONS], *left;
    struct rbe_job_worker me = {.host = "here", .pid = 1, .start = 1};
    struct rbe_job *j, leased;
    bool found;
    size_t n;

    s->settings.batch.max_patches = 1;
    publish(s, "app", all);
    must(s, rbe_wish_fold(s->app, &s->err));
    for (int k = 0; k < 4; k++)
        rbe_demand_note(s->app->share, all[0].id, all[LAST].id, 0);
    must(s, rbe_wish_fold(s->app, &s->err));
    must(s, rbe_job_lease(s->app->store, &me, rbe_clock_now(), NULL, &s->arena, &leased, &found, NULL, &s->err));
    assert_true(found);
    struct rbe_package patch = {.version = all[LAST].version, .system = all[LAST].system, .arch = all[LAST].arch,
                                .format = RBE_FORMAT_FILES, .target = all[LAST].id, .source = all[0].id,
                                .path = "p/patch", .file_type = "zip", .size = 1};
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_package_put(s->app->store, &patch, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_job_done(s->app->store, &leased, "built", rbe_clock_now(), &s->err));
    for (int k = 0; k < 8; k++)
        rbe_demand_note(s->app->share, all[1].id, all[LAST].id, 0);
    must(s, rbe_wish_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 1);
    assert_int_equal(j->source, all[0].id);
    for (int k = 0; k < 2; k++)
        rbe_demand_note(s->app->share, all[1].id, all[LAST].id, 0);
    must(s, rbe_wish_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 1);
    assert_int_equal(j->source, all[1].id);
    must(s, rbe_package_patches(s->app->store, all[LAST].id, all[0].id, &s->arena, &left, &n, &s->err));
    assert_int_equal(n, 0);
    for (int k = 0; k < 100; k++)
        rbe_demand_note(s->app->share, all[0].id, all[LAST].id, 0);
    must(s, rbe_wish_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 1);
    assert_int_equal(j->source, all[1].id);
}

/* A new release: from where clients are known to be, then from the last versions before it. */
static void test_release(void **state)
{
    struct site *s = *state;
    struct rbe_package all[VERSIONS];
    struct rbe_job *j;

    publish(s, "app", all);
    rbe_demand_note(s->app->share, all[0].id, all[0].id, 0);
    s->settings.batch.prebuild_depth = 2;
    must(s, rbe_wish_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(j[i].target, all[LAST].id);
        assert_int_equal(j[i].format, RBE_FORMAT_FILES);
        assert_int_equal(rbe_wish_tier(j[i].weight), j[i].source == all[0].id ? RBE_WISH_ASKED : RBE_WISH_AHEAD);
        assert_true(j[i].source == all[0].id || j[i].source == all[LAST - 1].id || j[i].source == all[LAST - 2].id);
    }
    must(s, rbe_wish_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 3);
}

/* After the whole files come the deltas: all of them where a publisher named the pair, else those that clients apply. */
static void test_deltas(void **state)
{
    struct site *s = *state;
    struct rbe_package all[VERSIONS];
    struct rbe_job *j, files = {0};
    size_t n;

    publish(s, "app", all);
    wish(s, &all[LAST], &all[0], RBE_WISH_NAMED, 0, NULL);
    assert_int_equal(jobs(s, &j), 1);
    files = j[0];
    must(s, rbe_wish_deltas(s->app, &files, &all[LAST], &all[0], 5000, &s->err));
    n = jobs(s, &j);
    assert_int_equal(n, 3);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rbe_wish_tier(j[i].weight), RBE_WISH_NAMED);
        assert_true(j[i].format == RBE_FORMAT_FILES || j[i].weight < files.weight);
    }
    wish(s, &all[LAST], &all[1], RBE_WISH_ASKED, 1, NULL);
    n = jobs(s, &j);
    assert_int_equal(n, 4);
    files = j[0];
    must(s, rbe_wish_deltas(s->app, &files, &all[LAST], &all[1], 5000, &s->err));
    assert_int_equal(jobs(s, &j), 4);
    rbe_demand_note(s->app->share, all[1].id, all[LAST].id, RBE_FORMAT_BIT(RBE_FORMAT_VCDIFF));
    must(s, rbe_wish_fold(s->app, &s->err));
    must(s, rbe_wish_deltas(s->app, &files, &all[LAST], &all[1], 5000, &s->err));
    assert_int_equal(jobs(s, &j), 5);
    assert_int_equal(j->format, RBE_FORMAT_VCDIFF);
    s->settings.batch.delta_formats.n = 0;
    wish(s, &all[LAST], &all[2], RBE_WISH_NAMED, 1, NULL);
    (void)jobs(s, &j);
    files = j[0];
    must(s, rbe_wish_deltas(s->app, &files, &all[LAST], &all[2], 5000, &s->err));
    assert_int_equal(jobs(s, &j), 6);
}

/* Where whole files save nothing, who comes later and can apply deltas gets them all the same. */
static void test_deltas_alone(void **state)
{
    struct site *s = *state;
    struct rbe_package all[VERSIONS];
    struct rbe_job_worker me = {.host = "here", .pid = 1, .start = 1};
    struct rbe_job *j, files;
    bool found;

    publish(s, "app", all);
    rbe_demand_note(s->app->share, all[0].id, all[LAST].id, 0);
    must(s, rbe_wish_fold(s->app, &s->err));
    must(s, rbe_job_lease(s->app->store, &me, rbe_clock_now(), NULL, &s->arena, &files, &found, NULL, &s->err));
    assert_true(found);
    rbe_demand_note(s->app->share, all[0].id, all[LAST].id, RBE_FORMAT_BIT(RBE_FORMAT_ZSTD));
    must(s, rbe_wish_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 1);
    must(s, rbe_job_done(s->app->store, &files, "not smaller than the full package", rbe_clock_now(), &s->err));
    rbe_demand_note(s->app->share, all[0].id, all[LAST].id, 0);
    must(s, rbe_wish_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 1);
    rbe_demand_note(s->app->share, all[0].id, all[LAST].id, RBE_FORMAT_BIT(RBE_FORMAT_ZSTD));
    must(s, rbe_wish_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 2);
    assert_int_equal(j->format, RBE_FORMAT_ZSTD);
    assert_int_equal(rbe_wish_tier(j->weight), RBE_WISH_ASKED);
}

static void test_standing_halves(void **state)
{
    enum { WEEK = 7 * 24 * 3600 };
    struct site *s = *state;
    struct rbe_standing on;
    const int64_t now = 100 * (int64_t)WEEK;

    must(s, rbe_store_begin(s->app->store, RBE_BASE_USAGE, &s->err));
    must(s, rbe_standing_add(s->app->store, &(struct rbe_standing){7, 100, 4}, now, &s->err));
    must(s, rbe_standing_add(s->app->store, &(struct rbe_standing){7, 20, 8}, now, &s->err));
    must(s, rbe_standing_find(s->app->store, 7, now, &on, &s->err));
    assert_int_equal(on.asked, 120);
    assert_int_equal(on.formats, 12);
    must(s, rbe_standing_find(s->app->store, 7, now + 2 * (int64_t)WEEK, &on, &s->err));
    assert_int_equal(on.asked, 30);
    must(s, rbe_standing_add(s->app->store, &(struct rbe_standing){7, 5, 8}, now + WEEK, &s->err));
    must(s, rbe_standing_find(s->app->store, 7, now + WEEK, &on, &s->err));
    assert_int_equal(on.asked, 65);
    assert_int_equal(on.formats, 8);
    /* a clock that went back */
    must(s, rbe_standing_add(s->app->store, &(struct rbe_standing){7, 1, 0}, now, &s->err));
    must(s, rbe_standing_find(s->app->store, 7, now, &on, &s->err));
    assert_int_equal(on.asked, 66);
    must(s, rbe_store_commit(s->app->store, RBE_BASE_USAGE, &s->err));
}

static void test_formats(void **state)
{
    enum rbe_format format;

    (void)state;
    assert_string_equal(rbe_format_name(RBE_FORMAT_FILES), "files");
    assert_null(rbe_format_name(RBE_FORMAT_FULL));
    assert_null(rbe_format_name(RBE_FORMAT_MAX));
    assert_int_equal(rbe_format_set(""), 0);
    assert_int_equal(rbe_format_set("bsdiff,,files,full"), 0);
    assert_int_equal(rbe_format_set("zstd"), RBE_FORMAT_BIT(RBE_FORMAT_ZSTD));
    assert_int_equal(rbe_format_set("later,vcdiff,zstd,"),
                     RBE_FORMAT_BIT(RBE_FORMAT_ZSTD) | RBE_FORMAT_BIT(RBE_FORMAT_VCDIFF));
    assert_true(rbe_format_delta("vcdiff", 6, &format));
    assert_int_equal(format, RBE_FORMAT_VCDIFF);
    assert_false(rbe_format_delta("vcdif", 5, &format));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_once, setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_bounded, setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_refused_unread, setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_makes_way, setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_fold, setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_adds_up, setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_outdone, setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_release, setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_deltas, setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_deltas_alone, setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_standing_halves, setup, site_teardown),
        cmocka_unit_test(test_formats),
    };

    return cmocka_run_group_tests_name("wish", tests, NULL, NULL);
}
