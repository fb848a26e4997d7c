/* lib/core/depot: names of packages, and that a package is there whole or not at all. */
#include "tests/unit/site.h"

#include "lib/core/depot.h"

static const char *const name = "my-app-1.0.0-linux-amd64.zip";

/* A file below tmp/ that holds text. */
static const char *loose_file(struct site *s, const char *text)
{
    scratch_text(s->dir, "tmp/upload-1", text);
    return site_path(s, "tmp/upload-1");
}

static void make_manifest(struct site *s, struct rbe_manifest *m)
{
    const struct rbe_entry entry = {.path = "a b/\xc3\xb6.txt", .kind = RBE_KIND_FILE, .mode = 0644, .size = 3};

    rbe_manifest_add(m, &entry);
    must(s, rbe_manifest_seal(m, &s->err));
}

static void test_names(void **state)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    char rid[65], version[129], old[129];

    (void)state;
    assert_string_equal(rbe_depot_file_name(&arena, "my-app", "1.0.0", RBE_SYSTEM_WINDOWS, RBE_ARCH_AMD64, NULL, "zip"),
                        "my-app-1.0.0-windows-amd64.zip");
    const char *odd =
        rbe_depot_file_name(&arena, "my_app", "1.1+b", RBE_SYSTEM_ANY, RBE_ARCH_ANY, "1 \xc3\xa4\"", "tar.gz");
    assert_string_equal(odd, "my_app-1.1_b-any-any-from-1____.tar.gz");
    memset(rid, 'r', 64);
    memset(version, 'v', 128);
    memset(old, 'o', 128);
    rid[64] = version[128] = old[128] = '\0';
    const char *both = rbe_depot_file_name(&arena, rid, version, RBE_SYSTEM_WINDOWS, RBE_ARCH_AMD64, old, "tar.zst");
    assert_int_equal(strlen(both), 255);
    assert_non_null(strstr(both, "v-windows-amd64-from-o"));
    assert_string_equal(both + 255 - 8, ".tar.zst");
    const char *one = rbe_depot_file_name(&arena, rid, version, RBE_SYSTEM_WINDOWS, RBE_ARCH_AMD64, "1.0", "zip");
    assert_non_null(strstr(one, "-from-1.0.zip"));
    assert_non_null(strstr(one, version));
    /* a short new name leaves its room to the old one */
    const char *other = rbe_depot_file_name(&arena, rid, "2", RBE_SYSTEM_WINDOWS, RBE_ARCH_AMD64, old, "zip");
    assert_non_null(strstr(other, old));
}

static void test_put(void **state)
{
    struct site *s = *state;
    rbe_auto(manifest) struct rbe_manifest m = {0}, again = {0};
    rbe_auto(str) struct rbe_str bytes = {0};
    rbe_autoclose int fd = -1;
    const char *loose = loose_file(s, "content"), *path = NULL;
    struct stat st;

    make_manifest(s, &m);
    must(s, rbe_depot_put(s->app, loose, name, &m, &s->arena, &path, &s->err));
    assert_int_equal(strlen(path), 2 + 32 + 1 + strlen(name));
    assert_memory_equal(path, "p/", 2);
    assert_string_equal(path + 35, name);
    assert_int_equal(access(loose, F_OK), -1);
    assert_int_equal(site_count(s, "tmp"), 0);
    must(s, rbe_file_get(rbe_depot_path(s->app, &s->arena, path), 100, &bytes, &s->err));
    assert_string_equal(rbe_str_text(&bytes), "content");
    must(s, rbe_depot_open(s->app, &(struct rbe_package){.path = path, .size = 7}, &fd, &s->err));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    int other = -1;
    expect(s, RBE_FAULT, rbe_depot_open(s->app, &(struct rbe_package){.path = path, .size = 8}, &other, &s->err));
    assert_non_null(strstr(s->err.text, "holds 7 bytes in place of 8"));
    assert_int_equal(other, -1);

    must(s, rbe_depot_manifest(s->app, path, &again, &s->err));
    assert_int_equal(again.n, m.n);
    assert_non_null(rbe_manifest_find(&again, "a b/\xc3\xb6.txt"));

    rbe_depot_drop(s->app, path);
    assert_int_equal(site_count(s, "packages/p"), 0);
    assert_int_equal(site_count(s, "tmp"), 0);
    rbe_depot_drop(s->app, path);
}

