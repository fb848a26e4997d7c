/* A bucket:
 *     state    the second when it was changed last (monotonic) << 24, and how often it was changed: odd while it is
 *     fill     values, words in use << 32
 *     place    of each value: its hash, and in the lowest ten bits the word where it begins
 *     data     values side by side: a word of checksum, a word of both lengths, key and value, up to a whole word
 * All words are atomic only so that reading what is being changed has a meaning.
 */
#include "lib/base/pool.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/quickhash.h"
#include "lib/base/sketch.h"

enum {
    WORD = 8,
    PLACES = 62,
    DATA = 960,                          /* words */
    HEAD = 2,                            /* words of a value before its key */
    VALUE_MAX = DATA / 2,                /* words */
    AT_MASK = 1023,
    SPREAD = 2,                          /* counters a place in each row of the sketch */
    AGE = 10,                            /* askings a place until they are halved */
    CHANGES = 24,                        /* bits of state */
    HELD_SECONDS = 2
};

typedef _Atomic uint64_t word;

struct bucket {
    word state, fill, place[PLACES], data[DATA];
};

_Static_assert(sizeof(struct bucket) == 8192, "a bucket is two pages");
_Static_assert(HEAD + RBE_POOL_BYTES_MAX / WORD + 1 <= VALUE_MAX, "the largest value is half a bucket");

struct rbe_pool {
    struct bucket *buckets;
    size_t n, bytes;                     /* buckets; of the mapping */
    uint64_t seed;
    struct rbe_sketch sketch;
    uint64_t found[VALUE_MAX];           /* a copy of what was found last, or of what is being put */
};

static uint64_t get(const word *w)
{
    return atomic_load_explicit(w, memory_order_relaxed);
}

static void set(word *w, uint64_t value)
{
    atomic_store_explicit(w, value, memory_order_relaxed);
}

enum rbe_code rbe_pool_new(size_t bytes, uint64_t seed, struct rbe_pool **ret, struct rbe_err *e)
{
    rbe_autoptr(pool) struct rbe_pool *p = rbe_alloc(sizeof(*p));
    const size_t n = bytes / sizeof(struct bucket);

    *ret = NULL;
    p->seed = seed;
    p->n = n ? n : 1;
    for (p->sketch.width = 64; p->sketch.width < SPREAD * PLACES * p->n;)
        p->sketch.width *= 2;
    /* The sketch is of it, so buckets make way. */
    const size_t counters = RBE_SKETCH_ROWS * p->sketch.width, away = counters / sizeof(struct bucket) + 1;
    p->n = p->n > away ? p->n - away : 1;
    p->bytes = p->n * sizeof(struct bucket) + counters + sizeof(*p->sketch.asked);
    void *map = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return rbe_fail_errno(e, "cannot share %zu bytes of memory", p->bytes);
    p->buckets = map;
    p->sketch.asked = (word *)(p->buckets + p->n);
    p->sketch.counter = (_Atomic unsigned char *)(p->sketch.asked + 1);
    p->sketch.age = AGE * PLACES * p->n;
    *ret = rbe_steal(p);
    return RBE_OK;
}

void rbe_pool_free(struct rbe_pool *p)
{
    if (!p)
        return;
    if (p->buckets)
        (void)munmap(p->buckets, p->bytes);
    free(p);
}

void rbe_pool_claim(struct rbe_pool *p)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);

    for (size_t at = 0; at < p->bytes; at += page)
        (void)*((const volatile char *)p->buckets + at);
}

static struct bucket *bucket_of(const struct rbe_pool *p, uint64_t hash)
{
    return &p->buckets[((hash >> 32) * p->n) >> 32];
}

/* ---- a value ---- */

static size_t words_of(uint64_t lengths)
{
    const uint64_t bytes = (lengths & UINT32_MAX) + (lengths >> 32);

    return bytes > RBE_POOL_BYTES_MAX ? VALUE_MAX : HEAD + (size_t)(bytes + WORD - 1) / WORD;
}

static uint64_t checksum(const struct rbe_pool *p, const uint64_t *value, size_t words)
{
    return rbe_quickhash(~p->seed, value + 1, (words - 1) * WORD);
}

static bool is_of(uint64_t place, uint64_t hash)
{
    return (place ^ hash) <= AT_MASK;
}

/* Copies a value out; false when it is not whole, or under another key. */
static bool copy_out(struct rbe_pool *p, const struct bucket *b, size_t at, const void *key, size_t n, size_t *ret_len)
{
    if (at + HEAD > DATA)
        return false;
    const uint64_t lengths = get(&b->data[at + 1]);
    const size_t words = words_of(lengths), key_len = lengths & UINT32_MAX;
    if (key_len != n || key_len + (lengths >> 32) > RBE_POOL_BYTES_MAX || at + words > DATA)
        return false;
    for (size_t i = 0; i < words; i++)
        p->found[i] = get(&b->data[at + i]);
    *ret_len = (size_t)(lengths >> 32);
    return memcmp(p->found + HEAD, key, n) == 0 && checksum(p, p->found, words) == p->found[0];
}

