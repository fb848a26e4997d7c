/* lib/wrap/zipw, read back by our own strict reader and by unzip. The writer is compiled in, so that entries beyond 4
 * GiB can be placed without writing them: what lies between is a hole of the file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/wrap/zipw.c"
#include "tests/unit/scratch.h"

enum { TIME = 0x5a2f6b7c, MANY = 70000 };

static int new_zip(const char *dir, const char *name)
{
    return scratch_open(dir, name, O_RDWR | O_CREAT | O_TRUNC);
}

static enum rbe_code keep(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    (void)e;
    rbe_str_put(arg, p, n);
    return RBE_OK;
}

static void assert_content(int fd, const struct rbe_zip_entry *entry, const char *want)
{
    rbe_auto(str) struct rbe_str got = {0};
    struct rbe_err e = {0};

    assert_int_equal(rbe_zip_read(fd, entry, keep, &got, &e), RBE_OK);
    assert_int_equal(got.len, strlen(want));
    assert_string_equal(rbe_str_text(&got), want);
}

static void put(struct rbe_zipw *w, const char *name, uint16_t mode, const char *text)
{
    struct rbe_err e = {0};

    assert_int_equal(rbe_zipw_add(w, name, mode, TIME, text, strlen(text), &e), RBE_OK);
}

static void finish(struct rbe_zipw *w)
{
    struct rbe_err e = {0};

    assert_int_equal(rbe_zipw_finish(w, &e), RBE_OK);
}

static const char LONG[] = "so so so so so so so so so so so so so so so so so so so so so so so so so so so so so";

static void write_small(int fd)
{
    rbe_autoptr(zipw) struct rbe_zipw *w = rbe_zipw_new(fd);

    put(w, "short", S_IFREG | 0644, "ab");
    put(w, "d/", S_IFDIR | 0755, "");
    put(w, "d/long*", S_IFREG | 0755, LONG);
    put(w, "empty", S_IFREG | 0600, "");
    put(w, "l\xc3\xb6nk", S_IFLNK | 0777, "short");
    finish(w);
}

static void test_entries(void **state)
{
    rbe_autoclose int fd = new_zip(*state, "a.zip");
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_zip zip;
    struct rbe_err e = {0};

    write_small(fd);
    assert_int_equal(rbe_zip_open(fd, 5, &arena, &zip, &e), RBE_OK);
    assert_int_equal(zip.n, 5);
    assert_string_equal(zip.entries[0].name, "short");
    assert_int_equal(zip.entries[0].method, RBE_ZIP_STORED);
    assert_int_equal(zip.entries[0].dos_time, TIME);
    assert_int_equal(zip.entries[0].unix_mode, S_IFREG | 0644);
    assert_false(zip.entries[0].utf8);
    assert_string_equal(zip.entries[1].name, "d/");
    assert_int_equal(zip.entries[1].unix_mode, S_IFDIR | 0755);
    assert_int_equal(zip.entries[2].method, RBE_ZIP_DEFLATED);
    assert_true(zip.entries[2].packed < zip.entries[2].size);
    assert_int_equal(zip.entries[3].method, RBE_ZIP_STORED);
    assert_int_equal(zip.entries[4].unix_mode, S_IFLNK | 0777);
    assert_true(zip.entries[4].utf8);
    assert_content(fd, &zip.entries[0], "ab");
    assert_content(fd, &zip.entries[2], LONG);
    assert_content(fd, &zip.entries[3], "");
    assert_content(fd, &zip.entries[4], "short");
    assert_int_equal(scratch_sh("cd \"$1\"; export LC_ALL=C.UTF-8; unzip -q a.zip; test -x 'd/long*'; test ! -x short;"
                                "test \"$(readlink l\xc3\xb6nk)\" = short; test -f empty; test ! -s empty;"
                                "cmp short l\xc3\xb6nk",
                                *state, NULL, NULL), 0);
}

static void test_same_calls_same_bytes(void **state)
{
    rbe_autoclose int a = new_zip(*state, "a.zip"), b = new_zip(*state, "b.zip");

    write_small(a);
    write_small(b);
    assert_int_equal(scratch_sh("cmp \"$1/a.zip\" \"$1/b.zip\"", *state, NULL, NULL), 0);
}

static void test_empty_archive(void **state)
{
    rbe_autoclose int fd = new_zip(*state, "a.zip");
    rbe_autoptr(zipw) struct rbe_zipw *w = rbe_zipw_new(fd);
    struct stat st;

    finish(w);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, 22);
}

static void test_copy(void **state)
{
    rbe_autoclose int from = new_zip(*state, "a.zip"), to = new_zip(*state, "b.zip");
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_autoptr(zipw) struct rbe_zipw *w = rbe_zipw_new(to);
    struct rbe_zip zip, copy;
    struct rbe_err e = {0};

    write_small(from);
    assert_int_equal(rbe_zip_open(from, 5, &arena, &zip, &e), RBE_OK);
    struct rbe_zip_entry renamed = zip.entries[2];

    renamed.name = "other n\xc3\xa4me";
    renamed.unix_mode = S_IFREG | 0644;
    assert_int_equal(rbe_zipw_copy(w, from, &zip.entries[4], &e), RBE_OK);
    assert_int_equal(rbe_zipw_copy(w, from, &renamed, &e), RBE_OK);
    finish(w);
    assert_int_equal(rbe_zip_open(to, 2, &arena, &copy, &e), RBE_OK);
    assert_string_equal(copy.entries[0].name, "l\xc3\xb6nk");
    assert_int_equal(copy.entries[0].unix_mode, S_IFLNK | 0777);
    assert_content(to, &copy.entries[0], "short");
    assert_string_equal(copy.entries[1].name, "other n\xc3\xa4me");
    assert_int_equal(copy.entries[1].packed, zip.entries[2].packed);
    assert_int_equal(copy.entries[1].dos_time, TIME);
    assert_true(copy.entries[1].utf8);
    assert_content(to, &copy.entries[1], LONG);
}

static void test_failures(void **state)
{
    rbe_autoclose int fd = new_zip(*state, "a.zip"), full = open("/dev/full", O_RDWR | O_CLOEXEC);
    rbe_autoptr(zipw) struct rbe_zipw *w = rbe_zipw_new(fd);
    rbe_autofree char *name = rbe_alloc(70001);
    const struct rbe_zip_entry beyond = {.name = "x", .offset = 1 << 20, .packed = 10, .size = 10};
    struct rbe_err e = {0};

    memset(name, 'n', 70000);
    assert_int_equal(rbe_zipw_add(w, name, S_IFREG, TIME, "", 0, &e), RBE_FAULT);
    assert_int_equal(rbe_zipw_add(w, "", S_IFREG, TIME, "", 0, &e), RBE_FAULT);
    assert_int_equal(rbe_zipw_copy(w, fd, &beyond, &e), RBE_FAULT);
    if (full >= 0) {
        rbe_autoptr(zipw) struct rbe_zipw *bad = rbe_zipw_new(full);

        assert_int_equal(rbe_zipw_add(bad, "x", S_IFREG, TIME, "abc", 3, &e), RBE_NOSPACE);
    }
}

static void test_many_entries(void **state)
{
    rbe_autoclose int fd = new_zip(*state, "a.zip");
    rbe_autoptr(zipw) struct rbe_zipw *w = rbe_zipw_new(fd);
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_auto(str) struct rbe_str out = {0};
    struct rbe_zip zip;
    struct rbe_err e = {0};

    for (unsigned i = 0; i < MANY; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "%05u", i);
        put(w, name, S_IFREG | 0644, "");
    }
    finish(w);
    assert_int_equal(rbe_zip_open(fd, MANY - 1, &arena, &zip, &e), RBE_INVALID);
    assert_int_equal(rbe_zip_open(fd, MANY, &arena, &zip, &e), RBE_OK);
    assert_int_equal(zip.n, MANY);
    assert_string_equal(zip.entries[MANY - 1].name, "69999");
    assert_int_equal(scratch_sh("unzip -l \"$1/a.zip\" | tail -n 1", *state, NULL, &out), 0);
    assert_non_null(strstr(out.s, " 70000 files"));
}

/* A stored entry of `size` zero bytes that are a hole. */
static void put_hole(struct rbe_zipw *w, const char *name, uint64_t size)
{
    const struct rbe_zip_entry entry = {.name = name, .packed = size, .size = size, .unix_mode = S_IFREG | 0644,
                                        .dos_time = TIME};
    struct rbe_err e = {0};

    assert_int_equal(begin(w, &entry, &e), RBE_OK);
    w->offset += size;
}

