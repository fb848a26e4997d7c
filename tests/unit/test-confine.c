/* lib/wrap/confine: what a confined process can still do, and what becomes of it when it tries more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/sanitize.h"
#include "lib/wrap/confine.h"

enum { FINE = 0, WRONG = 1, NOT_CONFINED = 77, KILLED = 128 + SIGSYS };

/* What each does in a confined child; it returns whether all went as it says. */

static bool can_compute(int fd)
{
    char byte, *more = malloc(1 << 20);
    struct stat st;

    /* Every page is touched, and the block is grown and given back. */
    if (!more)
        return false;
    memset(more, 1, 1 << 20);
    char *grown = realloc(more, 8 << 20);
    if (!grown)
        return false;
    grown[(8 << 20) - 1] = 2;
    free(grown);
    return pread(fd, &byte, 1, 0) == 1 && fstat(fd, &st) == 0 && lseek(fd, 0, SEEK_END) > 0;
}

static bool cannot_open(int fd)
{
    struct stat st;

    (void)fd;
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES && stat("/etc/passwd", &st) < 0 &&
           access("/", R_OK) < 0;
}

static bool cannot_make_code(int fd)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)fd;
    return p != MAP_FAILED && mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
           mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 && errno == EACCES;
}

static pid_t outside;            /* a process that must not be reached */

static bool cannot_signal(int fd)
{
    (void)fd;
    return kill(outside, 0) < 0 && syscall(SYS_tgkill, outside, outside, 0) < 0 && errno == EACCES;
}

static bool makes_a_socket(int fd)
{
    (void)fd;
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0;
}

static bool forks(int fd)
{
    (void)fd;
    return fork() >= 0;
}

static bool executes(int fd)
{
    char *const argv[] = {(char[]){"true"}, NULL};

    (void)fd;
    return execve("/bin/true", argv, argv + 1) == 0;
}

static bool truncates(int fd)
{
    return ftruncate(fd, 0) == 0;
}

static bool traces(int fd)
{
    (void)fd;
    return syscall(SYS_ptrace, 16, outside, 0, 0) == 0;
}

static bool aborts(int fd)
{
    (void)fd;
    abort();
}

/* Filters of kernels without them cannot be tried; instrumented processes, and those that valgrind runs, make calls of their
 * own. */
static bool can_be_tried(void)
{
    const char *wrap = getenv("RBE_WRAP");

    return !RBE_SANITIZED && !(wrap && *wrap) && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

/* 128 and the signal that ended the child, else its exit status. */
static int confined(bool (*what)(int fd))
{
    char path[] = "/tmp/rbe-confine-XXXXXX";
    rbe_autoclose int fd = mkostemp(path, O_CLOEXEC);
    int status;

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, "bytes", 5), 5);
    outside = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !rbe_confine())
            _exit(NOT_CONFINED);
        _exit(what(fd) ? FINE : WRONG);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_confined(void **state)
{
    static const struct {
        const char *name;
        bool (*what)(int fd);
        int end;
    } rows[] = {
        {"computes", can_compute, FINE},      {"opens", cannot_open, FINE},   {"makes code", cannot_make_code, FINE},
        {"signals", cannot_signal, FINE},     {"aborts", aborts, 128 + SIGABRT}, {"a socket", makes_a_socket, KILLED},
        {"forks", forks, KILLED},             {"executes", executes, KILLED}, {"truncates", truncates, KILLED},
        {"traces", traces, KILLED},
    };

    (void)state;
    if (!can_be_tried())
        skip();
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        int end = confined(rows[i].what);

        if (end != rows[i].end)
            print_error("%s: ended with %d in place of %d\n", rows[i].name, end, rows[i].end);
        assert_int_equal(end, rows[i].end);
    }
}

/* Makes this process' kernel one that knows neither of the two. */
static bool grow_old(void)
{
    enum { LANDLOCK_CREATE_RULESET = 444 };
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LANDLOCK_CREATE_RULESET, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {.len = RBE_COUNT(code), .filter = code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

static void test_old_kernel(void **state)
{
    int status;

    (void)state;
    if (!can_be_tried())
        skip();
    pid_t pid = fork();
    if (pid == 0)
        _exit(!grow_old() ? NOT_CONFINED : rbe_confine() && access("/", R_OK) == 0 ? FINE : WRONG);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), FINE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_confined), cmocka_unit_test(test_old_kernel)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
