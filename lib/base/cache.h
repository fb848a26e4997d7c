/* A bounded table of values by key, for one process: what is asked often stays, whatever else is asked.
 *
 * Places are grouped in sets of eight; a key belongs to one set, so a look-up compares at most eight tags and no choice of
 * keys makes it longer. A new value takes the place of the least asked one of its set (lib/base/sketch), and only when its
 * key is asked more often: a scan of rare keys passes by without evicting what is hot.
 */
#ifndef RBE_BASE_CACHE_H
#define RBE_BASE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/mem.h"

struct rbe_cache;

struct rbe_cache_options {
    size_t values, bytes;                /* the most of each; bytes count keys, values and what holds them together */
    uint64_t seed;                       /* hard to guess, so that nobody can choose keys that meet in one set */
    void (*drop)(void *value);           /* called before a value's memory goes; may be NULL */
};
struct rbe_cache *rbe_cache_new(const struct rbe_cache_options *o);
void rbe_cache_free(struct rbe_cache *c);
RBE_DEFINE_CLEANUP(cache, struct rbe_cache, rbe_cache_free)

/* The value kept under the key, or NULL; the asking is counted. Good until the next put or del. */
void *rbe_cache_find(struct rbe_cache *c, const void *key, size_t n);
/* A place of size bytes for the key's value, in the place of one that is there; not zeroed, aligned for anything. NULL when
 * the key is not asked often enough for what would have to go, or the value is too large. */
void *rbe_cache_put(struct rbe_cache *c, const void *key, size_t n, size_t size);
/* The value now holds so many bytes more outside its place, for which others may have to go; false when there is no room,
 * and then nothing is counted. */
bool rbe_cache_grow(struct rbe_cache *c, void *value, size_t more);
size_t rbe_cache_count(const struct rbe_cache *c);
size_t rbe_cache_bytes(const struct rbe_cache *c);

#endif
