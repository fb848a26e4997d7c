#include "lib/core/webhook.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/jsonw.h"
#include "lib/core/target.h"
#include "lib/store/mark.h"
#include "lib/store/version.h"
#include "lib/wrap/net.h"

enum { PAGE = 100, TIMEOUT_MS = 10000, ANSWER_MAX = 64 << 10 };
#define MARK "announced package"
/* Before any patch, which takes longer. */
#define WEIGHT (INT64_C(1) << 60)

static const struct {
    const char *name;
    size_t url;                  /* offset of the setting */
} events[RBE_WEBHOOK_MAX] = {
    [RBE_WEBHOOK_VERSION] = {"version", offsetof(struct rbe_settings, extra.create_new_version_webhook)},
    [RBE_WEBHOOK_PURGE_ERROR] = {"purge_error", offsetof(struct rbe_settings, extra.purge_error_webhook)},
};

static const char *url_of(const struct rbe_app *app, enum rbe_webhook event)
{
    const void *field = (const char *)app->settings + events[event].url;

    return *(const char *const *)field;
}

/* ---- what is told ---- */

static void put_event(struct rbe_jsonw *w, enum rbe_webhook event, const struct rbe_package_origin *o,
                      const struct rbe_version *v)
{
    const struct rbe_package *p = &o->package;

    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "event", events[event].name);
    rbe_jsonw_str(w, "resource", o->rid);
    rbe_jsonw_str(w, "version", o->version_name);
    rbe_jsonw_int(w, "version_number", v->number);
    rbe_jsonw_str(w, "channel", rbe_channel_name((enum rbe_channel)v->channel));
    rbe_jsonw_str(w, "system", rbe_system_name((enum rbe_system)p->system));
    rbe_jsonw_str(w, "arch", rbe_arch_name((enum rbe_arch)p->arch));
}

static enum rbe_code queue(struct rbe_app *app, enum rbe_webhook event, int64_t package, const char *body,
                           struct rbe_err *e)
{
    char subject[64];
    int64_t now = rbe_clock_now();

    (void)snprintf(subject, sizeof(subject), "%s:%lld", events[event].name, (long long)package);
    struct rbe_job j = {.kind = RBE_JOB_WEBHOOK, .subject = subject, .target = package, .weight = WEIGHT,
                        .created_at = now, .run_at = now, .payload = body};
    return rbe_job_put(app->store, &j, NULL, e);
}

static enum rbe_code tell_version(struct rbe_app *app, const struct rbe_package_origin *o,
                                  const struct rbe_version *v, struct rbe_err *e)
{
    const struct rbe_package *p = &o->package;
    rbe_auto(str) struct rbe_str body = {0};
    struct rbe_jsonw w = {.out = &body};

    put_event(&w, RBE_WEBHOOK_VERSION, o, v);
    rbe_jsonw_int(&w, "file_size", p->size);
    rbe_jsonw_sha256(&w, "file_hash", p->sha256);
    rbe_jsonw_time(&w, "published_at", p->created_at);
    rbe_jsonw_obj_end(&w);
    return queue(app, RBE_WEBHOOK_VERSION, p->id, rbe_str_text(&body), e);
}

enum rbe_code rbe_webhook_purge_error(struct rbe_app *app, const struct rbe_package_origin *o, const char *error,
                                      struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_auto(str) struct rbe_str body = {0};
    struct rbe_jsonw w = {.out = &body};
    struct rbe_version v;

    if (!*url_of(app, RBE_WEBHOOK_PURGE_ERROR))
        return RBE_OK;
    RBE_TRY(rbe_version_get(app->store, o->package.version, &arena, &v, e));
    put_event(&w, RBE_WEBHOOK_PURGE_ERROR, o, &v);
    rbe_jsonw_str(&w, "path", o->package.path);
    rbe_jsonw_str(&w, "error", error);
    rbe_jsonw_obj_end(&w);
    return queue(app, RBE_WEBHOOK_PURGE_ERROR, o->package.id, rbe_str_text(&body), e);
}

/* ---- finding what is new ---- */

static bool is_silent(const struct rbe_app *app, const char *rid)
{
    const struct rbe_conf_list *silent = &app->settings->extra.create_new_version_blacklist;

    for (size_t i = 0; i < silent->n; i++)
        if (strcmp(silent->v[i], rid) == 0)
            return true;
    return false;
}

static enum rbe_code look_at(struct rbe_app *app, const struct rbe_package *p, int64_t now, struct rbe_arena *arena,
                             struct rbe_err *e)
{
    struct rbe_package_origin o;
    struct rbe_version v;
    bool found;

