/* A value: HMAC-SHA256 of its name and of all that follows, 32 bytes; the bytes themselves. */
#include "lib/core/shelf.h"

#include <string.h>
#include <time.h>

#include "lib/base/codec.h"
#include "lib/base/metrics.h"
#include "lib/base/str.h"
#include "lib/wrap/hash.h"
#include "lib/wrap/mc.h"

enum { NAME = 64 + 8, KEPT_SECONDS = 3600, LOCKED_SECONDS = 2, WAITS = 5, WAIT_NS = 2000000 };
enum outcome { HIT, MISS, FAILED, OUTCOMES };

struct rbe_shelf {
    struct rbe_mc *mc;
    struct rbe_hmac *key;
    struct rbe_share *share;
    struct rbe_share_series *series[OUTCOMES];
    char name[NAME];             /* of the last question */
    char *value;                 /* the last one found */
};

enum rbe_code rbe_shelf_new(struct rbe_app *app, struct rbe_shelf **ret, struct rbe_err *e)
{
    static const char *const words[OUTCOMES] = {[HIT] = "hit", [MISS] = "miss", [FAILED] = "error"};
    const struct rbe_conf_list *servers = &app->settings->memcached.servers;
    uint64_t born = atomic_load(&app->share->born), mine;
    struct rbe_mc *mc = NULL;

    *ret = NULL;
    if (servers->n == 0)
        return RBE_OK;
    RBE_TRY(rbe_mc_new(servers->v, servers->n, app->settings->memcached.timeout_ms, &mc, e));
    /* A shared file that is made anew begins to count at zero again: its names must be others. */
    rbe_random(&mine, sizeof(mine));
    if (!born)
        (void)atomic_compare_exchange_strong(&app->share->born, &born, mine | 1);
    struct rbe_shelf *s = rbe_alloc(sizeof(*s));
    s->mc = mc;
    s->key = app->signer[0];
    s->share = app->share;
    for (size_t i = 0; i < OUTCOMES; i++) {
        rbe_autofree char *labels = rbe_strfmt("level=\"memcached\",result=\"%s\"", words[i]);

        s->series[i] = rbe_metric_find(app->share, RBE_METRIC_CACHE, labels);
    }
    *ret = s;
    return RBE_OK;
}

void rbe_shelf_free(struct rbe_shelf *s)
{
    if (!s)
        return;
    rbe_mc_free(s->mc);
    free(s->value);
    free(s);
}

static void make_name(struct rbe_shelf *s, const struct rbe_fresh *mark, const void *key, size_t n)
{
    const uint64_t marks[] = {atomic_load(&s->share->born), mark->epoch, mark->word, mark->value};
    rbe_auto(str) struct rbe_str text = {0};
    unsigned char sum[RBE_SHA256_SIZE];

    rbe_str_puts(&text, "answer " RBE_VERSION);
    rbe_str_put(&text, marks, sizeof(marks));
    rbe_str_put(&text, key, n);
    rbe_hmac_of(s->key, text.s, text.len, sum);
    memcpy(s->name, "rbe:", 4);
    rbe_hex_encode(sum, sizeof(sum), s->name + 4);
}

static void sign(struct rbe_shelf *s, const void *value, size_t n, unsigned char ret_sum[static RBE_SHA256_SIZE])
{
    rbe_auto(str) struct rbe_str text = {0};

    rbe_str_puts(&text, s->name);
    rbe_str_put(&text, value, n);
    rbe_hmac_of(s->key, text.s, text.len, ret_sum);
}

/* ---- finding ---- */

/* Whether what was fetched is ours. */
static bool is_ours(struct rbe_shelf *s, size_t len)
{
    unsigned char sum[RBE_SHA256_SIZE];

    if (len < sizeof(sum))
        return false;
    sign(s, s->value + sizeof(sum), len - sizeof(sum), sum);
    return rbe_hash_equal(sum, s->value, sizeof(sum));
}

static enum rbe_mc_got fetch(struct rbe_shelf *s, size_t *ret_len)
{
    free(rbe_steal(s->value));
    return rbe_mc_get(s->mc, s->name, &s->value, ret_len);
}

/* One process computes what is missing, the others give it a moment. */
static enum rbe_mc_got wait_for(struct rbe_shelf *s, size_t *ret_len)
{
    const struct timespec moment = {.tv_nsec = WAIT_NS};
    char lock[NAME + 2];
    enum rbe_mc_got got = RBE_MC_MISS;

    memcpy(lock, s->name, strlen(s->name) + 1);
    lock[0] = 'l';
    if (rbe_mc_add(s->mc, lock, LOCKED_SECONDS) != RBE_MC_MISS)
        return RBE_MC_MISS;
    for (int i = 0; i < WAITS && got == RBE_MC_MISS; i++) {
        (void)nanosleep(&moment, NULL);
        got = fetch(s, ret_len);
    }
    return got;
}

bool rbe_shelf_find(struct rbe_shelf *s, const struct rbe_fresh *mark, const void *key, size_t n, const void **ret,
                    size_t *ret_len)
{
    size_t len = 0;

    make_name(s, mark, key, n);
    enum rbe_mc_got got = fetch(s, &len);
    if (got == RBE_MC_MISS)
        got = wait_for(s, &len);
    const bool found = got == RBE_MC_HIT && is_ours(s, len);
    rbe_metric_series_add(s->share, s->series[found ? HIT : got == RBE_MC_MISS ? MISS : FAILED], 1);
    if (!found)
        return false;
    *ret = s->value + RBE_SHA256_SIZE;
    *ret_len = len - RBE_SHA256_SIZE;
    return true;
}

void rbe_shelf_put(struct rbe_shelf *s, const void *value, size_t len)
{
    rbe_auto(str) struct rbe_str text = {0};
    unsigned char sum[RBE_SHA256_SIZE];

    sign(s, value, len, sum);
    rbe_str_put(&text, sum, sizeof(sum));
    rbe_str_put(&text, value, len);
    (void)rbe_mc_set(s->mc, s->name, text.s, text.len, KEPT_SECONDS);
}
