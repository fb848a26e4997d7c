/* Incrementals as jobs: what is built, and what is thrown away. */
#include "tests/unit/releases.h"

#include "lib/core/delta.h"

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
    must(s, rbe_depot_open(s->app, &patch, &fd, &s->err));
    must(s, rbe_digest_of(fd, sum, &size, &s->err));
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

static void build_delta(struct site *s, const struct rbe_package *two, const struct rbe_package *one,
                        enum rbe_format format, const char **ret_note)
{
    struct rbe_job j = {.kind = RBE_JOB_PATCH, .target = two->id, .source = one->id, .format = (int)format};

    must(s, rbe_delta_build(s->app, &j, &s->arena, ret_note, &s->err));
}

/* Deltas beside the whole files, each smaller than those, with rows of their own. */
static void test_build_deltas(void **state)
{
    static const enum rbe_format formats[] = {RBE_FORMAT_VCDIFF, RBE_FORMAT_ZSTD};
    struct site *s = *state;
    rbe_autofree char *a = site_text(1, 5000), *b = site_text(2, 5000);
    rbe_autofree char *old = rbe_strfmt("%s%s", a, b), *new = rbe_strfmt("%sin between\n%s", a, b);
    int64_t r = site_resource(s, "app", "[]");
    const struct site_file v1[] = {{"app.bin", old}, {"x", a}, {0}}, v2[] = {{"app.bin", new}, {"x", a}, {0}};
    struct rbe_package one = site_publish(s, r, "app", "1.0.0", v1), two = site_publish(s, r, "app", "1.1.0", v2), files;
    const char *note;
    bool found;

    build_delta(s, &two, &one, RBE_FORMAT_FILES, &note);
    must(s, rbe_package_find_patch(s->app->store, two.id, one.id, RBE_FORMAT_FILES, &s->arena, &files, &found, &s->err));
    assert_true(found);
    for (size_t i = 0; i < RBE_COUNT(formats); i++) {
        struct rbe_package delta;

        build_delta(s, &two, &one, formats[i], &note);
        must(s, rbe_package_find_patch(s->app->store, two.id, one.id, formats[i], &s->arena, &delta, &found, &s->err));
        assert_true(found);
        assert_true(delta.size < files.size / 10);
        assert_string_equal(delta.file_type, "zip");
        build_delta(s, &two, &one, formats[i], &note);
        assert_string_equal(note, "already there");
    }
    assert_tmp_empty(s);
}

/* What goes beyond the budget is not built, and nothing stays. */
static void test_delta_too_large(void **state)
{
    struct site *s = *state;
    rbe_autofree char *a = site_text(1, 500), *b = site_text(2, 500);
    int64_t r = site_resource(s, "app", "[]");
    const struct site_file v1[] = {{"a.txt", a}, {0}}, v2[] = {{"a.txt", b}, {0}};
    struct rbe_package one = site_publish(s, r, "app", "1.0.0", v1), two = site_publish(s, r, "app", "1.1.0", v2);
    const char *note;

    s->settings.batch.memory_bytes = 1 << 20;
    struct rbe_job j = {.kind = RBE_JOB_PATCH, .target = two.id, .source = one.id, .format = RBE_FORMAT_ZSTD};
    expect(s, RBE_REFUSED, rbe_delta_build(s->app, &j, &s->arena, &note, &s->err));
    assert_non_null(strstr(note, "not built: a trial takes "));
    assert_tmp_empty(s);
}

/* A release that came meanwhile makes what leads to the one before it void. */
static void test_build_void(void **state)
{
    struct site *s = *state;
    struct rbe_package one, two;
    const struct site_file v3[] = {{"small.txt", "three"}, {0}};
    struct rbe_resource r;
    const char *note;

    two_releases(s, "app", &one, &two);
    must(s, rbe_resource_get(s->app->store, "app", &s->arena, &r, &s->err));
    (void)site_publish(s, r.id, "app", "1.2.0", v3);
    struct rbe_job j = {.kind = RBE_JOB_PATCH, .target = two.id, .source = one.id, .format = RBE_FORMAT_FILES};
    expect(s, RBE_GONE, rbe_delta_build(s->app, &j, &s->arena, &note, &s->err));
    assert_string_equal(s->err.text, "void: 1.1.0 is no longer the latest for anybody");
    assert_tmp_empty(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_build, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_build_useless, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_build_no_longer_wanted, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_build_fails, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_build_deltas, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_delta_too_large, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_build_void, site_setup, site_teardown),
    };

    return cmocka_run_group_tests_name("delta", tests, NULL, NULL);
}
