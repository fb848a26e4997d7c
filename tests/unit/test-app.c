/* lib/core/app: making an installation, opening it, and reading version names again under other rules. */
#include "tests/unit/apphome.h"

#include <sys/stat.h>

#include "lib/core/vercmp.h"
#include "lib/store/lookup.h"
#include "lib/store/version.h"

static void assert_dir(struct apphome *h, const char *below)
{
    rbe_autofree char *path = rbe_strfmt("%s/%s", h->dir, below);
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 07, 0);
}

static void test_migrate(void **state)
{
    struct apphome *h = *state;
    unsigned applied = 99;

    must(h, rbe_app_migrate(&h->settings, &applied, &h->err));
    assert_true(applied > 0 && applied < 99);
    assert_dir(h, "db");
    assert_dir(h, "packages/p");
    assert_dir(h, "tmp");
    assert_dir(h, "run");
    must(h, rbe_app_migrate(&h->settings, &applied, &h->err));
    assert_int_equal(applied, 0);
}

/* A data directory that is not there yet, several levels deep. */
static void test_migrate_makes_parents(void **state)
{
    struct apphome *h = *state;

    apphome_configure(h, "instance:\n  data_dir: a/b/c\nauth:\n  sign_secret: a secret of the tests\n");
    must(h, rbe_app_migrate(&h->settings, NULL, &h->err));
    assert_dir(h, "a/b/c/packages/p");
    must(h, rbe_app_open(&h->settings, RBE_APP_READ, &h->app, &h->err));
}

static void test_open(void **state)
{
    static const enum rbe_app_mode modes[] = {RBE_APP_READ, RBE_APP_WRITE};
    struct apphome *h = *state;

    for (size_t i = 0; i < RBE_COUNT(modes); i++) {
        rbe_autoptr(app) struct rbe_app *app = NULL;
        unsigned char sum[RBE_SHA256_SIZE], want[RBE_SHA256_SIZE];
        rbe_autoptr(hmac) struct rbe_hmac *mac = rbe_hmac_new("a secret of the tests", 21);

        must(h, rbe_app_open(&h->settings, modes[i], &app, &h->err));
        assert_ptr_equal(app->settings, &h->settings);
        assert_non_null(app->store);
        assert_non_null(app->share);
        assert_int_equal(app->signers, 1);
        rbe_hmac_of(app->signer[0], "x", 1, sum);
        rbe_hmac_of(mac, "x", 1, want);
        assert_memory_equal(sum, want, sizeof(sum));
        assert_true((app->inspector != NULL) == (modes[i] == RBE_APP_WRITE));
    }
    const char *path = rbe_app_path(h->app, &h->arena, "tmp/x");
    assert_memory_equal(path, h->dir, strlen(h->dir));
    assert_string_equal(path + strlen(h->dir), "/tmp/x");
}

static void test_reader_cannot_write(void **state)
{
    struct apphome *h = *state;
    rbe_autoptr(app) struct rbe_app *app = NULL;
    struct rbe_resource r = {.rid = "abc", .name = "", .description = "", .always_include = "[]", .created_at = 1};
    enum rbe_code code;

    must(h, rbe_app_open(&h->settings, RBE_APP_READ, &app, &h->err));
    code = rbe_store_begin(app->store, RBE_BASE_RELEASES, &h->err);
    if (code == RBE_OK)
        code = rbe_resource_put(app->store, &r, &h->err);
    assert_int_not_equal(code, RBE_OK);
    rbe_store_rollback(app->store, RBE_BASE_RELEASES);
}

static void test_refused(void **state)
{
    struct apphome *h = *state;
    rbe_autoptr(app) struct rbe_app *app = NULL;

    /* no databases yet */
    assert_int_not_equal(rbe_app_open(&h->settings, RBE_APP_READ, &app, &h->err), RBE_OK);
    assert_null(app);
    must(h, rbe_app_migrate(&h->settings, NULL, &h->err));
    apphome_configure(h, "instance:\n  data_dir: .\n");
    expect(h, RBE_REFUSED, rbe_app_open(&h->settings, RBE_APP_READ, &app, &h->err));
    assert_null(app);
    assert_non_null(strstr(h->err.text, "rbe.yaml: auth.sign_secret is not set"));
    apphome_configure(h, "instance:\n  data_dir: missing\nauth:\n  sign_secret: a secret of the tests\n");
    assert_int_not_equal(rbe_app_open(&h->settings, RBE_APP_READ, &app, &h->err), RBE_OK);
    assert_null(app);
}

