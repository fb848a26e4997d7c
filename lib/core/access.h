/* Who may do what: verdicts on bearer tokens and cdks.
 */
#ifndef RBE_CORE_ACCESS_H
#define RBE_CORE_ACCESS_H

#include "lib/core/app.h"
#include "lib/store/cdk.h"
#include "lib/store/token.h"

/* bearer: the token's text, NULL when none was sent. Unknown, expired, revoked or none: RBE_UNAUTHORIZED, one text for
 * all. */
enum rbe_code rbe_access_token(struct rbe_app *app, const char *bearer, int64_t now, struct rbe_arena *arena,
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

/* The code that says what is wrong with a cdk for this resource (RBE_OK, RBE_CDK_*) in *ret_verdict; ret holds its row
 * when known. Fails only when the database does. */
enum rbe_code rbe_access_cdk(struct rbe_app *app, const char *cdk, int64_t resource, int64_t now,
                             struct rbe_arena *arena, struct rbe_cdk *ret, enum rbe_code *ret_verdict,
                             struct rbe_err *e) RBE_MUST_USE;

#endif
