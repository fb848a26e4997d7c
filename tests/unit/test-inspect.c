/* lib/patch/inspect in this process: every archive of the generator, and what a manifest says of good ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/codec.h"
#include "tests/unit/hostile.h"

static void test_every_archive(void **state)
{
    assert_true(hostile_all(*state, rbe_inspect) > 250);
}

static void load(const char *dir, const char *file, struct rbe_manifest *ret)
{
    rbe_autoclose int fd = scratch_open(dir, file, O_RDONLY);
    const struct rbe_inspect what = {
        .fd = fd,
        .type = rbe_arc_type_of(strchr(file, '.') + 1),
        .rules = RBE_RULES_FOLD | RBE_RULES_WINDOWS,
        .limits = {HOSTILE_ENTRIES, HOSTILE_BYTES},
    };
    struct rbe_err e = {0};

    if (rbe_inspect(&what, ret, &e) != RBE_OK)
        fail_msg("%s: %s", file, e.text);
}

static const struct rbe_entry *get(const struct rbe_manifest *m, const char *path)
{
    const struct rbe_entry *entry = rbe_manifest_find(m, path);

    if (!entry)
        fail_msg("%s is missing", path);
    return entry;
}

static void test_manifest(void **state)
{
    static const char *const files[] = {"plain.zip", "plain.tar.gz", "plain.tar.xz", "plain.tar.zst"};

    for (size_t i = 0; i < RBE_COUNT(files); i++) {
        rbe_auto(manifest) struct rbe_manifest m = {0};
        char sum[RBE_SHA256_TEXT];

        load(*state, files[i], &m);
        const struct rbe_entry *run = get(&m, "bin/run");
        assert_int_equal(run->kind, RBE_KIND_FILE);
        assert_int_equal(run->mode, 0755);
        assert_int_equal(run->size, 10);
        rbe_hex_encode(run->sha256, sizeof(run->sha256), sum);
        assert_string_equal(sum, "a8076d3d28d21e02012b20eaf7dbf75409a6277134439025f282e368e3305abf");
        assert_int_equal(get(&m, "read me.txt")->mode, 0644);
        assert_int_equal(get(&m, "empty")->size, 0);
        assert_int_equal(get(&m, "nothing here")->kind, RBE_KIND_DIR);
        assert_int_equal(get(&m, "bin")->kind, RBE_KIND_DIR);
        assert_int_equal(get(&m, "d\u00efr/n\u00e4me.txt")->size, 1);
        assert_int_equal(get(&m, "latest")->kind, RBE_KIND_LINK);
        assert_string_equal(get(&m, "latest")->target, "bin/go");
        assert_string_equal(get(&m, "lib/up")->target, "../bin");
        assert_null(rbe_manifest_find(&m, "."));
        assert_null(rbe_manifest_find(&m, ""));
    }
}

/* However a tree is packed, its manifest is the same. */
static void test_same_tree_same_manifest(void **state)
{
    static const char *const same[][2] = {
        {"plain.zip", "stored.zip"},           {"plain.zip", "zip64.zip"},
        {"plain.zip", "zip64-end.zip"},        {"plain.zip", "descriptor-sig32.zip"},
        {"plain.zip", "descriptor-bare32.zip"}, {"plain.zip", "descriptor-sig64.zip"},
        {"plain.zip", "descriptor-bare64.zip"}, {"plain.tar.gz", "plain.tar.xz"},
        {"plain.tar.gz", "plain.tar.zst"},     {"plain.tar.gz", "members.tar.gz"},
        {"plain.tar.gz", "padded.tar.gz"},
    };

    for (size_t i = 0; i < RBE_COUNT(same); i++) {
        rbe_auto(manifest) struct rbe_manifest a = {0}, b = {0};
        rbe_auto(str) struct rbe_str x = {0}, y = {0};

        load(*state, same[i][0], &a);
        load(*state, same[i][1], &b);
        rbe_manifest_format(&a, &x);
        rbe_manifest_format(&b, &y);
        assert_string_equal(x.s, y.s);
    }
}

