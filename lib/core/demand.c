/* The table of wanted pairs: open addressing over eight slots, nothing ever deleted.
 *
 * A pair that finds no slot takes one off the least count in its neighbourhood, and takes the slot over once that
 * count has come to zero. A flood of pairs asked once therefore wears down only each other, while a pair asked often
 * stays.
 *
 * Counting needs no lock; a count that lands on a pair replaced at that moment is a hint gone astray, no more.
 * Whoever changes the pair of a slot holds its `busy` word, the time it was taken, so that one left by a killed
 * process is free again after a few seconds. Nobody waits for it: a busy slot is passed over.
 */
#include "lib/core/demand.h"

#include <string.h>

#include "lib/base/clock.h"

enum { NEIGHBOURS = 8, HELD_SECONDS = 5 };

/* The finaliser of MurmurHash3: every bit of the input moves every bit of the result. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

static struct rbe_share_pair *slot(struct rbe_share *share, uint64_t hash, unsigned i)
{
    return &share->pairs[(hash + i) % RBE_SHARE_PAIRS];
}

static bool hold(struct rbe_share_pair *p)
{
    int64_t now = rbe_clock_now();
    uint64_t taken = atomic_load_explicit(&p->busy, memory_order_relaxed);
    int64_t age = now - (int64_t)taken;

    if (taken && age >= 0 && age < HELD_SECONDS)
        return false;
    return atomic_compare_exchange_strong(&p->busy, &taken, (uint64_t)now);
}

static void let_go(struct rbe_share_pair *p)
{
    atomic_store_explicit(&p->busy, 0, memory_order_release);
}

static bool is(struct rbe_share_pair *p, int64_t source, int64_t target)
{
    return atomic_load_explicit(&p->target, memory_order_relaxed) == target &&
           atomic_load_explicit(&p->source, memory_order_relaxed) == source;
}

/* Puts the pair into a slot whose count is zero; false when somebody else is at it, or it counts again. */
static bool settle(struct rbe_share_pair *p, int64_t source, int64_t target, unsigned formats)
{
    if (!hold(p))
        return false;
    bool ours = atomic_load(&p->count) == 0;
    if (ours) {
        atomic_store(&p->source, source);
        atomic_store(&p->target, target);
        atomic_store(&p->formats, formats);
        atomic_store(&p->count, 1);
    }
    let_go(p);
    return ours;
}

void rbe_demand_note(struct rbe_share *share, int64_t source, int64_t target, unsigned formats)
{
    uint64_t hash = mix(mix((uint64_t)source) + (uint64_t)target), least = UINT64_MAX;
    struct rbe_share_pair *worn = NULL;

    if (!share || source <= 0 || target <= 0)
        return;
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        struct rbe_share_pair *p = slot(share, hash, i);
        uint64_t count = atomic_load_explicit(&p->count, memory_order_relaxed);

        if (is(p, source, target)) {
            atomic_fetch_add(&p->count, 1);
            if (formats & ~(unsigned)atomic_load_explicit(&p->formats, memory_order_relaxed))
                atomic_fetch_or(&p->formats, formats);
            return;
        }
        if (count < least) {
            least = count;
            worn = p;
        }
    }
    if (least > 0) {
        atomic_compare_exchange_strong(&worn->count, &least, least - 1);
        return;
    }
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        struct rbe_share_pair *p = slot(share, hash, i);

        if (atomic_load_explicit(&p->count, memory_order_relaxed) == 0 && settle(p, source, target, formats))
            return;
    }
}

static int by_pair(const void *a, const void *b)
{
    const struct rbe_demand *x = a, *y = b;

    if (x->target != y->target)
        return x->target < y->target ? -1 : 1;
    return x->source < y->source ? -1 : x->source > y->source;
}

/* Ties in the order of the ids, so that the outcome does not hang on the table's layout. */
static int by_count(const void *a, const void *b)
{
    const struct rbe_demand *x = a, *y = b;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return by_pair(a, b);
}

/* Two processes that met the same new pair at once may have given it a slot each. */
static size_t merge(struct rbe_demand *all, size_t n)
{
    size_t kept = 0;

    qsort(all, n, sizeof(*all), by_pair);
    for (size_t i = 0; i < n; i++)
        if (kept && by_pair(&all[kept - 1], &all[i]) == 0) {
            all[kept - 1].count += all[i].count;
            all[kept - 1].formats |= all[i].formats;
        } else
            all[kept++] = all[i];
    return kept;
}

size_t rbe_demand_take(struct rbe_share *share, struct rbe_demand *ret, size_t max)
{
    size_t n = 0;

    if (!share || !max)
        return 0;
    rbe_autofree struct rbe_demand *all = rbe_alloc_array(RBE_SHARE_PAIRS, sizeof(*all));
    for (size_t i = 0; i < RBE_SHARE_PAIRS; i++) {
        struct rbe_share_pair *p = &share->pairs[i];

        if (atomic_load_explicit(&p->count, memory_order_relaxed) == 0 || !hold(p))
            continue;
        all[n] = (struct rbe_demand){.source = atomic_load(&p->source), .target = atomic_load(&p->target)};
        all[n].count = atomic_exchange(&p->count, 0);
        all[n].formats = (unsigned)atomic_exchange(&p->formats, 0);
        let_go(p);
        if (all[n].count)
            n++;
    }
    n = merge(all, n);
    qsort(all, n, sizeof(*all), by_count);
    /* What goes beyond max is dropped: whoever still wants it asks again. */
    if (n > max)
        n = max;
    if (n)
        memcpy(ret, all, n * sizeof(*ret));
    return n;
}
