/* Incrementals as jobs: what is queued, what is built, and what is thrown away. */
#include "tests/unit/installation.h"

#include "lib/core/delta.h"
#include "lib/core/demand.h"

static size_t jobs(struct site *s, struct rbe_job **ret)
{
    size_t n;

    must(s, rbe_job_list(s->app->store, -1, 1000, &s->arena, ret, &n, &s->err));
    return n;
}

static void assert_tmp_empty(struct site *s)
{
    const char *dir = rbe_app_path(s->app, &s->arena, "tmp");

    assert_int_equal(rmdir(dir), 0);     /* only an empty one goes */
    assert_int_equal(mkdir(dir, 0750), 0);
}

/* Two releases of one big file that stays and a small one that changes. */
static void two_releases(struct site *s, const char *rid, struct rbe_package *one, struct rbe_package *two)
{
    rbe_autofree char *big = site_text(1, 2000);
    int64_t r = site_resource(s, rid, "[\"interface.json\"]");
    const struct site_file v1[] = {
        {"big.txt", big}, {"small.txt", "one"}, {"gone/x", "x"}, {"interface.json", "{}"}, {0},
    };
    const struct site_file v2[] = {
        {"big.txt", big}, {"small.txt", "two"}, {"new/y", "y"}, {"interface.json", "{}"}, {0},
    };

    *one = site_publish(s, r, rid, "1.0.0", v1);
    *two = site_publish(s, r, rid, "1.1.0", v2);
}

static void test_want_once(void **state)
{
    struct site *s = *state;
    struct rbe_package one, two;
    struct rbe_job *j;
    bool new;

    two_releases(s, "app", &one, &two);
    must(s, rbe_delta_want(s->app, &two, &one, 5, &new, &s->err));
    assert_true(new);
    must(s, rbe_delta_want(s->app, &two, &one, 5, &new, &s->err));
    assert_false(new);
    assert_int_equal(jobs(s, &j), 1);
    assert_int_equal(j->target, two.id);
    assert_int_equal(j->source, one.id);
    assert_int_equal(j->state, RBE_JOB_QUEUED);
    assert_true(j->created_at > 0);
}

static void test_want_bounded(void **state)
{
    struct site *s = *state;
    struct rbe_package target = {.id = 500}, source = {0};
    struct rbe_job *j;
    bool new = true;

    for (int64_t i = 1; i <= s->settings.batch.max_patches + 5; i++) {
        source.id = i;
        must(s, rbe_delta_want(s->app, &target, &source, 1, &new, &s->err));
        assert_int_equal(new, i <= s->settings.batch.max_patches);
    }
    assert_int_equal(jobs(s, &j), s->settings.batch.max_patches);
    must(s, rbe_delta_want(s->app, &target, &(struct rbe_package){.id = 1}, 1, NULL, &s->err));
}

/* Of all that clients name, only a pair that leads up within a resource and platform becomes a job. */
static void test_fold(void **state)
{
    struct site *s = *state;
    struct rbe_package one, two, other_one, other_two;
    struct rbe_job *j;

    two_releases(s, "app", &one, &two);
    two_releases(s, "other", &other_one, &other_two);
    rbe_demand_note(s->app->share, one.id, two.id);
    rbe_demand_note(s->app->share, one.id, two.id);
    rbe_demand_note(s->app->share, two.id, one.id);          /* downwards */
    rbe_demand_note(s->app->share, one.id, one.id);
    rbe_demand_note(s->app->share, one.id, other_two.id);    /* another resource */
    rbe_demand_note(s->app->share, 4711, two.id);            /* unknown */
    rbe_demand_note(s->app->share, one.id, 4711);
    must(s, rbe_delta_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 1);
    assert_int_equal(j->target, two.id);
    assert_int_equal(j->weight, 2);
    must(s, rbe_delta_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 1);
}

static void test_fold_most_asked(void **state)
{
    struct site *s = *state;
    int64_t r = site_resource(s, "app", "[]");
    struct rbe_package all[5];
    struct rbe_job *j;

    s->settings.batch.max_patches = 2;
    for (int i = 0; i < 5; i++) {
        char name[16], text[16];

        (void)snprintf(name, sizeof(name), "1.%d.0", i);
        (void)snprintf(text, sizeof(text), "%d", i);
        const struct site_file files[] = {{"a", text}, {0}};
        all[i] = site_publish(s, r, "app", name, files);
    }
    for (int i = 0; i < 4; i++)
        for (int k = 0; k <= i; k++)
            rbe_demand_note(s->app->share, all[i].id, all[4].id);
    must(s, rbe_delta_fold(s->app, &s->err));
    assert_int_equal(jobs(s, &j), 2);
    for (int i = 0; i < 2; i++)
        assert_true(j[i].source == all[3].id || j[i].source == all[2].id);
}

