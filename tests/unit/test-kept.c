/* Kept FastCGI connections, as a web server has them with processes that serve: none is lost, and none has to wait for a worker
 * that is busy elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/base/clock.h"
#include "lib/web/kept.h"
#include "lib/web/listen.h"
#include "tests/unit/serving.h"

enum { MANY = RBE_KEPT_MAX + 8, LARGE = 4 << 20, FIRST_RECORD = 16 };

/* ---- a program ---- */

static enum rbe_code handle_echo(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    const char *body;
    size_t n;

    (void)ctx;
    RBE_TRY(rbe_req_body(r, 1000, &body, &n, e));
    rbe_jsonw_strn(rbe_resp_json(p, 0, "success"), NULL, body, n);
    return RBE_OK;
}

static enum rbe_code handle_refuse(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    (void)ctx;
    (void)r;
    (void)p;
    return rbe_fail(e, RBE_UNAUTHORIZED, "no");
}

static enum rbe_code handle_large(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    char *text = rbe_alloc(LARGE);

    (void)ctx;
    (void)r;
    (void)e;
    memset(text, 'x', LARGE);
    rbe_jsonw_strn(rbe_resp_json(p, 0, "success"), NULL, text, LARGE);
    free(text);
    return RBE_OK;
}

static enum rbe_code read_again(void *arg, struct rbe_serve_options *o, struct rbe_err *e)
{
    (void)arg;
    (void)o;
    (void)e;
    return RBE_OK;
}

static const struct rbe_route routes[] = {
    {.methods = RBE_GET, .pattern = "/pid", .handle = handle_pid},
    {.methods = RBE_GET, .pattern = "/slow", .handle = handle_slow},
    {.methods = RBE_GET, .pattern = "/large", .handle = handle_large},
    {.methods = RBE_POST, .pattern = "/echo", .handle = handle_echo},
    {.methods = RBE_POST, .pattern = "/refuse", .handle = handle_refuse},
};

/* In a child, whose log goes nowhere. Without reload one worker has no parent. */
static pid_t start(int64_t workers, int64_t max_requests, bool reload)
{
    struct rbe_serve_options o = {
        .name = "test",
        .routes = routes,
        .n_routes = RBE_COUNT(routes),
        .listen = sock,
        .workers = workers,
        .max_requests = max_requests,
        .reload = reload ? read_again : NULL,
    };

    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(null, STDERR_FILENO);
    exit(rbe_serve(&o));
}

