/* lib/core/staging: bytes on their way in, their hash, and that nothing stays that nobody took. */
#include "tests/unit/site.h"

#include "lib/core/staging.h"

static void test_put(void **state)
{
    struct site *s = *state;
    rbe_autoptr(staging) struct rbe_staging *st = NULL;
    rbe_auto(str) struct rbe_str bytes = {0};
    unsigned char sum[RBE_SHA256_SIZE];
    struct stat info;

    must(s, rbe_staging_new(s->app, "app.zip", &st, &s->err));
    assert_string_equal(st->name, "app.zip");
    must(s, rbe_staging_put(st, "hello ", 6, &s->err));
    must(s, rbe_staging_put(st, "", 0, &s->err));
    must(s, rbe_staging_put(st, "world", 5, &s->err));
    must(s, rbe_staging_finish(st, &s->err));
    assert_int_equal(st->size, 11);
    rbe_sha256_of("hello world", 11, sum);
    assert_memory_equal(st->sha256, sum, sizeof(sum));
    must(s, rbe_file_get(st->path, 100, &bytes, &s->err));
    assert_string_equal(rbe_str_text(&bytes), "hello world");
    assert_int_equal(stat(st->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(site_count(s, "tmp"), 1);
}

static void test_gone(void **state)
{
    struct site *s = *state;
    struct rbe_staging *a = NULL, *b = NULL;

    must(s, rbe_staging_new(s->app, NULL, &a, &s->err));
    must(s, rbe_staging_new(s->app, "", &b, &s->err));
    assert_string_not_equal(a->path, b->path);
    assert_string_equal(a->name, "");
    must(s, rbe_staging_put(a, "x", 1, &s->err));
    rbe_staging_free(a);
    assert_int_equal(site_count(s, "tmp"), 1);
    rbe_staging_free(b);
    assert_int_equal(site_count(s, "tmp"), 0);
    rbe_staging_free(NULL);
}

static void test_names(void **state)
{
    static const char *const rows[][2] = {
        {"/etc/passwd", "passwd"}, {"C:\\dir\\Setup.EXE", "Setup.EXE"}, {"a/b\\c", "c"}, {"dir/", ""}, {"..", ".."},
    };
    struct site *s = *state;

    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_autoptr(staging) struct rbe_staging *st = NULL;

        must(s, rbe_staging_new(s->app, rows[i][0], &st, &s->err));
        assert_string_equal(st->name, rows[i][1]);
    }
    assert_int_equal(site_count(s, "tmp"), 0);
}

static void test_no_directory(void **state)
{
    struct site *s = *state;
    struct rbe_staging *st = NULL;

    assert_int_equal(rmdir(site_path(s, "tmp")), 0);
    expect(s, RBE_FAULT, rbe_staging_new(s->app, "x", &st, &s->err));
    assert_null(st);
}

/* Bytes that the file does not hold in the end are noticed. */
static void test_cut(void **state)
{
    struct site *s = *state;
    rbe_autoptr(staging) struct rbe_staging *st = NULL;

    must(s, rbe_staging_new(s->app, "x", &st, &s->err));
    must(s, rbe_staging_put(st, "12345", 5, &s->err));
    assert_int_equal(truncate(st->path, 3), 0);
    expect(s, RBE_FAULT, rbe_staging_finish(st, &s->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_gone, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_names, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_no_directory, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_cut, site_setup, site_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