static void test_several_secrets(void **state)
{
    struct apphome *h = *state;

    rbe_app_close(rbe_steal(h->app));
    apphome_configure(h, "instance:\n  data_dir: .\nauth:\n  sign_secret: [0123456789abcdef, fedcba9876543210]\n");
    must(h, rbe_app_open(&h->settings, RBE_APP_READ, &h->app, &h->err));
    assert_int_equal(h->app->signers, 2);
}

static struct rbe_version get_version(struct apphome *h, int64_t resource, const char *name)
{
    struct rbe_version v = {0};
    bool found;

    must(h, rbe_version_find(h->app->store, resource, name, &h->arena, &v, &found, &h->err));
    assert_true(found);
    return v;
}

/* Rows as another set of parsers would have left them: every key is made anew, once, and the offers with them. */
static void test_reorder(void **state)
{
    enum { RESOURCES = 3, VERSIONS = 600 };
    struct apphome *h = *state;
    struct rbe_store *s = h->app->store;
    struct rbe_resource r[RESOURCES];
    struct rbe_verkey key;
    const char *rules;

    must(h, rbe_store_begin(s, RBE_BASE_RELEASES, &h->err));
    for (int i = 0; i < RESOURCES; i++) {
        r[i] = (struct rbe_resource){.rid = rbe_arena_strfmt(&h->arena, "res-%d", i), .name = "", .description = "",
                                     .always_include = "[]", .created_at = 1};
        must(h, rbe_resource_put(s, &r[i], &h->err));
        /* the greatest by name comes first, so that only the keys can tell it */
        for (int k = VERSIONS; k > 0; k--) {
            struct rbe_version v = {.resource = r[i].id, .name = rbe_arena_strfmt(&h->arena, "1.%d.0", k),
                                    .order_key = "", .release_note = "", .custom_data = "", .created_at = 1};
            struct rbe_package p = {.file_type = "zip", .size = 1, .created_at = 1};

            must(h, rbe_version_put(s, &v, &h->err));
            p.version = v.id;
            p.path = rbe_arena_strfmt(&h->arena, "p/%d/%d", i, k);
            must(h, rbe_package_put(s, &p, &h->err));
        }
        must(h, rbe_offer_refresh(s, r[i].id, &h->err));
    }
    must(h, rbe_store_meta_put(s, "order_rules", "elder-1", &h->err));
    must(h, rbe_store_commit(s, RBE_BASE_RELEASES, &h->err));
    assert_int_equal(get_version(h, r[1].id, "1.7.0").order_by, 0);

    must(h, rbe_app_migrate(&h->settings, NULL, &h->err));
    for (int i = 0; i < RESOURCES; i++) {
        const struct rbe_lookup of = {.rid = r[i].rid, .channel = 2};
        struct rbe_lookup_offer *offers;
        size_t n;

        for (int k = 1; k <= VERSIONS; k += 37) {
            const char *name = rbe_arena_strfmt(&h->arena, "1.%d.0", k);
            struct rbe_version v = get_version(h, r[i].id, name);

            rbe_verkey_of(name, &key);
            assert_int_equal(v.order_by, key.parser);
            assert_int_equal(v.order_len, key.len);
            assert_memory_equal(v.order_key, key.bytes, key.len);
        }
        must(h, rbe_lookup_offers(s, &of, &h->arena, &offers, &n, &h->err));
        assert_int_equal(n, 1);
        assert_int_equal(offers[0].number, 1);
        assert_int_equal(offers[0].order_by, 1);
    }
    must(h, rbe_store_meta_find(s, "order_rules", &h->arena, &rules, &h->err));
    assert_string_equal(rules, "semver-1 datetime-1");
    /* up to date: a key that lies now is not looked at again */
    apphome_sql(h, "UPDATE version SET order_by = 0, order_key = x'' WHERE name = '1.7.0'");
    must(h, rbe_app_migrate(&h->settings, NULL, &h->err));
    assert_int_equal(get_version(h, r[0].id, "1.7.0").order_by, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, apphome_setup, apphome_teardown)
#define TEST_EMPTY(f) cmocka_unit_test_setup_teardown(f, apphome_setup_empty, apphome_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_EMPTY(test_migrate), TEST_EMPTY(test_migrate_makes_parents), TEST(test_open),
        TEST(test_reader_cannot_write), TEST_EMPTY(test_refused), TEST(test_several_secrets), TEST(test_reorder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
