/* Another service for unit tests: a HTTP server in a process of its own, on a free port of 127.0.0.1, that answers one
 * request a connection with what a function makes of it.
 */
#ifndef RBE_TESTS_PEER_H
#define RBE_TESTS_PEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"

/* Puts the whole answer, or nothing to close the connection without one. May count in the memory of `arg`, which the
 * test shares with the peer where it is mapped shared. */
typedef void peer_answers(const char *request, struct rbe_str *answer, void *arg);

struct peer {
    pid_t pid;
    int port;
    char url[64];                /* "http://127.0.0.1:PORT" */
};

static inline void peer_read(int fd, struct rbe_str *request)
{
    const char *end, *length;
    size_t want = SIZE_MAX;
    ssize_t n;

    while (request->len < want && (n = read(fd, rbe_str_reserve(request, 4096), 4096)) > 0) {
        request->len += (size_t)n;
        request->s[request->len] = '\0';
        end = strstr(request->s, "\r\n\r\n");
        length = end ? strstr(request->s, "Content-Length: ") : NULL;
        if (end)
            want = (size_t)(end + 4 - request->s) + (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
    }
}

static inline void peer_serve(int listener, peer_answers *answers, void *arg)
{
    for (;;) {
        rbe_autoclose int fd = accept(listener, NULL, NULL);
        rbe_auto(str) struct rbe_str request = {0}, answer = {0};

        if (fd < 0)
            _exit(0);
        peer_read(fd, &request);
        answers(rbe_str_text(&request), &answer, arg);
        for (size_t at = 0; at < answer.len;) {
            ssize_t n = send(fd, answer.s + at, answer.len - at, MSG_NOSIGNAL);

            if (n <= 0)
                break;
            at += (size_t)n;
        }
    }
}

static inline void peer_start(struct peer *p, peer_answers *answers, void *arg)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    rbe_autoclose int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(at);

    assert_true(listener >= 0 && bind(listener, (struct sockaddr *)&at, len) == 0 && listen(listener, 64) == 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    p->port = ntohs(at.sin_port);
    (void)snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%d", p->port);
    p->pid = fork();
    assert_true(p->pid >= 0);
    if (p->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        peer_serve(listener, answers, arg);
    }
}

/* Nothing listens on its port any more. */
static inline void peer_stop(struct peer *p)
{
    if (p->pid <= 0)
        return;
    (void)kill(p->pid, SIGKILL);
    (void)waitpid(p->pid, NULL, 0);
    p->pid = 0;
}

#endif
