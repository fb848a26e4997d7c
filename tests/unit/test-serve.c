/* The request loop in processes of its own, spoken to as a web server does: FastCGI on a socket, and CGI. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/base/metrics.h"
#include "lib/base/str.h"
#include "lib/web/listen.h"
#include "lib/wrap/file.h"
#include "tests/unit/serving.h"

/* ---- a program ---- */

static enum rbe_code handle_echo(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    const char *body;
    size_t n;

    (void)ctx;
    RBE_TRY(rbe_req_body(r, 1000, &body, &n, e));
    rbe_jsonw_strn(rbe_resp_json(p, 0, rbe_req_segment(r, 0)), NULL, body, n);
    return RBE_OK;
}

static enum rbe_code handle_fault(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    (void)ctx;
    (void)r;
    nap(5);
    rbe_jsonw_int(rbe_resp_json(p, 0, "half"), NULL, 1);
    return rbe_fail(e, RBE_FAULT, "cannot read /srv/secret");
}

static enum rbe_code handle_die(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    (void)ctx;
    (void)r;
    (void)p;
    (void)e;
    (void)signal(SIGKILL, SIG_DFL);
    (void)raise(SIGKILL);
    return RBE_OK;
}

static enum rbe_code handle_limited(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    (void)ctx;
    (void)r;
    (void)p;
    (void)rbe_fail(e, RBE_LIMITED, "not now");
    e->retry_after = 7;
    return e->code;
}

static enum rbe_code handle_invalid(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    (void)ctx;
    (void)r;
    (void)p;
    return rbe_invalid(e, "name", "required", "is required");
}

static enum rbe_code open_ctx(void *arg, void **ret_ctx, struct rbe_share **ret_share, struct rbe_err *e)
{
    (void)arg;
    (void)ret_ctx;
    return rbe_share_open(dir, ret_share, e);
}

static enum rbe_code open_share(void *arg, struct rbe_share **ret, struct rbe_err *e)
{
    (void)arg;
    return rbe_share_open(dir, ret, e);
}

static enum rbe_code read_again(void *arg, struct rbe_serve_options *o, struct rbe_err *e)
{
    (void)arg;
    (void)o;
    (void)e;
    return RBE_OK;
}

static enum rbe_code open_never(void *arg, void **ret_ctx, struct rbe_share **ret_share, struct rbe_err *e)
{
    (void)arg;
    (void)ret_ctx;
    (void)ret_share;
    return rbe_fail(e, RBE_REFUSED, "schema 9 is newer than /srv/secret knows");
}

static const struct rbe_route routes[] = {
    {.methods = RBE_GET, .pattern = "/pid", .handle = handle_pid},
    {.methods = RBE_GET, .pattern = "/slow", .handle = handle_slow},
    {.methods = RBE_POST, .pattern = "/echo/{}", .handle = handle_echo},
    {.methods = RBE_PUT, .pattern = "/echo/{}", .handle = handle_echo},
    {.methods = RBE_GET, .pattern = "/fault", .handle = handle_fault},
    {.methods = RBE_GET, .pattern = "/die", .handle = handle_die},
    {.methods = RBE_GET, .pattern = "/limited", .handle = handle_limited},
    {.methods = RBE_GET, .pattern = "/invalid", .handle = handle_invalid},
};

static struct rbe_serve_options options(void)
{
    return (struct rbe_serve_options){
        .name = "test",
        .routes = routes,
        .n_routes = RBE_COUNT(routes),
        .listen = sock,
        .workers = 1,
        .open = open_ctx,
    };
}

