/* Who may do what: verdicts on bearer tokens and cdks.
 */
#ifndef RBE_CORE_ACCESS_H
#define RBE_CORE_ACCESS_H

#include "lib/core/app.h"
#include "lib/core/grant.h"
#include "lib/store/cdk.h"
#include "lib/store/token.h"

/* bearer: the token's text, NULL when none was sent. Unknown, expired, revoked or none: RBE_UNAUTHORIZED, one text for
 * all. */
enum rbe_code rbe_access_token(struct rbe_app *app, const char *bearer, int64_t now, struct rbe_arena *arena,
                               struct rbe_token *ret, struct rbe_err *e) RBE_MUST_USE;

/* The same for a client at an address, who may fail limits.auth_failures times a minute: RBE_LIMITED then for every
 * token that did not prove itself from there within the last hour, good or not, so that guessing stops while the others
 * behind one address go on. Asking without a token is no failure. Notes when
 * a token was used, once a minute, and lets nothing fail by it.
 *
 * With rid and auth.uploader_validation_url, a token that is none of ours is asked for there; a good one is then one of
 * scope publish, bound to the resource; one that is for another resource is RBE_FORBIDDEN. */
struct rbe_access_entry {
    const char *bearer, *address;
    const char *rid;             /* of a call that a token of scope publish may make; NULL for all others */
    int64_t now;
};
enum rbe_code rbe_access_enter(struct rbe_app *app, const struct rbe_access_entry *who, struct rbe_arena *arena,
                               struct rbe_token *ret, struct rbe_err *e) RBE_MUST_USE;
/* Scope below what is needed, or bound to another resource (rid may be NULL: a call that names none, closed to bound
 * tokens): RBE_FORBIDDEN. */
enum rbe_code rbe_access_allow(const struct rbe_token *t, enum rbe_scope need, const char *rid,
                               struct rbe_err *e) RBE_MUST_USE;
/* Makes a token (256 random bits, "rbe_" and base64url) and puts its row; ret_text is its only showing. expires 0:
 * never. */
enum { RBE_TOKEN_TEXT = 48 };
enum rbe_code rbe_access_grant_token(struct rbe_app *app, struct rbe_token *t, char ret_text[static RBE_TOKEN_TEXT],
                                     struct rbe_err *e) RBE_MUST_USE;

/* A cdk that is shown at latest. */
struct rbe_access_ask {
    const char *cdk;
    int64_t resource;            /* row id of what it is shown for, */
    const char *rid;             /* and its name */
    const char *address;         /* of the client */
    int64_t now;
};
struct rbe_access_verdict {
    enum rbe_code code;          /* RBE_OK or what is wrong: RBE_CDK_* */
    int64_t cdk;                 /* as a download key names it (grant.h); 0 unless good */
    int64_t expires_at;          /* 0: never */
};
/* Fails only when the database does, or, where cdks are asked for outside, as rbe_outside_ask does. */
enum rbe_code rbe_access_cdk(struct rbe_app *app, const struct rbe_access_ask *ask, struct rbe_arena *arena,
                             struct rbe_access_verdict *ret, struct rbe_err *e) RBE_MUST_USE;
/* What a client is told of a bad cdk. */
const char *rbe_access_cdk_text(enum rbe_code verdict);

/* A download key that is used. */
struct rbe_access_use {
    const struct rbe_grant *key;
    bool counts;                 /* it is a download, not a question about it */
    const char *rid, *version_name, *address;
    int64_t now;
};
/* Looks again at the cdk in it, which may have changed since the key was made: RBE_CDK_INVALID, _BLOCKED. Where the
 * download counts, asks auth.download_validation_url whether it may go on, and counts it (rbe_quota_take has the rest of
 * the contract); to be called before anything is sent. */
enum rbe_code rbe_access_download(struct rbe_app *app, const struct rbe_access_use *use, struct rbe_arena *arena,
                                  struct rbe_err *ret_lost, struct rbe_err *e) RBE_MUST_USE;

#endif
