/* The mmap'ed file that all processes of an installation share: atomic numbers, nothing that must survive.
 *
 * It is all zeros when new, and zeros mean "nothing yet", so no process has to initialise it; its name carries the
 * layout's version, so programs of two versions never meet in one file. It is allocated on disk when it is made: a
 * full disk fails the start, not a store into the mapping.
 *
 *     series   RBE_SHARE_SERIES records of a metric's name with labels and its numbers (lib/base/metrics)
 *     pairs    RBE_SHARE_PAIRS counters of where clients stand and are sent to (lib/core/demand)
 *     epoch, word, told    whether answers are fresh (lib/base/fresh, lib/store/change)
 *     buckets  RBE_SHARE_BUCKETS token buckets of rate limits (lib/base/bucket)
 *     breakers RBE_SHARE_BREAKERS states of services that are asked (lib/base/breaker)
 */
#ifndef RBE_BASE_SHARE_H
#define RBE_BASE_SHARE_H

#include <stdatomic.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

enum { RBE_SHARE_SERIES = 1024, RBE_SHARE_VALUES = 16, RBE_SHARE_PAIRS = 4096, RBE_SHARE_NAME = 120,
       RBE_SHARE_WORDS = 4096, RBE_SHARE_BUCKETS = 8192, RBE_SHARE_BREAKERS = 4, RBE_SHARE_SEATS = 16 };

struct rbe_share_series {
    _Atomic uint64_t state;                  /* 0 free, 1 being named, 2 in use */
    char name[RBE_SHARE_NAME];
    _Atomic uint64_t value[RBE_SHARE_VALUES];
};

struct rbe_share_pair {
    _Atomic int64_t source, target;
    _Atomic uint64_t count;
    _Atomic uint64_t formats;                /* delta formats that were asked for: bits */
    _Atomic uint64_t busy;                   /* when a process began to change source and target; 0: none does */
};

struct rbe_share_bucket {
    _Atomic uint64_t who;                    /* 0: nobody yet */
    _Atomic uint64_t full;                   /* when it is full again (monotonic ns) */
};

struct rbe_share_breaker {
    _Atomic uint64_t failures;               /* in a row */
    _Atomic uint64_t again;                  /* when one may try (monotonic ns); 0: all may ask */
    _Atomic uint64_t seat[RBE_SHARE_SEATS];  /* until when somebody may be asking; 0: nobody does */
};

struct rbe_share {
    struct rbe_share_series series[RBE_SHARE_SERIES];
    struct rbe_share_pair pairs[RBE_SHARE_PAIRS];
    _Atomic uint64_t epoch, word[RBE_SHARE_WORDS];
    _Atomic uint64_t born;                   /* random, tells this file from others; 0: not wanted yet */
    _Atomic int64_t told;                    /* the database's change number up to which all changes are in them */
    struct rbe_share_bucket buckets[RBE_SHARE_BUCKETS];
    struct rbe_share_breaker breakers[RBE_SHARE_BREAKERS];
};

/* Maps dir/shared.<layout>, making it when it is not there. */
enum rbe_code rbe_share_open(const char *dir, struct rbe_share **ret, struct rbe_err *e) RBE_MUST_USE;
void rbe_share_close(struct rbe_share *s);
RBE_DEFINE_CLEANUP(share, struct rbe_share, rbe_share_close)

#endif
