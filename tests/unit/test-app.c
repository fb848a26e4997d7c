/* lib/core/app: making an installation, opening it, and reading version names again under other rules. */
#include "tests/unit/site.h"

#include <sys/stat.h>

#include "lib/core/vercmp.h"
#include "lib/store/lookup.h"
#include "lib/store/version.h"

static void assert_dir(struct site *s, const char *below)
{
    rbe_autofree char *path = rbe_strfmt("%s/%s", s->dir, below);
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 07, 0);
}

static void test_migrate(void **state)
{
    struct site *s = *state;
    unsigned applied = 99;

    must(s, rbe_app_migrate(&s->settings, &applied, &s->err));
    assert_true(applied > 0 && applied < 99);
    assert_dir(s, "db");
    assert_dir(s, "packages/p");
    assert_dir(s, "tmp");
    assert_dir(s, "run");
    must(s, rbe_app_migrate(&s->settings, &applied, &s->err));
    assert_int_equal(applied, 0);
}

/* A data directory that is not there yet, several levels deep. */
static void test_migrate_makes_parents(void **state)
{
    struct site *s = *state;

    site_configure(s, "instance:\n  data_dir: a/b/c\nauth:\n  sign_secret: a secret of the tests\n");
    must(s, rbe_app_migrate(&s->settings, NULL, &s->err));
    assert_dir(s, "a/b/c/packages/p");
    must(s, rbe_app_open(&s->settings, RBE_APP_READ, &s->app, &s->err));
}

static void test_open(void **state)
{
    static const enum rbe_app_mode modes[] = {RBE_APP_READ, RBE_APP_WRITE};
    struct site *s = *state;

    for (size_t i = 0; i < RBE_COUNT(modes); i++) {
        rbe_autoptr(app) struct rbe_app *app = NULL;
        unsigned char sum[RBE_SHA256_SIZE], want[RBE_SHA256_SIZE];
        rbe_autoptr(hmac) struct rbe_hmac *mac = rbe_hmac_new("a secret of the tests", 21);

        must(s, rbe_app_open(&s->settings, modes[i], &app, &s->err));
        assert_ptr_equal(app->settings, &s->settings);
        assert_non_null(app->store);
        assert_non_null(app->share);
        assert_int_equal(app->signers, 1);
        rbe_hmac_of(app->signer[0], "x", 1, sum);
        rbe_hmac_of(mac, "x", 1, want);
        assert_memory_equal(sum, want, sizeof(sum));
        assert_true((app->inspector != NULL) == (modes[i] == RBE_APP_WRITE));
    }
    const char *path = rbe_app_path(s->app, &s->arena, "tmp/x");
    assert_memory_equal(path, s->dir, strlen(s->dir));
    assert_string_equal(path + strlen(s->dir), "/tmp/x");
}

static void test_reader_cannot_write(void **state)
{
    struct site *s = *state;
    rbe_autoptr(app) struct rbe_app *app = NULL;
    struct rbe_resource r = {.rid = "abc", .name = "", .description = "", .always_include = "[]", .created_at = 1};
    enum rbe_code code;

    must(s, rbe_app_open(&s->settings, RBE_APP_READ, &app, &s->err));
    code = rbe_store_begin(app->store, RBE_BASE_RELEASES, &s->err);
    if (code == RBE_OK)
        code = rbe_resource_put(app->store, &r, &s->err);
    assert_int_not_equal(code, RBE_OK);
    rbe_store_rollback(app->store, RBE_BASE_RELEASES);
}

static void test_refused(void **state)
{
    struct site *s = *state;
    rbe_autoptr(app) struct rbe_app *app = NULL;

    /* no databases yet */
    assert_int_not_equal(rbe_app_open(&s->settings, RBE_APP_READ, &app, &s->err), RBE_OK);
    assert_null(app);
    must(s, rbe_app_migrate(&s->settings, NULL, &s->err));
    site_configure(s, "instance:\n  data_dir: .\n");
    expect(s, RBE_REFUSED, rbe_app_open(&s->settings, RBE_APP_READ, &app, &s->err));
    assert_null(app);
    assert_non_null(strstr(s->err.text, "rbe.yaml: auth.sign_secret is not set"));
    site_configure(s, "instance:\n  data_dir: missing\nauth:\n  sign_secret: a secret of the tests\n");
    assert_int_not_equal(rbe_app_open(&s->settings, RBE_APP_READ, &app, &s->err), RBE_OK);
    assert_null(app);
}

