#include "lib/core/probe.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/core/destination.h"
#include "lib/core/urlsign.h"
#include "lib/store/mirror.h"
#include "lib/wrap/net.h"

enum { REDIRECTS = 3, HTTP_OK = 200 };

/* ---- asking ---- */

struct probing {
    struct rbe_app *app;
    const struct rbe_destination_place *place;
    struct rbe_arena *arena;
    struct rbe_net *net;
    int64_t now;
    struct rbe_err *e;
};

/* RBE_OK when the answer is right; else what is wrong with it. */
static enum rbe_code ask(const struct probing *p, const struct rbe_package *package, struct rbe_err *e)
{
    const struct rbe_settings *s = p->app->settings;
    rbe_autoptr(urlsign) struct rbe_urlsign *sign = NULL;
    rbe_auto(net_answer) struct rbe_net_answer a = {0};
    struct rbe_urlsign_request q = {.path = package->path, .method = "HEAD", .rand = "0", .now = p->now};
    struct rbe_net_request r = {.method = RBE_NET_HEAD, .timeout_ms = s->mirror.probe_timeout * 1000,
                                .redirects = REDIRECTS};

    RBE_TRY(rbe_urlsign_new(p->place->auth, p->place->url, s->extra.download_effective_time, &sign, e));
    RBE_TRY(rbe_urlsign_make(sign, &q, p->arena, &r.url, e));
    RBE_TRY(rbe_net_do(p->net, &r, &a, e));
    if (a.status != HTTP_OK)
        return rbe_fail(e, RBE_UNAVAILABLE, "it answers %d", a.status);
    if (a.length >= 0 && a.length != package->size)
        return rbe_fail(e, RBE_UNAVAILABLE, "it has %lld bytes of a package of %lld", (long long)a.length,
                        (long long)package->size);
    return RBE_OK;
}

/* Several workers may want to; the one that writes so first does. */
static enum rbe_code claim(const struct probing *p, bool *ret_mine)
{
    struct rbe_store *s = p->app->store;
    int64_t before = p->now - p->app->settings->mirror.probe_interval;
    struct rbe_mirror m;
    bool found;

    *ret_mine = false;
    RBE_TRY(rbe_mirror_find(s, p->place->url, p->arena, &m, &found, p->e));
    if (found && m.checked_at > before && m.checked_at <= p->now)
        return RBE_OK;
    RBE_TRY(rbe_store_begin(s, RBE_BASE_USAGE, p->e));
    enum rbe_code code = rbe_mirror_claim(s, p->place->url, p->now, before, ret_mine, p->e);
    return rbe_store_end(s, RBE_BASE_USAGE, code, p->e);
}

/* What the place's row becomes. *ret_fell: it went down by this. */
static struct rbe_mirror judge(const struct probing *p, const struct rbe_mirror *was, const struct rbe_err *of_place,
                               bool *ret_fell)
{
    struct rbe_mirror m = *was;
    bool good = of_place->code == RBE_OK;

    m.checked_at = p->now;
    m.failures = good ? 0 : was->failures + 1;
    m.up = good || (was->up && m.failures < p->app->settings->mirror.probe_failures);
    m.reason = good ? "" : of_place->text;
    if (m.up != was->up || !was->changed_at)
        m.changed_at = p->now;
    *ret_fell = was->up && !m.up;
    return m;
}

static enum rbe_code record(const struct probing *p, const struct rbe_err *of_place, bool *ret_fell)
{
    struct rbe_store *s = p->app->store;
    struct rbe_mirror was;
    bool found;

    RBE_TRY(rbe_store_begin(s, RBE_BASE_USAGE, p->e));
    enum rbe_code code = rbe_mirror_find(s, p->place->url, p->arena, &was, &found, p->e);
    if (code == RBE_OK) {
        if (!found)
            was = (struct rbe_mirror){.url = p->place->url, .up = true, .reason = ""};
        struct rbe_mirror is = judge(p, &was, of_place, ret_fell);
        code = rbe_mirror_put(s, &is, p->e);
    }
    return rbe_store_end(s, RBE_BASE_USAGE, code, p->e);
}

/* *ret_fell: it went down by this; of_place says why. */
static enum rbe_code probe(const struct probing *p, struct rbe_err *of_place, bool *ret_fell)
{
    struct rbe_package package;
    bool found, mine;

    *ret_fell = false;
    RBE_TRY(rbe_package_newest(p->app->store, p->place->target, p->arena, &package, &found, p->e));
    if (!found)
        return RBE_OK;
    RBE_TRY(claim(p, &mine));
    if (!mine)
        return RBE_OK;
    /* What this machine lacks is no fault of the place. */
    RBE_TRY(rbe_net_ready(p->net, p->e));
    of_place->code = ask(p, &package, of_place);
    return record(p, of_place, ret_fell);
}

