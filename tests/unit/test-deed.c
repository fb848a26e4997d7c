/* lib/core/deed: a change and its record are there together or not at all. */
#include "tests/unit/apphome.h"

#include "lib/base/clock.h"
#include "lib/core/deed.h"
#include "lib/core/release-change.h"
#include "lib/core/release.h"

static const struct rbe_audit *all(struct apphome *h, size_t *ret_n)
{
    const struct rbe_audit_filter f = {.actor = "", .action = "", .rid = "", .limit = 1000};
    struct rbe_audit *rows;

    must(h, rbe_deed_list(h->app, &f, &h->arena, &rows, ret_n, &h->err));
    return rows;
}

static enum rbe_code create(struct apphome *h, const char *rid)
{
    const struct rbe_resource_draft d = {.rid = rid, .name = "A \"name\""};
    struct rbe_resource r;

    return rbe_release_create(h->app, &d, &h->arena, &r, &h->err);
}

static void test_fields(void **state)
{
    struct apphome *h = *state;
    size_t n;

    h->app->actor = (struct rbe_actor){.name = "token ci", .origin = "192.0.2.7"};
    must(h, create(h, "app"));
    h->app->actor = (struct rbe_actor){0};
    must(h, rbe_deed_record(h->app, &(struct rbe_deed){.action = "secret rotate"}, &h->err));
    const struct rbe_audit *a = all(h, &n);
    assert_int_equal(n, 2);
    assert_string_equal(a[1].actor, "token ci");
    assert_string_equal(a[1].origin, "192.0.2.7");
    assert_string_equal(a[1].action, "resource create");
    assert_string_equal(a[1].rid, "app");
    assert_string_equal(a[1].subject, "");
    assert_string_equal(a[1].detail, "{\"name\":\"A \\\"name\\\"\",\"update_type\":\"incremental\","
                                     "\"access\":\"public\",\"order\":\"version\"}");
    assert_in_range(a[1].at, rbe_clock_now() - 60, rbe_clock_now());
    assert_string_equal(a[0].actor, "unknown");
    assert_string_equal(a[0].detail, "");
}

/* The user of a shell stands there from the start. */
static void test_shell(void **state)
{
    struct apphome *h = *state;
    size_t n;

    must(h, create(h, "app"));
    assert_int_equal(strncmp(all(h, &n)->actor, "shell ", 6), 0);
    assert_string_equal(all(h, &n)->origin, "");
}

static void test_no_change_no_record(void **state)
{
    struct apphome *h = *state;
    struct rbe_resource r;
    int64_t withdrawn;
    size_t n;

    must(h, create(h, "app"));
    expect(h, RBE_RESOURCE_EXISTS, create(h, "app"));
    expect(h, RBE_INVALID, create(h, "."));
    must(h, rbe_resource_get(h->app->store, "app", &h->arena, &r, &h->err));
    must(h, rbe_release_withdraw_all(h->app, &r, &withdrawn, &h->err));
    (void)all(h, &n);
    assert_int_equal(n, 1);
}

static void test_no_record_no_change(void **state)
{
    struct apphome *h = *state;
    struct rbe_resource r;
    size_t n;

    apphome_sql(h, "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no record'); END");
    expect(h, RBE_FAULT, create(h, "app"));
    expect(h, RBE_NOTFOUND, rbe_resource_get(h->app->store, "app", &h->arena, &r, &h->err));
    assert_false(rbe_store_inside(h->app->store, RBE_BASE_RELEASES));
    apphome_sql(h, "DROP TRIGGER refuse");
    must(h, create(h, "app"));
    (void)all(h, &n);
    assert_int_equal(n, 1);
}

/* In the transaction of the caller, and gone with it. */
static void test_inside(void **state)
{
    struct apphome *h = *state;
    size_t n;

    must(h, rbe_store_begin(h->app->store, RBE_BASE_RELEASES, &h->err));
    must(h, rbe_deed_record(h->app, &(struct rbe_deed){.action = "purge"}, &h->err));
    assert_true(rbe_store_inside(h->app->store, RBE_BASE_RELEASES));
    rbe_store_rollback(h->app->store, RBE_BASE_RELEASES);
    (void)all(h, &n);
    assert_int_equal(n, 0);
}

static void test_filters(void **state)
{
    static const char *const rids[] = {"one", "two", "one"};
    struct apphome *h = *state;
    struct rbe_audit_filter f = {.actor = "", .action = "", .rid = "one", .limit = 1000};
    struct rbe_audit *rows;
    size_t n;

    for (size_t i = 0; i < RBE_COUNT(rids); i++) {
        h->app->actor.name = i ? "b" : "a";
        must(h, rbe_deed_record(h->app, &(struct rbe_deed){.action = i ? "y" : "x", .rid = rids[i]}, &h->err));
    }
    must(h, rbe_deed_list(h->app, &f, &h->arena, &rows, &n, &h->err));
    assert_int_equal(n, 2);
    assert_true(rows[0].id > rows[1].id);
    f.actor = "a";
    must(h, rbe_deed_list(h->app, &f, &h->arena, &rows, &n, &h->err));
    assert_int_equal(n, 1);
    f = (struct rbe_audit_filter){.actor = "b", .action = "y", .rid = "", .limit = 1};
    must(h, rbe_deed_list(h->app, &f, &h->arena, &rows, &n, &h->err));
    assert_int_equal(n, 1);
    f.action = "x";
    must(h, rbe_deed_list(h->app, &f, &h->arena, &rows, &n, &h->err));
    assert_int_equal(n, 0);
    f = (struct rbe_audit_filter){.actor = "", .action = "", .rid = "", .limit = 9, .since = rbe_clock_now() + 60};
    must(h, rbe_deed_list(h->app, &f, &h->arena, &rows, &n, &h->err));
    assert_int_equal(n, 0);
}

static void test_forget(void **state)
{
    struct apphome *h = *state;
    int64_t now = rbe_clock_now(), before, after;
    size_t n;

    must(h, rbe_deed_record(h->app, &(struct rbe_deed){.action = "x"}, &h->err));
    must(h, rbe_deed_forget(h->app, now + h->settings.audit.keep - 60, &h->err));
    (void)all(h, &n);
    assert_int_equal(n, 1);
    h->settings.audit.keep = 0;
    must(h, rbe_deed_forget(h->app, now + 1000000000, &h->err));
    (void)all(h, &n);
    assert_int_equal(n, 1);
    h->settings.audit.keep = 60;
    must(h, rbe_deed_forget(h->app, now + 120, &h->err));
    (void)all(h, &n);
    assert_int_equal(n, 0);
    /* with nothing to forget nothing is written, so whoever keeps answers keeps them */
    must(h, rbe_store_change(h->app->store, &before, &h->err));
    rbe_autoptr(app) struct rbe_app *other = NULL;
    must(h, rbe_app_open(&h->settings, RBE_APP_WRITE, &other, &h->err));
    must(h, rbe_deed_forget(other, now + 120, &h->err));
    must(h, rbe_store_change(h->app->store, &after, &h->err));
    assert_int_equal(before, after);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, apphome_setup, apphome_teardown)
    const struct CMUnitTest tests[] = {
        T(test_fields), T(test_shell), T(test_no_change_no_record), T(test_no_record_no_change), T(test_inside),
        T(test_filters), T(test_forget),
    };

    return cmocka_run_group_tests_name("deed", tests, NULL, NULL);
}
