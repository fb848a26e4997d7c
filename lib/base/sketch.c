#include "lib/base/sketch.h"

void rbe_sketch_halve(const struct rbe_sketch *s)
{
    atomic_store_explicit(s->asked, s->age / 2, memory_order_relaxed);
    for (size_t i = 0; i < RBE_SKETCH_ROWS * s->width; i++)
        atomic_store_explicit(&s->counter[i],
                              (unsigned char)(atomic_load_explicit(&s->counter[i], memory_order_relaxed) / 2),
                              memory_order_relaxed);
}
