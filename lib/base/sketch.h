/* About how often keys were asked for lately: a count-min sketch of small counters in memory of the caller's, which several
 * processes may share.
 *
 * Nothing is locked: two that count at the same moment may lose a count, and an estimate is what it is anyway. The past
 * fades: all counters are halved after so many askings.
 */
#ifndef RBE_BASE_SKETCH_H
#define RBE_BASE_SKETCH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { RBE_SKETCH_ROWS = 4, RBE_SKETCH_MAX = 15 };

struct rbe_sketch {
    _Atomic unsigned char *counter;      /* RBE_SKETCH_ROWS * width, zeros at first */
    _Atomic uint64_t *asked;             /* since counters were halved */
    size_t width;                        /* a power of two */
    uint64_t age;                        /* askings until they are */
};

void rbe_sketch_halve(const struct rbe_sketch *s);

static inline _Atomic unsigned char *rbe_sketch_counter(const struct rbe_sketch *s, uint64_t hash, unsigned row)
{
    const uint64_t at = (hash >> 10) + row * (hash >> 32 | 1);

    return &s->counter[row * s->width + (at & (s->width - 1))];
}

/* At most RBE_SKETCH_MAX; never less than it was since the counters were halved. The lowest ten bits of the hash play no part. */
static inline unsigned rbe_sketch_often(const struct rbe_sketch *s, uint64_t hash)
{
    unsigned least = RBE_SKETCH_MAX;

    for (unsigned row = 0; row < RBE_SKETCH_ROWS; row++) {
        unsigned n = atomic_load_explicit(rbe_sketch_counter(s, hash, row), memory_order_relaxed);

        least = n < least ? n : least;
    }
    return least;
}

/* Only counters that tell the estimate are raised: the others have it from keys that share them. */
static inline void rbe_sketch_count(const struct rbe_sketch *s, uint64_t hash)
{
    const unsigned now = rbe_sketch_often(s, hash);
    const uint64_t asked = atomic_load_explicit(s->asked, memory_order_relaxed) + 1;

    for (unsigned row = 0; row < RBE_SKETCH_ROWS && now < RBE_SKETCH_MAX; row++) {
        _Atomic unsigned char *n = rbe_sketch_counter(s, hash, row);

        if (atomic_load_explicit(n, memory_order_relaxed) == now)
            atomic_store_explicit(n, (unsigned char)(now + 1), memory_order_relaxed);
    }
    atomic_store_explicit(s->asked, asked, memory_order_relaxed);
    if (asked >= s->age)
        rbe_sketch_halve(s);
}

#endif
