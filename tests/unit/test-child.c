/* lib/wrap/child with real programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/wrap/child.h"

struct ran {
    struct rbe_str out, errors;
    struct rbe_child_end end;
    struct rbe_err e;
    enum rbe_code code;
};

static void rbe_ran_release(struct ran *r)
{
    rbe_str_release(&r->out);
    rbe_str_release(&r->errors);
}

/* Runs a shell script; `how` gives the rest. */
static struct ran run_sh(const char *script, struct rbe_child how)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct ran r = {0};

    how.argv = argv;
    if (how.pass_fd == 0)
        how.pass_fd = -1;
    if (how.out_max == 0)
        how.out_max = 1 << 20;
    r.code = rbe_child_run(&how, &r.out, &r.errors, &r.end, &r.e);
    return r;
}

static void test_output_and_status(void **state)
{
    rbe_auto(ran) struct ran r = run_sh("printf out; printf err >&2; exit 7", (struct rbe_child){0});

    (void)state;
    assert_int_equal(r.code, RBE_OK);
    assert_int_equal(r.end.exit, 7);
    assert_int_equal(r.end.signal, 0);
    assert_string_equal(rbe_str_text(&r.out), "out");
    assert_string_equal(rbe_str_text(&r.errors), "err");
    assert_true(r.end.rss_bytes > 0);
}

static void test_signal_is_told(void **state)
{
    rbe_auto(ran) struct ran r = run_sh("kill -9 $$", (struct rbe_child){0});

    (void)state;
    assert_int_equal(r.code, RBE_OK);
    assert_int_equal(r.end.exit, -1);
    assert_int_equal(r.end.signal, SIGKILL);
}

static void test_only_the_tail_of_errors(void **state)
{
    rbe_auto(ran) struct ran r = run_sh("i=0; while [ $i -lt 5000 ]; do echo line $i >&2; i=$((i+1)); done",
                                        (struct rbe_child){0});

    (void)state;
    assert_int_equal(r.code, RBE_OK);
    assert_int_equal(r.errors.len, 512);
    assert_string_equal(r.errors.s + 512 - 10, "line 4999\n");
}

/* Much on both streams at once: a reader that waits for one of them would never end. */
static void test_both_streams(void **state)
{
    rbe_auto(ran) struct ran r = run_sh("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2;"
                                        "head -c 300000 /dev/zero",
                                        (struct rbe_child){0});

    (void)state;
    assert_int_equal(r.code, RBE_OK);
    assert_int_equal(r.end.exit, 0);
    assert_int_equal(r.out.len, 600000);
}

static void test_output_is_bounded(void **state)
{
    rbe_auto(ran) struct ran r = run_sh("cat /dev/zero", (struct rbe_child){.out_max = 100000});
    rbe_auto(ran) struct ran exact = run_sh("head -c 1000 /dev/zero", (struct rbe_child){.out_max = 1000});

    (void)state;
    assert_int_equal(r.code, RBE_TOOLARGE);
    assert_int_equal(r.end.signal, SIGKILL);
    assert_true(r.out.len < 200000);
    assert_int_equal(exact.code, RBE_OK);
    assert_int_equal(exact.out.len, 1000);
}

static void test_nothing_is_inherited(void **state)
{
    rbe_autoclose int open_here = open("/dev/null", O_RDONLY), high = dup2(open_here, 200);

    (void)state;
    /* the child counts its descriptors there */
    if (access("/proc/self/fd", R_OK) != 0)
        return;
    assert_true(open_here >= 0 && high == 200);
    assert_int_equal(setenv("RBE_SECRET", "x", 1), 0);
    (void)signal(SIGPIPE, SIG_IGN);
    /* ls holds one descriptor of its own, on the directory it reads */
    rbe_auto(ran) struct ran r = run_sh("ls /proc/self/fd | wc -l; env | grep -v '^PWD=\\|^_=\\|^OLDPWD=\\|^SHLVL=' | "
                                        "sed 's/=.*//' | sort | tr '\\n' ' '; cat",
                                        (struct rbe_child){0});
    rbe_auto(ran) struct ran pipe = run_sh("kill -PIPE $$", (struct rbe_child){0});

    (void)signal(SIGPIPE, SIG_DFL);
    assert_int_equal(unsetenv("RBE_SECRET"), 0);
    assert_int_equal(r.code, RBE_OK);
    assert_string_equal(rbe_str_text(&r.out), "4\nLC_ALL PATH ");
    assert_int_equal(pipe.end.signal, SIGPIPE);
}

