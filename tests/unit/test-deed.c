/* lib/core/deed: a change and its record are there together or not at all. */
#include "tests/unit/site.h"

#include "lib/base/clock.h"
#include "lib/core/deed.h"
#include "lib/core/release-change.h"
#include "lib/core/release.h"

static const struct rbe_audit *all(struct site *s, size_t *ret_n)
{
    const struct rbe_audit_filter f = {.actor = "", .action = "", .rid = "", .limit = 1000};
    struct rbe_audit *rows;

    must(s, rbe_deed_list(s->app, &f, &s->arena, &rows, ret_n, &s->err));
    return rows;
}

static enum rbe_code create(struct site *s, const char *rid)
{
    const struct rbe_resource_draft d = {.rid = rid, .name = "A \"name\""};
    struct rbe_resource r;

    return rbe_release_create(s->app, &d, &s->arena, &r, &s->err);
}

static void test_fields(void **state)
{
    struct site *s = *state;
    size_t n;

    s->app->actor = (struct rbe_actor){.name = "token ci", .origin = "192.0.2.7"};
    must(s, create(s, "app"));
    s->app->actor = (struct rbe_actor){0};
    must(s, rbe_deed_record(s->app, &(struct rbe_deed){.action = "secret rotate"}, &s->err));
    const struct rbe_audit *a = all(s, &n);
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
    struct site *s = *state;
    size_t n;

    must(s, create(s, "app"));
    assert_int_equal(strncmp(all(s, &n)->actor, "shell ", 6), 0);
    assert_string_equal(all(s, &n)->origin, "");
}

static void test_no_change_no_record(void **state)
{
    struct site *s = *state;
    struct rbe_resource r;
    int64_t withdrawn;
    size_t n;

    must(s, create(s, "app"));
    expect(s, RBE_RESOURCE_EXISTS, create(s, "app"));
    expect(s, RBE_INVALID, create(s, "."));
    must(s, rbe_resource_get(s->app->store, "app", &s->arena, &r, &s->err));
    must(s, rbe_release_withdraw_all(s->app, &r, &withdrawn, &s->err));
    (void)all(s, &n);
    assert_int_equal(n, 1);
}

static void test_no_record_no_change(void **state)
{
    struct site *s = *state;
    struct rbe_resource r;
    size_t n;

    site_sql(s, "rbe.db", "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no record'); END");
    expect(s, RBE_FAULT, create(s, "app"));
    expect(s, RBE_NOTFOUND, rbe_resource_get(s->app->store, "app", &s->arena, &r, &s->err));
    assert_false(rbe_store_inside(s->app->store, RBE_BASE_RELEASES));
    site_sql(s, "rbe.db", "DROP TRIGGER refuse");
    must(s, create(s, "app"));
    (void)all(s, &n);
    assert_int_equal(n, 1);
}

/* In the transaction of the caller, and gone with it. */
static void test_inside(void **state)
{
    struct site *s = *state;
    size_t n;

    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_deed_record(s->app, &(struct rbe_deed){.action = "purge"}, &s->err));
    assert_true(rbe_store_inside(s->app->store, RBE_BASE_RELEASES));
    rbe_store_rollback(s->app->store, RBE_BASE_RELEASES);
    (void)all(s, &n);
    assert_int_equal(n, 0);
}

static void test_filters(void **state)
{
    static const char *const rids[] = {"one", "two", "one"};
    struct site *s = *state;
    struct rbe_audit_filter f = {.actor = "", .action = "", .rid = "one", .limit = 1000};
    struct rbe_audit *rows;
    size_t n;

    for (size_t i = 0; i < RBE_COUNT(rids); i++) {
        s->app->actor.name = i ? "b" : "a";
        must(s, rbe_deed_record(s->app, &(struct rbe_deed){.action = i ? "y" : "x", .rid = rids[i]}, &s->err));
    }
    must(s, rbe_deed_list(s->app, &f, &s->arena, &rows, &n, &s->err));
    assert_int_equal(n, 2);
    assert_true(rows[0].id > rows[1].id);
    f.actor = "a";
    must(s, rbe_deed_list(s->app, &f, &s->arena, &rows, &n, &s->err));
    assert_int_equal(n, 1);
    f = (struct rbe_audit_filter){.actor = "b", .action = "y", .rid = "", .limit = 1};
    must(s, rbe_deed_list(s->app, &f, &s->arena, &rows, &n, &s->err));
    assert_int_equal(n, 1);
    f.action = "x";
    must(s, rbe_deed_list(s->app, &f, &s->arena, &rows, &n, &s->err));
    assert_int_equal(n, 0);
    f = (struct rbe_audit_filter){.actor = "", .action = "", .rid = "", .limit = 9, .since = rbe_clock_now() + 60};
    must(s, rbe_deed_list(s->app, &f, &s->arena, &rows, &n, &s->err));
    assert_int_equal(n, 0);
}

static void test_forget(void **state)
{
    struct site *s = *state;
    int64_t now = rbe_clock_now(), before, after;
    size_t n;

    must(s, rbe_deed_record(s->app, &(struct rbe_deed){.action = "x"}, &s->err));
    must(s, rbe_deed_forget(s->app, now + s->settings.audit.keep - 60, &s->err));
    (void)all(s, &n);
    assert_int_equal(n, 1);
    s->settings.audit.keep = 0;
    must(s, rbe_deed_forget(s->app, now + 1000000000, &s->err));
    (void)all(s, &n);
    assert_int_equal(n, 1);
    s->settings.audit.keep = 60;
    must(s, rbe_deed_forget(s->app, now + 120, &s->err));
    (void)all(s, &n);
    assert_int_equal(n, 0);
    /* with nothing to forget nothing is written, so whoever keeps answers keeps them */
    must(s, rbe_store_change(s->app->store, &before, &s->err));
    rbe_autoptr(app) struct rbe_app *other = NULL;
    must(s, rbe_app_open(&s->settings, RBE_APP_WRITE, &other, &s->err));
    must(s, rbe_deed_forget(other, now + 120, &s->err));
    must(s, rbe_store_change(s->app->store, &after, &s->err));
    assert_int_equal(before, after);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        T(test_fields), T(test_shell), T(test_no_change_no_record), T(test_no_record_no_change), T(test_inside),
        T(test_filters), T(test_forget),
    };

    return cmocka_run_group_tests_name("deed", tests, NULL, NULL);
}
