/* lib/core/cdks: making, looking, blocking. */
#include "tests/unit/site.h"

#include "lib/core/cdks.h"
#include "lib/core/release.h"

enum { NOW = 1700000000, MANY = 500 };

static int by_text(const void *a, const void *b)
{
    return strcmp(((const struct rbe_cdks_made *)a)->text, ((const struct rbe_cdks_made *)b)->text);
}

static void test_make(void **state)
{
    struct site *s = *state;
    struct rbe_cdk like = {.daily_limit = 3, .created_at = NOW, .expires_at = NOW + 5};
    const struct rbe_resource_draft draft = {.rid = "my-app"};
    char normal[RBE_CDK_LENGTH + 1];
    struct rbe_cdks_made *made;
    struct rbe_cdks_row row;
    struct rbe_resource r;

    must(s, rbe_release_create(s->app, &draft, &s->arena, &r, &s->err));
    like.resource = r.id;
    must(s, rbe_cdks_make(s->app, &like, MANY, &s->arena, &made, &s->err));
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(made[i].id, i + 1);
        assert_true(rbe_cdks_normal(made[i].text, normal));
        assert_string_equal(made[i].text, normal);
    }
    must(s, rbe_cdks_get(s->app, made[7].text, NOW, &s->arena, &row, &s->err));
    assert_int_equal(row.cdk.id, made[7].id);
    assert_memory_equal(row.cdk.prefix, made[7].text, 5 - 1);
    assert_int_equal(strlen(row.cdk.prefix), RBE_CDK_PREFIX);
    assert_string_equal(row.cdk.rid, "my-app");
    assert_int_equal(row.cdk.daily_limit, 3);
    assert_int_equal(row.cdk.expires_at, NOW + 5);
    qsort(made, MANY, sizeof(*made), by_text);
    for (int i = 1; i < MANY; i++)
        assert_string_not_equal(made[i - 1].text, made[i].text);

    /* all or none */
    like.resource = 99;
    assert_int_not_equal(rbe_cdks_make(s->app, &like, 2, &s->arena, &made, &s->err), RBE_OK);
    like.resource = 0;
    expect(s, RBE_REFUSED, rbe_cdks_make(s->app, &like, RBE_CDKS_MAX + 1, &s->arena, &made, &s->err));
    must(s, rbe_cdks_make(s->app, &like, 1, &s->arena, &made, &s->err));
    assert_int_equal(made[0].id, MANY + 1);
}

static void test_look_and_block(void **state)
{
    struct site *s = *state;
    struct rbe_cdk like = {.created_at = NOW, .expires_at = NOW + 5};
    struct rbe_cdks_made *made;
    struct rbe_cdks_row row, *page;
    size_t n;

    must(s, rbe_cdks_make(s->app, &like, 3, &s->arena, &made, &s->err));
    must(s, rbe_cdks_get(s->app, "2", NOW, &s->arena, &row, &s->err));
    assert_string_equal(rbe_cdks_state(&row.cdk, NOW), "good");
    assert_string_equal(rbe_cdks_state(&row.cdk, NOW + 5), "expired");
    must(s, rbe_cdks_block(s->app, made[1].text, true, NOW + 1, &s->arena, &row, &s->err));
    assert_int_equal(row.cdk.id, 2);
    assert_string_equal(rbe_cdks_state(&row.cdk, NOW), "blocked");
    must(s, rbe_cdks_block(s->app, "2", true, NOW + 2, &s->arena, &row, &s->err));
    must(s, rbe_cdks_list(s->app, 1, 10, NOW, &s->arena, &page, &n, &s->err));
    assert_int_equal(n, 2);
    assert_int_equal(page[0].cdk.blocked_at, NOW + 1);
    assert_int_equal(page[1].cdk.blocked_at, 0);
    must(s, rbe_cdks_block(s->app, "2", false, NOW, &s->arena, &row, &s->err));
    assert_int_equal(row.cdk.blocked_at, 0);
    must(s, rbe_cdks_block(s->app, "2", false, NOW, &s->arena, &row, &s->err));

    expect(s, RBE_NOTFOUND, rbe_cdks_get(s->app, "4", NOW, &s->arena, &row, &s->err));
    expect(s, RBE_NOTFOUND, rbe_cdks_block(s->app, "4", true, NOW, &s->arena, &row, &s->err));
    expect(s, RBE_NOTFOUND, rbe_cdks_get(s->app, "00000000000000000000000000", NOW, &s->arena, &row, &s->err));
    expect(s, RBE_REFUSED, rbe_cdks_get(s->app, "ABCD", NOW, &s->arena, &row, &s->err));
    assert_null(strstr(s->err.text, "ABCD"));
    /* no transaction is left open */
    must(s, rbe_cdks_make(s->app, &like, 1, &s->arena, &made, &s->err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_make, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_look_and_block, site_setup, site_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
