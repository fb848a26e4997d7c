/* Purging: which packages go, what stays for whom, and when their files are taken away. */
#include "tests/unit/releases.h"

#include "lib/core/latest.h"
#include "lib/core/purge.h"
#include "lib/core/work.h"
#include "lib/store/mark.h"
#include "lib/store/job.h"
#include "lib/store/stock.h"

struct shop {
    struct site *s;
    int64_t resource;
    const char *rid;
    unsigned made;
};

static struct shop shop_of(struct site *s, const char *rid, enum rbe_resource_order order)
{
    struct rbe_resource r = {.rid = rid, .name = rid, .description = "", .always_include = "[]", .order = order};

    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_resource_put(s->app->store, &r, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    return (struct shop){.s = s, .resource = r.id, .rid = rid};
}

/* A package without files behind it; its id. */
static int64_t put(struct shop *shop, const char *name, enum rbe_channel channel, int system, int arch)
{
    struct site *s = shop->s;
    struct rbe_version v = {.resource = shop->resource, .name = name, .channel = (int)channel, .release_note = "",
                            .custom_data = ""};
    struct rbe_package k = {.system = system, .arch = arch, .file_type = "zip", .size = 100};
    struct rbe_verkey key;
    bool found;

    rbe_verkey_of(name, &key);
    v.order_by = key.parser;
    v.order_key = key.bytes;
    v.order_len = key.len;
    k.path = rbe_arena_strfmt(&s->arena, "p/%032x/a.zip", ++shop->made + 1000 * (unsigned)shop->resource);
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    struct rbe_version there;
    must(s, rbe_version_find(s->app->store, shop->resource, name, &s->arena, &there, &found, &s->err));
    if (found)
        v.id = there.id;
    else
        must(s, rbe_version_put(s->app->store, &v, &s->err));
    k.version = v.id;
    must(s, rbe_package_put(s->app->store, &k, &s->err));
    must(s, rbe_offer_refresh(s->app->store, shop->resource, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    return k.id;
}

static int64_t put_patch(struct shop *shop, int64_t target, int64_t source)
{
    struct site *s = shop->s;
    struct rbe_package t, k = {.format = RBE_FORMAT_FILES, .target = target, .source = source, .file_type = "zip",
                               .size = 10};

    must(s, rbe_package_get(s->app->store, target, &s->arena, &t, &s->err));
    k.version = t.version;
    k.path = rbe_arena_strfmt(&s->arena, "p/%032x/a.zip", ++shop->made + 1000 * (unsigned)shop->resource);
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_package_put(s->app->store, &k, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    return k.id;
}

static void withdraw(struct shop *shop, const char *name)
{
    struct site *s = shop->s;
    struct rbe_version v;
    int64_t n;
    bool found;

    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_version_find(s->app->store, shop->resource, name, &s->arena, &v, &found, &s->err));
    must(s, rbe_version_withdraw(s->app->store, shop->resource, v.id, 1, &n, &s->err));
    must(s, rbe_offer_refresh(s->app->store, shop->resource, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
}

static struct rbe_purged purge(struct site *s)
{
    struct rbe_purged sum;

    must(s, rbe_purge_run(s->app, NULL, &sum, &s->err));
    return sum;
}

static bool purged(struct site *s, int64_t package)
{
    struct rbe_package k;

    must(s, rbe_package_get(s->app->store, package, &s->arena, &k, &s->err));
    return k.purged_at != 0;
}

enum { ANY = 0, LINUX = RBE_SYSTEM_LINUX, WINDOWS = RBE_SYSTEM_WINDOWS, AMD64 = RBE_ARCH_AMD64 };
#define STABLE RBE_CHANNEL_STABLE
#define BETA RBE_CHANNEL_BETA

/* Two a channel, system and arch, in the order of versions and not of publishing; again changes nothing. */
static void test_keeps_the_newest(void **state)
{
    struct site *s = *state;
    struct shop shop = shop_of(s, "app", RBE_ORDER_VERSION);
    int64_t a = put(&shop, "2.0.0", STABLE, LINUX, AMD64), b = put(&shop, "1.0.0", STABLE, LINUX, AMD64);
    int64_t c = put(&shop, "1.1.0", STABLE, LINUX, AMD64), d = put(&shop, "0.9.0", STABLE, LINUX, AMD64);
    int64_t other = put(&shop, "0.9.0", STABLE, LINUX, ANY), beta = put(&shop, "0.1.0-b", BETA, LINUX, AMD64);
    struct rbe_purged sum = purge(s);

    assert_int_equal(sum.packages, 2);
    assert_int_equal(sum.patches, 0);
    assert_int_equal(sum.bytes, 200);
    assert_int_equal(sum.waiting, 2);
    assert_false(purged(s, a) || purged(s, c) || purged(s, other) || purged(s, beta));
    assert_true(purged(s, b) && purged(s, d));
    sum = purge(s);
    assert_int_equal(sum.packages, 0);
    assert_int_equal(sum.waiting, 2);
    s->settings.extra.keep_versions = 1;
    sum = purge(s);
    assert_int_equal(sum.packages, 1);
    assert_true(purged(s, c));
}

static void test_as_published(void **state)
{
    struct site *s = *state;
    struct shop shop = shop_of(s, "app", RBE_ORDER_PUBLISHED);
    int64_t a = put(&shop, "9.0.0", STABLE, ANY, ANY), b = put(&shop, "blue", STABLE, ANY, ANY);
    int64_t c = put(&shop, "1.0.0", STABLE, ANY, ANY);

    (void)purge(s);
    assert_true(purged(s, a));
    assert_false(purged(s, b) || purged(s, c));
}

/* The greatest of every parser stays, whatever the number kept: it is the latest where a greater one of another parser has
 * no package. */
static void test_every_parser(void **state)
{
    struct site *s = *state;
    struct shop shop = shop_of(s, "app", RBE_ORDER_VERSION);
    int64_t date = put(&shop, "2024-01-15", STABLE, ANY, ANY), older = put(&shop, "2023-01-15", STABLE, ANY, ANY);
    int64_t name = put(&shop, "blue", STABLE, ANY, ANY), v1 = put(&shop, "1.0.0", STABLE, ANY, ANY);
    int64_t v2 = put(&shop, "2.0.0", STABLE, ANY, ANY);

    s->settings.extra.keep_versions = 1;
    (void)purge(s);
    assert_false(purged(s, date) || purged(s, name) || purged(s, v2));
    assert_true(purged(s, older) && purged(s, v1));
}

/* Patches to what is purged go with it, those from it stay. */
static void test_patches(void **state)
{
    struct site *s = *state;
    struct shop shop = shop_of(s, "app", RBE_ORDER_VERSION);
    int64_t a = put(&shop, "1.0.0", STABLE, ANY, ANY), b = put(&shop, "2.0.0", STABLE, ANY, ANY);
    int64_t c = put(&shop, "3.0.0", STABLE, ANY, ANY), d = put(&shop, "4.0.0", STABLE, ANY, ANY);
    int64_t a_b = put_patch(&shop, b, a), a_d = put_patch(&shop, d, a), b_c = put_patch(&shop, c, b);
    struct rbe_purged sum = purge(s);

    assert_int_equal(sum.packages, 2);
    assert_int_equal(sum.patches, 1);
    assert_int_equal(sum.bytes, 210);
    assert_true(purged(s, a) && purged(s, b) && purged(s, a_b));
    assert_false(purged(s, c) || purged(s, d) || purged(s, a_d) || purged(s, b_c));
}

/* A withdrawn version counts as none and goes with its elders; of a resource withdrawn as a whole all goes. */
static void test_withdrawn(void **state)
{
    struct site *s = *state;
    struct shop shop = shop_of(s, "app", RBE_ORDER_VERSION);
    int64_t a = put(&shop, "1.0.0", STABLE, ANY, ANY), b = put(&shop, "2.0.0", STABLE, ANY, ANY);
    int64_t c = put(&shop, "3.0.0", STABLE, ANY, ANY), d = put(&shop, "4.0.0", STABLE, ANY, ANY);

    withdraw(&shop, "1.0.0");
    withdraw(&shop, "4.0.0");
    (void)purge(s);
    assert_true(purged(s, a));
    assert_false(purged(s, b) || purged(s, c) || purged(s, d));
    withdraw(&shop, "2.0.0");
    (void)purge(s);
    assert_false(purged(s, b) || purged(s, c) || purged(s, d));
    withdraw(&shop, "3.0.0");
    (void)purge(s);
    assert_true(purged(s, b) && purged(s, c) && purged(s, d));
}

/* Random shelves: whatever was the latest for anybody before is so afterwards, and each group keeps enough. */
static void test_nobody_loses_the_latest(void **state)
{
    enum { PACKAGES = 120, SEEDS = 4 };
    static const int systems[] = {ANY, LINUX, WINDOWS}, arches[] = {ANY, AMD64};
    struct site *s = *state;
    uint32_t x = 12345;

    for (int seed = 0; seed < SEEDS; seed++) {
        const char *rid = rbe_arena_strfmt(&s->arena, "app-%d", seed);
        struct shop shop = shop_of(s, rid, seed % 2 ? RBE_ORDER_PUBLISHED : RBE_ORDER_VERSION);
        struct rbe_latest before[RBE_CHANNEL_MAX][RBE_COUNT(systems)][RBE_COUNT(arches)], after;

        for (int i = 0; i < PACKAGES; i++) {
            x = x * 1664525u + 1013904223u;
            unsigned r = x >> 8, which = r % 10;
            const char *name = which < 6   ? rbe_arena_strfmt(&s->arena, "%u.%u.%d", r / 10 % 3, r / 30 % 5, i)
                               : which < 9 ? rbe_arena_strfmt(&s->arena, "20%02u-0%u-1%u", 10 + r / 10 % 15,
                                                              1 + r / 150 % 9, (unsigned)i % 10)
                                           : rbe_arena_strfmt(&s->arena, "name-%d", i);
            enum rbe_channel channel = which == 9 ? STABLE : (enum rbe_channel)(r / 7 % RBE_CHANNEL_MAX);
            struct rbe_version there;
            bool taken;

            must(s, rbe_version_find(s->app->store, shop.resource, name, &s->arena, &there, &taken, &s->err));
            if (!taken)
                (void)put(&shop, name, channel, systems[r / 11 % 3], r / 11 % 3 ? arches[r / 33 % 2] : ANY);
            if (!taken && r / 97 % 10 == 0)
                withdraw(&shop, name);
        }
        for (int pass = 0; pass < 2; pass++)
            for (int c = 0; c < RBE_CHANNEL_MAX; c++)
                for (size_t i = 0; i < RBE_COUNT(systems); i++)
                    for (size_t k = 0; k < RBE_COUNT(arches); k++) {
                        const struct rbe_question q = {.rid = rid, .channel = (enum rbe_channel)c,
                                                       .system = (enum rbe_system)systems[i],
                                                       .arch = (enum rbe_arch)arches[k], .current = "", .cdk = "",
                                                       .region = "default", .now = rbe_clock_now()};

                        if (pass == 0) {
                            if (rbe_latest_find(s->app, &q, &s->arena, &before[c][i][k], &s->err) != RBE_OK)
                                before[c][i][k].version_name = NULL;
                            if (c + 1 == RBE_CHANNEL_MAX && i + 1 == RBE_COUNT(systems) && k + 1 == RBE_COUNT(arches)) {
                                s->settings.extra.keep_versions = 1 + seed / 2;
                                assert_true(purge(s).packages > 5);
                            }
                        } else if (before[c][i][k].version_name) {
                            must(s, rbe_latest_find(s->app, &q, &s->arena, &after, &s->err));
                            assert_string_equal(after.version_name, before[c][i][k].version_name);
                            assert_int_equal(after.grant.package, before[c][i][k].grant.package);
                        }
                    }
    }
}

static struct rbe_job *removals(struct site *s, size_t *ret_n)
{
    struct rbe_job *all;

    must(s, rbe_job_list(s->app->store, -1, 1000, &s->arena, &all, ret_n, &s->err));
    return all;
}

/* So many jobs that wait are due now. */
static void make_due(struct site *s, size_t want)
{
    size_t n, waiting = 0;
    const struct rbe_job *jobs = removals(s, &n);
    struct rbe_job was;

    for (size_t i = 0; i < n; i++)
        if (jobs[i].state == RBE_JOB_QUEUED) {
            must(s, rbe_job_retry(s->app->store, jobs[i].id, rbe_clock_now(), &s->arena, &was, &s->err));
            waiting++;
        }
    assert_int_equal(waiting, want);
}

static const char *dir_of(struct site *s, const struct rbe_package *k)
{
    return rbe_arena_strndup(&s->arena, rbe_depot_path(s->app, &s->arena, k->path),
                             strlen(s->dir) + strlen("/packages/p/") + 32);
}

/* Files stay as long as a key may live, then go by a job; one that cannot be removed is tried again. */
static void test_files(void **state)
{
    struct site *s = *state;
    int64_t r = site_resource(s, "app", "[]"), now = rbe_clock_now(), life = rbe_purge_key_life(&s->settings);
    struct rbe_package all[4], k;
    unsigned failed;
    size_t n;

    for (int i = 0; i < 4; i++) {
        const struct site_file files[] = {{"a", i % 2 ? "1" : "2"}, {0}};
        all[i] = site_publish(s, r, "app", rbe_arena_strfmt(&s->arena, "1.%d.0", i), files);
    }
    assert_int_equal(purge(s).packages, 2);
    must(s, rbe_purge_queue(s->app, now + life - 60, &s->err));
    (void)removals(s, &n);
    assert_int_equal(n, 0);
    must(s, rbe_purge_queue(s->app, now + life + 60, &s->err));
    must(s, rbe_purge_queue(s->app, now + life + 60, &s->err));
    make_due(s, 2);
    /* the first cannot be moved away */
    const char *blocked = rbe_app_path(s->app, &s->arena, rbe_arena_strfmt(&s->arena, "tmp/%.32s", all[0].path + 2));
    must(s, rbe_dir_make(rbe_arena_strfmt(&s->arena, "%s/x", blocked), 0700, &s->err));
    must(s, rbe_work_run(s->app, &(struct rbe_work){0}, &failed, &s->err));
    assert_int_equal(access(dir_of(s, &all[0]), F_OK), 0);
    assert_int_equal(access(dir_of(s, &all[1]), F_OK), -1);
    assert_int_equal(access(dir_of(s, &all[2]), F_OK), 0);
    must(s, rbe_package_get(s->app->store, all[0].id, &s->arena, &k, &s->err));
    assert_int_equal(k.removed_at, 0);
    must(s, rbe_package_get(s->app->store, all[1].id, &s->arena, &k, &s->err));
    assert_true(k.removed_at >= now);
    must(s, rbe_dir_remove(blocked, &s->err));
    make_due(s, 1);
    must(s, rbe_work_run(s->app, &(struct rbe_work){0}, &failed, &s->err));
    assert_int_equal(access(dir_of(s, &all[0]), F_OK), -1);
    assert_int_equal(purge(s).waiting, 0);
}

/* What was purged by a clock that ran a year ahead does not stay for that year. */
static void test_clock_put_back(void **state)
{
    struct site *s = *state;
    struct shop shop = shop_of(s, "app", RBE_ORDER_VERSION);
    int64_t now = rbe_clock_now() - 365 * 86400, life = rbe_purge_key_life(&s->settings);
    size_t n;

    for (int i = 0; i < 3; i++)
        (void)put(&shop, rbe_arena_strfmt(&s->arena, "%d.0.0", i), STABLE, ANY, ANY);
    assert_int_equal(purge(s).packages, 1);
    must(s, rbe_purge_queue(s->app, now, &s->err));
    must(s, rbe_purge_queue(s->app, now + life, &s->err));
    (void)removals(s, &n);
    assert_int_equal(n, 0);
    must(s, rbe_purge_queue(s->app, now + life + 1, &s->err));
    (void)removals(s, &n);
    assert_int_equal(n, 1);
}

/* A longer life that was configured until lately counts for as long as it may last. */
static void test_life_that_was_longer(void **state)
{
    struct site *s = *state;
    struct shop shop = shop_of(s, "app", RBE_ORDER_VERSION);
    int64_t now = rbe_clock_now();
    size_t n;

    for (int i = 0; i < 3; i++)
        (void)put(&shop, rbe_arena_strfmt(&s->arena, "%d.0.0", i), STABLE, ANY, ANY);
    s->settings.extra.download_effective_time = 1000;
    assert_int_equal(purge(s).packages, 1);
    s->settings.extra.download_effective_time = 10;
    must(s, rbe_purge_queue(s->app, now + 100, &s->err));
    must(s, rbe_purge_queue(s->app, now + 900, &s->err));
    (void)removals(s, &n);
    assert_int_equal(n, 0);
    must(s, rbe_purge_queue(s->app, now + 1030, &s->err));
    (void)removals(s, &n);
    assert_int_equal(n, 1);
    /* it is forgotten after that */
    must(s, rbe_purge_queue(s->app, now + 2000, &s->err));
    int64_t life;
    must(s, rbe_mark_find(s->app->store, "key life", &life, &s->err));
    assert_int_equal(life, 10);
}

static void test_by_itself(void **state)
{
    struct site *s = *state;
    struct shop shop = shop_of(s, "app", RBE_ORDER_VERSION);
    int64_t now = rbe_clock_now();
    int64_t first = put(&shop, "0.0.1", STABLE, ANY, ANY);

    (void)put(&shop, "0.0.2", STABLE, ANY, ANY);
    (void)put(&shop, "0.0.3", STABLE, ANY, ANY);
    must(s, rbe_purge_by_itself(s->app, now, &s->err));
    assert_false(purged(s, first));
    s->settings.batch.purge_interval = 3600;
    must(s, rbe_purge_by_itself(s->app, now, &s->err));
    assert_true(purged(s, first));
    int64_t second = put(&shop, "0.0.4", STABLE, ANY, ANY) - 2;
    must(s, rbe_purge_by_itself(s->app, now + 3599, &s->err));
    assert_false(purged(s, second));
    must(s, rbe_purge_by_itself(s->app, now + 3600, &s->err));
    assert_true(purged(s, second));
}

static void test_life_of_places(void **state)
{
    struct site *s = *state;
    struct rbe_place place = {.auth.lifetime = 5000};
    struct rbe_conf_group group = {.records = {.v = &place, .n = 1}};

    s->settings.auth.key_skew = 7;
    assert_int_equal(rbe_purge_key_life(&s->settings), 607);
    s->settings.extra.download_prefix_info = (struct rbe_conf_groups){.v = &group, .n = 1};
    assert_int_equal(rbe_purge_key_life(&s->settings), 5000);
    s->settings.extra.cdn_auth.lifetime = 6000;
    assert_int_equal(rbe_purge_key_life(&s->settings), 6000);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        T(test_keeps_the_newest), T(test_as_published), T(test_every_parser), T(test_patches), T(test_withdrawn),
        T(test_nobody_loses_the_latest), T(test_files), T(test_clock_put_back), T(test_life_that_was_longer), T(test_by_itself),
        T(test_life_of_places),
    };

    return cmocka_run_group_tests_name("purge", tests, NULL, NULL);
}
