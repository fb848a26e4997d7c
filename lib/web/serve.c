#include "lib/web/serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/web/inside.h"
#include "lib/web/listen.h"
#include "lib/web/prefork.h"
#include "lib/wrap/sys.h"

enum { STATUSES = 16, LABELS = RBE_SHARE_NAME };

static const char *const ends[RBE_PREFORK_END_MAX] = {
    [RBE_PREFORK_RETIRED] = "retired",
    [RBE_PREFORK_REPLACED] = "replaced",
    [RBE_PREFORK_FAILED] = "failed",
    [RBE_PREFORK_KILLED] = "killed",
};

/* Where the requests of one route are counted; found once, as a series' place never changes. */
struct tally {
    const char *route;
    struct {
        int status;
        struct rbe_share_series *series;
    } code[STATUSES];
    struct rbe_share_series *seconds;
};

/* One process that answers. */
struct server {
    const struct rbe_serve_options *o;
    struct rbe_fcgi *io;
    void *ctx;
    struct rbe_share *share;
    struct rbe_req req;
    struct rbe_resp resp;
    struct tally *tally;         /* one a route, and one for what no route takes */
    struct rbe_share_series *bytes;
    uint64_t served;
    char id[40];                 /* of the present request when it failed, else "" */
};

static void set_up_tallies(struct server *s)
{
    char labels[LABELS];

    s->tally = rbe_alloc_array(s->o->n_routes + 1, sizeof(*s->tally));
    if (!s->share)
        return;
    for (size_t i = 0; i <= s->o->n_routes; i++) {
        s->tally[i].route = i < s->o->n_routes ? s->o->routes[i].pattern : "none";
        (void)snprintf(labels, sizeof(labels), "program=\"%s\",route=\"%s\"", s->o->name, s->tally[i].route);
        s->tally[i].seconds = rbe_metric_find(s->share, RBE_METRIC_REQUEST_SECONDS, labels);
    }
    (void)snprintf(labels, sizeof(labels), "program=\"%s\"", s->o->name);
    s->bytes = rbe_metric_find(s->share, RBE_METRIC_RESPONSE_BYTES, labels);
}

static struct rbe_share_series *series_of(struct server *s, struct tally *t, int status)
{
    char labels[LABELS];
    size_t i = 0;

    while (i < STATUSES - 1 && t->code[i].status != status && t->code[i].status != 0)
        i++;
    if (t->code[i].status != status) {
        (void)snprintf(labels, sizeof(labels), "program=\"%s\",route=\"%s\",code=\"%d\"", s->o->name, t->route, status);
        t->code[i].status = status;
        t->code[i].series = rbe_metric_find(s->share, RBE_METRIC_REQUESTS, labels);
    }
    return t->code[i].series;
}

static void account(struct server *s, const struct rbe_route *route, uint64_t ns)
{
    struct tally *t = &s->tally[route ? (size_t)(route - s->o->routes) : s->o->n_routes];

    if (!s->share)
        return;
    rbe_metric_series_add(s->share, series_of(s, t, s->resp.status), 1);
    rbe_metric_series_observe(s->share, t->seconds, ns);
    rbe_metric_series_add(s->share, s->bytes, s->resp.sent);
}

static unsigned methods_of(const struct rbe_route *route)
{
    return route->methods & RBE_GET ? route->methods | RBE_HEAD : route->methods;
}

/* A path that does not take the method. */
static enum rbe_code refuse_method(struct server *s, unsigned methods, struct rbe_err *e)
{
    static const struct {
        enum rbe_method method;
        const char *name;
    } names[] = {{RBE_GET, "GET"}, {RBE_HEAD, "HEAD"},     {RBE_POST, "POST"},
                 {RBE_PUT, "PUT"}, {RBE_DELETE, "DELETE"}, {RBE_OPTIONS, "OPTIONS"}};
    char allow[64] = "";
    size_t len = 0;

    for (size_t i = 0; i < RBE_COUNT(names); i++)
        if (methods & names[i].method)
            len += (size_t)snprintf(allow + len, sizeof(allow) - len, "%s%s", len ? ", " : "", names[i].name);
    if (rbe_cors_asks(&s->o->cors, &s->req))
        return rbe_cors_answer(&s->o->cors, &s->req, &s->resp, allow, e);
    rbe_resp_header(&s->resp, "Allow", allow);
    return rbe_fail(e, RBE_METHOD, "method not allowed");
}

/* The route that takes path and method; several rows may share a path. s->req.route stays NULL where a browser's
 * question was answered instead. */
static enum rbe_code find_route(struct server *s, const struct rbe_route **ret, struct rbe_err *e)
{
    unsigned methods = 0;

    s->req.route = NULL;
    for (size_t i = 0; i < s->o->n_routes; i++) {
        const struct rbe_route *route = &s->o->routes[i];
        struct rbe_route_segments segments;

        if (!rbe_route_match(route->pattern, s->req.path, &s->req.arena, &segments))
            continue;
        if (methods == 0)
            *ret = route;
        methods |= methods_of(route);
        if (methods_of(route) & (unsigned)s->req.method) {
            s->req.route = route;
            s->req.segments = segments;
            *ret = route;
            return RBE_OK;
        }
    }
    if (methods == 0)
        return rbe_fail(e, RBE_NOROUTE, "no such path");
    return refuse_method(s, methods, e);
}

