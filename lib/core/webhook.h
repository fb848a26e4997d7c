/* Webhooks: telling another service what happened here, by a POST of JSON that the queue delivers and tries again.
 *
 * New versions are found, not reported: a chore walks the packages behind the last one it saw (a mark in usage.db), so a
 * publisher that dies right after its commit is announced like any other, and publishing waits for nobody.
 *
 * With extra.webhook_secret a delivery is signed:
 *     X-Rbe-Signature: t=<unix seconds>,v1=<hex of HMAC-SHA256 over "<t>.<body>">
 */
#ifndef RBE_CORE_WEBHOOK_H
#define RBE_CORE_WEBHOOK_H

#include "lib/core/app.h"
#include "lib/store/job.h"
#include "lib/store/package.h"

enum rbe_webhook { RBE_WEBHOOK_VERSION, RBE_WEBHOOK_PURGE_ERROR, RBE_WEBHOOK_MAX };

/* A chore: queues a delivery for each full package that was published since, but for the resources that do not notify
 * and for what is withdrawn again or older than RBE_WEBHOOK_NEWS_SECONDS. */
enum { RBE_WEBHOOK_NEWS_SECONDS = 7 * 24 * 60 * 60 };
enum rbe_code rbe_webhook_announce(struct rbe_app *app, int64_t now, struct rbe_err *e) RBE_MUST_USE;
/* Queues what is told when the files of a purged package cannot be removed, once a package. */
enum rbe_code rbe_webhook_purge_error(struct rbe_app *app, const struct rbe_package_origin *o, const char *error,
                                      struct rbe_err *e) RBE_MUST_USE;
/* Delivers the job. Anything but a status of 2xx is RBE_UNAVAILABLE. */
enum rbe_code rbe_webhook_deliver(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena,
                                  const char **ret_note, struct rbe_err *e) RBE_MUST_USE;

#endif
