/* A real memcached for unit tests, on a socket in a directory of its own; gone with the test. */
#ifndef RBE_TESTS_MEMCACHED_H
#define RBE_TESTS_MEMCACHED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/wrap/mc.h"
#include "tests/unit/scratch.h"

struct memcached {
    char *dir, *socket;
    pid_t pid;
};

/* Skips the test where it is not installed. */
static inline void memcached_needed(void)
{
    void *library = dlopen("libmemcached.so.11", RTLD_NOW | RTLD_LOCAL);
    rbe_auto(str) struct rbe_str out = {0};

    if (!library || scratch_sh("command -v memcached || test -x /usr/bin/memcached && echo yes || :", NULL, NULL, &out) != 0 ||
        out.len == 0)
        skip();
}

static inline void memcached_stop(struct memcached *m)
{
    if (m->pid <= 0)
        return;
    (void)kill(m->pid, SIGKILL);
    (void)waitpid(m->pid, NULL, 0);
    m->pid = 0;
}

static inline void memcached_free(struct memcached *m)
{
    memcached_stop(m);
    scratch_free(m->dir);
    free(m->socket);
}

static inline void pause_ms(long ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&t, NULL);
}

static inline bool memcached_answers(const struct memcached *m)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    rbe_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", m->socket);
    return connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
}

/* Starts it, or starts it anew with nothing in it. */
static inline void memcached_start(struct memcached *m)
{
    memcached_needed();
    if (!m->dir) {
        m->dir = scratch_new();
        m->socket = scratch_path(m->dir, "socket");
    }
    m->pid = fork();
    assert_true(m->pid >= 0);
    if (m->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)execlp("memcached", "memcached", "-s", m->socket, "-m", "16", "-t", "1", "-u", "root", (char *)NULL);
        (void)execl("/usr/bin/memcached", "memcached", "-s", m->socket, "-m", "16", "-t", "1", "-u", "root", (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 400 && !memcached_answers(m); i++)
        pause_ms(25);
    assert_true(memcached_answers(m));
}

#endif
