#include "cgi-bin/program.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/core/answer.h"
#include "lib/web/fcgi.h"

struct options {
    const char *config, *listen;
};

/* What a worker opens itself from; `unusable` is a configuration that could not be read, as CGI has to answer it. */
struct start {
    const struct rbe_program *program;
    struct rbe_settings *settings;
    const struct rbe_err *unusable;
    unsigned workers;
    struct rbe_pool *pool;       /* of ready answers, for all workers together; NULL: none */
    bool cgi;                    /* for one request */
};

static void usage(FILE *to, const struct rbe_program *p)
{
    (void)fprintf(to,
                  "usage: %s.fcgi [--config FILE] [--listen ADDRESS]\n"
                  "%s\n\n"
                  "  --config FILE     configuration, else $RBE_CONFIG, else\n"
                  "                    " RBE_SYSCONFDIR "/rbe/rbe.yaml\n"
                  "  --listen ADDRESS  FastCGI socket to make: /path/sock or host:port; or\n"
                  "                    systemd for the one that was passed;\n"
                  "                    without it: the socket on descriptor 0, else plain CGI\n"
                  "  --help            this text\n"
                  "  --version         the version\n",
                  p->name, p->what);
}

/* Web servers hand the words of a query without a '=' to CGI programs as arguments (RFC 3875, 4.4). What a stranger wrote must
 * not name our configuration. */
static bool arguments_are_query(void)
{
    const char *query = getenv("GATEWAY_INTERFACE") ? getenv("QUERY_STRING") : NULL;

    return query && query[0] && !strchr(query, '=');
}

/* Returns -1 to go on, else the exit status. */
static int parse(int argc, char **argv, const struct rbe_program *p, struct options *ret)
{
    static const struct option longs[] = {
        {"config", required_argument, NULL, 'c'}, {"listen", required_argument, NULL, 'l'},
        {"help", no_argument, NULL, 'h'},         {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'c':
            ret->config = optarg;
            break;
        case 'l':
            ret->listen = optarg;
            break;
        case 'h':
            usage(stdout, p);
            return 0;
        case 'v':
            (void)printf("%s.fcgi %s\n", p->name, RBE_VERSION);
            return 0;
        default:
            usage(stderr, p);
            return 2;
        }
    }
    if (optind == argc)
        return -1;
    usage(stderr, p);
    return 2;
}

/* The app and what the program wants beside it. */
static enum rbe_code open_app(const struct start *s, struct rbe_app **ret, struct rbe_err *e)
{
    rbe_autoptr(app) struct rbe_app *app = NULL;

    enum rbe_app_mode mode = s->program->mode == RBE_APP_ANSWER && s->cgi ? RBE_APP_READ : s->program->mode;
    RBE_TRY(rbe_app_open(s->settings, mode, &app, e));
    if (s->program->prepare)
        RBE_TRY(s->program->prepare(app, e));
    *ret = rbe_steal(app);
    return RBE_OK;
}

/* A worker of a prefork finds a database that its parent has checked. A CGI process has no parent to have brought
 * the schema up to date, so it does so itself, once opening has failed. */
static enum rbe_code open_worker(void *arg, void **ret_ctx, struct rbe_share **ret_share, struct rbe_err *e)
{
    const struct start *s = arg;
    struct rbe_app *app = NULL;
    enum rbe_code code;

    if (s->unusable) {
        *e = *s->unusable;
        return e->code;
    }
    code = open_app(s, &app, e);
    if (code != RBE_OK && code != RBE_UNAVAILABLE && s->settings->database.auto_migrate) {
        RBE_TRY(rbe_app_update(s->settings, NULL, e));
        code = open_app(s, &app, e);
    }
    if (code != RBE_OK)
        return code;
    if (s->pool)
        rbe_answers_join(app, s->pool);
    *ret_ctx = app;
    *ret_share = app->share;
    return RBE_OK;
}

static enum rbe_code open_share(void *arg, struct rbe_share **ret, struct rbe_err *e)
{
    const struct start *s = arg;

    return rbe_app_share(s->settings, ret, e);
}

static void close_worker(void *ctx)
{
    rbe_app_close(ctx);
}

/* So that what is wrong stops the start and not the first request. What was opened is closed again: workers open
 * their own. */
static enum rbe_code check(const struct start *s, struct rbe_err *e)
{
    rbe_autoptr(app) struct rbe_app *app = NULL;

