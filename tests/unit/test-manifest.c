/* lib/patch/manifest: sealing, finding, and the text form with all that it must not take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/patch/manifest.h"

#define HEAD "rbe-manifest 1\n"
#define SUM "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void add(struct rbe_manifest *m, enum rbe_kind kind, const char *path, const char *target, uint64_t size,
                uint16_t mode)
{
    struct rbe_entry entry = {.path = path, .target = target, .size = size, .kind = kind, .mode = mode};

    memset(entry.sha256, 0xab, sizeof(entry.sha256));
    rbe_manifest_add(m, &entry);
}

static void add_file(struct rbe_manifest *m, const char *path)
{
    add(m, RBE_KIND_FILE, path, NULL, 1, 0644);
}

static void test_seal_sorts_and_implies(void **state)
{
    static const char *const want[] = {"a", "a b", "a/b", "a/b/c", "a/b/c/d", "a/b/e", "z"};
    rbe_auto(manifest) struct rbe_manifest m = {0};
    struct rbe_err e = {0};

    (void)state;
    add_file(&m, "z");
    add_file(&m, "a/b/e");
    add_file(&m, "a b");
    add_file(&m, "a/b/c/d");
    assert_int_equal(rbe_manifest_seal(&m, &e), RBE_OK);
    assert_int_equal(m.n, RBE_COUNT(want));
    for (size_t i = 0; i < m.n; i++) {
        assert_string_equal(m.entries[i].path, want[i]);
        assert_ptr_equal(rbe_manifest_find(&m, want[i]), &m.entries[i]);
    }
    assert_int_equal(m.files, 4);
    assert_int_equal(m.bytes, 4);
    assert_int_equal(rbe_manifest_find(&m, "a/b")->kind, RBE_KIND_DIR);
    assert_int_equal(rbe_manifest_find(&m, "a/b")->mode, 0755);
    assert_null(rbe_manifest_find(&m, "a/"));
    assert_null(rbe_manifest_find(&m, ""));
}

static void test_empty(void **state)
{
    rbe_auto(manifest) struct rbe_manifest m = {0}, back = {0};
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_err e = {0};

    (void)state;
    assert_int_equal(rbe_manifest_seal(&m, &e), RBE_OK);
    assert_null(rbe_manifest_find(&m, "x"));
    rbe_manifest_format(&m, &text);
    assert_string_equal(text.s, HEAD);
    assert_int_equal(rbe_manifest_parse(text.s, text.len, &back, &e), RBE_OK);
    assert_int_equal(back.n, 0);
}

static void test_seal_refuses(void **state)
{
    static const struct {
        const char *one, *two;
        enum rbe_kind kind;      /* of the first */
        const char *message;
    } rows[] = {
        {"a", "a", RBE_KIND_FILE, "entry \"a\": stands twice"},
        {"a", "a", RBE_KIND_DIR, "entry \"a\": stands twice"},
        {"a", "a/b", RBE_KIND_FILE, "entry \"a/b\": lies below \"a\", which is a file"},
        {"x/l", "x/l/y/z", RBE_KIND_LINK, "entry \"x/l/y/z\": lies below \"x/l\", which is a link"},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_auto(manifest) struct rbe_manifest m = {0};
        struct rbe_err e = {0};

        /* "a b" sorts between "a" and "a/b" */
        add_file(&m, "a b");
        add_file(&m, rows[i].two);
        add(&m, rows[i].kind, rows[i].one, "t", 0, 0);
        assert_int_equal(rbe_manifest_seal(&m, &e), RBE_INVALID);
        assert_int_equal(e.violations, 1);
        assert_string_equal(e.violation[0].field, "file");
        assert_string_equal(e.violation[0].message, rows[i].message);
    }
}

static void test_sizes_overflow(void **state)
{
    rbe_auto(manifest) struct rbe_manifest m = {0};
    struct rbe_err e = {0};

    (void)state;
    add(&m, RBE_KIND_FILE, "a", NULL, UINT64_MAX, 0644);
    add(&m, RBE_KIND_FILE, "b", NULL, 1, 0644);
    assert_int_equal(rbe_manifest_seal(&m, &e), RBE_INVALID);
}

