#include "lib/web/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One descriptor and the byte it travels with. */
struct parcel {
    char byte;
    struct iovec piece;
    struct msghdr msg;
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
};

static void wrap(struct parcel *p)
{
    memset(p, 0, sizeof(*p));
    p->piece = (struct iovec){&p->byte, 1};
    p->msg = (struct msghdr){.msg_iov = &p->piece, .msg_iovlen = 1, .msg_control = p->control.space,
                             .msg_controllen = sizeof(p->control.space)};
}

static bool send_fd(int to, int fd)
{
    struct parcel p;

    wrap(&p);
    struct cmsghdr *c = CMSG_FIRSTHDR(&p.msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return sendmsg(to, &p.msg, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

/* -1 when there is none. */
static int receive_fd(int from)
{
    struct parcel p;
    int fd = -1;

    wrap(&p);
    if (recvmsg(from, &p.msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
        return -1;
    const struct cmsghdr *c = CMSG_FIRSTHDR(&p.msg);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(fd)))
        memcpy(&fd, CMSG_DATA(c), sizeof(fd));
    return fd;
}

struct rbe_kept_pool rbe_kept_pool_open(void)
{
    int s[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s) != 0)
        return RBE_KEPT_NO_POOL;
    return (struct rbe_kept_pool){.put = s[0], .take = s[1]};
}

void rbe_kept_pool_close(struct rbe_kept_pool *p)
{
    if (p->put >= 0)
        (void)close(p->put);
    if (p->take >= 0)
        (void)close(p->take);
    *p = RBE_KEPT_NO_POOL;
}

void rbe_kept_init(struct rbe_kept *k, int listen_fd, struct rbe_kept_pool pool)
{
    *k = (struct rbe_kept){.listen_fd = listen_fd, .pool = pool};
    int flags = fcntl(listen_fd, F_GETFL);
    /* Another worker keeps connections, or one before this one did. */
    if (flags >= 0 && flags & O_NONBLOCK)
        rbe_kept_begin(k);
}

void rbe_kept_release(struct rbe_kept *k)
{
    rbe_kept_pass_all(k);
    while (k->n > 0)
        (void)close(k->fd[--k->n]);
}

void rbe_kept_begin(struct rbe_kept *k)
{
    sigset_t told;

    if (k->on)
        return;
    int flags = fcntl(k->listen_fd, F_GETFL);
    if (flags >= 0 && !(flags & O_NONBLOCK)) {
        (void)fcntl(k->listen_fd, F_SETFL, flags | O_NONBLOCK);
        if (k->pool.put >= 0)
            (void)kill(getppid(), RBE_KEPT_SIGNAL);
    }
    (void)sigemptyset(&told);
    (void)sigaddset(&told, SIGTERM);
    (void)sigaddset(&told, SIGINT);
    (void)sigaddset(&told, RBE_KEPT_SIGNAL);
    (void)sigprocmask(SIG_BLOCK, &told, &k->waiting);
    k->on = true;
}

static int take_out(struct rbe_kept *k, size_t i)
{
    int fd = k->fd[i];

    k->n--;
    memmove(k->fd + i, k->fd + i + 1, (k->n - i) * sizeof(k->fd[0]));
    return fd;
}

/* Fills p with k's idle connections and tells which of them have something to read, at the latest after ms. */
static void look(const struct rbe_kept *k, int ms, struct pollfd *p)
{
    for (size_t i = 0; i < k->n; i++)
        p[i] = (struct pollfd){.fd = k->fd[i], .events = POLLIN};
    if (poll(p, k->n, ms) < 0)
        for (size_t i = 0; i < k->n; i++)
            p[i].revents = 0;
}

/* Closes that which is idle for longest, but none that has brought a request. False when all have. */
static bool make_room(struct rbe_kept *k)
{
    struct pollfd p[RBE_KEPT_MAX];

    look(k, 0, p);
    for (size_t i = 0; i < k->n; i++)
        if (!p[i].revents) {
            (void)close(take_out(k, i));
            return true;
        }
    return false;
}

void rbe_kept_put(struct rbe_kept *k, int fd)
{
    if (k->n < RBE_KEPT_MAX || make_room(k))
        k->fd[k->n++] = fd;
    else
        rbe_kept_pass(k, fd);
}

void rbe_kept_pass(struct rbe_kept *k, int fd)
{
    if (k->pool.put >= 0)
        (void)send_fd(k->pool.put, fd);
    (void)close(fd);
}

void rbe_kept_pass_all(struct rbe_kept *k)
{
    while (k->n > 0 && k->pool.put >= 0 && send_fd(k->pool.put, k->fd[0]))
        (void)close(take_out(k, 0));
}

void rbe_kept_adopt(struct rbe_kept *k)
{
    int fd;

    while (k->n < RBE_KEPT_MAX && (fd = receive_fd(k->pool.take)) >= 0)
        k->fd[k->n++] = fd;
}

/* Lets a signal in that is waiting: a poll that finds something to do at once lets none, and a busy worker finds always. */
static bool signalled(const struct rbe_kept *k)
{
    const struct timespec at_once = {0};

    return ppoll(NULL, 0, &at_once, &k->waiting) < 0;
}

enum rbe_kept_event rbe_kept_wait(struct rbe_kept *k, int *ret_fd)
{
    enum { LISTEN, POOL, FIXED };
    struct pollfd p[FIXED + RBE_KEPT_MAX];

    for (;;) {
        size_t i = 0;

        if (signalled(k))
            return RBE_KEPT_INTERRUPTED;
        p[LISTEN] = (struct pollfd){.fd = k->listen_fd, .events = POLLIN};
        p[POOL] = (struct pollfd){.fd = k->pool.take, .events = POLLIN};
        for (size_t n = 0; n < k->n; n++)
            p[FIXED + n] = (struct pollfd){.fd = k->fd[n], .events = POLLIN};
        if (ppoll(p, FIXED + k->n, NULL, &k->waiting) < 0)
            return RBE_KEPT_INTERRUPTED;
        if (p[POOL].revents && k->n < RBE_KEPT_MAX) {
            rbe_kept_adopt(k);
            continue;
        }
        while (i < k->n && !p[FIXED + i].revents)
            i++;
        if (p[LISTEN].revents && (k->listen_first || i == k->n)) {
            k->listen_first = false;
            return RBE_KEPT_NEW;
        }
        if (i < k->n) {
            k->listen_first = true;
            *ret_fd = take_out(k, i);
            return RBE_KEPT_REQUEST;
        }
        if (p[POOL].revents)
            (void)make_room(k);
    }
}

int rbe_kept_ready(struct rbe_kept *k, int ms)
{
    struct pollfd p[RBE_KEPT_MAX];

    look(k, ms, p);
    for (size_t i = 0; i < k->n; i++)
        if (p[i].revents)
            return take_out(k, i);
    return -1;
}
