/* lib/core/destination: shares of ten thousand downloads, regions, and places that cannot be used. Seeds are fixed. */
#include "tests/unit/site.h"

#include "lib/core/destination.h"
#include "lib/store/mirror.h"

enum { NOW = 1700000000, TURNS = 10000, PLACES_MAX = 8 };

static const struct rbe_package package = {.id = 1, .path = "p/0123/app.zip"};

static void use(struct site *s, const char *settings)
{
    rbe_autofree char *text = rbe_strfmt("instance:\n  data_dir: .\nauth:\n  sign_secret: a secret of the tests\n%s",
                                         settings);

    rbe_app_close(s->app);
    s->app = NULL;
    site_configure(s, text);
    must(s, rbe_app_open(&s->settings, RBE_APP_READ, &s->app, &s->err));
    must(s, rbe_destination_open(s->app, &s->err));
    rbe_destination_seed(s->app->destination, 20260115);
}

static const char *find(struct site *s, const char *region, int64_t now)
{
    const struct rbe_destination_query q = {.package = &package, .region = region, .now = now};
    const char *url;

    must(s, rbe_destination_find(s->app, &q, &s->arena, &url, &s->err));
    return url;
}

/* How many of TURNS downloads go to each of the places, named by what their URLs begin with; NULL is this server. */
static void count(struct site *s, const char *region, const char *const *places, size_t n, int *counts)
{
    memset(counts, 0, n * sizeof(*counts));
    for (int i = 0; i < TURNS; i++) {
        const char *url = find(s, region, NOW);
        size_t k = 0;

        while (k < n && !(places[k] && url ? strncmp(url, places[k], strlen(places[k])) == 0 : places[k] == url))
            k++;
        if (k == n)
            fail_msg("%s was not expected", url ? url : "this server");
        counts[k]++;
        rbe_arena_reset(&s->arena);
    }
}

/* Chi-square of the counts against the shares, held to its 99.9 % quantile. A share of 0 is never met. */
static void assert_shares(const int *counts, const double *shares, size_t n)
{
    static const double quantile[] = {0, 10.828, 13.816, 16.266, 18.467, 20.515};
    double sum = 0, chi = 0;
    size_t freedom = 0;

    for (size_t i = 0; i < n; i++)
        sum += shares[i];
    for (size_t i = 0; i < n; i++) {
        double want = TURNS * shares[i] / sum, off = counts[i] - want;

        if (shares[i] > 0) {
            chi += off * off / want;
            freedom++;
        } else {
            assert_int_equal(counts[i], 0);
        }
    }
    if (chi > quantile[freedom - 1])
        fail_msg("chi-square is %.2f, over %.2f", chi, quantile[freedom - 1]);
}

#define CHECK(s, region, places, ...)                                          \
    do {                                                                       \
        const double shares_[] = {__VA_ARGS__};                                \
        int counts_[PLACES_MAX];                                               \
        assert_int_equal(RBE_COUNT(shares_), RBE_COUNT(places));               \
        count((s), (region), (places), RBE_COUNT(places), counts_);            \
        assert_shares(counts_, shares_, RBE_COUNT(places));                    \
    } while (0)

static void test_nothing(void **state)
{
    struct site *s = *state;

    use(s, "");
    assert_null(find(s, "default", NOW));
    use(s, "extra:\n  download_prefix_info: {default: [], eu: [{url: 'https://eu.example', weight: 0}]}\n");
    assert_null(find(s, "eu", NOW));
}

static void test_shares(void **state)
{
    static const char *const places[] = {"https://cdn.example/", "https://a.example/", "https://b.example/",
                                         "https://c.example/x/", "https://off.example/", "https://eu.example/"};
    struct site *s = *state;

    use(s, "extra:\n"
           "  cdn_prefix: https://cdn.example\n"
           "  distribute_cdn_ratio: 37\n"
           "  distribute_cdn_region: [default, us]\n"
           "  download_prefix_info:\n"
           "    default:\n"
           "    - {url: https://a.example, weight: 1}\n"
           "    - {url: https://b.example, weight: 2}\n"
           "    - {url: https://c.example/x, weight: 5}\n"
           "    - {url: https://off.example, weight: 0}\n"
           "    eu:\n"
           "    - {url: https://eu.example, weight: 3}\n"
           "    - {url: https://b.example, weight: 1}\n");
    CHECK(s, "default", places, 37, 63 * 1. / 8, 63 * 2. / 8, 63 * 5. / 8, 0, 0);
    /* unknown ones are default; us may use the CDN and has no places of its own */
    CHECK(s, "nowhere", places, 37, 63 * 1. / 8, 63 * 2. / 8, 63 * 5. / 8, 0, 0);
    CHECK(s, "us", places, 37, 63 * 1. / 8, 63 * 2. / 8, 63 * 5. / 8, 0, 0);
    CHECK(s, "eu", places, 0, 0, 1, 0, 0, 3);
    /* an unknown region is default to the letter */
    for (int i = 0; i < 100; i++) {
        rbe_destination_seed(s->app->destination, (uint64_t)i);
        const char *a = find(s, "default", NOW);
        rbe_destination_seed(s->app->destination, (uint64_t)i);
        assert_string_equal(find(s, "elsewhere", NOW), a);
    }
}

