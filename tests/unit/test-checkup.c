/* lib/core/checkup: what is found good, doubtful and bad of an installation. */
#include "tests/unit/site.h"

#include "lib/core/checkup.h"

struct seen {
    int count[RBE_VERDICT_MAX];
};

static void found(void *arg, enum rbe_verdict verdict, const char *what, const char *text)
{
    struct seen *seen = arg;

    assert_true(*what && *text);
    seen->count[verdict]++;
}

static void check_up(const struct rbe_settings *settings, struct seen *ret)
{
    struct rbe_checkup c = {.settings = settings, .found = found, .arg = ret};

    *ret = (struct seen){0};
    rbe_checkup(&c);
    assert_int_equal(c.troubles, ret->count[RBE_VERDICT_WARN] + ret->count[RBE_VERDICT_BAD]);
}

static void test_check(void **state)
{
    struct site *s = *state;
    struct seen seen = {0};
    struct rbe_settings away = s->settings;

    check_up(&s->settings, &seen);
    assert_int_equal(seen.count[RBE_VERDICT_OK], 6);
    assert_int_equal(seen.count[RBE_VERDICT_BAD] + seen.count[RBE_VERDICT_WARN], 0);

    /* what cannot be written to is found; that it is there is all that holds for root */
    assert_int_equal(rmdir(rbe_app_path(s->app, &s->arena, "tmp")), 0);
    check_up(&s->settings, &seen);
    assert_int_equal(seen.count[RBE_VERDICT_OK], 5);
    assert_int_equal(seen.count[RBE_VERDICT_BAD], 1);

    assert_int_equal(chmod(s->settings.file, 0644), 0);
    away.instance.data_dir = rbe_app_path(s->app, &s->arena, "away");
    away.auth.sign_secret.n = 0;
    check_up(&away, &seen);
    assert_int_equal(seen.count[RBE_VERDICT_WARN], 1);
    assert_int_equal(seen.count[RBE_VERDICT_BAD], 2);

    away.extra.quota_time_zone = "Europe/Nowhere";
    away.auth.cdk_validation_url = "http://shop.example/validate";
    away.auth.uploader_validation_url = "https://shop.example/validate";
    away.auth.download_validation_url = "http://127.0.0.1:8000/validate";
    check_up(&away, &seen);
    assert_int_equal(seen.count[RBE_VERDICT_WARN], 2);
    assert_int_equal(seen.count[RBE_VERDICT_BAD], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_check, site_setup, site_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