    if (p->format != RBE_FORMAT_FULL || now - p->created_at > RBE_WEBHOOK_NEWS_SECONDS)
        return RBE_OK;
    RBE_TRY(rbe_package_find_origin(app->store, p->id, arena, &o, &found, e));
    if (!found || o.withdrawn_at || is_silent(app, o.rid))
        return RBE_OK;
    RBE_TRY(rbe_version_get(app->store, p->version, arena, &v, e));
    return tell_version(app, &o, &v, e);
}

/* The packages behind the mark; deliveries and mark are one transaction. *ret_more: there may be others. */
static enum rbe_code announce_page(struct rbe_app *app, int64_t now, bool *ret_more, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_package *rows;
    int64_t mark;
    size_t n;

    RBE_TRY(rbe_mark_find(app->store, MARK, &mark, e));
    RBE_TRY(rbe_package_list(app->store, 0, mark, PAGE, &arena, &rows, &n, e));
    for (size_t i = 0; i < n && *url_of(app, RBE_WEBHOOK_VERSION); i++)
        RBE_TRY(look_at(app, &rows[i], now, &arena, e));
    if (n)
        RBE_TRY(rbe_mark_put(app->store, MARK, rows[n - 1].id, e));
    *ret_more = n == PAGE;
    return RBE_OK;
}

/* Without a transaction first: most of the time there is nothing new, and nobody has to wait for that. */
static enum rbe_code is_news(struct rbe_app *app, bool *ret, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_package *rows;
    int64_t mark;
    size_t n;

    RBE_TRY(rbe_mark_find(app->store, MARK, &mark, e));
    RBE_TRY(rbe_package_list(app->store, 0, mark, 1, &arena, &rows, &n, e));
    *ret = n > 0;
    return RBE_OK;
}

enum rbe_code rbe_webhook_announce(struct rbe_app *app, int64_t now, struct rbe_err *e)
{
    bool more;

    RBE_TRY(is_news(app, &more, e));
    while (more) {
        RBE_TRY(rbe_store_begin(app->store, RBE_BASE_USAGE, e));
        enum rbe_code code = announce_page(app, now, &more, e);

        RBE_TRY(rbe_store_end(app->store, RBE_BASE_USAGE, code, e));
    }
    return RBE_OK;
}

/* ---- delivering ---- */

/* The header that proves who sent it and when; NULL where no secret is set. */
static const char *sign(const struct rbe_app *app, const char *body, int64_t now, struct rbe_arena *arena)
{
    const char *secret = app->settings->extra.webhook_secret;
    unsigned char sum[RBE_SHA256_SIZE];
    char hex[RBE_SHA256_TEXT];

    if (!*secret)
        return NULL;
    rbe_autoptr(hmac) struct rbe_hmac *h = rbe_hmac_new(secret, strlen(secret));
    const char *text = rbe_arena_strfmt(arena, "%lld.%s", (long long)now, body);
    rbe_hmac_of(h, text, strlen(text), sum);
    rbe_hex_encode(sum, sizeof(sum), hex);
    return rbe_arena_strfmt(arena, "X-Rbe-Signature: t=%lld,v1=%s", (long long)now, hex);
}

static int event_of(const char *subject)
{
    for (int i = 0; i < RBE_WEBHOOK_MAX; i++) {
        size_t len = strlen(events[i].name);

        if (strncmp(subject, events[i].name, len) == 0 && subject[len] == ':')
            return i;
    }
    return -1;
}

enum rbe_code rbe_webhook_deliver(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena,
                                  const char **ret_note, struct rbe_err *e)
{
    int event = event_of(j->subject);
    rbe_auto(net_answer) struct rbe_net_answer answer = {0};

    if (event < 0)
        return rbe_fail(e, RBE_REFUSED, "a delivery of an unknown kind");
    const char *url = url_of(app, (enum rbe_webhook)event);
    if (!*url) {
        *ret_note = "no webhook is configured any more";
        return RBE_OK;
    }
    const char *const headers[] = {
        "Content-Type: application/json",
        "User-Agent: rbe/" RBE_VERSION,
        rbe_arena_strfmt(arena, "X-Rbe-Event: %s", events[event].name),
        rbe_arena_strfmt(arena, "X-Rbe-Delivery: %lld", (long long)j->id),
        sign(app, j->payload, rbe_clock_now(), arena),
        NULL,
    };
    const struct rbe_net_request q = {.method = RBE_NET_POST, .url = url, .headers = headers, .body = j->payload,
                                      .len = strlen(j->payload), .timeout_ms = TIMEOUT_MS, .max = ANSWER_MAX};
    rbe_autoptr(net) struct rbe_net *net = rbe_net_new();
    enum rbe_code code = rbe_net_do(net, &q, &answer, e);
    if (code == RBE_OK && (answer.status < 200 || answer.status > 299))
        code = rbe_fail(e, RBE_UNAVAILABLE, "the webhook answered %d", answer.status);
    else if (code == RBE_OK)
        *ret_note = rbe_arena_strfmt(arena, "delivered, the answer was %d", answer.status);
    return code;
}
