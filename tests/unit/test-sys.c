/* lib/wrap/sys: processes told apart, rights given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/wrap/sys.h"
#include "tests/unit/scratch.h"

/* What is known of a process without /proc is only that it is there. */
static bool proc_is_here(void)
{
    return access("/proc/self/stat", R_OK) == 0;
}

static void test_this_process_lives(void **state)
{
    uint64_t start = rbe_process_start(getpid());

    (void)state;
    if (!proc_is_here())
        return;
    assert_true(start > 0);
    assert_int_equal(rbe_process_start(getpid()), start);
    assert_true(rbe_process_alive(getpid(), start));
    assert_true(rbe_process_alive(getpid(), 0));
    assert_false(rbe_process_alive(getpid(), start + 1));
    assert_true(rbe_process_alive(1, 0));
}

static void test_no_process(void **state)
{
    (void)state;
    assert_int_equal(rbe_process_start(-1), 0);
    assert_false(rbe_process_alive(0, 0));
    assert_false(rbe_process_alive(-1, 0));
    assert_false(rbe_process_alive(0x3fffffff, 0));
}

/* A name full of parentheses and spaces does not shift the fields; a zombie is no living worker. */
static void test_odd_name_and_zombie(void **state)
{
    int fds[2];
    char byte;

    (void)state;
    if (!proc_is_here())
        return;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();

    if (pid == 0) {
        (void)prctl(PR_SET_NAME, "a) Z 1 (b) 2");
        (void)!write(fds[1], "x", 1);
        (void)close(fds[0]);
        (void)close(fds[1]);
        (void)pause();
        _exit(0);
    }
    assert_true(pid > 0);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    uint64_t start = rbe_process_start(pid);

    assert_true(start >= rbe_process_start(getpid()));
    assert_true(rbe_process_alive(pid, start));
    assert_int_equal(kill(pid, SIGKILL), 0);
    siginfo_t info;

    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_false(rbe_process_alive(pid, start));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(rbe_process_alive(pid, start));
    (void)close(fds[0]);
    (void)close(fds[1]);
}

static void test_machine(void **state)
{
    (void)state;
    assert_true(strlen(rbe_host_name()) > 0);
    assert_ptr_equal(rbe_host_name(), rbe_host_name());
    assert_true(rbe_cpu_count() >= 1);
    assert_true((long)rbe_cpu_count() <= sysconf(_SC_NPROCESSORS_CONF));
}

/* Becomes another user in a child of its own: what it saw comes back as the exit status. */
static int in_child(int (*what)(const char *dir), const char *dir)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(what(dir));
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100;
}

enum { OTHER = 54321 };

static int become(const char *dir)
{
    struct rbe_err e = {0};
    gid_t groups[8];

    if (rbe_become_owner(dir, &e) != RBE_OK)
        return 1;
    if (getuid() != OTHER || geteuid() != OTHER || getgid() != OTHER)
        return 2;
    if (getgroups(8, groups) != 1 || groups[0] != OTHER)
        return 3;
    if (setuid(0) == 0)
        return 4;
    /* once more, as the owner now */
    return rbe_become_owner(dir, &e) == RBE_OK ? 0 : 5;
}

static int stranger(const char *dir)
{
    struct rbe_err e = {0};

    if (setuid(OTHER) < 0)
        return 1;
    return rbe_become_owner(dir, &e) == RBE_FORBIDDEN && geteuid() == OTHER ? 0 : 2;
}

static void test_become_owner(void **state)
{
    char *dir = scratch_new();
    rbe_autofree char *none = scratch_path(dir, "none");
    struct rbe_err e = {0};

    (void)state;
    assert_int_equal(rbe_become_owner(dir, &e), RBE_OK);
    assert_int_equal(rbe_become_owner(none, &e), RBE_NOTFOUND);
    if (geteuid() == 0) {
        assert_int_equal(in_child(stranger, dir), 0);
        assert_int_equal(chown(dir, OTHER, OTHER), 0);
        assert_int_equal(in_child(become, dir), 0);
        assert_int_equal(geteuid(), 0);
    } else {
        assert_int_equal(rbe_become_owner("/", &e), RBE_FORBIDDEN);
    }
    scratch_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_this_process_lives), cmocka_unit_test(test_no_process),
        cmocka_unit_test(test_odd_name_and_zombie), cmocka_unit_test(test_machine),
        cmocka_unit_test(test_become_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
