/* Rows of usage.db that say who used what: downloads counted for cdks, and when tokens were last used. */
#ifndef RBE_STORE_USAGE_H
#define RBE_STORE_USAGE_H

#include "lib/store/store.h"

/* A counted download: the cdk's row id, or a negative number for one that another service vouched for. */
struct rbe_usage {
    int64_t cdk;
    const void *key;             /* what tells the download key from others */
    size_t key_len;
    int64_t day;                 /* days since 1970 where the quota's midnight is */
    int64_t used_at;
};

/* Whether this key was counted before, on whatever day. */
enum rbe_code rbe_usage_find(struct rbe_store *s, const struct rbe_usage *u, bool *ret_found, struct rbe_err *e)
    RBE_MUST_USE;
/* Counts it, which must not be counted yet; for a cdk of this installation also in its total. */
enum rbe_code rbe_usage_put(struct rbe_store *s, const struct rbe_usage *u, struct rbe_err *e) RBE_MUST_USE;
/* Downloads of a cdk on a day, counted no further than max. */
enum rbe_code rbe_usage_count(struct rbe_store *s, int64_t cdk, int64_t day, int64_t max, int64_t *ret,
                              struct rbe_err *e) RBE_MUST_USE;
/* Downloads of a cdk of this installation altogether. */
enum rbe_code rbe_usage_total(struct rbe_store *s, int64_t cdk, int64_t *ret, struct rbe_err *e) RBE_MUST_USE;
/* The last day that has a counted download, 0 for none. */
enum rbe_code rbe_usage_last_day(struct rbe_store *s, int64_t *ret, struct rbe_err *e) RBE_MUST_USE;
/* Removes at most max counted downloads of earlier days; totals stay. */
enum rbe_code rbe_usage_purge(struct rbe_store *s, int64_t before_day, int64_t max, int64_t *ret_removed,
                              struct rbe_err *e) RBE_MUST_USE;

/* When a token was last used, 0 for never. */
enum rbe_code rbe_usage_token(struct rbe_store *s, int64_t token, int64_t *ret_used_at, struct rbe_err *e)
    RBE_MUST_USE;
enum rbe_code rbe_usage_token_put(struct rbe_store *s, int64_t token, int64_t used_at, struct rbe_err *e) RBE_MUST_USE;

#endif