/* The package reads back as an archive with just what has to be in it, and its row tells the truth. */
static void test_build(void **state)
{
    struct site *s = *state;
    struct rbe_package one, two, patch, again;
    const char *note;
    unsigned char sum[RBE_SHA256_SIZE];
    rbe_autoclose int fd = -1;
    uint64_t size;
    bool found;

    two_releases(s, "app", &one, &two);
    struct rbe_job j = {.kind = RBE_JOB_PATCH, .target = two.id, .source = one.id, .format = RBE_FORMAT_FILES};
    must(s, rbe_delta_build(s->app, &j, &s->arena, &note, &s->err));
    assert_non_null(strstr(note, "1.0.0 -> 1.1.0: "));
    must(s, rbe_package_find_patch(s->app->store, two.id, one.id, RBE_FORMAT_FILES, &s->arena, &patch, &found,
                                   &s->err));
    assert_true(found);
    assert_true(patch.size < two.size);
    assert_int_equal(patch.version, two.version);
    assert_int_equal(patch.files, 3);
    assert_non_null(strstr(patch.path, "app-1.1.0-linux-amd64-from-1.0.0.zip"));
    must(s, rbe_depot_open(s->app, patch.path, &fd, &s->err));
    must(s, rbe_digest_of(fd, NULL, NULL, sum, &size, &s->err));
    assert_memory_equal(sum, patch.sha256, sizeof(sum));
    assert_int_equal(size, patch.size);
    must(s, rbe_delta_build(s->app, &j, &s->arena, &note, &s->err));
    assert_string_equal(note, "already there");
    must(s, rbe_package_find_patch(s->app->store, two.id, one.id, RBE_FORMAT_FILES, &s->arena, &again, &found,
                                   &s->err));
    assert_int_equal(again.id, patch.id);
    assert_tmp_empty(s);
}

static void test_build_useless(void **state)
{
    struct site *s = *state;
    rbe_autofree char *a = site_text(1, 500), *b = site_text(2, 500);
    int64_t r = site_resource(s, "app", "[]");
    const struct site_file v1[] = {{"a.txt", a}, {0}}, v2[] = {{"a.txt", b}, {0}};
    struct rbe_package one = site_publish(s, r, "app", "1.0.0", v1);
    struct rbe_package two = site_publish(s, r, "app", "1.1.0", v2), patch;
    struct rbe_job j = {.kind = RBE_JOB_PATCH, .target = two.id, .source = one.id, .format = RBE_FORMAT_FILES};
    const char *note;
    bool found;

    must(s, rbe_delta_build(s->app, &j, &s->arena, &note, &s->err));
    assert_non_null(strstr(note, "not smaller than the full package"));
    must(s, rbe_package_find_patch(s->app->store, two.id, one.id, RBE_FORMAT_FILES, &s->arena, &patch, &found,
                                   &s->err));
    assert_false(found);
    assert_tmp_empty(s);
}

static void test_build_no_longer_wanted(void **state)
{
    struct site *s = *state;
    struct rbe_package one, two;
    const char *note;

    two_releases(s, "app", &one, &two);
    struct rbe_job j = {.kind = RBE_JOB_PATCH, .target = 4711, .source = one.id, .format = RBE_FORMAT_FILES};
    must(s, rbe_delta_build(s->app, &j, &s->arena, &note, &s->err));
    assert_string_equal(note, "no longer wanted");
    j.target = two.id;
    j.source = 4711;
    must(s, rbe_delta_build(s->app, &j, &s->arena, &note, &s->err));
    assert_string_equal(note, "no longer wanted");
}

/* A source whose manifest is gone is a failure that says so, and leaves nothing behind. */
static void test_build_fails(void **state)
{
    struct site *s = *state;
    struct rbe_package one, two, patch;
    const char *note;
    bool found;

    two_releases(s, "app", &one, &two);
    const char *path = rbe_depot_path(s->app, &s->arena, one.path);
    const char *manifest = rbe_arena_strfmt(&s->arena, "%.*s/manifest", (int)(strrchr(path, '/') - path), path);
    assert_int_equal(unlink(manifest), 0);
    struct rbe_job j = {.kind = RBE_JOB_PATCH, .target = two.id, .source = one.id, .format = RBE_FORMAT_FILES};
    expect(s, RBE_FAULT, rbe_delta_build(s->app, &j, &s->arena, &note, &s->err));
    assert_true(*note != '\0');
    must(s, rbe_package_find_patch(s->app->store, two.id, one.id, RBE_FORMAT_FILES, &s->arena, &patch, &found,
                                   &s->err));
    assert_false(found);
    assert_tmp_empty(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_want_once, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_want_bounded, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_fold, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_fold_most_asked, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_build, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_build_useless, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_build_no_longer_wanted, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_build_fails, site_setup, site_teardown),
    };

    return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
