/* Whether what was read from the database before still holds, asked without a system call.
 *
 * The shared file has a word for each of 4096 groups of resources, by the hash of the rid, and one epoch for all. Who
 * changes a resource changes its word after the commit; who cannot say what was changed changes the epoch. A reader
 * remembers word and epoch as they were before it read (a mark), and trusts what it read as long as both are the same.
 */
#ifndef RBE_BASE_FRESH_H
#define RBE_BASE_FRESH_H

#include <stdbool.h>

#include "lib/base/share.h"

struct rbe_fresh {
    uint64_t epoch, value;
    unsigned word;
};

/* share may be NULL in all of these: then nothing is ever fresh. */
unsigned rbe_fresh_word(const char *rid);
struct rbe_fresh rbe_fresh_mark(struct rbe_share *share, const char *rid);
void rbe_fresh_bump(struct rbe_share *share, unsigned word);
void rbe_fresh_bump_all(struct rbe_share *share);

static inline bool rbe_fresh_holds(struct rbe_share *share, const struct rbe_fresh *mark)
{
    return share && atomic_load_explicit(&share->word[mark->word], memory_order_acquire) == mark->value &&
           atomic_load_explicit(&share->epoch, memory_order_acquire) == mark->epoch;
}

#endif
