#include "lib/core/outside.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/breaker.h"
#include "lib/base/cache.h"
#include "lib/base/clock.h"
#include "lib/base/jsonw.h"
#include "lib/base/metrics.h"
#include "lib/core/limit.h"
#include "lib/store/reply.h"
#include "lib/wrap/net.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define CDK_BITS 60
enum { CACHE_VALUES = 2048, CACHE_BYTES = 512 * 1024, ANSWER_MAX = 64 * 1024, PAUSE_SECONDS = 10, GRACE_MS = 1000 };

static const char *const kinds[RBE_OUTSIDE_MAX] = {
    [RBE_OUTSIDE_CDK] = "cdk",
    [RBE_OUTSIDE_UPLOADER] = "uploader",
    [RBE_OUTSIDE_DOWNLOAD] = "download",
};

struct rbe_outside {
    struct rbe_net *net;
    struct rbe_cache *kept;      /* struct kept by the hash of what was asked */
    struct rbe_net_answer answer;
    struct rbe_str body;
};

struct kept {
    struct rbe_outside_verdict verdict;
    uint64_t until;              /* monotonic ns */
};

static const char *url_of(const struct rbe_app *app, enum rbe_outside_kind kind)
{
    const char *const urls[RBE_OUTSIDE_MAX] = {
        [RBE_OUTSIDE_CDK] = app->settings->auth.cdk_validation_url,
        [RBE_OUTSIDE_UPLOADER] = app->settings->auth.uploader_validation_url,
        [RBE_OUTSIDE_DOWNLOAD] = app->settings->auth.download_validation_url,
    };

    return urls[kind];
}

bool rbe_outside_used(const struct rbe_app *app, enum rbe_outside_kind kind)
{
    return url_of(app, kind)[0] != '\0';
}

/* ---- cdks ---- */

int64_t rbe_outside_cdk(const char *cdk)
{
    unsigned char sum[RBE_SHA256_SIZE];
    uint64_t first = 0;

    rbe_sha256_of(cdk, strlen(cdk), sum);
    for (int i = 0; i < 8; i++)
        first = first << 8 | sum[i];
    return -1 - (int64_t)(first >> (64 - CDK_BITS));
}

void rbe_outside_digits(int64_t cdk, char ret_text[static RBE_OUTSIDE_DIGITS])
{
    (void)snprintf(ret_text, RBE_OUTSIDE_DIGITS, "%015llx", (unsigned long long)(-1 - cdk));
}

/* ---- what is kept ---- */

static struct rbe_outside *outside_of(struct rbe_app *app)
{
    struct rbe_cache_options o = {.values = CACHE_VALUES, .bytes = CACHE_BYTES};

    if (!app->outside) {
        rbe_random(&o.seed, sizeof(o.seed));
        app->outside = rbe_alloc(sizeof(*app->outside));
        app->outside->net = rbe_net_new();
        app->outside->kept = rbe_cache_new(&o);
    }
    return app->outside;
}

void rbe_outside_free(struct rbe_outside *o)
{
    if (!o)
        return;
    rbe_net_free(o->net);
    rbe_cache_free(o->kept);
    rbe_net_answer_release(&o->answer);
    rbe_str_release(&o->body);
    free(o);
}

/* What tells one question from others; the texts go in with their ends. */
static void hash_question(const struct rbe_outside_question *q, unsigned char ret[static RBE_SHA256_SIZE])
{
    rbe_autoptr(sha256) struct rbe_sha256 *h = rbe_sha256_new();
    unsigned char kind = (unsigned char)q->kind;

    rbe_sha256_put(h, &kind, 1);
    rbe_sha256_put(h, q->rid, strlen(q->rid) + 1);
    rbe_sha256_put(h, q->secret, q->secret_len);
    rbe_sha256_end(h, ret);
}

static bool find_kept(struct rbe_outside *o, const unsigned char *hash, struct rbe_outside_verdict *ret)
{
    const struct kept *k = rbe_cache_find(o->kept, hash, RBE_SHA256_SIZE);

    if (!k || k->until <= rbe_clock_mono())
        return false;
    *ret = k->verdict;
    return true;
}

static void keep(const struct rbe_app *app, const unsigned char *hash, const struct rbe_outside_verdict *v)
{
    int64_t span = app->settings->auth.validation_cache;
    struct kept *k = span ? rbe_cache_put(app->outside->kept, hash, RBE_SHA256_SIZE, sizeof(*k)) : NULL;

    if (k)
        *k = (struct kept){*v, rbe_clock_mono() + (uint64_t)span * SECOND};
}

/* ---- asking ---- */

static void compose(const struct rbe_outside_question *q, struct rbe_str *body)
{
    struct rbe_jsonw w = {.out = body};

    rbe_str_reset(body);
    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_str(&w, "type", kinds[q->kind]);
    rbe_jsonw_str(&w, "resource_id", q->rid);
    for (const struct rbe_outside_field *f = q->fields; f < q->fields + RBE_OUTSIDE_FIELDS && f->name; f++)
        rbe_jsonw_str(&w, f->name, f->text);
    rbe_jsonw_str(&w, "address", q->address);
    rbe_jsonw_obj_end(&w);
}

static enum rbe_code verdict_of(int64_t code)
{
    static const enum rbe_code bad[] = {RBE_CDK_EXPIRED, RBE_CDK_INVALID, RBE_CDK_QUOTA, RBE_CDK_FOREIGN, RBE_CDK_BLOCKED};