const void *rbe_pool_find(struct rbe_pool *p, const void *key, size_t n, size_t *ret_len)
{
    const uint64_t hash = rbe_quickhash(p->seed, key, n);
    const struct bucket *b = bucket_of(p, hash);

    rbe_sketch_count(&p->sketch, hash);
    const uint64_t before = atomic_load_explicit(&b->state, memory_order_acquire);
    if (before & 1)
        return NULL;
    const size_t values = get(&b->fill) & UINT32_MAX;
    for (size_t i = 0; i < values && i < PLACES; i++) {
        const uint64_t place = get(&b->place[i]);

        if (!is_of(place, hash) || !copy_out(p, b, place & AT_MASK, key, n, ret_len))
            continue;
        atomic_thread_fence(memory_order_acquire);
        return get(&b->state) == before ? (const char *)(p->found + HEAD) + n : NULL;
    }
    return NULL;
}

/* ---- changing a bucket ---- */

/* Nobody waits: false where another one is at it. */
static bool lock(struct bucket *b)
{
    uint64_t state = get(&b->state), changes = state & ((UINT64_C(1) << CHANGES) - 1);
    const uint64_t now = rbe_clock_mono() / 1000000000;
    const bool left = state & 1;

    if (left && now < (state >> CHANGES) + HELD_SECONDS)
        return false;
    changes = (changes + (left ? 2 : 1)) & ((UINT64_C(1) << CHANGES) - 1);
    if (!atomic_compare_exchange_strong(&b->state, &state, now << CHANGES | changes))
        return false;
    atomic_thread_fence(memory_order_release);
    if (left)
        set(&b->fill, 0);
    return true;
}

static void unlock(struct bucket *b)
{
    const uint64_t state = get(&b->state);

    atomic_store_explicit(&b->state, (state >> CHANGES) << CHANGES | ((state + 1) & ((UINT64_C(1) << CHANGES) - 1)),
                          memory_order_release);
}

/* What lies behind the value moves up. Returns false where the bucket makes no sense, which only another holder of the lock
 * can have done. */
static bool take_out(struct bucket *b, size_t *values, size_t *used, size_t i)
{
    const size_t at = get(&b->place[i]) & AT_MASK;
    const size_t words = at + HEAD <= *used ? words_of(get(&b->data[at + 1])) : DATA;

    if (at + words > *used)
        return false;
    for (size_t k = at; k + words < *used; k++)
        set(&b->data[k], get(&b->data[k + words]));
    *used -= words;
    --*values;
    set(&b->place[i], get(&b->place[*values]));
    for (size_t k = 0; k < *values; k++) {
        const uint64_t place = get(&b->place[k]);

        if ((place & AT_MASK) > at)
            set(&b->place[k], place - words);
    }
    return true;
}

static size_t least_asked(const struct rbe_pool *p, const struct bucket *b, size_t values, unsigned *ret_often)
{
    size_t found = 0;

    *ret_often = RBE_SKETCH_MAX + 1;
    for (size_t i = 0; i < values; i++) {
        const unsigned often = rbe_sketch_often(&p->sketch, get(&b->place[i]));

        if (often < *ret_often) {
            *ret_often = often;
            found = i;
        }
    }
    return found;
}

/* Takes out what is there under the hash, and what is asked less often, until so many words are free. */
static bool make_room(const struct rbe_pool *p, struct bucket *b, uint64_t hash, size_t words, size_t *values, size_t *used)
{
    const unsigned often = rbe_sketch_often(&p->sketch, hash);
    unsigned least;

    for (size_t i = 0; i < *values; i++)
        if (is_of(get(&b->place[i]), hash))
            return take_out(b, values, used, i) && make_room(p, b, hash, words, values, used);
    while (*values == PLACES || *used + words > DATA) {
        const size_t i = least_asked(p, b, *values, &least);

        if (least >= often || !take_out(b, values, used, i))
            return false;
    }
    return true;
}

/* The bucket is locked; p->found holds the value. */
static void put(const struct rbe_pool *p, struct bucket *b, uint64_t hash, size_t words)
{
    const uint64_t fill = get(&b->fill);
    size_t values = fill & UINT32_MAX, used = (size_t)(fill >> 32);

    if (values > PLACES || used > DATA)
        values = used = 0;
    if (make_room(p, b, hash, words, &values, &used)) {
        for (size_t i = 0; i < words; i++)
            set(&b->data[used + i], p->found[i]);
        set(&b->place[values++], (hash & ~(uint64_t)AT_MASK) | used);
        used += words;
    }
    set(&b->fill, values | (uint64_t)used << 32);
}

void rbe_pool_put(struct rbe_pool *p, const void *key, size_t n, const void *value, size_t len)
{
    const uint64_t hash = rbe_quickhash(p->seed, key, n), lengths = n | (uint64_t)len << 32;
    struct bucket *b = bucket_of(p, hash);

    if (n + len > RBE_POOL_BYTES_MAX)
        return;
    const size_t words = words_of(lengths);
    p->found[words - 1] = 0;
    p->found[1] = lengths;
    memcpy(p->found + HEAD, key, n);
    memcpy((char *)(p->found + HEAD) + n, value, len);
    p->found[0] = checksum(p, p->found, words);
    if (!lock(b))
        return;
    put(p, b, hash, words);
    unlock(b);
}
