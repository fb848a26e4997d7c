/* The arithmetic is that of the generic cell rate algorithm (ITU-T I.371): `full` moves on by `every` with each token
 * taken, and may run ahead of now by `burst` of them at most.
 *
 * Slots are found by open addressing over eight neighbours. A slot whose bucket is full is taken over by changing `who`
 * alone. One that is not gets a new `full` as well, unless somebody was at it in between: then he who displaced another
 * begins with that one's tokens.
 */
#include "lib/base/bucket.h"

enum { NEIGHBOURS = 8, TRIES = 4 };

/* A moment further off than can be is from before the machine was started, or from another rate. */
static uint64_t sane(uint64_t full, uint64_t now, uint64_t span)
{
    return full > now && full - now <= span ? full : now;
}

static uint64_t full_at(struct rbe_share_bucket *b, uint64_t now)
{
    return sane(atomic_load_explicit(&b->full, memory_order_relaxed), now, RBE_BUCKET_SPAN_MAX);
}

static struct rbe_share_bucket *slot(struct rbe_share *share, uint64_t who, unsigned i)
{
    return &share->buckets[(who + i) % RBE_SHARE_BUCKETS];
}

static uint64_t name_of(uint64_t who)
{
    return who ? who : 1;
}

static struct rbe_share_bucket *find(struct rbe_share *share, uint64_t who)
{
    for (unsigned i = 0; i < NEIGHBOURS; i++)
        if (atomic_load_explicit(&slot(share, who, i)->who, memory_order_relaxed) == who)
            return slot(share, who, i);
    return NULL;
}

/* NULL when others were faster again and again. */
static struct rbe_share_bucket *claim(struct rbe_share *share, uint64_t who, uint64_t now)
{
    struct rbe_share_bucket *b = find(share, who);

    for (int i = 0; !b && i < TRIES; i++) {
        struct rbe_share_bucket *best = slot(share, who, 0);

        for (unsigned k = 1; k < NEIGHBOURS; k++)
            if (full_at(slot(share, who, k), now) < full_at(best, now))
                best = slot(share, who, k);
        uint64_t before = atomic_load(&best->who), full = atomic_load(&best->full);
        if (before != who && atomic_compare_exchange_strong(&best->who, &before, who)) {
            if (sane(full, now, RBE_BUCKET_SPAN_MAX) > now)
                atomic_compare_exchange_strong(&best->full, &full, now);
            return best;
        }
        b = find(share, who);
    }
    return b;
}

/* Whether a token is there when the bucket is full again at `full`. */
static bool has_token(uint64_t full, struct rbe_bucket_rate rate, uint64_t now, uint64_t *ret_wait)
{
    uint64_t after = full + rate.every, most = now + rate.every * rate.burst;

    *ret_wait = after > most ? after - most : 0;
    return *ret_wait == 0;
}

bool rbe_bucket_take(struct rbe_share *share, uint64_t who, struct rbe_bucket_rate rate, uint64_t now,
                     uint64_t *ret_wait)
{
    struct rbe_share_bucket *b = share ? claim(share, name_of(who), now) : NULL;
    uint64_t kept, full;

    *ret_wait = 0;
    if (!b)
        return true;
    do {
        kept = atomic_load(&b->full);
        full = sane(kept, now, rate.every * rate.burst);
        if (!has_token(full, rate, now, ret_wait))
            return false;
    } while (!atomic_compare_exchange_weak(&b->full, &kept, full + rate.every));
    return true;
}

bool rbe_bucket_look(struct rbe_share *share, uint64_t who, struct rbe_bucket_rate rate, uint64_t now,
                     uint64_t *ret_wait)
{
    struct rbe_share_bucket *b = share ? find(share, name_of(who)) : NULL;

    *ret_wait = 0;
    return !b || has_token(sane(atomic_load(&b->full), now, rate.every * rate.burst), rate, now, ret_wait);
}

void rbe_bucket_mark(struct rbe_share *share, uint64_t who, uint64_t span, uint64_t now)
{
    struct rbe_share_bucket *b = share ? claim(share, name_of(who), now) : NULL;

    if (b)
        atomic_store(&b->full, now + span);
}

bool rbe_bucket_marked(struct rbe_share *share, uint64_t who, uint64_t now)
{
    struct rbe_share_bucket *b = share ? find(share, name_of(who)) : NULL;

    return b && full_at(b, now) > now;
}