static void test_descriptor_is_passed(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(write(fds[1], "passed", 6), 6);
    assert_int_equal(close(fds[1]), 0);
    rbe_auto(ran) struct ran r = run_sh("cat <&3", (struct rbe_child){.pass_fd = fds[0]});

    assert_int_equal(r.code, RBE_OK);
    assert_string_equal(rbe_str_text(&r.out), "passed");
    /* it stays ours */
    assert_int_equal(close(fds[0]), 0);
}

static void test_limits(void **state)
{
    rbe_auto(ran) struct ran cpu = run_sh("while :; do :; done", (struct rbe_child){.cpu_seconds = 1});
    rbe_auto(ran) struct ran file = run_sh("ulimit -f; ulimit -v", (struct rbe_child){.file_bytes = 1 << 20,
                                                                                    .memory_bytes = 1 << 30});

    (void)state;
    assert_int_equal(cpu.code, RBE_OK);
    assert_true(cpu.end.signal == SIGXCPU || cpu.end.signal == SIGKILL);
    /* the kernel counts the limit in ticks and the usage exactly */
    assert_true(cpu.end.cpu_ns >= 500000000U);
    assert_int_equal(file.code, RBE_OK);
    assert_string_equal(rbe_str_text(&file.out), "2048\n1048576\n");
}

static int refuse(void)
{
    return 1;
}

static int move(void)
{
    return chdir("/");
}

static void test_confine(void **state)
{
    rbe_auto(ran) struct ran stopped = run_sh("echo ran", (struct rbe_child){.confine = refuse});
    rbe_auto(ran) struct ran moved = run_sh("pwd", (struct rbe_child){.confine = move});

    (void)state;
    assert_int_equal(stopped.code, RBE_UNAVAILABLE);
    assert_non_null(strstr(stopped.e.text, "confined"));
    assert_int_equal(stopped.out.len, 0);
    assert_int_equal(moved.code, RBE_OK);
    assert_string_equal(rbe_str_text(&moved.out), "/\n");
}

static void test_no_such_program(void **state)
{
    static const char *const names[] = {"rbe-no-such-program", "/no/such/program", "/etc/passwd"};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(names); i++) {
        const char *const argv[] = {names[i], NULL};
        const struct rbe_child child = {.argv = argv, .pass_fd = -1, .out_max = 10};
        rbe_auto(str) struct rbe_str out = {0};
        struct rbe_child_end end;
        struct rbe_err e = {0};

        assert_int_equal(rbe_child_run(&child, &out, NULL, &end, &e), RBE_UNAVAILABLE);
        assert_non_null(strstr(e.text, names[i]));
    }
}

/* No descriptor may be lost on any way out. */
static void test_leaves_no_descriptor(void **state)
{
    int before = dup(0);

    (void)state;
    assert_int_equal(close(before), 0);
    for (int i = 0; i < 5; i++) {
        const struct rbe_child ways[] = {{0}, {.confine = refuse}, {.out_max = 1}};

        for (size_t k = 0; k < RBE_COUNT(ways); k++) {
            rbe_auto(ran) struct ran r = run_sh("echo x; echo y", ways[k]);

            assert_int_not_equal(r.end.signal, SIGTERM);
        }
    }
    int after = dup(0);

    assert_int_equal(close(after), 0);
    assert_int_equal(after, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_and_status),   cmocka_unit_test(test_signal_is_told),
        cmocka_unit_test(test_only_the_tail_of_errors), cmocka_unit_test(test_both_streams),
        cmocka_unit_test(test_output_is_bounded),   cmocka_unit_test(test_nothing_is_inherited),
        cmocka_unit_test(test_descriptor_is_passed), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_confine),             cmocka_unit_test(test_no_such_program),
        cmocka_unit_test(test_leaves_no_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
