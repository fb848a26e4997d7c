/* Database against disk: a sound installation has no findings, and each kind of damage is found and named. */
#include "tests/unit/installation.h"

#include "lib/core/verify.h"

struct seen {
    int count[RBE_FINDING_MAX];
    char path[512], detail[512];
    uint64_t done, total;
};

static void found(void *arg, enum rbe_finding f, const char *path, const char *detail)
{
    struct seen *seen = arg;

    seen->count[f]++;
    (void)snprintf(seen->path, sizeof(seen->path), "%s", path);
    (void)snprintf(seen->detail, sizeof(seen->detail), "%s", detail);
}

static void progress(void *arg, uint64_t done, uint64_t total)
{
    struct seen *seen = arg;

    assert_true(done >= seen->done && done <= total);
    seen->done = done;
    seen->total = total;
}

static struct rbe_verified verify(struct site *s, struct seen *seen)
{
    struct rbe_verify v = {.found = found, .progress = progress, .arg = seen};
    struct rbe_verified sum;

    *seen = (struct seen){0};
    must(s, rbe_verify_run(s->app, &v, &sum, &s->err));
    return sum;
}

static struct rbe_package one_release(struct site *s)
{
    rbe_autofree char *text = site_text(1, 100);
    const struct site_file files[] = {{"a", text}, {0}};

    return site_publish(s, site_resource(s, "app", "[]"), "app", "1.0.0", files);
}

static void write_at(const char *path, const char *text, off_t at)
{
    rbe_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
}

static void test_sound(void **state)
{
    struct site *s = *state;
    struct seen seen;
    struct rbe_verified sum = verify(s, &seen);

    assert_int_equal(sum.packages, 0);
    assert_int_equal(sum.findings, 0);
    struct rbe_package k = one_release(s);
    sum = verify(s, &seen);
    assert_int_equal(sum.packages, 1);
    assert_int_equal(sum.bytes, k.size);
    assert_int_equal(sum.findings, 0);
    assert_int_equal(seen.done, k.size);
    assert_int_equal(seen.total, k.size);
}

static void test_missing(void **state)
{
    struct site *s = *state;
    struct rbe_package k = one_release(s);
    struct seen seen;

    assert_int_equal(unlink(rbe_depot_path(s->app, &s->arena, k.path)), 0);
    assert_int_equal(verify(s, &seen).findings, 1);
    assert_int_equal(seen.count[RBE_FINDING_MISSING], 1);
    assert_string_equal(seen.path, k.path);
}

static void test_size(void **state)
{
    struct site *s = *state;
    struct rbe_package k = one_release(s);
    struct seen seen;

    write_at(rbe_depot_path(s->app, &s->arena, k.path), "x", k.size);
    assert_int_equal(verify(s, &seen).findings, 1);
    assert_int_equal(seen.count[RBE_FINDING_SIZE], 1);
}

static void test_hash(void **state)
{
    struct site *s = *state;
    struct rbe_package k = one_release(s);
    struct seen seen;

    write_at(rbe_depot_path(s->app, &s->arena, k.path), "x", k.size / 2);
    write_at(rbe_depot_path(s->app, &s->arena, k.path), "y", k.size / 2 + 1);
    assert_int_equal(verify(s, &seen).findings, 1);
    assert_int_equal(seen.count[RBE_FINDING_HASH], 1);
    assert_non_null(strstr(seen.detail, "expected "));
}

static void test_manifest(void **state)
{
    struct site *s = *state;
    struct rbe_package k = one_release(s);
    const char *path = rbe_depot_path(s->app, &s->arena, k.path);
    const char *manifest = rbe_arena_strfmt(&s->arena, "%.*s/manifest", (int)(strrchr(path, '/') - path), path);
    struct rbe_manifest m = {0};
    rbe_auto(str) struct rbe_str text = {0};
    struct seen seen;

    must(s, rbe_depot_manifest(s->app, k.path, &m, &s->err));
    m.entries[0].mode = 0755;
    rbe_manifest_format(&m, &text);
    rbe_manifest_release(&m);
    must(s, rbe_file_put(manifest, text.s, text.len, 0640, &s->err));
    assert_int_equal(verify(s, &seen).findings, 1);
    assert_int_equal(seen.count[RBE_FINDING_MANIFEST], 1);
    assert_int_equal(unlink(manifest), 0);
    assert_int_equal(verify(s, &seen).findings, 1);
    assert_int_equal(seen.count[RBE_FINDING_MANIFEST], 1);
}

/* A stray file, a file beside a package, an empty directory and a whole package without a row. */
static void test_orphans(void **state)
{
    struct site *s = *state;
    struct rbe_package k = one_release(s);
    const char *beside = rbe_arena_strfmt(&s->arena, "%s.bak", rbe_depot_path(s->app, &s->arena, k.path));
    struct seen seen;

    write_at(rbe_depot_path(s->app, &s->arena, "p/stray"), "x", 0);
    write_at(beside, "x", 0);
    assert_int_equal(mkdir(rbe_depot_path(s->app, &s->arena, "p/empty"), 0750), 0);
    assert_int_equal(mkdir(rbe_depot_path(s->app, &s->arena, "p/whole"), 0750), 0);
    write_at(rbe_depot_path(s->app, &s->arena, "p/whole/a.zip"), "x", 0);
    write_at(rbe_depot_path(s->app, &s->arena, "p/whole/manifest"), "x", 0);
    assert_int_equal(verify(s, &seen).findings, 5);
    assert_int_equal(seen.count[RBE_FINDING_ORPHAN], 5);
}

static void test_names(void **state)
{
    (void)state;
    for (int f = 0; f < RBE_FINDING_MAX; f++)
        assert_string_not_equal(rbe_finding_name((enum rbe_finding)f), "unknown");
    assert_string_equal(rbe_finding_name(RBE_FINDING_MAX), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sound, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_missing, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_size, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_hash, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_manifest, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_orphans, site_setup, site_teardown),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
