#include "lib/web/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/mem.h"

enum { BACKLOG = 1024, PASSED_FD = 3 };
/* A socket's path, less what a process's own name for it adds: a dot and a number, of 2^22 at most (proc(5), pid_max). */
enum { PATH_MOST = sizeof(((struct sockaddr_un *)NULL)->sun_path) - sizeof(".4194304") };

/* Takes a dead server's socket out of the way: one that nobody accepts on. */
static enum rbe_code clear_way(const struct sockaddr_un *at, struct rbe_err *e)
{
    struct stat st;
    rbe_autoclose int probe = -1;

    if (lstat(at->sun_path, &st) != 0)
        return errno == ENOENT ? RBE_OK : rbe_fail_errno(e, "cannot look at %s", at->sun_path);
    if (!S_ISSOCK(st.st_mode))
        return rbe_fail(e, RBE_REFUSED, "%s is there and is no socket", at->sun_path);
    probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (probe < 0)
        return rbe_fail_errno(e, "cannot make a socket");
    if (connect(probe, (const struct sockaddr *)at, sizeof(*at)) == 0 || errno != ECONNREFUSED)
        return rbe_fail(e, RBE_REFUSED, "another process listens on %s", at->sun_path);
    if (unlink(at->sun_path) != 0 && errno != ENOENT)
        return rbe_fail_errno(e, "cannot remove %s", at->sun_path);
    return RBE_OK;
}

/* Servers that start at the same moment come one after the other until this is closed, or one would take away what another has
 * just put there. -1 where the directory cannot be opened: there is no order. */
static int take_turn(const char *path)
{
    rbe_autofree char *dir = rbe_strndup(path, (size_t)(strrchr(path, '/') - path) + 1);
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    while (fd >= 0 && flock(fd, LOCK_EX) != 0 && errno == EINTR)
        continue;
    return fd;
}

/* Binds to a name of this process and moves it to its place when it listens: a socket that is seen can be connected to. */
static enum rbe_code open_unix(const char *path, int *ret_fd, struct rbe_err *e)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX}, own = at;
    size_t len = strlen(path);

    if (len > PATH_MOST)
        return rbe_fail(e, RBE_USAGE, "%s: longer than %d bytes, as a socket's path cannot be", path, PATH_MOST);
    memcpy(at.sun_path, path, len + 1);
    (void)snprintf(own.sun_path, sizeof(own.sun_path), "%s.%ld", path, (long)getpid());
    rbe_autoclose int turn = take_turn(path);
    (void)turn;                      /* held until all is done */
    RBE_TRY(clear_way(&at, e));
    rbe_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return rbe_fail_errno(e, "cannot make a socket");
    /* left by one of the same number that was killed here */
    (void)unlink(own.sun_path);
    mode_t before = umask(0117);
    int bound = bind(fd, (const struct sockaddr *)&own, sizeof(own));
    int why = errno;
    (void)umask(before);
    errno = why;
    if (bound != 0)
        return rbe_fail_errno(e, "cannot listen on %s", path);
    if (listen(fd, BACKLOG) != 0 || rename(own.sun_path, path) != 0) {
        why = errno;
        (void)unlink(own.sun_path);
        errno = why;
        return rbe_fail_errno(e, "cannot listen on %s", path);
    }
    *ret_fd = rbe_steal_fd(fd);
    return RBE_OK;
}

static int open_one(const struct addrinfo *ai)
{
    rbe_autoclose int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC, ai->ai_protocol);
    int on = 1;

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0)
        return -1;
    return rbe_steal_fd(fd);
}

static enum rbe_code open_inet(const char *address, const char *host, const char *port, int *ret_fd, struct rbe_err *e)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM}, *all = NULL;
    int r = getaddrinfo(host[0] ? host : NULL, port, &hints, &all), fd = -1;

    if (r != 0)
        return rbe_fail(e, RBE_USAGE, "%s: %s", address, gai_strerror(r));
    errno = 0;
    for (const struct addrinfo *ai = all; ai && fd < 0; ai = ai->ai_next)
        fd = open_one(ai);
    int why = errno;
    freeaddrinfo(all);
    errno = why;
    if (fd < 0)
        return rbe_fail_errno(e, "cannot listen on %s", address);
    *ret_fd = fd;
    return RBE_OK;
}

/* The protocol of sd_listen_fds(3): descriptor 3 is a socket that listens already, and it is meant for this process. */
static enum rbe_code take_passed(int *ret_fd, struct rbe_err *e)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    int64_t meant, passed;
    int listens = 0;
    socklen_t size = sizeof(listens);

    if (!pid || !count || !rbe_int_parse(pid, 1, INT32_MAX, &meant) || meant != getpid() ||
        !rbe_int_parse(count, 0, INT32_MAX, &passed))
        return rbe_fail(e, RBE_USAGE, "systemd: no socket was passed to this process");
    if (passed != 1)
        return rbe_fail(e, RBE_USAGE, "systemd: %s sockets were passed, one is wanted", count);
    if (getsockopt(PASSED_FD, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) != 0 || !listens)
        return rbe_fail(e, RBE_USAGE, "systemd: what was passed is no socket that listens");
    if (fcntl(PASSED_FD, F_SETFD, FD_CLOEXEC) != 0)
        return rbe_fail_errno(e, "cannot use the socket that was passed");
    *ret_fd = PASSED_FD;
    return RBE_OK;
}

enum rbe_code rbe_listen_open(const char *address, int *ret_fd, struct rbe_err *e)
{
    const char *colon = strrchr(address, ':');

    if (address[0] == '/')
        return open_unix(address, ret_fd, e);
    if (strcmp(address, "systemd") == 0)
        return take_passed(ret_fd, e);
    if (!colon || !colon[1])
        return rbe_fail(e, RBE_USAGE, "%s: neither an absolute path nor host:port nor systemd", address);
    const char *from = address, *to = colon;
    if (from[0] == '[' && to > from + 1 && to[-1] == ']') {
        from++;
        to--;
    }
    rbe_autofree char *host = rbe_strndup(from, (size_t)(to - from));
    return open_inet(address, host, colon + 1, ret_fd, e);
}