static void stop(pid_t pid)
{
    int status = -1;

    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void wait_until_busy(void)
{
    rbe_autofree char *path = rbe_strfmt("%s/busy", dir);

    for (int i = 0; i < 500 && access(path, F_OK) != 0; i++)
        nap(10);
    assert_int_equal(unlink(path), 0);
}

/* ---- what a web server asks on a connection ---- */

/* The process that answered; 0 when the connection ended instead. */
static int answered_by(int fd)
{
    rbe_auto(str) struct rbe_str out = {0};
    int pid = 0;

    if (!take_answer(fd, &out))
        return 0;
    const char *data = strstr(out.s, "\"data\":");
    assert_non_null(data);
    assert_int_equal(sscanf(data, "\"data\":%d", &pid), 1);
    return pid;
}

static int pid_on(int fd)
{
    send_request(fd, "GET", "/pid", "", KEEP);
    return answered_by(fd);
}

/* A connection that is kept already. */
static int dial_kept(void)
{
    int fd = dial(sock);

    assert_int_not_equal(pid_on(fd), 0);
    return fd;
}

static void expect_echo(int fd, const char *body)
{
    rbe_auto(str) struct rbe_str out = {0};
    rbe_autofree char *want = rbe_strfmt("\"data\":\"%s\"}", body);

    send_request(fd, "POST", "/echo", body, KEEP);
    assert_true(take_answer(fd, &out));
    assert_non_null(strstr(out.s, want));
}

static bool is_closed(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char c;

    return poll(&p, 1, 0) == 1 && recv(fd, &c, 1, MSG_DONTWAIT) <= 0;
}

static void close_all(const int *fd, size_t n)
{
    for (size_t i = 0; i < n; i++)
        (void)close(fd[i]);
}

/* n kept connections, all of which one worker has: ret_pid. What other workers got is closed again. */
static void open_on_one_worker(int *fd, size_t n, int *ret_pid)
{
    *ret_pid = 0;
    for (size_t i = 0; i < n;) {
        int pid;

        fd[i] = dial(sock);
        pid = pid_on(fd[i]);
        assert_int_not_equal(pid, 0);
        if (*ret_pid == 0)
            *ret_pid = pid;
        if (pid == *ret_pid)
            i++;
        else
            (void)close(fd[i]);
    }
}

/* ---- tests ---- */

static void one_worker_serves_many(void **state)
{
    pid_t pid = start(1, 0, false);
    int fd[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        fd[i] = dial_kept();
    for (int i = 0; i < 60; i++) {
        assert_int_equal(pid_on(fd[i % 3]), pid);
        expect_echo(fd[i * 7 % 3], i % 2 ? "a body" : "");
        /* And one that is not kept. */
        rbe_autoclose int other = dial(sock);
        send_request(other, "GET", "/pid", "", 0);
        assert_int_equal(answered_by(other), pid);
        char c;
        assert_int_equal(read(other, &c, 1), 0);
    }
    /* What web servers do with those that were idle for long. */
    (void)close(fd[0]);
    assert_int_equal(pid_on(fd[1]), pid);
    close_all(fd + 1, 2);
    rbe_autoclose int later = dial(sock);
    assert_int_equal(pid_on(later), pid);
    stop(pid);
}

static void an_unread_body_does_not_end_it(void **state)
{
    pid_t pid = start(1, 0, false);
    rbe_autoclose int fd = dial(sock);
    rbe_auto(str) struct rbe_str out = {0};
    char *body = rbe_alloc(60001);

    (void)state;
    for (int i = 0; i < 3; i++) {
        memset(body, 'b', (size_t)i * 30000);
        send_request(fd, "POST", "/refuse", body, KEEP);
        assert_true(take_answer(fd, &out));
        assert_non_null(strstr(out.s, "Status: 401"));
    }
    free(body);
    assert_int_equal(pid_on(fd), pid);
    stop(pid);
}

static void half_a_request_is_given_up(void **state)
{
    pid_t pid = start(1, 0, false);
    rbe_autoclose int good = dial_kept(), half = dial_kept();
    rbe_auto(str) struct rbe_str all = {0};

    (void)state;
    put_request(&all, "GET", "/pid", "", KEEP);
    const uint64_t began = rbe_clock_mono();
    /* On a kept connection and on a new one. One that says nothing yet holds nobody. */
    rbe_autoclose int other = dial(sock), silent = dial(sock), between = dial(sock);
    assert_int_equal(send(half, all.s, 30, 0), 30);
    assert_int_equal(send(other, all.s, 5, 0), 5);
    assert_int_equal(send(between, all.s, FIRST_RECORD, 0), FIRST_RECORD);
    assert_int_equal(pid_on(good), pid);
    for (int i = 0; i < 1500 && !(is_closed(half) && is_closed(other) && is_closed(between)); i++)
        nap(10);
    assert_true(is_closed(half) && is_closed(other) && is_closed(between));
    assert_in_range(rbe_clock_mono() - began, 0, UINT64_C(15000000000));
    assert_int_equal(pid_on(good), pid);
    assert_int_equal(pid_on(silent), pid);
    stop(pid);
}

/* The parent tells all workers when one keeps its first connection, and they may be reading. */
static void a_signal_cuts_no_head_short(void **state)
{
    pid_t pid = start(1, 0, false);
    rbe_autoclose int fd = dial_kept();
    rbe_auto(str) struct rbe_str all = {0};

    (void)state;
    put_request(&all, "GET", "/pid", "", KEEP);
    assert_int_equal(send(fd, all.s, FIRST_RECORD, 0), FIRST_RECORD);
    nap(20);
    assert_int_equal(kill(pid, RBE_KEPT_SIGNAL), 0);
    nap(20);
    assert_int_equal(send(fd, all.s + FIRST_RECORD, all.len - FIRST_RECORD, 0), all.len - FIRST_RECORD);
    assert_int_equal(answered_by(fd), pid);
    stop(pid);
}

static void the_oldest_of_too_many_ends(void **state)
{
    pid_t pid = start(1, 0, false);
    int fd[MANY];

    (void)state;
    for (int i = 0; i < MANY; i++)
        fd[i] = dial_kept();
    for (int i = 0; i < MANY; i++)
        assert_int_equal(is_closed(fd[i]), i < MANY - RBE_KEPT_MAX);
    for (int i = MANY - RBE_KEPT_MAX; i < MANY; i++)
        assert_int_equal(pid_on(fd[i]), pid);
    close_all(fd, MANY);
    stop(pid);
}

/* Connections of one worker, of which one sends half a body. The other worker may never have kept one and sleep in accept. */
static void nobody_waits_for_a_slow_body(void **state)
{
    pid_t parent = start(2, 0, true);

    (void)state;
    for (int i = 0; i < 20; i++) {
        rbe_auto(str) struct rbe_str all = {0}, out = {0};
        int fd[3], busy;

        open_on_one_worker(fd, 3, &busy);
        put_request(&all, "POST", "/echo", "slowly", KEEP);
        assert_int_equal(send(fd[0], all.s, all.len - 12, 0), all.len - 12);
        /* Whether the other two are passed on before these come or after. */
        nap(i % 3);
        int by[2] = {pid_on(fd[1]), pid_on(fd[2])};
        for (int k = 0; k < 2; k++)
            assert_int_not_equal(by[k], 0);
        assert_int_equal(send(fd[0], all.s + all.len - 12, 12, 0), 12);
        assert_true(take_answer(fd[0], &out));
        assert_non_null(strstr(out.s, "\"data\":\"slowly\"}"));
        assert_int_not_equal(pid_on(fd[0]), 0);
        close_all(fd, 3);
    }
    stop(parent);
}

static void nobody_waits_for_a_slow_reader(void **state)
{
    pid_t parent = start(2, 0, true);
    rbe_auto(str) struct rbe_str out = {0};
    int fd[2], busy;

    (void)state;
    open_on_one_worker(fd, 2, &busy);
    send_request(fd[0], "GET", "/large", "", KEEP);
    nap(200);
    assert_int_not_equal(pid_on(fd[1]), busy);
    assert_true(take_answer(fd[0], &out));
    assert_true(out.len > LARGE);
    assert_int_not_equal(pid_on(fd[0]), 0);
    close_all(fd, 2);
    stop(parent);
}

static void connections_outlive_their_worker(void **state)
{
    pid_t parent = start(1, 3, false);
    rbe_autoclose int a = dial_kept(), b = dial_kept();
    int last = 0, changes = 0;

    (void)state;
    for (int i = 0; i < 30; i++) {
        int pid = pid_on(i % 2 ? a : b);

        assert_int_not_equal(pid, 0);
        changes += pid != last;
        last = pid;
    }
    /* Two of 32 before, and of the first worker's three. */
    assert_int_equal(changes, 11);
    stop(parent);
}

static void connections_outlive_a_reload(void **state)
{
    pid_t parent = start(2, 0, true);
    int fd[6], pids[6], same = 0;

    (void)state;
    for (int i = 0; i < 6; i++)
        fd[i] = dial_kept();
    for (int i = 0; i < 300; i++) {
        if (i % 10 == 5)
            assert_int_equal(kill(parent, SIGHUP), 0);
        expect_echo(fd[i % 6], "a body");
    }
    for (int i = 0; i < 6; i++)
        pids[i] = pid_on(fd[i]);
    assert_int_equal(kill(parent, SIGHUP), 0);
    nap(500);
    for (int i = 0; i < 6; i++) {
        int pid = pid_on(fd[i]);

        assert_int_not_equal(pid, 0);
        for (int k = 0; k < 6; k++)
            same += pid == pids[k];
    }
    assert_int_equal(same, 0);
    close_all(fd, 6);
    stop(parent);
}

static void what_was_sent_before_the_end_is_answered(void **state)
{
    (void)state;
    for (int prefork = 0; prefork < 2; prefork++) {
        pid_t pid = start(1, 0, prefork);
        rbe_autoclose int busy = dial_kept(), waiting = dial_kept(), idle = dial_kept();

        send_request(busy, "GET", "/slow", "", KEEP);
        wait_until_busy();
        send_request(waiting, "GET", "/pid", "", KEEP);
        stop(pid);
        assert_int_not_equal(answered_by(busy), 0);
        assert_int_not_equal(answered_by(waiting), 0);
        assert_true(is_closed(busy) && is_closed(waiting) && is_closed(idle));
    }
}

/* A connection that was accepted and has brought nothing yet when the worker is told to stop. */
static void a_new_connection_is_not_lost(void **state)
{
    (void)state;
    for (int prefork = 0; prefork < 2; prefork++) {
        pid_t pid = start(1, 0, prefork);
        rbe_autoclose int kept = dial_kept(), fresh = dial(sock);
        int status = -1;

        nap(20);
        assert_int_equal(kill(pid, SIGTERM), 0);
        nap(5);
        assert_int_not_equal(pid_on(fresh), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_true(is_closed(kept) && is_closed(fresh));
    }
}

static volatile sig_atomic_t told;

static void on_term(int signo)
{
    (void)signo;
    told = 1;
}

/* One that always finds something to do at once would never be told by poll alone. */
static void a_busy_worker_hears_signals(void **state)
{
    const struct sigaction hear = {.sa_handler = on_term};
    struct sigaction before;
    struct rbe_err e = {0};
    struct rbe_kept k;
    int listen_fd = -1, s[2], fd = -1;

    (void)state;
    assert_int_equal(rbe_listen_open(sock, &listen_fd, &e), RBE_OK);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
    assert_int_equal(write(s[1], "x", 1), 1);
    assert_int_equal(sigaction(SIGTERM, &hear, &before), 0);
    rbe_kept_init(&k, listen_fd, RBE_KEPT_NO_POOL);
    rbe_kept_begin(&k);
    rbe_kept_put(&k, s[0]);
    assert_int_equal(raise(SIGTERM), 0);
    assert_int_equal(told, 0);
    assert_int_equal(rbe_kept_wait(&k, &fd), RBE_KEPT_INTERRUPTED);
    assert_int_equal(told, 1);
    assert_int_equal(rbe_kept_wait(&k, &fd), RBE_KEPT_REQUEST);
    assert_int_equal(fd, s[0]);
    rbe_kept_release(&k);
    (void)sigprocmask(SIG_SETMASK, &k.waiting, NULL);
    (void)sigaction(SIGTERM, &before, NULL);
    (void)close(s[0]);
    (void)close(s[1]);
    (void)close(listen_fd);
    (void)unlink(sock);
}

/* Signals at every moment of a wait. */
static void idle_processes_stop_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        pid_t pid = start(i % 3 == 2 ? 2 : 1, 0, i % 3 != 0);
        rbe_autoclose int fd = dial_kept();

        nap(i % 5);
        stop(pid);
        assert_true(is_closed(fd));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_worker_serves_many),
        cmocka_unit_test(an_unread_body_does_not_end_it),
        cmocka_unit_test(half_a_request_is_given_up),
        cmocka_unit_test(a_signal_cuts_no_head_short),
        cmocka_unit_test(the_oldest_of_too_many_ends),
        cmocka_unit_test(nobody_waits_for_a_slow_body),
        cmocka_unit_test(nobody_waits_for_a_slow_reader),
        cmocka_unit_test(connections_outlive_their_worker),
        cmocka_unit_test(connections_outlive_a_reload),
        cmocka_unit_test(what_was_sent_before_the_end_is_answered),
        cmocka_unit_test(a_new_connection_is_not_lost),
        cmocka_unit_test(a_busy_worker_hears_signals),
        cmocka_unit_test(idle_processes_stop_at_once),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
