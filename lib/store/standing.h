/* Rows of standing in usage.db: which full packages clients are on, by how often they say so. Counts halve each week. */
#ifndef RBE_STORE_STANDING_H
#define RBE_STORE_STANDING_H

#include "lib/store/store.h"

struct rbe_standing {
    int64_t package;             /* row id in rbe.db */
    int64_t asked;
    unsigned formats;            /* bit (1 << format) for each delta format that was asked for */
};

/* Adds to what is there; in a transaction. */
enum rbe_code rbe_standing_add(struct rbe_store *s, const struct rbe_standing *more, int64_t now, struct rbe_err *e)
    RBE_MUST_USE;
/* ret is zeros but for the package when nobody ever was on it. */
enum rbe_code rbe_standing_find(struct rbe_store *s, int64_t package, int64_t now, struct rbe_standing *ret,
                                struct rbe_err *e) RBE_MUST_USE;
/* Most asked first, at most limit. */
enum rbe_code rbe_standing_top(struct rbe_store *s, int64_t now, int64_t limit, struct rbe_arena *arena,
                               struct rbe_standing **ret, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;

#endif
