/* Making a configuration, checking an installation, and what the catalog lists of it. */
#include <signal.h>
#include <sys/resource.h>

#include "tests/unit/releases.h"

#include "lib/core/catalog.h"
#include "lib/core/secrets.h"
#include "lib/core/setup.h"

struct seen {
    int count[RBE_VERDICT_MAX];
};

static void found(void *arg, enum rbe_verdict verdict, const char *what, const char *text)
{
    struct seen *seen = arg;

    assert_true(*what && *text);
    seen->count[verdict]++;
}

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

static void test_check(void **state)
{
    struct site *s = *state;
    struct seen seen = {0};
    struct rbe_settings away = s->settings;

    rbe_setup_check(&s->settings, found, &seen);
    assert_int_equal(seen.count[RBE_VERDICT_OK], 6);
    assert_int_equal(seen.count[RBE_VERDICT_BAD] + seen.count[RBE_VERDICT_WARN], 0);

    /* what cannot be written to is found; that it is there is all that holds for root */
    seen = (struct seen){0};
    assert_int_equal(rmdir(rbe_app_path(s->app, &s->arena, "tmp")), 0);
    rbe_setup_check(&s->settings, found, &seen);
    assert_int_equal(seen.count[RBE_VERDICT_OK], 5);
    assert_int_equal(seen.count[RBE_VERDICT_BAD], 1);

    seen = (struct seen){0};
    assert_int_equal(chmod(s->settings.file, 0644), 0);
    away.instance.data_dir = rbe_app_path(s->app, &s->arena, "away");
    away.auth.sign_secret.n = 0;
    rbe_setup_check(&away, found, &seen);
    assert_int_equal(seen.count[RBE_VERDICT_WARN], 1);
    assert_int_equal(seen.count[RBE_VERDICT_BAD], 2);

    seen = (struct seen){0};
    away.extra.quota_time_zone = "Europe/Nowhere";
    away.auth.cdk_validation_url = "http://shop.example/validate";
    away.auth.uploader_validation_url = "https://shop.example/validate";
    away.auth.download_validation_url = "http://127.0.0.1:8000/validate";
    rbe_setup_check(&away, found, &seen);
    assert_int_equal(seen.count[RBE_VERDICT_WARN], 2);
    assert_int_equal(seen.count[RBE_VERDICT_BAD], 3);
}

/* A configuration's secrets are never listed. */
static void test_settings_listed(void **state)
{
    struct site *s = *state;
    size_t n, secrets = 0;
    const struct rbe_catalog_setting *rows = rbe_catalog_settings(&s->settings, &s->arena, &n);

    for (size_t i = 0; i < n; i++) {
        assert_null(strstr(rows[i].value, s->settings.auth.sign_secret.v[0]));
        secrets += strcmp(rows[i].value, "(set)") == 0;
    }
    assert_int_equal(secrets, 1);
}

static void test_catalog(void **state)
{
    struct site *s = *state;
    const struct site_file one[] = {{"a", "1"}, {0}}, two[] = {{"a", "2"}, {0}};
    int64_t r = site_resource(s, "app", "[]");
    struct rbe_resource_filter every = {.limit = 10};
    struct rbe_version_filter all = {.channel = -1, .limit = 1};
    struct rbe_catalog_resources resources;
    struct rbe_catalog_versions versions;
    struct rbe_catalog_version version;
    struct rbe_resource resource;

    (void)site_publish(s, r, "app", "1.0.0", one);
    struct rbe_package k = site_publish(s, r, "app", "1.1.0", two);
    must(s, rbe_catalog_resources(s->app, &every, &s->arena, &resources, &s->err));
    assert_int_equal(resources.total, 1);
    must(s, rbe_catalog_resource(s->app, "app", &s->arena, &resource, &s->err));
    assert_int_equal(resource.id, r);
    must(s, rbe_catalog_versions(s->app, "app", &all, &s->arena, &versions, &s->err));
    assert_int_equal(versions.n, 1);
    assert_int_equal(versions.total, 2);
    assert_string_equal(versions.v[0].name, "1.1.0");
    must(s, rbe_catalog_version(s->app, "app", "1.1.0", &s->arena, &version, &s->err));
    assert_int_equal(version.n, 1);
    assert_int_equal(version.packages[0].package.id, k.id);
    assert_null(version.packages[0].from);
    expect(s, RBE_NOTFOUND, rbe_catalog_resource(s->app, "nothing", &s->arena, &resource, &s->err));
    assert_string_equal(s->err.text, "resource not found: nothing");
    expect(s, RBE_NOTFOUND, rbe_catalog_version(s->app, "app", "9", &s->arena, &version, &s->err));
    expect(s, RBE_NOTFOUND, rbe_catalog_revoke(s->app, "nobody", &s->err));
}

static void test_words(void **state)
{
    enum rbe_scope scope;

    (void)state;
    assert_true(rbe_scope_parse("admin", &scope));
    assert_int_equal(scope, RBE_SCOPE_ADMIN);
    assert_false(rbe_scope_parse("Admin", &scope));
    for (int i = 0; i < RBE_JOB_STATE_MAX; i++)
        assert_int_equal(rbe_job_state_parse(rbe_job_state_name((enum rbe_job_state)i)), i);
    assert_int_equal(rbe_job_state_parse("lost"), -1);
    assert_string_equal(rbe_job_kind_name(RBE_JOB_KIND_MAX), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_config, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_config_fails, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_full, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_check, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_settings_listed, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_catalog, site_setup, site_teardown),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests_name("setup", tests, NULL, NULL);
}