static void test_several_secrets(void **state)
{
    struct site *s = *state;

    rbe_app_close(rbe_steal(s->app));
    site_configure(s, "instance:\n  data_dir: .\nauth:\n  sign_secret: [0123456789abcdef, fedcba9876543210]\n");
    must(s, rbe_app_open(&s->settings, RBE_APP_READ, &s->app, &s->err));
    assert_int_equal(s->app->signers, 2);
}

static struct rbe_version get_version(struct site *s, int64_t resource, const char *name)
{
    struct rbe_version v = {0};
    bool found;

    must(s, rbe_version_find(s->app->store, resource, name, &s->arena, &v, &found, &s->err));
    assert_true(found);
    return v;
}

/* Rows as another set of parsers would have left them: every key is made anew, once, and the offers with them. */
static void test_reorder(void **state)
{
    enum { RESOURCES = 3, VERSIONS = 600 };
    struct site *s = *state;
    struct rbe_store *store = s->app->store;
    struct rbe_resource r[RESOURCES];
    struct rbe_verkey key;
    const char *rules;

    must(s, rbe_store_begin(store, RBE_BASE_RELEASES, &s->err));
    for (int i = 0; i < RESOURCES; i++) {
        r[i] = (struct rbe_resource){.rid = rbe_arena_strfmt(&s->arena, "res-%d", i), .name = "", .description = "",
                                     .always_include = "[]", .created_at = 1};
        must(s, rbe_resource_put(store, &r[i], &s->err));
        /* the greatest by name comes first, so that only the keys can tell it */
        for (int k = VERSIONS; k > 0; k--) {
            struct rbe_version v = {.resource = r[i].id, .name = rbe_arena_strfmt(&s->arena, "1.%d.0", k),
                                    .order_key = "", .release_note = "", .custom_data = "", .created_at = 1};
            struct rbe_package p = {.file_type = "zip", .size = 1, .created_at = 1};

            must(s, rbe_version_put(store, &v, &s->err));
            p.version = v.id;
            p.path = rbe_arena_strfmt(&s->arena, "p/%d/%d", i, k);
            must(s, rbe_package_put(store, &p, &s->err));
        }
        must(s, rbe_offer_refresh(store, r[i].id, &s->err));
    }
    must(s, rbe_store_meta_put(store, "order_rules", "elder-1", &s->err));
    must(s, rbe_store_commit(store, RBE_BASE_RELEASES, &s->err));
    assert_int_equal(get_version(s, r[1].id, "1.7.0").order_by, 0);

    must(s, rbe_app_migrate(&s->settings, NULL, &s->err));
    for (int i = 0; i < RESOURCES; i++) {
        const struct rbe_lookup of = {.rid = r[i].rid, .channel = 2};
        struct rbe_lookup_offer *offers;
        size_t n;

        for (int k = 1; k <= VERSIONS; k += 37) {
            const char *name = rbe_arena_strfmt(&s->arena, "1.%d.0", k);
            struct rbe_version v = get_version(s, r[i].id, name);

            rbe_verkey_of(name, &key);
            assert_int_equal(v.order_by, key.parser);
            assert_int_equal(v.order_len, key.len);
            assert_memory_equal(v.order_key, key.bytes, key.len);
        }
        must(s, rbe_lookup_offers(store, &of, &s->arena, &offers, &n, &s->err));
        assert_int_equal(n, 1);
        assert_int_equal(offers[0].number, 1);
        assert_int_equal(offers[0].order_by, 1);
    }
    must(s, rbe_store_meta_find(store, "order_rules", &s->arena, &rules, &s->err));
    assert_string_equal(rules, "semver-1 datetime-1");
    /* up to date: a key that lies now is not looked at again */
    site_sql(s, "rbe.db", "UPDATE version SET order_by = 0, order_key = x'' WHERE name = '1.7.0'");
    must(s, rbe_app_migrate(&s->settings, NULL, &s->err));
    assert_int_equal(get_version(s, r[0].id, "1.7.0").order_by, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
#define TEST_EMPTY(f) cmocka_unit_test_setup_teardown(f, site_setup_empty, site_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_EMPTY(test_migrate), TEST_EMPTY(test_migrate_makes_parents), TEST(test_open),
        TEST(test_reader_cannot_write), TEST_EMPTY(test_refused), TEST(test_several_secrets), TEST(test_reorder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