static void test_modes(void **state)
{
    rbe_auto(manifest) struct rbe_manifest dos = {0}, none = {0}, dots = {0};

    load(*state, "made-on-dos.zip", &dos);
    assert_int_equal(get(&dos, "a")->mode, 0644);
    assert_int_equal(get(&dos, "d")->kind, RBE_KIND_DIR);
    load(*state, "no-permissions.zip", &none);
    assert_int_equal(get(&none, "a")->mode, 0644);
    load(*state, "dot-slash.zip", &dots);
    assert_int_equal(dots.n, 3);
    assert_int_equal(get(&dots, "d/b")->size, 1);
}

static void test_tar_forms(void **state)
{
    rbe_auto(manifest) struct rbe_manifest pax = {0}, gnu = {0}, hard = {0}, sparse = {0}, prefix = {0}, old = {0};
    rbe_auto(str) struct rbe_str deep = {0}, zeros = {0};
    unsigned char sum[RBE_SHA256_SIZE];

    for (int i = 0; i < 9; i++)
        rbe_str_puts(&deep, "f\u00f6lder with a long name/");
    rbe_str_putc(&deep, 'a');
    load(*state, "pax-names.tar.gz", &pax);
    assert_int_equal(get(&pax, deep.s)->size, 1);
    assert_string_equal(get(&pax, "l")->target, deep.s);
    /* not turned into another normal form */
    assert_int_equal(get(&pax, "e\u0301")->size, 1);
    assert_string_equal(get(&pax, "m")->target, "e\u0301");
    load(*state, "gnu-names.tar.gz", &gnu);
    assert_int_equal(get(&gnu, deep.s)->size, 1);
    assert_string_equal(get(&gnu, "l")->target, deep.s);
    load(*state, "plain.tar.gz", &hard);
    assert_memory_equal(get(&hard, "hard")->sha256, get(&hard, "bin/run")->sha256, RBE_SHA256_SIZE);
    assert_int_equal(get(&hard, "hard")->mode, 0755);
    load(*state, "sparse.tar.gz", &sparse);
    memset(rbe_str_reserve(&zeros, 100000), 0, 100000);
    memcpy(zeros.s + 50000, "abc", 3);
    rbe_sha256_of(zeros.s, 100000, sum);
    assert_int_equal(get(&sparse, "holes")->size, 100000);
    assert_memory_equal(get(&sparse, "holes")->sha256, sum, sizeof(sum));
    load(*state, "old-style.tar.gz", &old);
    assert_int_equal(get(&old, "dir")->kind, RBE_KIND_DIR);
    load(*state, "prefix.tar.gz", &prefix);
    assert_int_equal(prefix.files, 1);
}

static void test_type(void **state)
{
    rbe_autoclose int fd = scratch_open(*state, "plain.zip", O_RDONLY);
    rbe_auto(manifest) struct rbe_manifest m = {0};
    const struct rbe_inspect none = {.fd = fd, .limits = {10, 10}}, other = {.fd = fd, .type = RBE_ARC_TAR_GZ, .limits = {10, 10}},
                             gone = {.fd = -1, .type = RBE_ARC_ZIP, .limits = {10, 10}};
    struct rbe_err e = {0};

    assert_int_equal(rbe_inspect(&none, &m, &e), RBE_INVALID);
    assert_string_equal(e.violation[0].rule, "type");
    assert_int_equal(rbe_inspect(&other, &m, &(struct rbe_err){0}), RBE_INVALID);
    /* not the asker's fault */
    assert_int_equal(rbe_inspect(&gone, &m, &(struct rbe_err){0}), RBE_FAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_archive),
        cmocka_unit_test(test_manifest),
        cmocka_unit_test(test_same_tree_same_manifest),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_tar_forms),
        cmocka_unit_test(test_type),
    };
    return cmocka_run_group_tests(tests, hostile_setup, scratch_teardown);
}