enum rbe_code rbe_probe_places(struct rbe_app *app, int64_t now, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_autoptr(net) struct rbe_net *net = rbe_net_new();
    enum rbe_code told = RBE_OK;
    size_t n;

    if (app->settings->mirror.probe_interval == 0)
        return RBE_OK;
    const struct rbe_destination_place *places = rbe_destination_places(app->settings, &arena, &n);
    for (size_t i = 0; i < n; i++) {
        struct rbe_err of_place = {0}, of_store = {0};
        struct probing p = {.app = app, .place = &places[i], .arena = &arena, .net = net, .now = now, .e = &of_store};
        bool fell;

        if (probe(&p, &of_place, &fell) != RBE_OK) {
            *e = of_store;
            return of_store.code;
        }
        if (fell)
            told = rbe_fail(e, RBE_UNAVAILABLE, "%s is down: %s", places[i].url, of_place.text);
    }
    return told;
}

/* ---- showing ---- */

static const char *const states[RBE_PROBE_STATE_MAX] = {
    [RBE_PROBE_UNKNOWN] = "unknown",
    [RBE_PROBE_UP] = "up",
    [RBE_PROBE_DOWN] = "down",
};

const char *rbe_probe_state_name(enum rbe_probe_state state)
{
    return states[state];
}

static const char *role_of(const struct rbe_settings *s, const char *url, struct rbe_arena *arena)
{
    const struct rbe_conf_groups *groups = &s->extra.download_prefix_info;
    const char *role = "";

    if (strcmp(url, s->extra.cdn_prefix) == 0)
        role = rbe_arena_strfmt(arena, "cdn %lld%%", (long long)s->extra.distribute_cdn_ratio);
    for (size_t i = 0; i < groups->n; i++) {
        const struct rbe_place *places = groups->v[i].records.v;

        for (size_t k = 0; k < groups->v[i].records.n; k++)
            if (strcmp(places[k].url, url) == 0)
                role = rbe_arena_strfmt(arena, "%s%s%s %lld", role, *role ? ", " : "", groups->v[i].name,
                                        (long long)places[k].weight);
    }
    return role;
}

static enum rbe_code fill_row(struct rbe_app *app, const struct rbe_destination_place *place, struct rbe_arena *arena,
                              struct rbe_probe_row *row, struct rbe_err *e)
{
    struct rbe_mirror m;
    bool found;

    *row = (struct rbe_probe_row){
        .url = place->url,
        .role = role_of(app->settings, place->url, arena),
        .signature = rbe_signature_name((enum rbe_signature)place->auth->type),
        .target = place->target ? place->target : "",
        .reason = "",
    };
    if (place->target)
        RBE_TRY(rbe_mirror_copy_count(app->store, place->target, &row->copies, e));
    RBE_TRY(rbe_mirror_find(app->store, place->url, arena, &m, &found, e));
    if (!found || !m.changed_at || app->settings->mirror.probe_interval == 0)
        return RBE_OK;
    row->state = m.up ? RBE_PROBE_UP : RBE_PROBE_DOWN;
    row->failures = m.failures;
    row->checked_at = m.checked_at;
    row->changed_at = m.changed_at;
    row->reason = m.reason;
    return RBE_OK;
}

enum rbe_code rbe_probe_list(struct rbe_app *app, struct rbe_arena *arena, struct rbe_probe_row **ret, size_t *ret_n,
                             struct rbe_err *e)
{
    const struct rbe_destination_place *places = rbe_destination_places(app->settings, arena, ret_n);

    *ret = rbe_arena_alloc_array(arena, *ret_n, sizeof(**ret));
    for (size_t i = 0; i < *ret_n; i++)
        RBE_TRY(fill_row(app, &places[i], arena, &(*ret)[i], e));
    return RBE_OK;
}

/* URLs of places are plain (settings-places.h), so they need no escaping. */
void rbe_probe_metrics(struct rbe_app *app, struct rbe_str *out)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_err ignored = {0};
    struct rbe_probe_row *rows;
    size_t n;

    if (rbe_probe_list(app, &arena, &rows, &n, &ignored) != RBE_OK || n == 0)
        return;
    rbe_str_puts(out, "# HELP rbe_place_up Whether a place that downloads are sent to answers.\n# TYPE rbe_place_up gauge\n");
    for (size_t i = 0; i < n; i++)
        if (rows[i].state != RBE_PROBE_UNKNOWN)
            rbe_str_putf(out, "rbe_place_up{url=\"%s\"} %d\n", rows[i].url, rows[i].state == RBE_PROBE_UP);
    rbe_str_puts(out, "# HELP rbe_place_copies Packages with a verified copy there.\n# TYPE rbe_place_copies gauge\n");
    for (size_t i = 0; i < n; i++)
        if (rows[i].target[0])
            rbe_str_putf(out, "rbe_place_copies{url=\"%s\"} %lld\n", rows[i].url, (long long)rows[i].copies);
}
