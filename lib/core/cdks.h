/* cdks as an admin handles them: made in bulk, listed with their use, blocked and let go.
 *
 * A cdk is 26 characters of Crockford's base32, 130 random bits. Only its SHA-256, its id and its first characters are
 * kept, so its text is shown once, when it is made.
 */
#ifndef RBE_CORE_CDKS_H
#define RBE_CORE_CDKS_H

#include "lib/core/app.h"
#include "lib/store/cdk.h"

enum { RBE_CDK_LENGTH = 26, RBE_CDK_PREFIX = 4, RBE_CDKS_MAX = 100000 };
#define RBE_CDK_DAILY_MAX INT64_C(1000000000)

/* Letters of either case, O read as 0, I and L as 1, no U. False when text is no cdk. */
bool rbe_cdks_normal(const char *text, char ret_cdk[static RBE_CDK_LENGTH + 1]);

struct rbe_cdks_made {
    int64_t id;
    char text[RBE_CDK_LENGTH + 1];
};
/* Makes `count` (at most RBE_CDKS_MAX) in one transaction; like holds all else that is said of them: resource
 * and rid, daily_limit, created_at, expires_at. The array lives in the arena. */
enum rbe_code rbe_cdks_make(struct rbe_app *app, const struct rbe_cdk *like, size_t count, struct rbe_arena *arena,
                            struct rbe_cdks_made **ret, struct rbe_err *e) RBE_MUST_USE;

struct rbe_cdks_row {
    struct rbe_cdk cdk;
    int64_t today, total;        /* counted downloads */
};
/* A page: by id, those after that one, at most limit. */
enum rbe_code rbe_cdks_list(struct rbe_app *app, int64_t after, int64_t limit, int64_t now, struct rbe_arena *arena,
                            struct rbe_cdks_row **ret, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* which: a cdk or an id. Neither: RBE_REFUSED. Unknown: RBE_NOTFOUND. */
enum rbe_code rbe_cdks_get(struct rbe_app *app, const char *which, int64_t now, struct rbe_arena *arena,
                           struct rbe_cdks_row *ret, struct rbe_err *e) RBE_MUST_USE;
/* Blocks it, or takes the block away; it counts from the next answer on. ret is the row as it is then; what is so
 * already stays as it was. */
enum rbe_code rbe_cdks_block(struct rbe_app *app, const char *which, bool block, int64_t now, struct rbe_arena *arena,
                             struct rbe_cdks_row *ret, struct rbe_err *e) RBE_MUST_USE;
/* "good", "blocked", "expired" */
const char *rbe_cdks_state(const struct rbe_cdk *c, int64_t now);

#endif
