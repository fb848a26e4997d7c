/* Rows of token: bearer tokens of publishers and admins, stored by the SHA-256 of their text. */
#ifndef RBE_STORE_TOKEN_H
#define RBE_STORE_TOKEN_H

#include "lib/store/store.h"

enum rbe_scope { RBE_SCOPE_PUBLISH, RBE_SCOPE_ADMIN, RBE_SCOPE_MAX };

struct rbe_token {
    int64_t id;
    const char *name;
    unsigned char sha256[32];
    enum rbe_scope scope;
    const char *rid;             /* the one resource it is bound to, NULL for all */
    int64_t created_at, expires_at, revoked_at;
    int64_t used_at;             /* to the minute, 0: never; filled by lists only */
};

/* Name in use by a token not revoked: RBE_REFUSED. Bound to an unknown resource: RBE_NOTFOUND. Sets id. */
enum rbe_code rbe_token_put(struct rbe_store *s, struct rbe_token *t, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_token_find(struct rbe_store *s, const unsigned char sha256[32], struct rbe_arena *arena,
                             struct rbe_token *ret, bool *ret_found, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_token_list(struct rbe_store *s, struct rbe_arena *arena, struct rbe_token **ret, size_t *ret_n,
                             struct rbe_err *e) RBE_MUST_USE;
/* No such name: RBE_NOTFOUND. */
enum rbe_code rbe_token_revoke(struct rbe_store *s, const char *name, int64_t now, struct rbe_err *e) RBE_MUST_USE;

#endif
