/* Token buckets in the shared file: how often somebody may do something, over all processes of an installation together.
 *
 * A bucket holds `burst` tokens and gets a new one every `every` nanoseconds. It is kept as one number, the moment at
 * which it is full again, so a bucket that is full is as good as none and its slot is free. The table is of fixed size;
 * where a neighbourhood of it is full, the bucket nearest to full makes way.
 *
 * `now` is rbe_clock_mono(), which all processes of a machine share.
 */
#ifndef RBE_BASE_BUCKET_H
#define RBE_BASE_BUCKET_H

#include <stdbool.h>

#include "lib/base/share.h"

struct rbe_bucket_rate {
    uint64_t every;              /* nanoseconds for a token, at least 1 */
    uint64_t burst;              /* tokens of a full bucket, at least 1; every * burst is at most RBE_BUCKET_SPAN_MAX */
};
#define RBE_BUCKET_SPAN_MAX (UINT64_C(86400) * 1000000000)

/* Takes a token of who's bucket (any number; a hash). False when there is none: *ret_wait is then the time until there is
 * one. Lock-free. share may be NULL: there always is one. */
bool rbe_bucket_take(struct rbe_share *share, uint64_t who, struct rbe_bucket_rate rate, uint64_t now,
                     uint64_t *ret_wait);
/* Whether there is one, without taking it. */
bool rbe_bucket_look(struct rbe_share *share, uint64_t who, struct rbe_bucket_rate rate, uint64_t now,
                     uint64_t *ret_wait);

/* A mark that is there for a while, in the same table: nobody's bucket wears it down. span is at most
 * RBE_BUCKET_SPAN_MAX. */
void rbe_bucket_mark(struct rbe_share *share, uint64_t who, uint64_t span, uint64_t now);
bool rbe_bucket_marked(struct rbe_share *share, uint64_t who, uint64_t now);

#endif
