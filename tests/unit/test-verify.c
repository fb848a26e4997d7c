/* Database against disk: a sound installation has no findings, and each kind of damage is found and named. */
#include "tests/unit/releases.h"

#include "lib/core/verify.h"
#include "lib/core/wish.h"
#include "lib/core/work.h"
#include "lib/store/lookup.h"

struct seen {
    int count[RBE_FINDING_MAX];
    char path[512], detail[512];
    uint64_t done, total;
};

static void found(void *arg, enum rbe_finding f, const char *path, const char *detail)
{
    struct seen *seen = arg;

    seen->count[f]++;
    (void)snprintf(seen->path, sizeof(seen->path), "%s", path);
    (void)snprintf(seen->detail, sizeof(seen->detail), "%s", detail);
}

static void progress(void *arg, uint64_t done, uint64_t total)
{
    struct seen *seen = arg;

    assert_true(done >= seen->done && done <= total);
    seen->done = done;
    seen->total = total;
}

static struct rbe_verified verify(struct site *s, struct seen *seen)
{
    struct rbe_verify v = {.found = found, .progress = progress, .arg = seen};
    struct rbe_verified sum;

    *seen = (struct seen){0};
    must(s, rbe_verify_run(s->app, &v, &sum, &s->err));
    return sum;
}

static struct rbe_package one_release(struct site *s)
{
    rbe_autofree char *text = site_text(1, 100);
    const struct site_file files[] = {{"a", text}, {0}};

    return site_publish(s, site_resource(s, "app", "[]"), "app", "1.0.0", files);
}

static void write_at(const char *path, const char *text, off_t at)
{
    rbe_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, text, strlen(text), at), strlen(text));
}

static void test_sound(void **state)
{
    struct site *s = *state;
    struct seen seen;
    struct rbe_verified sum = verify(s, &seen);

    assert_int_equal(sum.packages, 0);
    assert_int_equal(sum.findings, 0);
    struct rbe_package k = one_release(s);
    sum = verify(s, &seen);
    assert_int_equal(sum.packages, 1);
    assert_int_equal(sum.bytes, k.size);
    assert_int_equal(sum.findings, 0);
    assert_int_equal(seen.done, k.size);
    assert_int_equal(seen.total, k.size);
}

static void test_missing(void **state)
{
    struct site *s = *state;
    struct rbe_package k = one_release(s);
    struct seen seen;

    assert_int_equal(unlink(rbe_depot_path(s->app, &s->arena, k.path)), 0);
    assert_int_equal(verify(s, &seen).findings, 1);
    assert_int_equal(seen.count[RBE_FINDING_MISSING], 1);
    assert_string_equal(seen.path, k.path);
}

static void test_size(void **state)
{
    struct site *s = *state;
    struct rbe_package k = one_release(s);
    struct seen seen;

    write_at(rbe_depot_path(s->app, &s->arena, k.path), "x", k.size);
    assert_int_equal(verify(s, &seen).findings, 1);
    assert_int_equal(seen.count[RBE_FINDING_SIZE], 1);
}

static void test_hash(void **state)
{
    struct site *s = *state;
    struct rbe_package k = one_release(s);
    struct seen seen;

    write_at(rbe_depot_path(s->app, &s->arena, k.path), "x", k.size / 2);
    write_at(rbe_depot_path(s->app, &s->arena, k.path), "y", k.size / 2 + 1);
    assert_int_equal(verify(s, &seen).findings, 1);
    assert_int_equal(seen.count[RBE_FINDING_HASH], 1);
    assert_non_null(strstr(seen.detail, "expected "));
}

static void test_manifest(void **state)
{
    struct site *s = *state;
    struct rbe_package k = one_release(s);
    const char *path = rbe_depot_path(s->app, &s->arena, k.path);
    const char *manifest = rbe_arena_strfmt(&s->arena, "%.*s/manifest", (int)(strrchr(path, '/') - path), path);
    struct rbe_manifest m = {0};
    rbe_auto(str) struct rbe_str text = {0};
    struct seen seen;

    must(s, rbe_depot_manifest(s->app, k.path, &m, &s->err));
    m.entries[0].mode = 0755;
    rbe_manifest_format(&m, &text);
    rbe_manifest_release(&m);
    must(s, rbe_file_put(manifest, text.s, text.len, 0640, &s->err));
    assert_int_equal(verify(s, &seen).findings, 1);
    assert_int_equal(seen.count[RBE_FINDING_MANIFEST], 1);
    assert_int_equal(unlink(manifest), 0);
    assert_int_equal(verify(s, &seen).findings, 1);
    assert_int_equal(seen.count[RBE_FINDING_MANIFEST], 1);
}