    if (code == 0)
        return RBE_OK;
    for (size_t i = 0; i < RBE_COUNT(bad); i++)
        if (rbe_code_info(bad[i])->api == code)
            return bad[i];
    return RBE_CDK_INVALID;
}

/* A service that cannot say says so by its status, by a negative code, or by what is no answer at all. */
static enum rbe_code post(struct rbe_app *app, const struct rbe_outside_question *q, struct rbe_outside_verdict *ret,
                          struct rbe_err *e)
{
    static const char *const headers[] = {"Content-Type: application/json", "Accept: application/json", NULL};
    struct rbe_outside *o = app->outside;
    struct rbe_reply reply = {0};

    compose(q, &o->body);
    const struct rbe_net_request request = {.method = RBE_NET_POST, .url = url_of(app, q->kind), .headers = headers,
                                            .body = o->body.s, .len = o->body.len,
                                            .timeout_ms = app->settings->auth.validation_timeout_ms, .max = ANSWER_MAX};
    RBE_TRY(rbe_net_do(o->net, &request, &o->answer, e));
    if (o->answer.status >= 500 || o->answer.status == 429)
        return rbe_fail(e, RBE_UNAVAILABLE, "the validation service answered %d", o->answer.status);
    RBE_TRY(rbe_reply_read(app->store, rbe_str_text(&o->answer.body), &reply, e));
    if (!reply.valid || reply.code < 0)
        return rbe_fail(e, RBE_UNAVAILABLE, "the validation service answered %d without a verdict", o->answer.status);
    *ret = (struct rbe_outside_verdict){.code = verdict_of(reply.code)};
    if (ret->code == RBE_OK && reply.expires_at > 0)
        ret->expires_at = reply.expires_at;
    if (ret->expires_at && ret->expires_at <= q->now)
        *ret = (struct rbe_outside_verdict){.code = RBE_CDK_EXPIRED};
    return RBE_OK;
}

/* *ret_asked false: it is away. */
static enum rbe_code ask(struct rbe_app *app, const struct rbe_outside_question *q, struct rbe_outside_verdict *ret,
                         struct rbe_err *e)
{
    struct rbe_share_breaker *b = app->share ? &app->share->breakers[q->kind] : NULL;
    uint64_t span = ((uint64_t)app->settings->auth.validation_timeout_ms + GRACE_MS) * MS;
    unsigned seat;

    if (!rbe_breaker_enter(b, (unsigned)app->settings->auth.validation_parallel, span, rbe_clock_mono(), &seat))
        return rbe_fail(e, RBE_UNAVAILABLE, "the validation service is not asked: it failed too often, or too many ask it");
    enum rbe_code code = post(app, q, ret, e);
    rbe_breaker_leave(b, seat, code == RBE_OK, PAUSE_SECONDS * SECOND, rbe_clock_mono());
    return code;
}

static void count(struct rbe_app *app, enum rbe_outside_kind kind, const char *result)
{
    char labels[64];

    (void)snprintf(labels, sizeof(labels), "service=\"%s\",result=\"%s\"", kinds[kind], result);
    rbe_metric_add(app->share, RBE_METRIC_VALIDATIONS, labels, 1);
}

/* What holds while the service is away. */
static enum rbe_code unreachable(const struct rbe_app *app, enum rbe_outside_kind kind, enum rbe_code code,
                                 struct rbe_outside_verdict *ret)
{
    if (kind == RBE_OUTSIDE_UPLOADER || app->settings->auth.on_unreachable == RBE_UNREACHABLE_DENY)
        return rbe_code_info(code)->http >= 500 ? code : RBE_UNAVAILABLE;
    *ret = (struct rbe_outside_verdict){.code = RBE_OK};
    return RBE_OK;
}

enum rbe_code rbe_outside_ask(struct rbe_app *app, const struct rbe_outside_question *q,
                              struct rbe_outside_verdict *ret, struct rbe_err *e)
{
    struct rbe_outside *o = outside_of(app);
    unsigned char hash[RBE_SHA256_SIZE];
    bool guessable = q->kind == RBE_OUTSIDE_CDK;

    *ret = (struct rbe_outside_verdict){.code = RBE_CDK_INVALID};
    hash_question(q, hash);
    if (find_kept(o, hash, ret)) {
        count(app, q->kind, "kept");
        return RBE_OK;
    }
    if (guessable && rbe_limit_look(app, RBE_LIMIT_FAILED, q->address, e) != RBE_OK &&
        !rbe_limit_trusts(app, q->address, hash, sizeof(hash)))
        return RBE_LIMITED;
    enum rbe_code code = ask(app, q, ret, e);
    count(app, q->kind, code != RBE_OK ? "failed" : ret->code == RBE_OK ? "yes" : "no");
    if (code != RBE_OK)
        return unreachable(app, q->kind, code, ret);
    if (guessable && ret->code == RBE_OK)
        rbe_limit_trust(app, q->address, hash, sizeof(hash));
    keep(app, hash, ret);
    /* one too many that were asked for at the same time is the last */
    return guessable && ret->code == RBE_CDK_INVALID ? rbe_limit_take(app, RBE_LIMIT_FAILED, q->address, e) : RBE_OK;
}
