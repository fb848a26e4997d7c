/* A value:
 *     32 bytes  HMAC-SHA256 of the name and of all that follows
 *     1 byte    1: a record, 0: there is no answer
 *     the struct, its pointers of no meaning; the lengths of its texts, 4 bytes each; the texts with their NULs
 * It is of this very build's layout, which the name tells apart.
 */
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
    const uint64_t marks[] = {atomic_load(&s->share->born), mark->epoch, mark->word, mark->value,
                              sizeof(struct rbe_latest)};
    rbe_auto(str) struct rbe_str text = {0};
    unsigned char sum[RBE_SHA256_SIZE];

    rbe_str_puts(&text, "answer " RBE_VERSION);
    rbe_str_put(&text, marks, sizeof(marks));
    rbe_str_put(&text, key, n);
    rbe_hmac_of(s->key, text.s, text.len, sum);
    memcpy(s->name, "rbe:", 4);
    rbe_hex_encode(sum, sizeof(sum), s->name + 4);
}

static void sign(struct rbe_shelf *s, const char *value, size_t n, unsigned char ret_sum[static RBE_SHA256_SIZE])
{
    rbe_auto(str) struct rbe_str text = {0};

    rbe_str_puts(&text, s->name);
    rbe_str_put(&text, value, n);
    rbe_hmac_of(s->key, text.s, text.len, ret_sum);
}

/* ---- finding ---- */

static enum rbe_answer_found read_value(struct rbe_shelf *s, size_t len, struct rbe_latest *ret)
{
    unsigned char sum[RBE_SHA256_SIZE];
    uint32_t lens[RBE_ANSWER_TEXTS];
    const char *from = s->value + sizeof(sum);

    if (len < sizeof(sum) + 1)
        return RBE_ANSWER_UNKNOWN;
    sign(s, from, len - sizeof(sum), sum);
    if (!rbe_hash_equal(sum, s->value, sizeof(sum)))
        return RBE_ANSWER_UNKNOWN;
    if (!*from++)
        return RBE_ANSWER_ABSENT;
    memcpy(ret, from, sizeof(*ret));
    from += sizeof(*ret);
    memcpy(lens, from, sizeof(lens));
    from += sizeof(lens);
    for (size_t i = 0; i < RBE_ANSWER_TEXTS; from += lens[i++])
        *(const char **)(void *)((char *)ret + rbe_answer_texts[i]) = from;
    ret->kept = NULL;
    return RBE_ANSWER_RECORD;
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

enum rbe_answer_found rbe_shelf_find(struct rbe_shelf *s, const struct rbe_fresh *mark, const void *key, size_t n,
                                     struct rbe_latest *ret)
{
    enum rbe_answer_found found = RBE_ANSWER_UNKNOWN;
    size_t len = 0;

    make_name(s, mark, key, n);
    enum rbe_mc_got got = fetch(s, &len);
    if (got == RBE_MC_MISS)
        got = wait_for(s, &len);
    if (got == RBE_MC_HIT)
        found = read_value(s, len, ret);
    enum outcome outcome = found != RBE_ANSWER_UNKNOWN ? HIT : got == RBE_MC_MISS ? MISS : FAILED;
    rbe_metric_series_add(s->share, s->series[outcome], 1);
    return found;
}

/* ---- putting ---- */

void rbe_shelf_put(struct rbe_shelf *s, const struct rbe_latest *l)
{
    rbe_auto(str) struct rbe_str value = {0};
    unsigned char sum[RBE_SHA256_SIZE] = {0};
    uint32_t lens[RBE_ANSWER_TEXTS];

    rbe_str_put(&value, sum, sizeof(sum));
    rbe_str_putc(&value, l ? 1 : 0);
    for (size_t i = 0; l && i < RBE_ANSWER_TEXTS; i++)
        lens[i] = (uint32_t)strlen(*(const char *const *)(const void *)((const char *)l + rbe_answer_texts[i])) + 1;
    if (l) {
        rbe_str_put(&value, l, sizeof(*l));
        rbe_str_put(&value, lens, sizeof(lens));
        for (size_t i = 0; i < RBE_ANSWER_TEXTS; i++)
            rbe_str_put(&value, *(const char *const *)(const void *)((const char *)l + rbe_answer_texts[i]), lens[i]);
    }
    sign(s, value.s + sizeof(sum), value.len - sizeof(sum), sum);
    memcpy(value.s, sum, sizeof(sum));
    (void)rbe_mc_set(s->mc, s->name, value.s, value.len, KEPT_SECONDS);
}
