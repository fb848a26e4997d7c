/* lib/core/health: a sound installation, and each part of it away. */
#include "tests/unit/site.h"

#include "lib/core/health.h"

static void expect_reason(struct site *s, const char *want)
{
    const char *reason = NULL;

    expect(s, RBE_UNAVAILABLE, rbe_health_check(s->app, &reason, &s->err));
    assert_string_equal(reason, want);
    assert_int_equal(s->err.code, RBE_UNAVAILABLE);
    assert_true(s->err.text[0] != '\0');
}

static void test_sound(void **state)
{
    struct site *s = *state;
    const char *reason = NULL;

    must(s, rbe_health_check(s->app, &reason, &s->err));
    assert_null(reason);
}

/* Open connections go on reading files that were moved away; that is no health. */
static void test_database_away(void **state)
{
    static const char *const files[] = {"db/rbe.db", "db/usage.db"};
    struct site *s = *state;
    const char *reason = NULL;

    for (size_t i = 0; i < RBE_COUNT(files); i++) {
        const char *here = site_path(s, files[i]), *away = site_path(s, "db/away");

        assert_int_equal(rename(here, away), 0);
        expect_reason(s, "the database is not usable");
        assert_int_equal(rename(away, here), 0);
        must(s, rbe_health_check(s->app, &reason, &s->err));
    }
}

static void test_database_broken(void **state)
{
    struct site *s = *state;

    site_sql(s, "usage.db", "DROP TABLE job;");
    expect_reason(s, "the database is not usable");
}

static void test_storage_away(void **state)
{
    static const char *const dirs[] = {"tmp", "packages/p"};
    struct site *s = *state;

    for (size_t i = 0; i < RBE_COUNT(dirs); i++) {
        assert_int_equal(rmdir(site_path(s, dirs[i])), 0);
        expect_reason(s, "the storage is not usable");
        assert_int_equal(mkdir(site_path(s, dirs[i]), 0755), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sound, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_database_away, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_database_broken, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_storage_away, site_setup, site_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