static void test_beyond_four_gib(void **state)
{
    static const uint64_t sizes[] = {0xfffffffe, 0xffffffff, 0x140000000};
    rbe_autoclose int fd = new_zip(*state, "a.zip");
    rbe_autoptr(zipw) struct rbe_zipw *w = rbe_zipw_new(fd);
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_auto(str) struct rbe_str out = {0};
    struct rbe_zip zip;
    struct rbe_err e = {0};

    for (size_t i = 0; i < RBE_COUNT(sizes); i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "hole%zu", i);
        put_hole(w, name, sizes[i]);
    }
    put(w, "far", S_IFREG | 0644, LONG);
    finish(w);
    assert_int_equal(rbe_zip_open(fd, 4, &arena, &zip, &e), RBE_OK);
    assert_int_equal(zip.n, 4);
    for (size_t i = 0; i < RBE_COUNT(sizes); i++)
        assert_int_equal(zip.entries[i].size, sizes[i]);
    assert_true(zip.entries[3].offset > 0x300000000);
    assert_content(fd, &zip.entries[3], LONG);
    assert_int_equal(scratch_sh("unzip -l \"$1/a.zip\"; unzip -p \"$1/a.zip\" far", *state, NULL, &out), 0);
    assert_non_null(strstr(out.s, "5368709120 "));
    assert_non_null(strstr(out.s, LONG));
    /* zip64 only where it is needed */
    assert_int_equal(is_large(&zip.entries[0]), 0);
    assert_int_equal(is_large(&zip.entries[1]), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_entries, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_same_calls_same_bytes, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_empty_archive, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_copy, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_failures, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_many_entries, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_beyond_four_gib, scratch_setup, scratch_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