static void test_cdn_alone(void **state)
{
    static const char *const places[] = {"https://cdn.example/", NULL};
    struct site *s = *state;

    use(s, "extra:\n  cdn_prefix: https://cdn.example/\n");
    assert_string_equal(find(s, "default", NOW), "https://cdn.example/p/0123/app.zip");
    CHECK(s, "default", places, 1, 0);
    /* what does not go to the CDN is sent from here */
    use(s, "extra:\n  cdn_prefix: https://cdn.example/\n  distribute_cdn_ratio: 25\n");
    CHECK(s, "default", places, 25, 75);
    use(s, "extra:\n  cdn_prefix: https://cdn.example/\n  distribute_cdn_ratio: 0\n");
    CHECK(s, "default", places, 0, 1);
    use(s, "extra:\n  cdn_prefix: https://cdn.example/\n  distribute_cdn_region: [eu]\n");
    CHECK(s, "default", places, 0, 1);
    CHECK(s, "eu", places, 1, 0);
}

/* Every signature has its own random part, and a place its own signature. */
static void test_signed(void **state)
{
    struct site *s = *state;

    use(s, "extra:\n"
           "  download_prefix_info:\n"
           "    default: [{url: 'https://a.example', auth: {type: md5-a, secret: abc}}]\n");
    const char *one = find(s, "default", NOW), *two = find(s, "default", NOW);
    static const char begin[] = "https://a.example/p/0123/app.zip?auth_key=1700000000-";
    assert_memory_equal(one, begin, strlen(begin));
    assert_string_not_equal(one, two);
    assert_int_equal(strlen(one), strlen(begin) + 32 + 3 + 32);
}

static void put_mark(struct site *s, const char *url, bool up, int64_t at)
{
    const struct rbe_mirror m = {.url = url, .up = up, .checked_at = at, .changed_at = at, .reason = ""};

    must(s, rbe_store_begin(s->app->store, RBE_BASE_USAGE, &s->err));
    must(s, rbe_mirror_put(s->app->store, &m, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_USAGE, &s->err));
}

static void test_down(void **state)
{
    static const char settings[] = "extra:\n"
                                   "  cdn_prefix: https://cdn.example\n"
                                   "  distribute_cdn_ratio: 50\n"
                                   "  download_prefix_info:\n"
                                   "    default: [{url: 'https://a.example'}]\n"
                                   "    eu: [{url: 'https://e.example'}, {url: 'https://f.example'}]\n";
    static const char *const places[] = {"https://cdn.example/", "https://a.example/", "https://e.example/",
                                         "https://f.example/"};
    struct site *s = *state;

    use(s, settings);
    put_mark(s, "https://e.example", false, NOW - 60);
    put_mark(s, "https://f.example", true, NOW - 60);
    use(s, settings);
    CHECK(s, "eu", places, 1, 0, 0, 1);
    /* no place of the region is left: those of default */
    put_mark(s, "https://f.example", false, NOW - 60);
    use(s, settings);
    CHECK(s, "eu", places, 1, 1, 0, 0);
    /* the CDN is down: all to the places */
    put_mark(s, "https://cdn.example", false, NOW - 60);
    use(s, settings);
    CHECK(s, "default", places, 0, 1, 0, 0);
    put_mark(s, "https://a.example", false, NOW - 60);
    use(s, settings);
    assert_null(find(s, "default", NOW));
    /* only the CDN is up: all to it, though its ratio is less */
    put_mark(s, "https://cdn.example", true, NOW - 60);
    use(s, settings);
    CHECK(s, "default", places, 1, 0, 0, 0);
    /* nobody has looked for an hour, or nobody looks at all */
    put_mark(s, "https://cdn.example", false, NOW - 3600);
    put_mark(s, "https://a.example", false, NOW - 3600);
    use(s, settings);
    CHECK(s, "default", places, 1, 1, 0, 0);
    put_mark(s, "https://a.example", false, NOW - 60);
    rbe_autofree char *unprobed = rbe_strfmt("%smirror:\n  probe_interval: 0\n", settings);
    use(s, unprobed);
    CHECK(s, "default", places, 1, 1, 0, 0);
}