static const char *method_name(const struct rbe_req *r)
{
    const char *v = rbe_req_env(r, "REQUEST_METHOD");

    return v ? v : "";
}

static void put_request(struct server *s, struct rbe_jsonw *w, const struct rbe_route *route)
{
    rbe_jsonw_str(w, "method", method_name(&s->req));
    /* Without a route nobody knows whether the path holds a key. The query, which may hold a cdk, is never shown. */
    if (route)
        rbe_jsonw_str(w, "path", route->secret_path ? route->pattern : s->req.path);
    rbe_jsonw_int(w, "status", s->resp.status);
}

/* One line for a request that failed, was slow, or is among the sampled ones. fault: what is not the client's doing, with the
 * id that the answer carries too, so that a user's report leads here; NULL for none. */
static void log_request(struct server *s, const struct rbe_route *route, const struct rbe_err *fault, uint64_t ns)
{
    if (!fault && !s->o->slow_ms && !s->o->access_every)
        return;
    const bool slow = s->o->slow_ms > 0 && ns / 1000000 >= (uint64_t)s->o->slow_ms;
    const bool sampled = s->o->access_every > 0 && s->served % (uint64_t)s->o->access_every == 0;
    const enum rbe_log_level level = fault ? RBE_LOG_ERROR : slow ? RBE_LOG_WARN : RBE_LOG_INFO;
    rbe_auto(str) struct rbe_str out = {0};

    if ((!fault && !slow && !sampled) || !rbe_log_wants(level))
        return;
    struct rbe_jsonw w = rbe_log_begin(&out, level, fault ? "request failed" : slow ? "slow request" : "request");
    if (fault && s->id[0])
        rbe_jsonw_str(&w, "request", s->id);
    put_request(s, &w, route);
    if (fault) {
        rbe_jsonw_str(&w, "error", fault->text);
        rbe_jsonw_str(&w, "code", rbe_code_info(fault->code)->name);
        rbe_jsonw_str(&w, "file", fault->file);
        rbe_jsonw_int(&w, "line", fault->line);
    }
    rbe_jsonw_int(&w, "us", (int64_t)(ns / 1000));
    rbe_jsonw_int(&w, "bytes", (int64_t)s->resp.sent);
    rbe_jsonw_str(&w, "client", rbe_req_address(&s->req));
    rbe_log_end(&w);
}

/* True when it is a fault of the server. */
static bool answer_failure(struct server *s, const struct rbe_err *e)
{
    rbe_resp_fail(&s->resp, e);
    if (s->resp.status < 500)
        return false;
    (void)snprintf(s->id, sizeof(s->id), "%x-%llx-%llx", (unsigned)getpid(), (unsigned long long)rbe_clock_now(),
                   (unsigned long long)s->served);
    rbe_resp_header(&s->resp, "X-Request-Id", s->id);
    return true;
}

static enum rbe_code handle(struct server *s, const struct rbe_route **ret_route, struct rbe_err *e)
{
    RBE_TRY(find_route(s, ret_route, e));
    if (!s->req.route)
        return RBE_OK;
    return (*ret_route)->handle(s->ctx, &s->req, &s->resp, e);
}

/* unopened: what kept the process from opening what it needs; NULL when nothing did. */
static void answer(struct server *s, const struct rbe_err *unopened)
{
    uint64_t began = rbe_clock_mono();
    const struct rbe_route *route = NULL;
    const struct rbe_err *fault = NULL;
    enum rbe_code code;
    struct rbe_err e, late;

    rbe_err_reset(&e);
    rbe_err_reset(&late);
    s->id[0] = '\0';
    s->served++;
    rbe_req_begin(&s->req, s->io, s->o);
    rbe_resp_begin(&s->resp, &s->req);
    rbe_cors_mark(&s->o->cors, &s->req, &s->resp);
    if (unopened) {
        e = *unopened;
        code = e.code;
    } else {
        code = handle(s, &route, &e);
    }
    if (code != RBE_OK) {
        e.code = code;
        fault = answer_failure(s, &e) ? &e : NULL;
    }
    /* The head is out already: all that can be done is to end the body early and say so in the log. */
    if (rbe_resp_send(&s->resp, &late) != RBE_OK)
        fault = &late;
    log_request(s, route, fault, rbe_clock_mono() - began);
    rbe_fcgi_finish(s->io, s->req.taken < s->req.length ? (uint64_t)(s->req.length - s->req.taken) : 0);
    account(s, route, rbe_clock_mono() - began);
    rbe_resp_clear(&s->resp);
}

static enum rbe_code open_server(struct server *s, struct rbe_err *e)
{
    enum rbe_code code = s->o->open ? s->o->open(s->o->arg, &s->ctx, &s->share, e) : RBE_OK;

    if (code != RBE_OK)
        s->share = NULL;
    set_up_tallies(s);
    return code;
}