/* Serves in a child, whose log is a file. */
static pid_t start(const struct rbe_serve_options *o)
{
    (void)fflush(NULL);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    char path[96];
    (void)snprintf(path, sizeof(path), "%s/log", dir);
    int log = open(path, O_CREAT | O_TRUNC | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
    (void)dup2(log, STDERR_FILENO);
    struct rbe_serve_options own = *o;
    exit(rbe_serve(&own));
}

/* What the last one started has logged. */
static void take_log(struct rbe_str *out)
{
    rbe_autofree char *path = rbe_strfmt("%s/log", dir);
    struct rbe_err e = {0};

    rbe_str_reset(out);
    assert_int_equal(rbe_file_get(path, 1 << 20, out, &e), RBE_OK);
}

static int stop(pid_t pid)
{
    int status = -1;

    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool ask(const char *method, const char *path, const char *body, struct rbe_str *out)
{
    rbe_autoclose int fd = dial(sock);

    send_request(fd, method, path, body, 0);
    return take_answer(fd, out);
}

static int asked_pid(void)
{
    rbe_auto(str) struct rbe_str out = {0};
    int pid = 0;

    assert_true(ask("GET", "/pid", "", &out));
    const char *data = strstr(out.s, "\"data\":");
    assert_non_null(data);
    assert_int_equal(sscanf(data, "\"data\":%d", &pid), 1);
    return pid;
}

static void expect_answer(const char *method, const char *path, const char *body, const char *head, const char *tail)
{
    rbe_auto(str) struct rbe_str out = {0};

    assert_true(ask(method, path, body, &out));
    if (!strstr(out.s, head) || !strstr(out.s, tail))
        fail_msg("%s %s: %s", method, path, out.s);
}

/* ---- tests ---- */

static void requests_are_answered(void **state)
{
    const struct rbe_serve_options o = options();
    rbe_auto(str) struct rbe_str out = {0};
    pid_t pid = start(&o);

    (void)state;
    assert_int_equal(asked_pid(), pid);
    expect_answer("POST", "/echo/one", "the body", "Status: 200 OK", "\"msg\":\"one\",\"data\":\"the body\"}");
    expect_answer("PUT", "/echo/two", "", "Status: 200 OK", "\"msg\":\"two\",\"data\":\"\"}");
    expect_answer("POST", "/nowhere", "", "Status: 404 Not Found",
                  "{\"code\":1,\"msg\":\"no such path\",\"data\":null}");
    expect_answer("GET", "/echo/", "", "Status: 404 Not Found", "null}");
    expect_answer("GET", "/echo/x", "", "Status: 405 Method Not Allowed", "\r\nAllow: POST, PUT\r\n");
    expect_answer("POST", "/pid", "", "Status: 405 Method Not Allowed", "\r\nAllow: GET, HEAD\r\n");
    expect_answer("OPTIONS", "/pid", "", "Status: 405 Method Not Allowed", "\r\nAllow: GET, HEAD\r\n");
    expect_answer("FETCH", "/pid", "", "Status: 405 Method Not Allowed", "\r\nAllow: GET, HEAD\r\n");
    expect_answer("GET", "/fault", "", "Status: 500 Internal Server Error", "\"internal error\",\"data\":null}");
    assert_true(ask("GET", "/fault", "", &out));
    assert_null(strstr(out.s, "secret"));
    assert_non_null(strstr(out.s, "X-Request-Id: "));
    /* what is wrong with a request has nothing to do with the one before */
    expect_answer("GET", "/limited", "", "Status: 429 Too Many Requests", "\r\nRetry-After: 7\r\n");
    assert_true(ask("GET", "/invalid", "", &out));
    assert_non_null(strstr(out.s, "\"violation\":\"required\""));
    assert_null(strstr(out.s, "Retry-After"));
    assert_true(ask("HEAD", "/pid", "", &out));
    assert_non_null(strstr(out.s, "Content-Length: "));
    assert_string_equal(out.s + out.len - 4, "\r\n\r\n");
    assert_int_equal(asked_pid(), pid);
    assert_int_equal(stop(pid), 0);
}

static void requests_are_counted(void **state)
{
    const struct rbe_serve_options o = options();
    rbe_autoptr(share) struct rbe_share *share = NULL;
    rbe_auto(str) struct rbe_str out = {0};
    struct rbe_err e = {0};

    (void)state;
    assert_int_equal(rbe_share_open(dir, &share, &e), RBE_OK);
    memset(share, 0, sizeof(*share));
    pid_t pid = start(&o);
    for (int i = 0; i < 3; i++)
        (void)asked_pid();
    expect_answer("POST", "/pid", "", "Status: 405", "");
    expect_answer("POST", "/none", "", "Status: 404", "");
    assert_int_equal(stop(pid), 0);
    rbe_metrics_format(share, &out);
    assert_non_null(strstr(out.s, "\nrbe_http_requests_total{program=\"test\",route=\"/pid\",code=\"200\"} 3\n"));
    assert_non_null(strstr(out.s, "\nrbe_http_requests_total{program=\"test\",route=\"/pid\",code=\"405\"} 1\n"));
    assert_non_null(strstr(out.s, "\nrbe_http_requests_total{program=\"test\",route=\"none\",code=\"404\"} 1\n"));
    assert_non_null(strstr(out.s, "_count{program=\"test\",route=\"/pid\"} 4\n"));
    assert_non_null(strstr(out.s, "\nrbe_worker_starts_total{program=\"test\"} 1\n"));
}

static void wait_until_busy(void)
{
    rbe_autofree char *path = rbe_strfmt("%s/busy", dir);

    for (int i = 0; i < 500 && access(path, F_OK) != 0; i++)
        nap(10);
    assert_int_equal(unlink(path), 0);
}

static size_t count_of(const struct rbe_str *text, const char *what)
{
    size_t n = 0;

    for (const char *at = text->s; at && (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

/* One line for a request that failed, with the id that the answer has, or was slow, or both; none for others. */
static void odd_requests_are_logged(void **state)
{
    struct rbe_serve_options o = options();
    rbe_auto(str) struct rbe_str out = {0}, log = {0};
    char id[64] = "";

    (void)state;
    for (int slow = 0; slow < 2; slow++) {
        o.slow_ms = slow ? 2 : 0;
        pid_t pid = start(&o);
        (void)asked_pid();
        assert_true(ask("GET", "/fault", "", &out));
        assert_true(ask("POST", "/nowhere", "", &out) && ask("GET", "/fault", "", &out));
        const char *header = strstr(out.s, "X-Request-Id: ");
        assert_non_null(header);
        assert_int_equal(sscanf(header, "X-Request-Id: %63s", id), 1);
        expect_answer("GET", "/slow", "", "Status: 200 OK", "");
        assert_int_equal(stop(pid), 0);
        take_log(&log);
        assert_int_equal(count_of(&log, "\"msg\":\"request failed\""), 2);
        assert_int_equal(count_of(&log, "\"path\":\"/fault\",\"status\":500,\"error\":\"cannot read /srv/secret\""), 2);
        assert_int_equal(count_of(&log, id), 1);
        assert_int_equal(count_of(&log, "\"msg\":\"slow request\",\"method\":\"GET\",\"path\":\"/slow\""), slow);
        assert_int_equal(count_of(&log, "\n"), 2 + slow);
        wait_until_busy();
    }
}

static void what_is_in_flight_is_finished(void **state)
{
    (void)state;
    for (int64_t workers = 1; workers <= 2; workers++) {
        struct rbe_serve_options o = options();
        rbe_auto(str) struct rbe_str out = {0};
        rbe_autoclose int fd = -1;

        o.workers = workers;
        pid_t pid = start(&o);
        fd = dial(sock);
        send_request(fd, "GET", "/slow", "", 0);
        wait_until_busy();
        assert_int_equal(stop(pid), 0);
        assert_true(take_answer(fd, &out));
        assert_non_null(strstr(out.s, "Status: 200 OK"));
    }
}

static void a_body_on_its_way_is_waited_for(void **state)
{
    const struct rbe_serve_options o = options();
    rbe_auto(str) struct rbe_str all = {0}, out = {0};
    pid_t pid = start(&o);
    rbe_autoclose int fd = dial(sock);
    int status = -1;

    (void)state;
    put_request(&all, "POST", "/echo/x", "slowly", 0);
    assert_int_equal(send(fd, all.s, all.len - 12, 0), all.len - 12);
    nap(100);
    assert_int_equal(kill(pid, SIGTERM), 0);
    nap(100);
    assert_int_equal(send(fd, all.s + all.len - 12, 12, MSG_NOSIGNAL), 12);
    assert_true(take_answer(fd, &out));
    assert_non_null(strstr(out.s, "\"data\":\"slowly\"}"));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static uint64_t ends(const char *reason)
{
    rbe_autoptr(share) struct rbe_share *share = NULL;
    rbe_auto(str) struct rbe_str out = {0};
    rbe_autofree char *name = rbe_strfmt("\nrbe_worker_ends_total{program=\"test\",reason=\"%s\"} ", reason);
    struct rbe_err e = {0};
    unsigned long long n = 0;

    assert_int_equal(rbe_share_open(dir, &share, &e), RBE_OK);
    rbe_metrics_format(share, &out);
    const char *at = strstr(out.s, name);
    if (at)
        assert_int_equal(sscanf(at + strlen(name), "%llu", &n), 1);
    return n;
}

static void ends_are_counted(void **state)
{
    static const char *const reasons[] = {"retired", "replaced", "failed", "killed"};
    struct rbe_serve_options o = options();
    rbe_auto(str) struct rbe_str out = {0};
    uint64_t before[RBE_COUNT(reasons)];

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(reasons); i++)
        before[i] = ends(reasons[i]);
    o.max_requests = 3;
    o.open_share = open_share;
    o.reload = read_again;
    pid_t pid = start(&o);
    for (int i = 0; i < 3; i++)
        (void)asked_pid();
    assert_false(ask("GET", "/die", "", &out));
    int old = asked_pid();
    assert_int_equal(kill(pid, SIGHUP), 0);
    for (int i = 0; i < 500 && ends("replaced") == before[1]; i++)
        nap(10);
    assert_int_not_equal(asked_pid(), old);
    /* The last one is none that has a successor. */
    assert_int_equal(stop(pid), 0);
    static const uint64_t wanted[RBE_COUNT(reasons)] = {1, 1, 0, 1};
    for (size_t i = 0; i < RBE_COUNT(reasons); i++)
        assert_int_equal(ends(reasons[i]) - before[i], wanted[i]);

    o.open = open_never;
    pid = start(&o);
    for (int i = 0; i < 500 && ends("failed") < before[2] + 2; i++)
        nap(10);
    /* After 50, 100, 200, 400 ms, not as often as it can. */
    nap(500);
    assert_int_equal(stop(pid), 0);
    assert_in_range(ends("failed") - before[2], 2, 6);
}

static void dead_workers_are_forked_anew(void **state)
{
    struct rbe_serve_options o = options();
    rbe_auto(str) struct rbe_str out = {0};

    (void)state;
    o.workers = 2;
    pid_t pid = start(&o);
    for (int i = 0; i < 4; i++) {
        assert_false(ask("GET", "/die", "", &out));
        assert_int_not_equal(asked_pid(), pid);
    }
    assert_int_equal(stop(pid), 0);
}

static void workers_retire(void **state)
{
    struct rbe_serve_options o = options();
    int pids[4], changes = 0;

    (void)state;
    o.max_requests = 2;
    pid_t pid = start(&o);
    for (int i = 0; i < 4; i++) {
        pids[i] = asked_pid();
        changes += i > 0 && pids[i] != pids[i - 1];
    }
    assert_int_equal(changes, 1);
    assert_int_equal(pids[0], pids[1]);
    assert_int_equal(stop(pid), 0);
}

static void workers_end_with_their_parent(void **state)
{
    struct rbe_serve_options o = options();
    int status;

    (void)state;
    o.workers = 2;
    pid_t pid = start(&o);
    int worker = asked_pid();
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    for (int i = 0; i < 500 && kill(worker, 0) == 0; i++) {
        rbe_autofree char *path = rbe_strfmt("/proc/%d/stat", worker);
        rbe_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
        char stat[256] = "";

        /* Nobody may be there to bury it. */
        if (fd < 0 || read(fd, stat, sizeof(stat) - 1) <= 0 || strstr(stat, ") Z "))
            return;
        nap(10);
    }
    assert_int_equal(kill(worker, 0), -1);
}

static void a_worker_that_cannot_open_is_tried_again(void **state)
{
    struct rbe_serve_options o = options();
    int status;

    (void)state;
    o.workers = 2;
    o.open = open_never;
    /* The workers of the test before may still be ending, and a socket that somebody listens on is not taken over. */
    (void)unlink(sock);
    pid_t pid = start(&o);
    nap(300);
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    /* On a busy machine it may not have come as far as to take signals itself. */
    status = stop(pid);
    assert_true(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM));

    o.workers = 1;
    pid = start(&o);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static void idle_processes_stop_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        struct rbe_serve_options o = options();

        o.workers = i % 4 == 3 ? 2 : 1;
        pid_t pid = start(&o);
        /* At every moment from before the first wait to long after it. Very early the signal has its usual effect. */
        if (i > 0)
            (void)close(dial(sock));
        nap(i % 5);
        int status = stop(pid);
        assert_true(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM));
    }
}

/* Waits for the beginning (or the end), tells whether it listens. */
static void listen_when_told(int begin, int said, int end)
{
    struct rbe_err e = {0};
    int fd = -1;
    char mark = 0;

    (void)!read(begin, &mark, 1);
    mark = rbe_listen_open(sock, &fd, &e) == RBE_OK;
    (void)!write(said, &mark, 1);
    (void)!read(end, &mark, 1);
}

/* Of servers that start at the same moment one gets the place, whether a dead one's socket is in the way or nothing. */
static void listening_at_once(void **state)
{
    enum { SERVERS = 6, ROUNDS = 60, TO_BEGIN, HAS_TRIED, TO_END, PIPES };

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int p[PIPES][2], listening_n = 0;
        char mark;

        if (round % 2)
            (void)unlink(sock);
        for (int i = 0; i < PIPES; i++)
            assert_int_equal(pipe(p[i]), 0);
        for (int i = 0; i < SERVERS; i++) {
            pid_t pid = fork();

            assert_true(pid >= 0);
            if (pid > 0)
                continue;
            (void)close(p[TO_BEGIN][1]);
            (void)close(p[TO_END][1]);
            listen_when_told(p[TO_BEGIN][0], p[HAS_TRIED][1], p[TO_END][0]);
            _exit(0);
        }
        (void)close(p[TO_BEGIN][1]);
        for (int i = 0; i < SERVERS; i++) {
            assert_int_equal(read(p[HAS_TRIED][0], &mark, 1), 1);
            listening_n += mark;
        }
        (void)close(p[TO_END][1]);
        while (wait(NULL) > 0)
            continue;
        (void)close(p[TO_BEGIN][0]);
        (void)close(p[HAS_TRIED][0]);
        (void)close(p[HAS_TRIED][1]);
        (void)close(p[TO_END][0]);
        assert_int_equal(listening_n, 1);
    }
}

static void listening(void **state)
{
    struct rbe_err e = {0};
    struct stat st;
    int fd = -1, other = -1;

    (void)state;
    assert_int_equal(rbe_listen_open(sock, &fd, &e), RBE_OK);
    assert_int_equal(stat(sock, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0660);
    assert_int_equal(rbe_listen_open(sock, &other, &e), RBE_REFUSED);
    assert_non_null(strstr(e.text, sock));
    (void)close(fd);
    /* Left over by a dead server, and by one that died on the way. */
    rbe_autofree char *own = rbe_strfmt("%s.%ld", sock, (long)getpid());
    assert_int_equal(link(sock, own), 0);
    assert_int_equal(rbe_listen_open(sock, &fd, &e), RBE_OK);
    assert_int_equal(access(own, F_OK), -1);
    (void)close(fd);
    /* The longest path there may be, and one longer. */
    rbe_autofree char *longest = rbe_strfmt("%s/%0*d", dir, (int)(99 - strlen(dir) - 1), 0);
    rbe_autofree char *one_more = rbe_strfmt("%s0", longest);
    assert_int_equal(rbe_listen_open(longest, &fd, &e), RBE_OK);
    (void)close(fd);
    assert_int_equal(rbe_listen_open(one_more, &fd, &e), RBE_USAGE);
    assert_int_equal(access(one_more, F_OK), -1);

    rbe_autofree char *file = rbe_strfmt("%s/shared.5", dir);
    assert_int_equal(rbe_listen_open(file, &fd, &e), RBE_REFUSED);
    assert_int_equal(access(file, F_OK), 0);
    assert_int_equal(rbe_listen_open("127.0.0.1:0", &fd, &e), RBE_OK);
    (void)close(fd);
    assert_int_equal(rbe_listen_open("[127.0.0.1]:0", &fd, &e), RBE_OK);
    (void)close(fd);
    assert_int_equal(rbe_listen_open("relative.sock", &fd, &e), RBE_USAGE);
    assert_int_equal(rbe_listen_open("127.0.0.1:", &fd, &e), RBE_USAGE);
    assert_int_equal(rbe_listen_open("", &fd, &e), RBE_USAGE);
    assert_int_equal(rbe_listen_open("127.0.0.1:notaport", &fd, &e), RBE_USAGE);
    assert_int_equal(rbe_listen_open("192.0.2.1:80", &fd, &e), RBE_FAULT);

    char longer[200];
    memset(longer, 'x', sizeof(longer));
    longer[0] = '/';
    longer[sizeof(longer) - 1] = '\0';
    assert_int_equal(rbe_listen_open(longer, &fd, &e), RBE_USAGE);
}

/* In a child, where descriptor 3 is ours to set. */
static int take_passed(const char *pid, const char *count, int with)
{
    struct rbe_err e = {0};
    int fd = -1;

    (void)setenv("LISTEN_PID", pid, 1);
    (void)setenv("LISTEN_FDS", count, 1);
    if (with >= 0 && with != 3)
        (void)dup2(with, 3);
    enum rbe_code code = rbe_listen_open("systemd", &fd, &e);
    if (code == RBE_OK)
        return fd == 3 && (fcntl(3, F_GETFD) & FD_CLOEXEC) ? 0 : 1;
    return code == RBE_USAGE ? 2 : 3;
}

static void passed_socket(void **state)
{
    struct rbe_err e = {0};
    int listening_fd = -1, status;
    rbe_autoclose int no_socket = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(rbe_listen_open("127.0.0.1:0", &listening_fd, &e), RBE_OK);
    const struct {
        const char *pid, *count;         /* pid NULL: the child's own */
        int fd, end;
    } rows[] = {
        {NULL, "1", listening_fd, 0}, {"1", "1", listening_fd, 2}, {"", "1", listening_fd, 2},
        {NULL, "2", listening_fd, 2}, {NULL, "x", listening_fd, 2}, {NULL, "1", no_socket, 2},
    };
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            char own[16];

            (void)snprintf(own, sizeof(own), "%d", (int)getpid());
            _exit(take_passed(rows[i].pid ? rows[i].pid : own, rows[i].count, rows[i].fd));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, rows[i].end << 8);
    }
    (void)close(listening_fd);
}

