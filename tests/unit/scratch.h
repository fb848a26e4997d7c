/* For unit tests that need real files: a directory of their own that is gone afterwards, files in it, and programs run
 * on it. All of it fails the running test when something does not work.
 */
#ifndef RBE_TESTS_SCRATCH_H
#define RBE_TESTS_SCRATCH_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/wrap/child.h"
#include "lib/wrap/file.h"

/* A path below dir on the heap. */
static inline char *scratch_path(const char *dir, const char *name)
{
    return rbe_strfmt("%s/%s", dir, name);
}

static inline char *scratch_new(void)
{
    const char *base = getenv("TMPDIR");
    char *dir = rbe_strfmt("%s/rbe-test.XXXXXX", base && *base ? base : "/tmp");

    assert_non_null(mkdtemp(dir));
    return dir;
}

static inline void scratch_free(char *dir)
{
    struct rbe_err e = {0};

    assert_int_equal(rbe_dir_remove(dir, &e), RBE_OK);
    free(dir);
}

/* For tests whose state is a directory and nothing else. */
static inline int scratch_setup(void **state)
{
    *state = scratch_new();
    return 0;
}

static inline int scratch_teardown(void **state)
{
    scratch_free(*state);
    return 0;
}

static inline void scratch_write(const char *dir, const char *name, const void *p, size_t n, mode_t mode)
{
    rbe_autofree char *path = scratch_path(dir, name);
    rbe_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct rbe_err e = {0};

    assert_true(fd >= 0);
    assert_int_equal(rbe_file_write(fd, p, n, &e), RBE_OK);
    assert_int_equal(fchmod(fd, mode), 0);
}

static inline void scratch_text(const char *dir, const char *name, const char *text)
{
    scratch_write(dir, name, text, strlen(text), 0644);
}

static inline int scratch_open(const char *dir, const char *name, int flags)
{
    rbe_autofree char *path = scratch_path(dir, name);
    int fd = open(path, flags | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    return fd;
}

/* Runs a shell script with a and b as $1 and $2 and returns its exit status; ret_out may be NULL. */
static inline int scratch_sh(const char *script, const char *a, const char *b, struct rbe_str *ret_out)
{
    const char *const argv[] = {"sh", "-ec", script, "sh", a ? a : "", b ? b : "", NULL};
    const struct rbe_child child = {.argv = argv, .pass_fd = -1, .out_max = 64 << 20};
    rbe_auto(str) struct rbe_str out = {0}, errors = {0};
    struct rbe_child_end end;
    struct rbe_err e = {0};

    if (rbe_child_run(&child, ret_out ? ret_out : &out, &errors, &end, &e) != RBE_OK)
        fail_msg("%s", e.text);
    if (end.exit != 0)
        print_message("# exit %d: %s\n", end.exit, rbe_str_text(&errors));
    return end.exit;
}

#endif