/* Whatever the umask, a web server of another user can send it. */
static void test_modes(void **state)
{
    struct site *s = *state;
    rbe_auto(manifest) struct rbe_manifest m = {0};
    const char *path = NULL;
    struct stat st;

    make_manifest(s, &m);
    mode_t old = umask(077);
    enum rbe_code code = rbe_depot_put(s->app, loose_file(s, "x"), name, &m, &s->arena, &path, &s->err);
    umask(old);
    must(s, code);
    char *dir = rbe_arena_strdup(&s->arena, rbe_depot_path(s->app, &s->arena, path));
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
    *strrchr(dir, '/') = '\0';
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0755);
    assert_int_equal(stat(rbe_arena_strfmt(&s->arena, "%s/manifest", dir), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0644);
}

/* A put that fails gives the file back and leaves nothing else. */
static void test_put_fails(void **state)
{
    struct site *s = *state;
    rbe_auto(manifest) struct rbe_manifest m = {0};
    const char *loose = loose_file(s, "content"), *path = NULL;
    char long_name[400];

    make_manifest(s, &m);
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    expect(s, RBE_FAULT, rbe_depot_put(s->app, loose, long_name, &m, &s->arena, &path, &s->err));
    assert_int_equal(site_count(s, "tmp"), 1);

    assert_int_equal(rmdir(site_path(s, "packages/p")), 0);
    expect(s, RBE_FAULT, rbe_depot_put(s->app, loose, name, &m, &s->arena, &path, &s->err));
    assert_int_equal(access(loose, F_OK), 0);
    assert_int_equal(site_count(s, "tmp"), 1);
    assert_int_equal(mkdir(site_path(s, "packages/p"), 0755), 0);

    expect(s, RBE_FAULT, rbe_depot_put(s->app, site_path(s, "tmp/absent"), name, &m, &s->arena, &path, &s->err));
    assert_int_equal(site_count(s, "tmp"), 1);
    must(s, rbe_depot_put(s->app, loose, name, &m, &s->arena, &path, &s->err));
}

/* What a row names and the disk has not is a fault of ours, and a path of another form opens nothing. */
static void test_missing(void **state)
{
    static const char *const paths[] = {
        "p/0123456789abcdef0123456789abcdef/a.zip", "p/0123456789abcdef0123456789abcdef/", "../rbe.yaml", "", "p/x/y",
        "p/0123456789abcdef0123456789abcdef/../../../rbe.yaml", "p/0123456789ABCDEF0123456789ABCDEF/a.zip",
    };
    struct site *s = *state;
    rbe_auto(manifest) struct rbe_manifest m = {0};
    int fd = -1;

    for (size_t i = 0; i < RBE_COUNT(paths); i++) {
        expect(s, RBE_FAULT, rbe_depot_open(s->app, &(struct rbe_package){.path = paths[i]}, &fd, &s->err));
        expect(s, RBE_FAULT, rbe_depot_manifest(s->app, paths[i], &m, &s->err));
        rbe_depot_drop(s->app, paths[i]);
    }
    assert_int_equal(access(site_path(s, "rbe.yaml"), F_OK), 0);
    assert_int_equal(access(site_path(s, "packages/p"), F_OK), 0);
}

static void test_bad_manifest(void **state)
{
    struct site *s = *state;
    rbe_auto(manifest) struct rbe_manifest m = {0}, again = {0};
    const char *path = NULL;

    make_manifest(s, &m);
    must(s, rbe_depot_put(s->app, loose_file(s, "x"), name, &m, &s->arena, &path, &s->err));
    const char *file = site_path(s, rbe_arena_strfmt(&s->arena, "packages/%.34s/manifest", path));
    must(s, rbe_file_put(file, "rubbish\n", 8, 0600, &s->err));
    expect(s, RBE_FAULT, rbe_depot_manifest(s->app, path, &again, &s->err));
    assert_non_null(strstr(s->err.text, file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup_teardown(test_put, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_modes, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_put_fails, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_missing, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_bad_manifest, site_setup, site_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