static void close_server(struct server *s, bool opened)
{
    rbe_req_release(&s->req);
    rbe_resp_release(&s->resp);
    free(s->tally);
    rbe_fcgi_free(s->io);
    if (opened && s->o->close)
        s->o->close(s->ctx);
}

static int serve_cgi(const struct rbe_serve_options *o)
{
    struct server s = {.o = o, .io = rbe_fcgi_new_cgi(STDIN_FILENO, STDOUT_FILENO, environ)};
    struct rbe_err e = {0};
    enum rbe_code code = open_server(&s, &e);

    if (code != RBE_OK) {
        /* Whatever kept it from opening, it is nothing the client did. */
        e.code = rbe_code_info(code)->http >= 500 ? code : RBE_UNAVAILABLE;
    }
    if (rbe_fcgi_accept(s.io) > 0)
        answer(&s, code == RBE_OK ? NULL : &e);
    close_server(&s, code == RBE_OK);
    return 0;
}

static void count_end(const struct rbe_serve_options *o, struct rbe_share *share, enum rbe_prefork_end how, uint64_t n)
{
    char labels[LABELS];

    (void)snprintf(labels, sizeof(labels), "program=\"%s\",reason=\"%s\"", o->name, ends[how]);
    rbe_metric_add(share, RBE_METRIC_WORKER_ENDS, labels, n);
}

/* Ends are there as 0 from the start, so that the first one is seen as a rise. */
static void count_start(const struct rbe_serve_options *o, struct rbe_share *share)
{
    char labels[LABELS];

    (void)snprintf(labels, sizeof(labels), "program=\"%s\"", o->name);
    rbe_metric_add(share, RBE_METRIC_WORKER_STARTS, labels, 1);
    for (enum rbe_prefork_end how = 0; how < RBE_PREFORK_END_MAX; how++)
        count_end(o, share, how, 0);
}

static void worker_ended(void *arg, enum rbe_prefork_end how)
{
    const struct rbe_serve_options *o = arg;
    rbe_autoptr(share) struct rbe_share *share = NULL;
    struct rbe_err e = {0};

    if (!o->open_share)
        return;
    if (o->open_share(o->arg, &share, &e) == RBE_OK)
        count_end(o, share, how, 1);
    else
        rbe_log_err(RBE_LOG_WARN, &e, "the end of a worker is not counted");
}

/* Answers until told to stop, retired or unable; returns the exit status. */
static int serve_socket(const struct rbe_serve_options *o, int listen_fd, struct rbe_kept_pool pool)
{
    struct server s = {.o = o};
    struct rbe_err e = {0};
    int got = 0;

    rbe_fcgi_stop_on_signals(listen_fd);
    if (open_server(&s, &e) != RBE_OK) {
        rbe_log_err(RBE_LOG_ERROR, &e, "cannot start");
        close_server(&s, false);
        return 1;
    }
    count_start(o, s.share);
    s.io = rbe_fcgi_new(listen_fd, pool);
    while ((o->max_requests <= 0 || s.served < (uint64_t)o->max_requests) && (got = rbe_fcgi_accept(s.io)) > 0)
        answer(&s, NULL);
    if (got < 0)
        rbe_log(RBE_LOG_ERROR, "cannot accept a connection: %s", strerror(errno));
    close_server(&s, true);
    return got < 0 ? 1 : 0;
}

static bool reload(void *arg)
{
    struct rbe_serve_options *o = arg;
    struct rbe_err e = {0};

    if (!o->reload)
        return false;
    if (o->reload(o->arg, o, &e) != RBE_OK) {
        rbe_log_err(RBE_LOG_ERROR, &e, "the new configuration is not taken, the present one stays");
        return false;
    }
    rbe_log(RBE_LOG_INFO, "configuration read again, workers are being replaced");
    return true;
}

unsigned rbe_serve_workers(int64_t workers, const char *listen)
{
    return workers > 0 ? (unsigned)workers : listen ? rbe_cpu_count() : 1;
}

int rbe_serve(struct rbe_serve_options *o)
{
    const struct rbe_prefork prefork = {
        .workers = rbe_serve_workers(o->workers, o->listen), .relay = RBE_KEPT_SIGNAL,
        .reload = reload, .ended = worker_ended, .arg = o};
    struct rbe_err e = {0};
    int listen_fd = STDIN_FILENO, status = 0;

    rbe_log_name_set(o->name);
    if (!o->listen && rbe_fcgi_is_cgi())
        return serve_cgi(o);
    if (o->listen && rbe_listen_open(o->listen, &listen_fd, &e) != RBE_OK) {
        rbe_log_err(RBE_LOG_ERROR, &e, "cannot start");
        return rbe_code_info(e.code)->exit;
    }
    /* A single process that retires, or reads its configuration again, needs somebody who starts the next one. */
    if (prefork.workers == 1 && !o->reload && (!o->listen || o->max_requests == 0))
        return serve_socket(o, listen_fd, RBE_KEPT_NO_POOL);
    struct rbe_kept_pool pool = rbe_kept_pool_open();
    if (rbe_prefork_run(&prefork, &status))
        status = serve_socket(o, listen_fd, pool);
    rbe_kept_pool_close(&pool);
    return status;
}