/* What is no part of a tree is dropped on the way in. */
static void test_normal_form(void **state)
{
    static const char want[] = HEAD "d\t0755\t0\t-\td\n"
                                    "f\t0755\t5368709120\t"
                                    "abababababababababababababababababababababababababababababababab\td/big file\n"
                                    "l\t0777\t0\t-\tlink\td/big file\n";
    rbe_auto(manifest) struct rbe_manifest m = {0};
    rbe_auto(str) struct rbe_str text = {0};
    unsigned char sum[RBE_SHA256_SIZE], direct[RBE_SHA256_SIZE];
    struct rbe_err e = {0};

    (void)state;
    add(&m, RBE_KIND_LINK, "link", "d/big file", 99, 0644);
    add(&m, RBE_KIND_DIR, "d", "ignored", 99, 0700);
    add(&m, RBE_KIND_FILE, "d/big file", "ignored", 5368709120U, 04755);
    assert_int_equal(rbe_manifest_seal(&m, &e), RBE_OK);
    assert_int_equal(m.bytes, 5368709120U);
    rbe_manifest_format(&m, &text);
    assert_string_equal(text.s, want);
    rbe_manifest_hash(&m, sum);
    rbe_sha256_of(want, strlen(want), direct);
    assert_memory_equal(sum, direct, sizeof(sum));
}

static void test_parse_is_the_inverse(void **state)
{
    static const char text[] = HEAD "d\t0755\t0\t-\ta\n"
                                    "f\t0644\t0\t" SUM "\ta b\n"
                                    "f\t0755\t18446744073709551615\t" SUM "\ta/\xc3\xa9\n"
                                    "d\t0755\t0\t-\tempty\n"
                                    "l\t0777\t0\t-\tl\t../x y\n";
    rbe_auto(manifest) struct rbe_manifest m = {0};
    rbe_auto(str) struct rbe_str back = {0};
    struct rbe_err e = {0};

    (void)state;
    assert_int_equal(rbe_manifest_parse(text, strlen(text), &m, &e), RBE_OK);
    assert_int_equal(m.n, 5);
    assert_int_equal(m.files, 3);
    assert_int_equal(m.bytes, UINT64_MAX);
    assert_string_equal(rbe_manifest_find(&m, "l")->target, "../x y");
    assert_null(rbe_manifest_find(&m, "a/\xc3\xa9")->target);
    rbe_manifest_format(&m, &back);
    assert_string_equal(back.s, text);
    /* cut anywhere, it is refused unless a whole line was cut off */
    for (size_t len = 0; len < strlen(text); len++) {
        rbe_auto(manifest) struct rbe_manifest part = {0};
        bool whole = len >= strlen(HEAD) && text[len - 1] == '\n';

        assert_int_equal(rbe_manifest_parse(text, len, &part, &e), whole ? RBE_OK : RBE_FAULT);
    }
}

static void test_parse_refuses(void **state)
{
    static const char *const rows[] = {
        "",
        "rbe-manifest 2\n",
        HEAD "\n",
        HEAD "x\t0755\t0\t-\ta\n",
        HEAD "d\t0755\t0\t-\n",
        HEAD "d\t0755\t0\t-\t\n",
        HEAD "d\t0755\t0\t-\ta\tb\n",
        HEAD "d\t0700\t0\t-\ta\n",
        HEAD "d\t0755\t1\t-\ta\n",
        HEAD "d\t0755\t0\t" SUM "\ta\n",
        HEAD "d\t0755\t0\t-\ta/\n",
        HEAD "d\t0755\t0\t-\t/a\n",
        HEAD "d\t0755\t0\t-\t.\n",
        HEAD "d\t0755\t0\t-\t..\n",
        HEAD "d\t0755\t0\t-\ta\nd\t0755\t0\t-\ta/..\n",
        HEAD "d\t0755\t0\t-\ta\nd\t0755\t0\t-\ta//b\n",
        HEAD "d\t0755\t0\t-\ta\nd\t0755\t0\t-\ta\n",
        HEAD "d\t0755\t0\t-\tb\nd\t0755\t0\t-\ta\n",
        HEAD "d\t0755\t0\t-\ta/b\n",
        HEAD "f\t0644\t0\t" SUM "\ta\nd\t0755\t0\t-\ta/b\n",
        HEAD "l\t0777\t0\t-\ta\tb\nd\t0755\t0\t-\ta/b\n",
        HEAD "d\t0755\t0\t-\t\xff\n",
        HEAD "d\t0755\t0\t-\ta\rb\n",
        HEAD "f\t644\t0\t" SUM "\ta\n",
        HEAD "f\t1644\t0\t" SUM "\ta\n",
        HEAD "f\t0648\t0\t" SUM "\ta\n",
        HEAD "f\t0644\t00\t" SUM "\ta\n",
        HEAD "f\t0644\t-1\t" SUM "\ta\n",
        HEAD "f\t0644\t\t" SUM "\ta\n",
        HEAD "f\t0644\t18446744073709551616\t" SUM "\ta\n",
        HEAD "f\t0644\t0\t-\ta\n",
        HEAD "f\t0644\t0\tE3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\ta\n",
        HEAD "f\t0644\t0\t" SUM "\ta\tb\n",
        HEAD "f\t0644\t18446744073709551615\t" SUM "\ta\nf\t0644\t1\t" SUM "\tb\n",
        HEAD "l\t0777\t0\t-\ta\n",
        HEAD "l\t0777\t0\t-\ta\t\n",
        HEAD "l\t0777\t0\t-\ta\tb\tc\n",
        HEAD "l\t0755\t0\t-\ta\tb\n",
        HEAD "d\t0755\t0\t-\ta",
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        struct rbe_manifest m = {0};
        struct rbe_err e = {0};

        if (rbe_manifest_parse(rows[i], strlen(rows[i]), &m, &e) != RBE_FAULT)
            fail_msg("row %zu was taken", i);
        assert_int_equal(m.n, 0);
    }
    /* a NUL inside a path is no end of it */
    static const char nul[] = HEAD "d\t0755\t0\t-\ta\0b\n";
    struct rbe_manifest m = {0};

    assert_int_equal(rbe_manifest_parse(nul, sizeof(nul) - 1, &m, NULL), RBE_FAULT);
}

