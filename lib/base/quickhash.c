#include "lib/base/quickhash.h"

#include <string.h>

static uint64_t mix(uint64_t h)
{
    h ^= h >> 32;
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 29;
}

uint64_t rbe_quickhash(uint64_t seed, const void *p, size_t n)
{
    const unsigned char *from = p;
    uint64_t h = seed ^ n, part;

    for (; n >= sizeof(part); n -= sizeof(part), from += sizeof(part)) {
        memcpy(&part, from, sizeof(part));
        h = mix(h ^ part);
    }
    part = 0;
    memcpy(&part, from, n);
    return mix(mix(h ^ part));
}
