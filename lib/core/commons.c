/* A value, of this machine's byte order (one that swaps it finds no MAC right, and counts by itself):
 *     8 bytes   at: nanoseconds since 1970
 *     8 bytes   missing: nanoseconds until it is full again, counted from there
 *     32 bytes  HMAC-SHA256 of the name and of the above
 * A mark is one that misses nothing.
 */
#include "lib/core/commons.h"

#include <stdio.h>
#include <string.h>

#include "lib/wrap/hash.h"
#include "lib/wrap/mc.h"

#define SECOND UINT64_C(1000000000)
enum { NAME = 32, TRIES = 8 };

struct rbe_commons {
    struct rbe_mc *mc;
    struct rbe_hmac *key;
};

struct value {
    uint64_t at, missing;
    unsigned char mac[RBE_SHA256_SIZE];
};

enum rbe_code rbe_commons_new(struct rbe_app *app, struct rbe_commons **ret, struct rbe_err *e)
{
    const struct rbe_conf_list *servers = &app->settings->memcached.servers;
    struct rbe_mc *mc = NULL;

    *ret = NULL;
    if (servers->n == 0)
        return RBE_OK;
    RBE_TRY(rbe_mc_new(servers->v, servers->n, app->settings->memcached.timeout_ms, &mc, e));
    *ret = rbe_alloc(sizeof(**ret));
    **ret = (struct rbe_commons){.mc = mc, .key = app->signer[0]};
    return RBE_OK;
}

void rbe_commons_free(struct rbe_commons *c)
{
    if (!c)
        return;
    rbe_mc_free(c->mc);
    free(c);
}

static void name_of(uint64_t who, char ret[static NAME])
{
    (void)snprintf(ret, NAME, "rbe:limit:%016llx", (unsigned long long)who);
}

static void sign(struct rbe_commons *c, const char *name, const struct value *v,
                 unsigned char ret[static RBE_SHA256_SIZE])
{
    unsigned char text[NAME + 2 * sizeof(uint64_t)] = {0};

    memcpy(text, name, strlen(name));
    memcpy(text + NAME, &v->at, sizeof(v->at));
    memcpy(text + NAME + sizeof(v->at), &v->missing, sizeof(v->missing));
    rbe_hmac_of(c->key, text, sizeof(text), ret);
}

/* What is not there, and what somebody else put there, are a full bucket: MISS, with the mark to write over it. */
static enum rbe_mc_got read_value(struct rbe_commons *c, const char *name, struct value *ret, uint64_t *ret_mark)
{
    unsigned char mac[RBE_SHA256_SIZE];
    size_t len;
    enum rbe_mc_got got = rbe_mc_read(c->mc, name, ret, sizeof(*ret), &len, ret_mark);

    if (got == RBE_MC_HIT) {
        if (len == sizeof(*ret)) {
            sign(c, name, ret, mac);
            if (rbe_hash_equal(mac, ret->mac, sizeof(mac)))
                return RBE_MC_HIT;
        }
        got = RBE_MC_MISS;
    }
    *ret = (struct value){0};
    return got;
}

/* Until a second after it is full: servers count whole ones, and may begin with one that is nearly over. */
static enum rbe_mc_got write_value(struct rbe_commons *c, const char *name, struct value *v, uint64_t mark)
{
    sign(c, name, v, v->mac);
    return rbe_mc_swap(c->mc, name, mark, v, sizeof(*v), (unsigned)((v->missing + SECOND - 1) / SECOND) + 1);
}

/* The value moved on to now; true where it has a token, which is then taken off. */
static bool draw(struct value *v, struct rbe_bucket_rate rate, uint64_t now, uint64_t *ret_wait)
{
    uint64_t span = rate.every * rate.burst, passed = now > v->at ? now - v->at : 0;

    v->at += passed;
    /* one that misses more than it can hold is of another rate */
    v->missing = v->missing > passed && v->missing <= span ? v->missing - passed : 0;
    *ret_wait = v->missing + rate.every > span ? v->missing + rate.every - span : 0;
    if (*ret_wait == 0)
        v->missing += rate.every;
    return *ret_wait == 0;
}

static enum rbe_commons_got ask(struct rbe_commons *c, uint64_t who, struct rbe_bucket_rate rate, uint64_t now, bool take,
                                uint64_t *ret_wait)
{
    enum rbe_mc_got got = c ? RBE_MC_MISS : RBE_MC_AWAY;
    char name[NAME];

    *ret_wait = 0;
    name_of(who, name);
    for (int i = 0; i < TRIES && got == RBE_MC_MISS; i++) {
        struct value v;
        uint64_t mark;

        if (read_value(c, name, &v, &mark) == RBE_MC_AWAY)
            return RBE_COMMONS_AWAY;
        if (!draw(&v, rate, now, ret_wait))
            return RBE_COMMONS_EMPTY;
        if (!take)
            return RBE_COMMONS_TOKEN;
        got = write_value(c, name, &v, mark);
    }
    return got == RBE_MC_HIT ? RBE_COMMONS_TOKEN : RBE_COMMONS_AWAY;
}

enum rbe_commons_got rbe_commons_take(struct rbe_commons *c, uint64_t who, struct rbe_bucket_rate rate, uint64_t now,
                                      uint64_t *ret_wait)
{
    return ask(c, who, rate, now, true, ret_wait);
}

enum rbe_commons_got rbe_commons_look(struct rbe_commons *c, uint64_t who, struct rbe_bucket_rate rate, uint64_t now,
                                      uint64_t *ret_wait)
{
    return ask(c, who, rate, now, false, ret_wait);
}

void rbe_commons_mark(struct rbe_commons *c, uint64_t who, unsigned seconds)
{
    struct value v = {0};
    char name[NAME];

    if (!c)
        return;
    name_of(who, name);
    sign(c, name, &v, v.mac);
    (void)rbe_mc_set(c->mc, name, &v, sizeof(v), seconds);
}

bool rbe_commons_marked(struct rbe_commons *c, uint64_t who)
{
    struct value v;
    uint64_t mark;
    char name[NAME];

    if (!c)
        return false;
    name_of(who, name);
    return read_value(c, name, &v, &mark) == RBE_MC_HIT;
}