    if (s->settings->database.auto_migrate)
        RBE_TRY(rbe_app_update(s->settings, NULL, e));
    return open_app(s, &app, e);
}

static enum rbe_code make_pool(struct start *s, struct rbe_err *e)
{
    s->pool = NULL;
    return s->program->mode == RBE_APP_ANSWER && !s->cgi ? rbe_answers_pool(s->settings, s->workers, &s->pool, e) : RBE_OK;
}

static int complain(const struct rbe_program *p, const struct rbe_err *e)
{
    (void)fprintf(stderr, "%s.fcgi: %s\n", p->name, e->text);
    return rbe_code_info(e->code)->exit;
}

static void take_settings(struct rbe_serve_options *o, const struct rbe_settings *set)
{
    o->max_requests = set->instance.max_requests;
    o->slow_ms = set->log.slow_ms;
    o->access_every = set->log.access_every;
    o->public_url = set->instance.public_url;
    o->trusted_proxies = set->instance.trusted_proxies.v;
    o->n_trusted_proxies = set->instance.trusted_proxies.n;
    o->cors = (struct rbe_cors){set->cors.allow_origins.v, set->cors.allow_origins.n, set->cors.max_age};
    rbe_log_level_set((enum rbe_log_level)set->log.level);
}

/* The new configuration must be one that could be started with. What only a start takes over stays, and is named. */
static enum rbe_code reload(void *arg, struct rbe_serve_options *o, struct rbe_err *e)
{
    struct start *s = arg;
    struct start next = *s;
    struct rbe_settings settings = {0};
    rbe_auto(str) struct rbe_str later = {0};

    next.settings = &settings;
    next.pool = NULL;
    enum rbe_code code = rbe_settings_load(s->settings->file, &settings, e);
    if (code == RBE_OK) {
        rbe_settings_keep(&settings, s->settings, &later);
        settings.database.auto_migrate = false;
        code = check(&next, e);
        if (code == RBE_OK)
            code = make_pool(&next, e);
        settings.database.auto_migrate = s->settings->database.auto_migrate;
    }
    if (code != RBE_OK) {
        rbe_settings_release(&settings);
        return code;
    }
    if (later.len)
        rbe_log(RBE_LOG_WARN, "changed, and taken over at the next start: %s", rbe_str_text(&later));
    rbe_settings_release(s->settings);
    *s->settings = settings;
    rbe_pool_free(s->pool);
    s->pool = next.pool;
    take_settings(o, s->settings);
    return RBE_OK;
}

static int serve(struct start *s, const struct options *o)
{
    struct rbe_serve_options serving = {
        .name = s->program->name,
        .routes = s->program->routes,
        .n_routes = s->program->n_routes,
        .listen = o->listen,
        .workers = s->workers,
        .open = open_worker,
        .close = close_worker,
        .open_share = open_share,
        .reload = reload,
        .arg = s,
    };

    take_settings(&serving, s->settings);
    return rbe_serve(&serving);
}

int rbe_program_main(int argc, char **argv, const struct rbe_program *program)
{
    struct options o = {0};
    struct rbe_settings settings = {0};
    struct start s = {.program = program, .settings = &settings};
    struct rbe_err e = {0};
    int status = arguments_are_query() ? -1 : parse(argc, argv, program, &o);

    if (status >= 0)
        return status;
    s.cgi = !o.listen && rbe_fcgi_is_cgi();
    rbe_log_name_set(program->name);
    if (rbe_settings_load(o.config, &settings, &e) != RBE_OK) {
        status = rbe_code_info(e.code)->exit;
        if (s.cgi) {
            /* The request is answered, and the line for the log comes with that. */
            e.code = RBE_FAULT;
            s.unusable = &e;
            (void)serve(&s, &o);
        } else {
            (void)complain(program, &e);
        }
    } else {
        rbe_log_level_set((enum rbe_log_level)settings.log.level);
        s.workers = rbe_serve_workers(settings.instance.workers, o.listen);
        if ((!s.cgi && check(&s, &e) != RBE_OK) || make_pool(&s, &e) != RBE_OK)
            status = complain(program, &e);
        else
            status = serve(&s, &o);
    }
    rbe_pool_free(s.pool);
    rbe_settings_release(&settings);
    return status;
}