static void test_equal(void **state)
{
    const struct rbe_entry file = {.path = "a", .kind = RBE_KIND_FILE, .mode = 0644, .size = 1};
    const struct rbe_entry link = {.path = "a", .kind = RBE_KIND_LINK, .mode = 0777, .target = "x"};
    struct rbe_entry other = file;

    (void)state;
    assert_true(rbe_entry_equal(&file, &other));
    assert_false(rbe_entry_equal(&file, &link));
    other.mode = 0755;
    assert_false(rbe_entry_equal(&file, &other));
    other = file;
    other.sha256[31] = 1;
    assert_false(rbe_entry_equal(&file, &other));
    other = file;
    other.path = "b";
    assert_false(rbe_entry_equal(&file, &other));
    other = link;
    other.target = "y";
    assert_false(rbe_entry_equal(&link, &other));
}

/* A hundred thousand entries are a large release, not a problem: the bound is a hundred times what it takes. */
static void test_many(void **state)
{
    rbe_auto(manifest) struct rbe_manifest m = {0}, back = {0};
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_err e = {0};
    uint64_t begin = rbe_clock_mono();

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), "d%u/e%u/f%u", i * 7919 % 97, i * 104729 % 1009, i);
        add_file(&m, path);
    }
    assert_int_equal(rbe_manifest_seal(&m, &e), RBE_OK);
    rbe_manifest_format(&m, &text);
    assert_int_equal(rbe_manifest_parse(text.s, text.len, &back, &e), RBE_OK);
    assert_int_equal(back.n, m.n);
    assert_int_equal(back.files, 100000);
    assert_true(rbe_clock_mono() - begin < 20000000000U);
}

/* The depth of a path must not cost its square in memory. */
static void test_deep(void **state)
{
    rbe_auto(manifest) struct rbe_manifest m = {0};
    rbe_auto(str) struct rbe_str path = {0};
    struct rbe_err e = {0};

    (void)state;
    for (int i = 0; i < 2000; i++)
        rbe_str_puts(&path, "a/");
    for (unsigned i = 0; i < 100; i++) {
        size_t len = path.len;

        rbe_str_putf(&path, "f%u", i);
        add_file(&m, path.s);
        path.s[path.len = len] = '\0';
    }
    assert_int_equal(rbe_manifest_seal(&m, &e), RBE_OK);
    assert_int_equal(m.n, 2100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seal_sorts_and_implies), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_seal_refuses),           cmocka_unit_test(test_sizes_overflow),
        cmocka_unit_test(test_normal_form),            cmocka_unit_test(test_parse_is_the_inverse),
        cmocka_unit_test(test_parse_refuses),          cmocka_unit_test(test_equal),
        cmocka_unit_test(test_many),                   cmocka_unit_test(test_deep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
