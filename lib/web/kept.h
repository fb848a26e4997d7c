/* The FastCGI connections that web servers keep between requests. None belongs to a worker for longer than a request lasts:
 * a worker waits for all its idle ones and for the listening socket at once and serves whichever has something, and before it
 * begins what may take long, and when it ends, it passes the idle ones on.
 *
 *     idle connections of a worker   -- pass -->   pool   -- whoever waits -->   idle connections of another
 *
 * The pool is one pair of sockets that all workers of a parent share, through which descriptors travel; what lies in it
 * belongs to nobody, and a request that comes meanwhile waits in its connection. So no connection is closed while the web
 * server may be sending on it, but where more are kept than RBE_KEPT_MAX a worker, and when all ends.
 *
 * Until the first connection is kept nothing of this costs anything: a worker waits in accept(2). The first one makes the
 * listening socket non-blocking for all who share it, and the parent is told (RBE_KEPT_SIGNAL), who tells its workers, so
 * that their accept ends as well. It is a signal that nobody dies of.
 */
#ifndef RBE_WEB_KEPT_H
#define RBE_WEB_KEPT_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

enum { RBE_KEPT_MAX = 64, RBE_KEPT_SIGNAL = SIGURG };

/* Both ends: where idle connections are put, where they are taken. -1 for none. */
struct rbe_kept_pool {
    int put, take;
};
#define RBE_KEPT_NO_POOL ((struct rbe_kept_pool){-1, -1})

/* Before workers are forked. Where it cannot be made there is none, and kept connections end with their worker. */
struct rbe_kept_pool rbe_kept_pool_open(void);
void rbe_kept_pool_close(struct rbe_kept_pool *p);

/* Of one process. */
struct rbe_kept {
    int listen_fd;
    struct rbe_kept_pool pool;
    bool on;                     /* waits by rbe_kept_wait, not in accept */
    bool listen_first;           /* at the next wait, so that neither side starves the other */
    sigset_t waiting;            /* the signals that are blocked while waiting */
    size_t n;
    int fd[RBE_KEPT_MAX];        /* that which is idle for longest first */
};

void rbe_kept_init(struct rbe_kept *k, int listen_fd, struct rbe_kept_pool pool);
/* Passes on what is idle. */
void rbe_kept_release(struct rbe_kept *k);

/* From now on the process waits by rbe_kept_wait: the listening socket no longer blocks, and signals come only while
 * it waits, so that none cuts a timed read short. */
void rbe_kept_begin(struct rbe_kept *k);
/* The connection has become idle: it is k's. */
void rbe_kept_put(struct rbe_kept *k, int fd);
/* Somebody else shall have it. */
void rbe_kept_pass(struct rbe_kept *k, int fd);
void rbe_kept_pass_all(struct rbe_kept *k);

enum rbe_kept_event { RBE_KEPT_REQUEST, RBE_KEPT_NEW, RBE_KEPT_INTERRUPTED };
/* Waits for a connection with something to read (REQUEST; *ret_fd, which is the caller's), for one that can be accepted
 * unless another worker is faster (NEW), or for a signal. */
enum rbe_kept_event rbe_kept_wait(struct rbe_kept *k, int *ret_fd);
/* One that has something to read right now or within ms, -1 when none has. */
int rbe_kept_ready(struct rbe_kept *k, int ms);
/* Takes from the pool what there is room for. */
void rbe_kept_adopt(struct rbe_kept *k);

#endif
