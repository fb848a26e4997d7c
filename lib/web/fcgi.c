#include "lib/web/fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "lib/base/clock.h"

enum {
    HINTS = 32,
    HEAD_S = 2,                  /* a web server that says nothing in the middle of a request's head is given up after so long */
    DISCARD = 64 * 1024,         /* so much of a body is read for nothing rather than end a kept connection */
    LONG = 64 * 1024,            /* an answer that may take long to send */
    LAST_MS = 100                /* so long after being told to stop, requests on connections that are open are waited for */
};

#define NS_PER_MS UINT64_C(1000000)

/* How a connection's reads wait: for ever, as it came, or HEAD_S. */
enum patience { ENDLESS, SHORT };

struct rbe_fcgi {
    FCGX_Request fcgi;
    char *const *env;
    size_t vars;
    unsigned last[HINTS];        /* where a variable was found last, by the address of its name */
    int in, out;                 /* of CGI */
    bool cgi, taken, broken;
    bool guarded;                /* FCGI_WEB_SERVER_ADDRS: libfcgi accepts, as it knows from whom, and nothing is kept */
    uint64_t until;              /* until when requests are answered, in ns of rbe_clock_mono, once told to stop; else 0 */
    bool passed;                 /* idle connections, because this request takes long */
    enum patience patience;      /* of the present connection */
    size_t written;              /* of the present answer */
    struct rbe_kept kept;
};

/* What the signal handler needs: the project's stop flag, and the descriptors it works on. */
static volatile sig_atomic_t stop;
static volatile sig_atomic_t stop_listen = -1, stop_null = -1;

/* An accept that is waiting is begun again after the handler, one that is about to begin comes after it: both then
 * find that the descriptor is no socket any more and fail. So no signal is lost between a look at the flag and the
 * call, and nothing has to be asked of the kernel for each request. Other processes keep their own descriptor of
 * the socket. */
static void on_stop(int signo)
{
    int saved = errno;

    (void)signo;
    stop = 1;
    if (stop_listen >= 0 && stop_null >= 0)
        (void)dup2(stop_null, stop_listen);
    errno = saved;
}

/* An accept that is waiting is begun again after it, and finds that the socket blocks no longer. */
static void on_kept(int signo)
{
    (void)signo;
}

void rbe_fcgi_stop_on_signals(int listen_fd)
{
    struct sigaction stopping = {.sa_handler = on_stop, .sa_flags = SA_RESTART}, ignored = {.sa_handler = SIG_IGN};
    struct sigaction keeping = {.sa_handler = on_kept, .sa_flags = SA_RESTART};

    (void)sigemptyset(&stopping.sa_mask);
    (void)sigemptyset(&ignored.sa_mask);
    (void)sigemptyset(&keeping.sa_mask);
    if (stop_null < 0)
        stop_null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    stop_listen = listen_fd;
    (void)sigaction(SIGTERM, &stopping, NULL);
    (void)sigaction(SIGINT, &stopping, NULL);
    (void)sigaction(SIGPIPE, &ignored, NULL);
    (void)sigaction(RBE_KEPT_SIGNAL, &keeping, NULL);
}

bool rbe_fcgi_stopping(void)
{
    return stop != 0;
}

bool rbe_fcgi_is_cgi(void)
{
    return FCGX_IsCGI() != 0;
}

/* NULL when the variable bears another name. */
static const char *value_of(const char *var, const char *name)
{
    while (*name && *var == *name) {
        var++;
        name++;
    }
    return *name == '\0' && *var == '=' ? var + 1 : NULL;
}

static void take_env(struct rbe_fcgi *f, char *const *env)
{
    f->env = env;
    for (f->vars = 0; env && env[f->vars];)
        f->vars++;
}

struct rbe_fcgi *rbe_fcgi_new(int listen_fd, struct rbe_kept_pool pool)
{
    struct rbe_fcgi *f = rbe_alloc(sizeof(*f));
    int on = 1;

