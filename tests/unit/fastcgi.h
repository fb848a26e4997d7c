/* A web server's side of FastCGI, for tests of what answers it. */
#ifndef RBE_TESTS_FASTCGI_H
#define RBE_TESTS_FASTCGI_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

static inline void nap(long ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&t, NULL);
}

/* A connection; waits until somebody listens. Reads from it do not wait for ever. */
static inline int dial(const char *sock)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = 20};

    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", sock);
    for (int i = 0; i < 500; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
            return fd;
        (void)close(fd);
        nap(10);
    }
    fail_msg("nobody listens on %s: %s", sock, strerror(errno));
    return -1;
}

static inline void put_record(struct rbe_str *to, int type, const void *p, size_t n)
{
    const unsigned char head[8] = {1, (unsigned char)type, 0, 1, (unsigned char)(n >> 8), (unsigned char)n, 0, 0};

    rbe_str_put(to, head, sizeof(head));
    rbe_str_put(to, p, n);
}

static inline void put_var(struct rbe_str *to, const char *name, const char *value)
{
    assert_true(strlen(name) < 128 && strlen(value) < 128);
    rbe_str_putc(to, (char)strlen(name));
    rbe_str_putc(to, (char)strlen(value));
    rbe_str_puts(to, name);
    rbe_str_puts(to, value);
}

enum { BEGIN = 1, END = 3, PARAMS = 4, IN = 5, OUT = 6, KEEP = 1 };

/* keep: asks to keep the connection. */
static inline void put_request(struct rbe_str *to, const char *method, const char *path, const char *body, int keep)
{
    const unsigned char begin[8] = {0, 1, (unsigned char)keep};
    rbe_auto(str) struct rbe_str vars = {0};
    char length[24];

    (void)snprintf(length, sizeof(length), "%zu", strlen(body));
    put_var(&vars, "REQUEST_METHOD", method);
    put_var(&vars, "SCRIPT_NAME", path);
    put_var(&vars, "HTTP_HOST", "localhost");
    put_var(&vars, "CONTENT_LENGTH", length);
    put_record(to, BEGIN, begin, sizeof(begin));
    put_record(to, PARAMS, vars.s, vars.len);
    put_record(to, PARAMS, "", 0);
    if (body[0])
        put_record(to, IN, body, strlen(body));
    put_record(to, IN, "", 0);
}

static inline void send_request(int fd, const char *method, const char *path, const char *body, int keep)
{
    rbe_auto(str) struct rbe_str all = {0};

    put_request(&all, method, path, body, keep);
    assert_int_equal(send(fd, all.s, all.len, MSG_NOSIGNAL), all.len);
}

static inline bool take(int fd, void *p, size_t n)
{
    char *to = p;

    while (n > 0) {
        ssize_t got = read(fd, to, n);

        if (got <= 0)
            return false;
        to += got;
        n -= (size_t)got;
    }
    return true;
}

/* What came on standard output until the end of the request; false when the connection ended before. */
static inline bool take_answer(int fd, struct rbe_str *out)
{
    unsigned char head[8];
    char rest[65536 + 256];

    rbe_str_reset(out);
    while (take(fd, head, sizeof(head))) {
        size_t n = (size_t)head[4] << 8 | head[5];

        if (!take(fd, rest, n + head[6]))
            return false;
        if (head[1] == OUT)
            rbe_str_put(out, rest, n);
        if (head[1] == END)
            return true;
    }
    return false;
}

#endif