/* A stray file, a file beside a package, an empty directory and a whole package without a row. */
static void test_orphans(void **state)
{
    struct site *s = *state;
    struct rbe_package k = one_release(s);
    const char *beside = rbe_arena_strfmt(&s->arena, "%s.bak", rbe_depot_path(s->app, &s->arena, k.path));
    struct seen seen;

    write_at(rbe_depot_path(s->app, &s->arena, "p/stray"), "x", 0);
    write_at(beside, "x", 0);
    assert_int_equal(mkdir(rbe_depot_path(s->app, &s->arena, "p/empty"), 0750), 0);
    assert_int_equal(mkdir(rbe_depot_path(s->app, &s->arena, "p/whole"), 0750), 0);
    write_at(rbe_depot_path(s->app, &s->arena, "p/whole/a.zip"), "x", 0);
    write_at(rbe_depot_path(s->app, &s->arena, "p/whole/manifest"), "x", 0);
    assert_int_equal(verify(s, &seen).findings, 5);
    assert_int_equal(seen.count[RBE_FINDING_ORPHAN], 5);
}

/* Young orphans stay: their publisher may be about to name them. */
static void test_repair_orphans(void **state)
{
    struct site *s = *state;
    struct rbe_verify v = {.repair = true, .patience = 1};
    struct rbe_verified sum;
    struct seen seen;

    (void)one_release(s);
    assert_int_equal(mkdir(rbe_depot_path(s->app, &s->arena, "p/whole"), 0750), 0);
    write_at(rbe_depot_path(s->app, &s->arena, "p/whole/a.zip"), "x", 0);
    write_at(rbe_depot_path(s->app, &s->arena, "p/whole/manifest"), "x", 0);
    must(s, rbe_verify_run(s->app, &(struct rbe_verify){.repair = true}, &sum, &s->err));
    assert_int_equal(sum.findings, 2);
    assert_int_equal(sum.repaired, 0);
    (void)sleep(2);
    must(s, rbe_verify_run(s->app, &v, &sum, &s->err));
    assert_int_equal(sum.findings, 2);
    assert_int_equal(sum.repaired, 2);
    assert_int_equal(access(rbe_depot_path(s->app, &s->arena, "p/whole"), F_OK), -1);
    assert_int_equal(access(rbe_app_path(s->app, &s->arena, "aside/p/whole/a.zip"), F_OK), 0);
    assert_int_equal(verify(s, &seen).findings, 0);
}

/* A lost patch and a damaged one are forgotten and built again. */
static void test_repair_patches(void **state)
{
    struct site *s = *state;
    rbe_autofree char *text = site_text(1, 1000);
    int64_t r = site_resource(s, "app", "[]");
    struct rbe_package all[3], patch[2];
    struct rbe_verified sum;
    struct seen seen;
    unsigned failed;
    bool found_it;

    for (int i = 0; i < 3; i++) {
        const char *small = rbe_arena_strfmt(&s->arena, "%d", i);
        const struct site_file files[] = {{"big", text}, {"small", small}, {0}};

        all[i] = site_publish(s, r, "app", rbe_arena_strfmt(&s->arena, "%d.0.0", i), files);
        for (int k = 0; i == 2 && k < i; k++)
            must(s, rbe_wish_put(s->app, &(struct rbe_wish){.target = &all[i], .source = &all[k],
                                                            .format = RBE_FORMAT_FILES, .tier = RBE_WISH_NAMED},
                                 NULL, &s->err));
    }
    must(s, rbe_work_run(s->app, &(struct rbe_work){0}, &failed, &s->err));
    for (int k = 0; k < 2; k++) {
        must(s, rbe_package_find_patch(s->app->store, all[2].id, all[k].id, RBE_FORMAT_FILES, &s->arena, &patch[k],
                                       &found_it, &s->err));
        assert_true(found_it);
    }
    assert_int_equal(unlink(rbe_depot_path(s->app, &s->arena, patch[0].path)), 0);
    write_at(rbe_depot_path(s->app, &s->arena, patch[1].path), "xyz", 40);
    must(s, rbe_verify_run(s->app, &(struct rbe_verify){.repair = true}, &sum, &s->err));
    assert_int_equal(sum.findings, 2);
    assert_int_equal(sum.repaired, 2);
    must(s, rbe_package_find_patch(s->app->store, all[2].id, all[0].id, RBE_FORMAT_FILES, &s->arena, &patch[0],
                                   &found_it, &s->err));
    assert_false(found_it);
    must(s, rbe_work_run(s->app, &(struct rbe_work){0}, &failed, &s->err));
    for (int k = 0; k < 2; k++) {
        must(s, rbe_package_find_patch(s->app->store, all[2].id, all[k].id, RBE_FORMAT_FILES, &s->arena, &patch[k],
                                       &found_it, &s->err));
        assert_true(found_it);
    }
    assert_int_equal(verify(s, &seen).findings, 0);
}