    f->guarded = getenv("FCGI_WEB_SERVER_ADDRS") != NULL;
    /* Inherited by what is accepted. */
    (void)setsockopt(listen_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    rbe_kept_init(&f->kept, listen_fd, pool);

    /* libfcgi takes and gives two large buffers at every request, and each time malloc would gather the small pieces it holds
     * ready, which are wanted again at once. */
    (void)mallopt(M_MXFAST, 0);
    if (FCGX_Init() != 0 || FCGX_InitRequest(&f->fcgi, f->guarded ? listen_fd : -1, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
        abort();
    return f;
}

struct rbe_fcgi *rbe_fcgi_new_cgi(int in, int out, char *const *env)
{
    struct rbe_fcgi *f = rbe_alloc(sizeof(*f));

    f->cgi = true;
    f->in = in;
    f->out = out;
    take_env(f, env);
    return f;
}

void rbe_fcgi_free(struct rbe_fcgi *f)
{
    if (!f)
        return;
    if (!f->cgi) {
        FCGX_Free(&f->fcgi, 1);
        rbe_kept_release(&f->kept);
    }
    free(f);
}

static void set_patience(struct rbe_fcgi *f, int fd, enum patience patience)
{
    const struct timeval t = {.tv_sec = patience == SHORT ? HEAD_S : 0};

    if (f->patience != patience)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    f->patience = patience;
}

/* A connection is there before its first byte. */
static bool says_something(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int r;

    do
        r = poll(&p, 1, HEAD_S * 1000);
    while (r < 0 && errno == EINTR);
    return r > 0;
}

static int accept_new(struct rbe_fcgi *f)
{
    f->patience = ENDLESS;
    return accept4(f->kept.listen_fd, NULL, NULL, SOCK_CLOEXEC);
}

/* Whether an accept that failed so may be tried again. */
static bool passes(int error)
{
    static const int passing[] = {EINTR, EAGAIN, ECONNABORTED, EPROTO, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH};

    for (size_t i = 0; i < RBE_COUNT(passing); i++)
        if (error == passing[i])
            return true;
    return false;
}

/* The next connection with something to read, where none is kept; -1 with errno when there is none yet. */
static int next_accepted(struct rbe_fcgi *f)
{
    int fd = accept_new(f);

    if (fd >= 0 && !says_something(fd)) {
        (void)close(fd);
        errno = ECONNABORTED;
        return -1;
    }
    /* Another worker keeps some. */
    if (fd < 0 && errno == EAGAIN)
        rbe_kept_begin(&f->kept);
    return fd;
}

/* The same where some are; a new one is waited for among them. Reads are timed only here, where signals come while nothing is
 * read, because a signal ends a timed read whatever sa_flags says. */
static int next_kept(struct rbe_fcgi *f)
{
    int fd = -1;

    switch (rbe_kept_wait(&f->kept, &fd)) {
    case RBE_KEPT_REQUEST:
        f->patience = SHORT;
        return fd;
    case RBE_KEPT_NEW:
        fd = accept_new(f);
        if (fd < 0)
            return -1;
        set_patience(f, fd, SHORT);
        rbe_kept_put(&f->kept, fd);
        errno = EAGAIN;
        return -1;
    case RBE_KEPT_INTERRUPTED:
        break;
    }
    errno = EINTR;
    return -1;
}

/* Told to stop: what had been sent on connections until then is still answered. A web server does not send a request again
 * that it began to send on a new connection, and such a one may be open without having brought it yet. */
static int last_connection(struct rbe_fcgi *f)
{
    const uint64_t now = rbe_clock_mono();

    if (!f->until) {
        rbe_kept_adopt(&f->kept);
        f->until = now + LAST_MS * NS_PER_MS;
    }
    if (f->kept.n == 0)
        return -1;
    rbe_kept_begin(&f->kept);
    f->patience = SHORT;
    return rbe_kept_ready(&f->kept, f->until > now ? (int)((f->until - now) / NS_PER_MS) : 0);
}

/* Reads a request's head; false when none came, and the connection is closed. */
static bool read_head(struct rbe_fcgi *f, int fd)
{
    f->passed = false;
    f->written = 0;
    f->fcgi.ipcFd = fd;
    /* Or libfcgi would close it before it begins. */
    f->fcgi.keepConnection = 1;
    /* And not wait for its end when it brings no request. */
    (void)FCGX_Detach(&f->fcgi);
    if (FCGX_Accept_r(&f->fcgi) != 0)
        return false;
    (void)FCGX_Attach(&f->fcgi);
    /* To libfcgi a head that breaks off between two variables is a whole one. */
    if (FCGX_GetError(f->fcgi.in) != 0) {
        FCGX_Free(&f->fcgi, 1);
        return false;
    }
    take_env(f, f->fcgi.envp);
    return true;
}

static int accept_guarded(struct rbe_fcgi *f)
{
    while (!stop) {
        int r = FCGX_Accept_r(&f->fcgi);

        if (r == 0) {
            take_env(f, f->fcgi.envp);
            return 1;
        }
        if (!stop && r != -EINTR) {
            errno = r < 0 && r > -4096 ? -r : EIO;
            return -1;
        }
    }
    return 0;
}

int rbe_fcgi_accept(struct rbe_fcgi *f)
{
    int fd;

    f->broken = false;
    if (f->cgi) {
        bool had = f->taken;

        f->taken = true;
        return !had;
    }
    if (f->guarded)
        return accept_guarded(f);
    while (!stop) {
        fd = f->kept.on ? next_kept(f) : next_accepted(f);
        if (fd >= 0 && read_head(f, fd))
            return 1;
        if (fd < 0 && !stop && !passes(errno))
            return -1;
    }
    while ((fd = last_connection(f)) >= 0)
        if (read_head(f, fd))
            return 1;
    return 0;
}

/* Apache's mod_cgid talks to a program over one socket both ways. Closed with bytes of the body unread, it would take the
 * answer down with it; so they are taken in, once the answer has its end. Pipes do no such harm. */
static void drain(const struct rbe_fcgi *f)
{
    char piece[16 * 1024];
    ssize_t got;

    if (shutdown(f->out, SHUT_WR) != 0)
        return;
    do
        got = read(f->in, piece, sizeof(piece));
    while (got > 0 || (got < 0 && errno == EINTR));
}

/* True when the request was read to its end, so that what comes next is the next one. */
static bool read_out(struct rbe_fcgi *f, uint64_t unread)
{
    const bool keep = f->fcgi.keepConnection;
    char piece[4096];
    int got, taken = 0;

    if (unread > DISCARD || (unread > 0 && !keep))
        return false;
    if (unread > 0)
        (void)FCGX_FFlush(f->fcgi.out);
    /* Of a body in chunks nobody knows beforehand whether anything is left. */
    do {
        got = FCGX_GetStr(piece, keep ? (int)sizeof(piece) : 1, f->fcgi.in);
        taken += got;
    } while (got > 0 && keep && taken <= DISCARD);
    return got == 0 && !FCGX_GetError(f->fcgi.in);
}

/* libfcgi waits up to two seconds for the web server to close first, because a connection that is closed with bytes
 * unread may take the answer down with it. Where all was read there is no such danger, and no reason to hold the
 * worker: the connection is taken from libfcgi, and closed at once or kept. */
void rbe_fcgi_finish(struct rbe_fcgi *f, uint64_t unread)
{
    if (f->cgi) {
        /* Always: a body in chunks has no length by which to tell. */
        drain(f);
        return;
    }
    bool keep = f->fcgi.keepConnection && !f->guarded, whole = read_out(f, unread);
    f->fcgi.keepConnection = whole;
    FCGX_Finish_r(&f->fcgi);
    int fd = f->fcgi.ipcFd;
    f->fcgi.ipcFd = -1;
    take_env(f, NULL);
    if (fd < 0)
        return;
    if (!keep) {
        (void)close(fd);
        return;
    }
    rbe_kept_begin(&f->kept);
    set_patience(f, fd, SHORT);
    if (stop)
        rbe_kept_pass(&f->kept, fd);
    else
        rbe_kept_put(&f->kept, fd);
}

/* The present request is about to take long: whoever waits shall not wait for it. */
static void pass_idle(struct rbe_fcgi *f)
{
    if (!f->passed)
        rbe_kept_pass_all(&f->kept);
    f->passed = true;
}

const char *rbe_fcgi_env(const struct rbe_fcgi *f, const char *name)
{
    struct rbe_fcgi *own = (struct rbe_fcgi *)(uintptr_t)f;      /* only learns */
    unsigned *last = &own->last[(uintptr_t)name / 8 % HINTS];
    const char *value;

    /* A web server sends the variables of its requests in the same order, and the same places of ours ask for them. */
    if (*last < f->vars && (value = value_of(f->env[*last], name)))
        return value;
    for (size_t i = 0; i < f->vars; i++) {
        value = value_of(f->env[i], name);
        if (value) {
            *last = (unsigned)i;
            return value;
        }
    }
    return NULL;
}

ssize_t rbe_fcgi_read(struct rbe_fcgi *f, void *p, size_t n)
{
    if (n > INT_MAX)
        n = INT_MAX;
    if (f->cgi) {
        ssize_t got;

        do
            got = read(f->in, p, n);
        while (got < 0 && errno == EINTR);
        return got;
    }
    /* The web server says when a body that stalls is given up. */
    set_patience(f, f->fcgi.ipcFd, ENDLESS);
    pass_idle(f);
    int got = FCGX_GetStr(p, (int)n, f->fcgi.in);
    return got == 0 && FCGX_GetError(f->fcgi.in) ? -1 : got;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t did = write(fd, p, n);

        if (did < 0 && errno != EINTR)
            return false;
        if (did > 0) {
            p += did;
            n -= (size_t)did;
        }
    }
    return true;
}

bool rbe_fcgi_write(struct rbe_fcgi *f, const void *p, size_t n)
{
    const char *s = p;

    if (f->cgi && !f->broken)
        f->broken = !write_all(f->out, s, n);
    while (!f->cgi && !f->broken && n > 0) {
        int part = n > INT_MAX ? INT_MAX : (int)n;

        f->written += (size_t)part;
        if (f->written > LONG)
            pass_idle(f);
        f->broken = FCGX_PutStr(s, part, f->fcgi.out) != part;
        s += part;
        n -= (size_t)part;
    }
    return !f->broken;
}
