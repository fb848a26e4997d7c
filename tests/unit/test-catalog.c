/* lib/core/catalog: what is listed of an installation, and the words for it. */
#include "tests/unit/releases.h"

#include "lib/core/catalog.h"

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
        cmocka_unit_test_setup_teardown(test_settings_listed, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_catalog, site_setup, site_teardown),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