static void test_copies(void **state)
{
    static const char settings[] = "extra:\n"
                                   "  download_prefix_info:\n"
                                   "    default: [{url: 'https://a.example'}, {url: 'https://b.example/'}]\n"
                                   "mirror:\n"
                                   "  targets:\n"
                                   "  - {name: one, path: /srv/one, urls: [https://a.example/]}\n"
                                   "  - {name: two, path: /srv/two, urls: [https://b.example, https://a.example]}\n";
    static const char *const places[] = {"https://a.example/", "https://b.example/", NULL};
    struct site *s = *state;

    use(s, settings);
    site_sql(s, "rbe.db",
             "INSERT INTO resource (id, rid, update_type, access, ordering, created_at, name, description, "
             "always_include) VALUES (1, 'app', 1, 0, 0, 1, '', '', '[]');"
             "INSERT INTO version (id, resource, number, name, channel, order_by, order_key, created_at, "
             "release_note, custom_data) VALUES (1, 1, 1, '1', 0, 0, x'', 1, '', '');"
             "INSERT INTO package (id, version, system, arch, format, size, sha256, tree, files, created_at, "
             "file_type, path) VALUES (1, 1, 0, 0, 0, 1, zeroblob(32), zeroblob(32), 0, 1, 'zip', 'p/0/app.zip');");
    CHECK(s, "default", places, 0, 0, 1);
    site_sql(s, "rbe.db", "INSERT INTO mirror_copy VALUES (1, 'one', 1)");
    CHECK(s, "default", places, 1, 0, 0);
    site_sql(s, "rbe.db", "INSERT INTO mirror_copy VALUES (1, 'two', 1)");
    CHECK(s, "default", places, 1, 1, 0);
    site_sql(s, "rbe.db", "DELETE FROM mirror_copy WHERE mirror = 'one'");
    CHECK(s, "default", places, 1, 1, 0);
    site_sql(s, "rbe.db", "DELETE FROM mirror_copy; INSERT INTO mirror_copy VALUES (1, 'three', 1)");
    CHECK(s, "default", places, 0, 0, 1);
}

static void test_region(void **state)
{
    static const struct {
        const char *said, *observed, *want;
    } rows[] = {
        {"eu", "US", "eu"},          {"", "US", "us"},        {"", "", "home"},     {"", NULL, "home"},
        {"EU", "us", "default"},     {"", "Not A Region", "default"}, {"e_u", NULL, "default"},
        {"", "a-region-of-more-than-24-letters", "default"},
    };
    struct site *s = *state;

    use(s, "");
    s->settings.instance.region_id = "home";
    for (size_t i = 0; i < RBE_COUNT(rows); i++)
        assert_string_equal(rbe_destination_region(&s->settings, rows[i].said, rows[i].observed, &s->arena),
                            rows[i].want);
}

static void test_origin(void **state)
{
    struct site *s = *state;

    use(s, "");
    assert_false(rbe_destination_is_origin(&s->settings, NULL));
    assert_false(rbe_destination_is_origin(&s->settings, ""));
    use(s, "extra:\n  origin_secret: 0123456789abcdef\n");
    assert_true(rbe_destination_is_origin(&s->settings, "0123456789abcdef"));
    assert_false(rbe_destination_is_origin(&s->settings, "0123456789abcdeg"));
    assert_false(rbe_destination_is_origin(&s->settings, "0123456789abcde"));
    assert_false(rbe_destination_is_origin(&s->settings, ""));
    assert_false(rbe_destination_is_origin(&s->settings, NULL));
}

static void test_unsignable(void **state)
{
    struct site *s = *state;

    site_configure(s, "instance:\n  data_dir: .\nauth:\n  sign_secret: a secret of the tests\n"
                         "extra:\n  cdn_prefix: https://c.example\n"
                         "  cdn_auth: {type: cloudfront, key_id: K, key_file: key.pem}\n");
    rbe_app_close(s->app);
    must(s, rbe_app_open(&s->settings, RBE_APP_READ, &s->app, &s->err));
    expect(s, RBE_REFUSED, rbe_destination_open(s->app, &s->err));
    rbe_autofree char *file = rbe_strfmt("%s/key.pem", s->dir);
    assert_non_null(strstr(s->err.text, "cloudfront of https://c.example: "));
    assert_non_null(strstr(s->err.text, file));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing), TEST(test_shares), TEST(test_cdn_alone), TEST(test_signed), TEST(test_down),
        TEST(test_copies),  TEST(test_region), TEST(test_origin),    TEST(test_unsignable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