/* One request as CGI in a child; what it wrote. */
static void serve_cgi(const struct rbe_serve_options *o, const char *method, const char *path, struct rbe_str *out)
{
    int fd = memfd_create("out", MFD_CLOEXEC), status;

    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDERR_FILENO);
        (void)dup2(fd, STDOUT_FILENO);
        (void)setenv("REQUEST_METHOD", method, 1);
        (void)setenv("PATH_INFO", path, 1);
        (void)setenv("SCRIPT_NAME", "/cgi-bin/test.fcgi", 1);
        struct rbe_serve_options own = *o;
        exit(rbe_serve(&own));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    off_t n = lseek(fd, 0, SEEK_END);
    rbe_str_reset(out);
    assert_int_equal(pread(fd, rbe_str_reserve(out, (size_t)n), (size_t)n, 0), n);
    out->len = (size_t)n;
    out->s[n] = '\0';
    (void)close(fd);
}

static void plain_cgi(void **state)
{
    struct rbe_serve_options o = options();
    rbe_auto(str) struct rbe_str out = {0};

    (void)state;
    o.listen = NULL;
    serve_cgi(&o, "GET", "/pid", &out);
    assert_int_equal(strncmp(out.s, "Status: 200 OK\r\n", 16), 0);
    assert_non_null(strstr(out.s, "\"msg\":\"success\""));
    serve_cgi(&o, "GET", "/nowhere", &out);
    assert_int_equal(strncmp(out.s, "Status: 404 ", 12), 0);
    o.open = open_never;
    serve_cgi(&o, "GET", "/pid", &out);
    assert_int_equal(strncmp(out.s, "Status: 503 ", 12), 0);
    assert_non_null(strstr(out.s, "{\"code\":-1,\"msg\":\"temporarily unavailable\",\"data\":null}"));
    assert_null(strstr(out.s, "secret"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_answered),
        cmocka_unit_test(requests_are_counted),
        cmocka_unit_test(odd_requests_are_logged),
        cmocka_unit_test(what_is_in_flight_is_finished),
        cmocka_unit_test(a_body_on_its_way_is_waited_for),
        cmocka_unit_test(dead_workers_are_forked_anew),
        cmocka_unit_test(ends_are_counted),
        cmocka_unit_test(workers_retire),
        cmocka_unit_test(workers_end_with_their_parent),
        cmocka_unit_test(a_worker_that_cannot_open_is_tried_again),
        cmocka_unit_test(idle_processes_stop_at_once),
        cmocka_unit_test(listening),
        cmocka_unit_test(listening_at_once),
        cmocka_unit_test(passed_socket),
        cmocka_unit_test(plain_cgi),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
