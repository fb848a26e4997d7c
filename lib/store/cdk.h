/* Rows of cdk: keys that let a client download, stored by the SHA-256 of their upper-case text. */
#ifndef RBE_STORE_CDK_H
#define RBE_STORE_CDK_H

#include "lib/store/store.h"

struct rbe_cdk {
    int64_t id;
    unsigned char sha256[32];
    const char *prefix;          /* its first 4 characters, to recognise it by */
    int64_t resource;            /* row id of the one resource it is for, 0 for all */
    const char *rid;             /* its name, NULL for all; for readers */
    int64_t daily_limit;         /* downloads a day, 0 for the configured limit */
    int64_t created_at, expires_at, blocked_at;
};

/* Sets id. */
enum rbe_code rbe_cdk_put(struct rbe_store *s, struct rbe_cdk *c, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_cdk_find(struct rbe_store *s, const unsigned char sha256[32], struct rbe_arena *arena,
                           struct rbe_cdk *ret, bool *ret_found, struct rbe_err *e) RBE_MUST_USE;
/* Unknown: RBE_NOTFOUND. */
enum rbe_code rbe_cdk_get(struct rbe_store *s, int64_t id, struct rbe_arena *arena, struct rbe_cdk *ret,
                          struct rbe_err *e) RBE_MUST_USE;
/* A page: by id, those after that one, at most limit. */
enum rbe_code rbe_cdk_list(struct rbe_store *s, int64_t after, int64_t limit, struct rbe_arena *arena,
                           struct rbe_cdk **ret, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* blocked_at 0: not blocked. Unknown: RBE_NOTFOUND. */
enum rbe_code rbe_cdk_block(struct rbe_store *s, int64_t id, int64_t blocked_at, struct rbe_err *e) RBE_MUST_USE;

#endif
