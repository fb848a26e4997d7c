/* lib/wrap/zip: what the directory tells of entries, and their data. What is refused is test-inspect's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/wrap/zip.h"
#include "tests/unit/hostile.h"

static const struct rbe_zip_entry *find(const struct rbe_zip *zip, const char *name)
{
    for (size_t i = 0; i < zip->n; i++)
        if (strcmp(zip->entries[i].name, name) == 0)
            return &zip->entries[i];
    fail_msg("%s is missing", name);
    return NULL;
}

static enum rbe_code gather(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    (void)e;
    rbe_str_put(arg, p, n);
    return RBE_OK;
}

static enum rbe_code refuse(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    (void)arg;
    (void)p;
    (void)n;
    return rbe_invalid(e, "other", "mine", "the sink's own words");
}

static void test_entries(void **state)
{
    rbe_autoclose int fd = scratch_open(*state, "plain.zip", O_RDONLY);
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_auto(str) struct rbe_str out = {0};
    struct rbe_zip zip;
    struct rbe_err e = {0};

    assert_int_equal(rbe_zip_open(fd, 100, &arena, &zip, &e), RBE_OK);
    assert_int_equal(zip.n, 10);
    for (size_t i = 1; i < zip.n; i++)
        assert_true(zip.entries[i].offset > zip.entries[i - 1].offset + zip.entries[i - 1].packed);
    const struct rbe_zip_entry *run = find(&zip, "bin/run");
    assert_int_equal(run->unix_mode, 0100755);
    assert_int_equal(run->method, RBE_ZIP_DEFLATED);
    assert_int_equal(run->size, 10);
    assert_int_equal(run->dos_time, 0x21 << 16);
    assert_int_equal(run->crc32, rbe_crc32(0, "#!/bin/sh\n", 10));
    assert_false(run->utf8);
    assert_true(find(&zip, "d\u00efr/n\u00e4me.txt")->utf8);
    assert_int_equal(find(&zip, "nothing here/")->unix_mode, 040755);
    assert_int_equal(find(&zip, "nothing here/")->method, RBE_ZIP_STORED);
    assert_int_equal(rbe_zip_read(fd, run, gather, &out, &e), RBE_OK);
    assert_string_equal(out.s, "#!/bin/sh\n");
    assert_true(find(&zip, "read me.txt")->packed < find(&zip, "read me.txt")->size);
}

static void test_made_on_dos(void **state)
{
    rbe_autoclose int fd = scratch_open(*state, "made-on-dos.zip", O_RDONLY);
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_zip zip;
    struct rbe_err e = {0};

    assert_int_equal(rbe_zip_open(fd, 100, &arena, &zip, &e), RBE_OK);
    assert_int_equal(find(&zip, "a")->unix_mode, 0);
}

/* Entries come in the order of their data, whatever the directory's. */
static void test_order(void **state)
{
    rbe_autoclose int fd = scratch_open(*state, "any-order.zip", O_RDONLY);
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_zip zip;
    struct rbe_err e = {0};

    assert_int_equal(rbe_zip_open(fd, 100, &arena, &zip, &e), RBE_OK);
    assert_int_equal(zip.n, 2);
    assert_string_equal(zip.entries[0].name, "b");
    assert_string_equal(zip.entries[1].name, "a");
}

static void test_zip64(void **state)
{
    rbe_autoclose int fd = scratch_open(*state, "zip64.zip", O_RDONLY);
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_auto(str) struct rbe_str out = {0};
    struct rbe_zip zip;
    struct rbe_err e = {0};

    assert_int_equal(rbe_zip_open(fd, 100, &arena, &zip, &e), RBE_OK);
    assert_int_equal(rbe_zip_read(fd, find(&zip, "bin/run"), gather, &out, &e), RBE_OK);
    assert_int_equal(out.len, 10);
}

static void test_limit(void **state)
{
    rbe_autoclose int fd = scratch_open(*state, "plain.zip", O_RDONLY);
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_zip zip;
    struct rbe_err e = {0};

    assert_int_equal(rbe_zip_open(fd, 10, &arena, &zip, &e), RBE_OK);
    assert_int_equal(rbe_zip_open(fd, 9, &arena, &zip, &e), RBE_INVALID);
    assert_string_equal(e.violation[0].rule, "limit_entries");
}

static void test_failures(void **state)
{
    rbe_autoclose int fd = scratch_open(*state, "stored.zip", O_RDONLY);
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_zip zip;
    struct rbe_err e = {0};

    assert_int_equal(rbe_zip_open(fd, 100, &arena, &zip, &e), RBE_OK);
    /* a sink's failure comes through as it is, of either method */
    struct rbe_zip_entry entry = *find(&zip, "bin/run");
    assert_int_equal(rbe_zip_read(fd, &entry, refuse, NULL, &e), RBE_INVALID);
    assert_string_equal(e.text, "other: the sink's own words");
    rbe_autoclose int deflated = scratch_open(*state, "plain.zip", O_RDONLY);
    assert_int_equal(rbe_zip_open(deflated, 100, &arena, &zip, &e), RBE_OK);
    assert_int_equal(rbe_zip_read(deflated, find(&zip, "bin/run"), refuse, NULL, &e), RBE_INVALID);
    assert_string_equal(e.text, "other: the sink's own words");
    assert_int_equal(rbe_zip_open(-1, 100, &arena, &zip, &e), RBE_FAULT);
    assert_int_equal(rbe_zip_read(-1, &entry, refuse, NULL, &e), RBE_FAULT);
}

/* Archives of the programs people use. */
static void test_others(void **state)
{
    static const char *const makers[] = {
        "zip -qry \"$1/o.zip\" .", "zip -qr0 \"$1/o.zip\" .", "zip -qr - . | cat >\"$1/o.zip\"", "zip -qr -fz- \"$1/o.zip\" .",
        "zip -qr -fd \"$1/o.zip\" .", "zip -qrX -fz \"$1/o.zip\" .",
    };

    assert_int_equal(scratch_sh("mkdir -p \"$1/tree/s\u00fcb/empty\"; cd \"$1/tree\"; seq 1000 >s\u00fcb/numbers; : >none", *state, NULL, NULL), 0);
    for (size_t i = 0; i < RBE_COUNT(makers); i++) {
        rbe_autofree char *script = rbe_strfmt("rm -f \"$1/o.zip\"; cd \"$1/tree\"; %s", makers[i]);
        rbe_auto(arena) struct rbe_arena arena = {0};
        rbe_auto(str) struct rbe_str out = {0};
        struct rbe_zip zip;
        struct rbe_err e = {0};

        assert_int_equal(scratch_sh(script, *state, NULL, NULL), 0);
        rbe_autoclose int fd = scratch_open(*state, "o.zip", O_RDONLY);
        if (rbe_zip_open(fd, 100, &arena, &zip, &e) != RBE_OK)
            fail_msg("%s: %s", makers[i], e.text);
        assert_int_equal(zip.n, 4);
        assert_int_equal(find(&zip, "s\u00fcb/empty/")->size, 0);
        assert_int_equal(rbe_zip_read(fd, find(&zip, "s\u00fcb/numbers"), gather, &out, &e), RBE_OK);
        assert_int_equal(out.len, 3893);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries), cmocka_unit_test(test_made_on_dos), cmocka_unit_test(test_order),
        cmocka_unit_test(test_zip64),   cmocka_unit_test(test_limit),       cmocka_unit_test(test_failures),
        cmocka_unit_test(test_others),
    };
    return cmocka_run_group_tests(tests, hostile_setup, scratch_teardown);
}
