#include "lib/core/limit.h"

#include <arpa/inet.h>
#include <string.h>

#include "lib/base/bucket.h"
#include "lib/base/clock.h"
#include "lib/core/commons.h"

#define SECOND UINT64_C(1000000000)
enum { MINUTE = 60, TRUST_SECONDS = 3600, ADDRESS = 8, WHAT_MAX = 32, TRUST = RBE_LIMIT_MAX };

/* Tokens come at count / seconds, burst at once; a count of 0 is no limit. */
static bool rate_of(const struct rbe_app *app, enum rbe_limit limit, struct rbe_bucket_rate *ret)
{
    const struct rbe_settings *s = app->settings;
    const struct {
        int64_t count, seconds, burst;
    } rates[RBE_LIMIT_MAX] = {
        [RBE_LIMIT_DOWNLOAD] = {s->limits.download_rate, 1, s->limits.download_burst},
        [RBE_LIMIT_ADMIN] = {s->limits.admin_rate, 1, s->limits.admin_burst},
        [RBE_LIMIT_FAILED] = {s->limits.auth_failures, MINUTE, s->limits.auth_failures},
    };

    if (rates[limit].count == 0)
        return false;
    *ret = (struct rbe_bucket_rate){.every = (uint64_t)rates[limit].seconds * SECOND / (uint64_t)rates[limit].count,
                                    .burst = (uint64_t)rates[limit].burst};
    return true;
}

/* An IPv4 address as it is, an IPv6 one by its first half; what is none of both counts as one client. */
static void read_address(const char *text, unsigned char ret[static ADDRESS])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    unsigned char b[sizeof(struct in6_addr)];

    memset(ret, 0, ADDRESS);
    if (text && inet_pton(AF_INET, text, ret + 4) == 1)
        return;
    memset(ret, 0, ADDRESS);
    if (!text || inet_pton(AF_INET6, text, b) != 1)
        return;
    if (memcmp(b, mapped, sizeof(mapped)) == 0)
        memcpy(ret + 4, b + sizeof(mapped), 4);
    else
        memcpy(ret, b, ADDRESS);
}

static uint64_t who_of(struct rbe_app *app, int kind, const char *address, const void *what, size_t n)
{
    unsigned char record[1 + ADDRESS + WHAT_MAX] = {(unsigned char)kind}, sum[RBE_SHA256_SIZE];
    uint64_t who;

    if (n > WHAT_MAX)
        abort();
    read_address(address, record + 1);
    if (n)
        memcpy(record + 1 + ADDRESS, what, n);
    rbe_hmac_of(app->signer[0], record, 1 + ADDRESS + n, sum);
    memcpy(&who, sum, sizeof(who));
    return who;
}

enum rbe_code rbe_limit_open(struct rbe_app *app, struct rbe_err *e)
{
    return app->commons ? RBE_OK : rbe_commons_new(app, &app->commons, e);
}

/* This machine's own bucket lost only what passed here, so where it is empty the one that is shared is as well, and a flood
 * is refused without a question over the network. It is what holds while nobody answers there. */
static bool draw(struct rbe_app *app, uint64_t who, struct rbe_bucket_rate rate, bool take, uint64_t *ret_wait)
{
    uint64_t now = rbe_clock_mono();
    enum rbe_commons_got got;

    if (!rbe_bucket_look(app->share, who, rate, now, ret_wait))
        return false;
    got = (take ? rbe_commons_take : rbe_commons_look)(app->commons, who, rate, rbe_clock_wall(), ret_wait);
    if (got == RBE_COMMONS_EMPTY)
        return false;
    /* of several that saw the last token here one gets it, unless the others were given theirs there */
    return !take || rbe_bucket_take(app->share, who, rate, now, ret_wait) || got == RBE_COMMONS_TOKEN;
}

static enum rbe_code ask(struct rbe_app *app, enum rbe_limit limit, const char *address, bool take,
                         struct rbe_err *e)
{
    struct rbe_bucket_rate rate;
    uint64_t wait = 0;

    if (!rate_of(app, limit, &rate))
        return RBE_OK;
    if (draw(app, who_of(app, (int)limit, address, NULL, 0), rate, take, &wait))
        return RBE_OK;
    int64_t seconds = (int64_t)((wait + SECOND - 1) / SECOND);
    enum rbe_code code = rbe_fail(e, RBE_LIMITED, "too many %s: try again in %lld s",
                                  limit == RBE_LIMIT_FAILED ? "failures to authenticate" : "requests",
                                  (long long)seconds);
    if (e)
        e->retry_after = seconds;
    return code;
}

enum rbe_code rbe_limit_take(struct rbe_app *app, enum rbe_limit limit, const char *address, struct rbe_err *e)
{
    return ask(app, limit, address, true, e);
}

enum rbe_code rbe_limit_look(struct rbe_app *app, enum rbe_limit limit, const char *address, struct rbe_err *e)
{
    return ask(app, limit, address, false, e);
}

void rbe_limit_trust(struct rbe_app *app, const char *address, const void *what, size_t n)
{
    uint64_t who = who_of(app, TRUST, address, what, n), now = rbe_clock_mono();

    /* not with each request over the network: one that is not a minute old does */
    if (rbe_bucket_marked(app->share, who, now + (TRUST_SECONDS - MINUTE) * SECOND))
        return;
    rbe_bucket_mark(app->share, who, TRUST_SECONDS * SECOND, now);
    rbe_commons_mark(app->commons, who, TRUST_SECONDS);
}

bool rbe_limit_trusts(struct rbe_app *app, const char *address, const void *what, size_t n)
{
    uint64_t who = who_of(app, TRUST, address, what, n);

    return rbe_bucket_marked(app->share, who, rbe_clock_mono()) || rbe_commons_marked(app->commons, who);
}
