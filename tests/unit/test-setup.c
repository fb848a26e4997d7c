/* lib/core/setup: a configuration is made once, whole, with a secret of its own. */
#include <signal.h>
#include <sys/resource.h>

#include "tests/unit/site.h"

#include "lib/core/secrets.h"
#include "lib/core/setup.h"

/* Mode, a fresh secret each, the directories above; never a second time. */
static void test_config(void **state)
{
    struct site *s = *state;
    const char *one = rbe_app_path(s->app, &s->arena, "new/deep/one.yaml");
    const char *two = rbe_app_path(s->app, &s->arena, "new/two.yaml");
    rbe_auto(str) struct rbe_str a = {0}, b = {0}, c = {0};
    struct rbe_settings settings = {0};
    struct stat st;
    bool made;

    must(s, rbe_setup_config(one, NULL, &made, &s->err));
    assert_true(made);
    assert_int_equal(stat(one, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    must(s, rbe_setup_config(two, "/a \"b\"\\c", &made, &s->err));
    assert_true(made);
    must(s, rbe_file_get(one, 4096, &a, &s->err));
    must(s, rbe_setup_config(one, "/other", &made, &s->err));
    assert_false(made);
    must(s, rbe_file_get(one, 4096, &b, &s->err));
    assert_string_equal(a.s, b.s);
    must(s, rbe_file_get(two, 4096, &c, &s->err));
    assert_string_not_equal(strstr(a.s, "sign_secret"), strstr(c.s, "sign_secret"));
    must(s, rbe_settings_load(two, &settings, &s->err));
    assert_string_equal(settings.instance.data_dir, "/a \"b\"\\c");
    assert_int_equal(settings.auth.sign_secret.n, 1);
    assert_int_equal(strlen(settings.auth.sign_secret.v[0]), 43);
    rbe_settings_release(&settings);
}

static void test_config_fails(void **state)
{
    struct site *s = *state;
    bool made;

    expect(s, RBE_FAULT,
           rbe_setup_config(rbe_app_path(s->app, &s->arena, "rbe.yaml/x.yaml"), NULL, &made, &s->err));
    assert_false(made);
}

/* What cannot be written is named, as a full disk has many files. */
static void test_full(void **state)
{
    struct site *s = *state;
    const char *file = rbe_app_path(s->app, &s->arena, "full.yaml");
    const struct rlimit little = {16, RLIM_INFINITY}, any = {RLIM_INFINITY, RLIM_INFINITY};
    struct rbe_secrets_rotated rotated;
    struct rbe_err other = {0};
    bool made;

    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
    enum rbe_code code = rbe_setup_config(file, NULL, &made, &s->err);
    enum rbe_code of_rotate = rbe_secrets_rotate(&s->settings, &s->arena, &rotated, &other);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &any), 0);
    assert_int_equal(code, RBE_FAULT);
    assert_non_null(strstr(s->err.text, file));
    assert_int_equal(access(file, F_OK), -1);
    assert_int_equal(of_rotate, RBE_FAULT);
    assert_non_null(strstr(other.text, s->settings.file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_config, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_config_fails, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_full, site_setup, site_teardown),
    };

    return cmocka_run_group_tests_name("setup", tests, NULL, NULL);
}
