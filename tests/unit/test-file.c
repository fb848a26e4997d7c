/* lib/wrap/file on real files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>

#include "tests/unit/scratch.h"

static void test_put_and_get(void **state)
{
    rbe_autofree char *path = scratch_path(*state, "a b.txt");
    rbe_auto(str) struct rbe_str got = {0};
    struct rbe_err e = {0};
    struct stat st;

    assert_int_equal(rbe_file_put(path, "one", 3, 0640, &e), RBE_OK);
    assert_int_equal(rbe_file_put(path, "second", 6, 0600, &e), RBE_OK);
    assert_int_equal(rbe_file_get(path, 6, &got, &e), RBE_OK);
    assert_int_equal(got.len, 6);
    assert_memory_equal(got.s, "second", 6);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(rbe_file_put(path, "", 0, 0600, &e), RBE_OK);
    assert_int_equal(rbe_file_get(path, 0, &got, &e), RBE_OK);
    assert_int_equal(got.len, 0);
    /* nothing is left beside it */
    assert_int_equal(scratch_sh("test \"$(ls \"$1\")\" = 'a b.txt'", *state, NULL, NULL), 0);
}

static void test_read_at(void **state)
{
    struct rbe_err e = {0};
    char got[8] = "";
    size_t n;

    scratch_text(*state, "f", "0123456789");
    rbe_autoclose int fd = scratch_open(*state, "f", O_RDWR);
    assert_int_equal(rbe_file_read_at(fd, got, 4, 3, &n, &e), RBE_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(got, "3456", 4);
    assert_int_equal(rbe_file_read_at(fd, got, 8, 7, &n, &e), RBE_OK);
    assert_int_equal(n, 3);
    assert_memory_equal(got, "789", 3);
    assert_int_equal(rbe_file_read_at(fd, got, 8, 10, &n, &e), RBE_OK);
    assert_int_equal(n, 0);
    assert_int_equal(rbe_file_write_at(fd, "ab", 2, 9, &e), RBE_OK);
    assert_int_equal(rbe_file_read_at(fd, got, 8, 8, &n, &e), RBE_OK);
    assert_int_equal(n, 3);
    assert_memory_equal(got, "8ab", 3);
    assert_int_equal(rbe_file_read_at(-1, got, 1, 0, &n, &e), RBE_FAULT);
    assert_string_equal(e.text, "cannot read: Bad file descriptor");
}

static void test_get_refuses(void **state)
{
    rbe_autofree char *path = scratch_path(*state, "f"), *none = scratch_path(*state, "none");
    rbe_autofree char *fifo = scratch_path(*state, "fifo"), *below = scratch_path(*state, "f/x");
    rbe_auto(str) struct rbe_str got = {0};
    struct rbe_err e = {0};

    scratch_text(*state, "f", "12345");
    assert_int_equal(rbe_file_get(path, 4, &got, &e), RBE_TOOLARGE);
    assert_int_equal(rbe_file_get(path, 5, &got, &e), RBE_OK);
    assert_int_equal(rbe_file_get(none, 5, &got, &e), RBE_NOTFOUND);
    assert_non_null(strstr(e.text, none));
    assert_int_equal(rbe_file_get(below, 5, &got, &e), RBE_NOTFOUND);
    assert_int_equal(rbe_file_get(*state, 5, &got, &e), RBE_FAULT);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(rbe_file_get(fifo, 5, &got, &e), RBE_FAULT);
}

static void test_put_fails_cleanly(void **state)
{
    rbe_autofree char *dir = scratch_path(*state, "dir"), *none = scratch_path(*state, "none/f");
    struct rbe_err e = {0};

    assert_int_equal(mkdir(dir, 0755), 0);
    assert_int_equal(rbe_file_put(dir, "x", 1, 0600, &e), RBE_FAULT);
    assert_int_equal(rbe_file_put(none, "x", 1, 0600, &e), RBE_FAULT);
    assert_int_equal(scratch_sh("test \"$(ls \"$1\")\" = dir", *state, NULL, NULL), 0);
}

static void test_open_follows_no_link(void **state)
{
    rbe_autofree char *path = scratch_path(*state, "f"), *link = scratch_path(*state, "l");
    struct rbe_err e = {0};
    int fd = -1;

    scratch_text(*state, "f", "x");
    assert_int_equal(symlink("f", link), 0);
    assert_int_equal(rbe_file_open(path, &fd, &e), RBE_OK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(close(fd), 0);
    assert_int_equal(rbe_file_open(link, &fd, &e), RBE_FAULT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rbe_file_open(path, &fd, &e), RBE_NOTFOUND);
}

static void test_temp_has_no_name(void **state)
{
    rbe_autoclose int dir = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
    struct rbe_err e = {0};
    char got[4] = "";

    assert_int_equal(rbe_file_temp(dir, &fd, &e), RBE_OK);
    assert_int_equal(rbe_file_write(fd, "data", 4, &e), RBE_OK);
    assert_int_equal(pread(fd, got, 4, 0), 4);
    assert_memory_equal(got, "data", 4);
    assert_int_equal(scratch_sh("test -z \"$(ls -A \"$1\")\"", *state, NULL, NULL), 0);
}

static void test_dir_make(void **state)
{
    rbe_autofree char *deep = scratch_path(*state, "a/b//c"), *blocked = scratch_path(*state, "f/x");
    struct rbe_err e = {0};
    struct stat st;

    assert_int_equal(rbe_dir_make(deep, 0750, &e), RBE_OK);
    assert_int_equal(rbe_dir_make(deep, 0750, &e), RBE_OK);
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
    assert_int_equal(rbe_dir_make("/", 0755, &e), RBE_OK);
    assert_int_equal(rbe_dir_sync(deep, &e), RBE_OK);
    scratch_text(*state, "f", "x");
    assert_int_equal(rbe_dir_make(blocked, 0755, &e), RBE_FAULT);
    assert_int_equal(rbe_dir_sync(blocked, &e), RBE_FAULT);
}

static void test_dir_remove(void **state)
{
    rbe_autofree char *tree = scratch_path(*state, "tree"), *link = scratch_path(*state, "link/");
    rbe_autofree char *keep = scratch_path(*state, "outside/keep");
    struct rbe_err e = {0};

    assert_int_equal(scratch_sh("cd \"$1\"; mkdir -p outside tree/a/b tree/empty; echo > outside/keep;"
                                "echo > tree/a/b/f;"
                                "ln -s ../outside tree/out; ln -s ../../../outside tree/a/b/out; ln -s outside link;"
                                "mkfifo tree/fifo; ln -s nowhere tree/dangling",
                                *state, NULL, NULL), 0);
    assert_int_equal(rbe_dir_remove(tree, &e), RBE_OK);
    assert_int_equal(access(tree, F_OK), -1);
    assert_int_equal(access(keep, F_OK), 0);
    assert_int_equal(rbe_dir_remove(link, &e), RBE_OK);
    assert_int_equal(access(keep, F_OK), 0);
    assert_int_equal(rbe_dir_remove(tree, &e), RBE_OK);
    assert_int_equal(rbe_dir_remove(keep, &e), RBE_OK);
    assert_int_equal(access(keep, F_OK), -1);
}

static void test_write_reports(void **state)
{
    rbe_autoclose int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct rbe_err e = {0};

    (void)state;
    assert_int_equal(rbe_file_write(-1, "x", 1, &e), RBE_FAULT);
    if (full >= 0)
        assert_int_equal(rbe_file_write(full, "x", 1, &e), RBE_NOSPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_put_and_get, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_read_at, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_get_refuses, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_put_fails_cleanly, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_open_follows_no_link, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_temp_has_no_name, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_dir_make, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_dir_remove, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_write_reports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