/* Rows that lie: an offer that leads to an old version, and one that is missing. */
static void test_repair_offers(void **state)
{
    struct site *s = *state;
    const struct rbe_lookup of = {.rid = "app", .channel = 2, .system = RBE_SYSTEM_LINUX, .arch = RBE_ARCH_AMD64};
    struct rbe_verified sum;
    struct rbe_lookup_offer *offers;
    struct seen seen;
    size_t n;

    (void)one_release(s);
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_version_set_channel(s->app->store, 1, 2, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    assert_int_equal(verify(s, &seen).findings, 1);
    assert_int_equal(seen.count[RBE_FINDING_ROW], 1);
    assert_string_equal(seen.path, "app");
    assert_string_equal(seen.detail, "2 of its offers are not what its versions say");
    must(s, rbe_verify_run(s->app, &(struct rbe_verify){.repair = true}, &sum, &s->err));
    assert_int_equal(sum.repaired, 1);
    assert_int_equal(verify(s, &seen).findings, 0);
    must(s, rbe_lookup_offers(s->app->store, &of, &s->arena, &offers, &n, &s->err));
    assert_int_equal(n, 1);
    assert_int_equal(offers->channel, 2);
}

/* A number that versions do not bear out: the next one would be given out twice. */
static void test_repair_number(void **state)
{
    struct site *s = *state;
    struct rbe_resource r;
    struct rbe_verified sum;
    struct seen seen;

    (void)one_release(s);
    site_sql(s, "rbe.db", "UPDATE resource SET last_number = 0");
    assert_int_equal(verify(s, &seen).findings, 1);
    assert_int_equal(seen.count[RBE_FINDING_ROW], 1);
    assert_string_equal(seen.path, "app");
    must(s, rbe_verify_run(s->app, &(struct rbe_verify){.repair = true}, &sum, &s->err));
    assert_int_equal(sum.repaired, 1);
    assert_int_equal(verify(s, &seen).findings, 0);
    must(s, rbe_resource_get(s->app->store, "app", &s->arena, &r, &s->err));
    assert_int_equal(r.last_number, 1);
}

/* A patch whose row names ends that cannot be its own goes, and is not made again between those. */
static void test_repair_ends(void **state)
{
    static const char *const lies[] = {
        "UPDATE package SET arch = 0 WHERE format <> 0",
        "UPDATE package SET source = target WHERE format <> 0",
        "UPDATE package SET version = 1 WHERE format <> 0",
    };
    struct site *s = *state;
    rbe_autofree char *text = site_text(1, 1000);
    int64_t r = site_resource(s, "app", "[]");
    struct rbe_package k[RBE_COUNT(lies) + 1];
    const struct rbe_package *last = &k[RBE_COUNT(lies)];
    struct rbe_verified sum;
    struct seen seen;
    unsigned failed;

    s->settings.batch.prebuild_depth = 0;
    for (size_t i = 0; i < RBE_COUNT(k); i++) {
        const char *number = rbe_arena_strfmt(&s->arena, "%zu.0.0", i);
        const struct site_file files[] = {{"big", text}, {"small", number}, {0}};

        k[i] = site_publish(s, r, "app", number, files);
    }
    for (size_t i = 0; i < RBE_COUNT(lies); i++) {
        must(s, rbe_wish_put(s->app, &(struct rbe_wish){.target = last, .source = &k[i], .format = RBE_FORMAT_FILES,
                                                        .tier = RBE_WISH_NAMED}, NULL, &s->err));
        must(s, rbe_work_run(s->app, &(struct rbe_work){0}, &failed, &s->err));
        assert_int_equal(verify(s, &seen).findings, 0);
        site_sql(s, "rbe.db", lies[i]);
        assert_int_equal(verify(s, &seen).findings, 1);
        assert_int_equal(seen.count[RBE_FINDING_ROW], 1);
        assert_string_equal(seen.detail, "it does not lead between two full packages of its resource and platform");
        must(s, rbe_verify_run(s->app, &(struct rbe_verify){.repair = true}, &sum, &s->err));
        assert_int_equal(sum.repaired, 1);
        assert_int_equal(verify(s, &seen).findings, 0);
        assert_int_equal(verify(s, &seen).packages, RBE_COUNT(k));
    }
}

/* Nothing can mend a full package. */
static void test_repair_cannot(void **state)
{
    struct site *s = *state;
    struct rbe_package k = one_release(s);
    struct rbe_verified sum;

    assert_int_equal(unlink(rbe_depot_path(s->app, &s->arena, k.path)), 0);
    must(s, rbe_verify_run(s->app, &(struct rbe_verify){.repair = true}, &sum, &s->err));
    assert_int_equal(sum.findings, 1);
    assert_int_equal(sum.repaired, 0);
}

static void test_names(void **state)
{
    (void)state;
    for (int f = 0; f < RBE_FINDING_MAX; f++)
        assert_string_not_equal(rbe_finding_name((enum rbe_finding)f), "unknown");
    assert_string_equal(rbe_finding_name(RBE_FINDING_MAX), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sound, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_missing, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_size, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_hash, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_manifest, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_orphans, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_repair_orphans, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_repair_patches, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_repair_offers, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_repair_number, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_repair_ends, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_repair_cannot, site_setup, site_teardown),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
