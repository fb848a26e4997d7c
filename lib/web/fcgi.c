#include "lib/web/fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

enum { HINTS = 32 };

struct rbe_fcgi {
    FCGX_Request fcgi;
    char *const *env;
    size_t vars;
    unsigned last[HINTS];        /* where a variable was found last, by the address of its name */
    int in, out;                 /* of CGI */
    bool cgi, taken, broken;
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

void rbe_fcgi_stop_on_signals(int listen_fd)
{
    struct sigaction stopping = {.sa_handler = on_stop, .sa_flags = SA_RESTART}, ignored = {.sa_handler = SIG_IGN};

    (void)sigemptyset(&stopping.sa_mask);
    (void)sigemptyset(&ignored.sa_mask);
    if (stop_null < 0)
        stop_null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    stop_listen = listen_fd;
    (void)sigaction(SIGTERM, &stopping, NULL);
    (void)sigaction(SIGINT, &stopping, NULL);
    (void)sigaction(SIGPIPE, &ignored, NULL);
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

struct rbe_fcgi *rbe_fcgi_new(int listen_fd)
{
    struct rbe_fcgi *f = rbe_alloc(sizeof(*f));

    /* libfcgi takes and gives two large buffers at every request, and each time malloc would gather the small pieces it holds
     * ready, which are wanted again at once. */
    (void)mallopt(M_MXFAST, 0);
    if (FCGX_Init() != 0 || FCGX_InitRequest(&f->fcgi, listen_fd, FCGI_FAIL_ACCEPT_ON_INTR) != 0)
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
    if (!f->cgi)
        FCGX_Free(&f->fcgi, 1);
    free(f);
}

int rbe_fcgi_accept(struct rbe_fcgi *f)
{
    f->broken = false;
    if (f->cgi) {
        bool had = f->taken;

        f->taken = true;
        return !had;
    }
    while (!stop) {
        int r = FCGX_Accept_r(&f->fcgi);

        if (r == 0) {
            take_env(f, f->fcgi.envp);
            return 1;
        }
        if (stop)
            break;
        if (r != -EINTR) {
            errno = r < 0 && r > -4096 ? -r : EIO;
            return -1;
        }
    }
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

/* libfcgi waits up to two seconds for the web server to close first, because a connection that is closed with bytes
 * unread may take the answer down with it. Where all was read there is no such danger, and no reason to hold the
 * worker: a detached request is closed at once. */
void rbe_fcgi_finish(struct rbe_fcgi *f, bool body_taken)
{
    char c;

    if (f->cgi) {
        /* Always: a body in chunks has no length by which to tell. */
        drain(f);
        return;
    }
    if (body_taken && FCGX_GetStr(&c, 1, f->fcgi.in) == 0 && !FCGX_GetError(f->fcgi.in))
        (void)FCGX_Detach(&f->fcgi);
    FCGX_Finish_r(&f->fcgi);
    if (f->fcgi.ipcFd >= 0)
        FCGX_Free(&f->fcgi, 1);
    (void)FCGX_Attach(&f->fcgi);
    take_env(f, NULL);
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

        f->broken = FCGX_PutStr(s, part, f->fcgi.out) != part;
        s += part;
        n -= (size_t)part;
    }
    return !f->broken;
}
