#include "lib/base/cache.h"

#include <stddef.h>
#include <string.h>

#include "lib/base/quickhash.h"
#include "lib/base/sketch.h"

enum {
    WAYS = 8,                            /* places a set */
    SPREAD = 4,                          /* counters a place in each row of the sketch, so that rare keys seldom meet others */
    REFUSALS = 32,                       /* sets looked at in vain before a value is not kept */
    AGE = 10                             /* askings a place until counters are halved */
};

/* What is kept: one block with the value first, so that a value's address leads back to its item. */
struct item {
    uint64_t hash;
    size_t weight;                       /* bytes counted for it */
    size_t key_len;
    char *key;                           /* behind the value */
    _Alignas(max_align_t) char value[];
};

struct rbe_cache {
    struct rbe_cache_options o;
    size_t sets, count, bytes;
    struct item **place;                 /* sets * WAYS */
    uint32_t *tag;                       /* of each place: the upper half of the hash */
    struct rbe_sketch sketch;
    _Atomic uint64_t asked;
    size_t hand;                         /* the set that gives when bytes run out */
};

struct rbe_cache *rbe_cache_new(const struct rbe_cache_options *o)
{
    struct rbe_cache *c = rbe_alloc(sizeof(*c));

    c->o = *o;
    c->sets = o->values / WAYS ? o->values / WAYS : 1;
    c->sketch = (struct rbe_sketch){.width = 64, .asked = &c->asked, .age = AGE * c->sets * WAYS};
    while (c->sketch.width < SPREAD * c->sets * WAYS)
        c->sketch.width *= 2;
    c->place = rbe_alloc_array(c->sets * WAYS, sizeof(struct item *));
    c->tag = rbe_alloc_array(c->sets * WAYS, sizeof(*c->tag));
    c->sketch.counter = rbe_alloc_array(RBE_SKETCH_ROWS, c->sketch.width);
    return c;
}

static void take_out(struct rbe_cache *c, size_t at)
{
    struct item *it = c->place[at];

    if (c->o.drop)
        c->o.drop(it->value);
    c->count--;
    c->bytes -= it->weight;
    c->place[at] = NULL;
    free(it);
}

void rbe_cache_free(struct rbe_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->sets * WAYS; i++)
        if (c->place[i])
            take_out(c, i);
    free(c->place);
    free(c->tag);
    free(c->sketch.counter);
    free(c);
}

static unsigned often(const struct rbe_cache *c, uint64_t hash)
{
    return rbe_sketch_often(&c->sketch, hash);
}

/* ---- finding and keeping ---- */

static size_t set_of(const struct rbe_cache *c, uint64_t hash)
{
    return (size_t)(((hash & UINT32_MAX) * c->sets) >> 32) * WAYS;
}

/* The key's place; SIZE_MAX when it has none. */
static size_t place_of(const struct rbe_cache *c, uint64_t hash, const void *key, size_t n)
{
    const size_t from = set_of(c, hash);
    const uint32_t tag = (uint32_t)(hash >> 32);

    for (size_t i = from; i < from + WAYS; i++) {
        const struct item *it = c->place[i];

        if (c->tag[i] == tag && it && it->hash == hash && it->key_len == n && memcmp(it->key, key, n) == 0)
            return i;
    }
    return SIZE_MAX;
}

void *rbe_cache_find(struct rbe_cache *c, const void *key, size_t n)
{
    const uint64_t hash = rbe_quickhash(c->o.seed, key, n);
    const size_t at = place_of(c, hash, key, n);

    rbe_sketch_count(&c->sketch, hash);
    return at == SIZE_MAX ? NULL : c->place[at]->value;
}

static bool worth(const struct rbe_cache *c, uint64_t hash, size_t at)
{
    return !c->place[at] || often(c, hash) > often(c, c->place[at]->hash);
}

/* The least asked item of a set, but not `spared`; SIZE_MAX when there is none. */
static size_t least_asked(const struct rbe_cache *c, size_t from, const struct item *spared)
{
    unsigned least = RBE_SKETCH_MAX + 1;
    size_t found = SIZE_MAX;

    for (size_t i = from; i < from + WAYS; i++) {
        const struct item *it = c->place[i];

        if (it && it != spared && often(c, it->hash) < least) {
            least = often(c, it->hash);
            found = i;
        }
    }
    return found;
}

/* A free place of a set, else that of its least asked item. */
static size_t weakest(const struct rbe_cache *c, size_t from)
{
    for (size_t i = from; i < from + WAYS; i++)
        if (!c->place[i])
            return i;
    return least_asked(c, from, NULL);
}

/* Takes from one set after the other until so many bytes are free; false when sets in a row hold only what is asked more
 * often than the key of this hash. */
static bool make_room(struct rbe_cache *c, uint64_t hash, size_t bytes, const struct item *spared)
{
    unsigned refused = 0;

    while (c->bytes + bytes > c->o.bytes) {
        size_t at = least_asked(c, c->hand * WAYS, spared);

        c->hand = (c->hand + 1) % c->sets;
        if (at != SIZE_MAX && worth(c, hash, at)) {
            take_out(c, at);
            refused = 0;
        } else if (++refused == REFUSALS)
            return false;
    }
    return true;
}

void *rbe_cache_put(struct rbe_cache *c, const void *key, size_t n, size_t size)
{
    const uint64_t hash = rbe_quickhash(c->o.seed, key, n);
    const size_t weight = sizeof(struct item) + size + n;
    size_t at = place_of(c, hash, key, n);

    if (at != SIZE_MAX)
        take_out(c, at);
    else
        at = weakest(c, set_of(c, hash));
    if (weight > c->o.bytes / WAYS || !worth(c, hash, at) || !make_room(c, hash, weight, NULL))
        return NULL;
    if (c->place[at])
        take_out(c, at);
    struct item *it = rbe_realloc(NULL, weight);
    it->hash = hash;
    it->weight = weight;
    it->key_len = n;
    it->key = it->value + size;
    memcpy(it->key, key, n);
    c->place[at] = it;
    c->tag[at] = (uint32_t)(hash >> 32);
    c->count++;
    c->bytes += weight;
    return it->value;
}

bool rbe_cache_grow(struct rbe_cache *c, void *value, size_t more)
{
    struct item *it = (struct item *)(void *)((char *)value - offsetof(struct item, value));

    if (it->weight + more > c->o.bytes / WAYS || !make_room(c, it->hash, more, it))
        return false;
    it->weight += more;
    c->bytes += more;
    return true;
}

size_t rbe_cache_count(const struct rbe_cache *c)
{
    return c->count;
}

size_t rbe_cache_bytes(const struct rbe_cache *c)
{
    return c->bytes;
}
