/* How many downloads a cdk has a day: its own daily_limit, else extra.download_limit_count, 0 for no limit. The day
 * begins at midnight of extra.quota_time_zone.
 *
 * A download is one durable row in usage.db, written before anything of it is sent; its download key is what is
 * counted, so a key that is used again, also on a later day, counts once.
 */
#ifndef RBE_CORE_QUOTA_H
#define RBE_CORE_QUOTA_H

#include "lib/core/app.h"
#include "lib/core/grant.h"
#include "lib/store/cdk.h"

/* Counts the download that key (of a cdk; c its row, NULL for one that another service vouched for) stands for. None
 * left: RBE_CDK_QUOTA. What cannot be counted is refused where there is a limit; else *ret_lost says why, and the download
 * goes on. */
enum rbe_code rbe_quota_take(struct rbe_app *app, const struct rbe_grant *key, const struct rbe_cdk *c, int64_t now,
                             struct rbe_err *ret_lost, struct rbe_err *e) RBE_MUST_USE;
/* Whether no new download is left for today. cdk, c: as in a key. */
enum rbe_code rbe_quota_used_up(struct rbe_app *app, int64_t cdk, const struct rbe_cdk *c, int64_t now, bool *ret,
                                struct rbe_err *e) RBE_MUST_USE;
/* Downloads of a cdk of this installation: today, and altogether. */
enum rbe_code rbe_quota_used(struct rbe_app *app, int64_t cdk, int64_t now, int64_t *ret_today, int64_t *ret_total,
                             struct rbe_err *e) RBE_MUST_USE;
/* A chore: removes what was counted on days of which no key can live any more. */
enum rbe_code rbe_quota_purge(struct rbe_app *app, int64_t now, struct rbe_err *e) RBE_MUST_USE;

#endif
