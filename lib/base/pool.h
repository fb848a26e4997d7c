/* A bounded table of values by key that processes share which one parent has forked.
 *
 * It lies in memory that the parent maps and its children inherit, and goes with the last of them. It is made of buckets of
 * 8 KiB; a key belongs to one, which holds up to 62 values of any size, side by side. Who changes a bucket locks it, and
 * nobody waits: a bucket that is being changed holds nothing for the moment and takes nothing. Who reads locks nothing, and
 * looks afterwards whether the bucket is as it was (a sequence lock). A process that is killed, or stopped for long, while
 * it changes one leaves it locked; after some seconds the next one takes it over, empty. What is found then must also
 * have the checksum it was put with, so two that hold one lock do no harm.
 *
 * What is asked often stays: a new value goes in where there is room, or for values that are asked less (lib/base/sketch).
 */
#ifndef RBE_BASE_POOL_H
#define RBE_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

/* Keys and values together are at most so long; longer ones are not kept. */
enum { RBE_POOL_BYTES_MAX = 3800 };

struct rbe_pool;
/* bytes: of all of it, at least one bucket. seed: hard to guess, so that nobody can choose keys that meet in one bucket. */
enum rbe_code rbe_pool_new(size_t bytes, uint64_t seed, struct rbe_pool **ret, struct rbe_err *e) RBE_MUST_USE;
void rbe_pool_free(struct rbe_pool *p);
RBE_DEFINE_CLEANUP(pool, struct rbe_pool, rbe_pool_free)
/* Maps all of it into a child. Without, memory counts as the child's that reaches it first. */
void rbe_pool_claim(struct rbe_pool *p);

/* The value under the key, NULL where there is none; the asking is counted. Good until the next find. */
const void *rbe_pool_find(struct rbe_pool *p, const void *key, size_t n, size_t *ret_len);
/* Keeps the value, in the place of one that is there; or does not. */
void rbe_pool_put(struct rbe_pool *p, const void *key, size_t n, const void *value, size_t len);

#endif
