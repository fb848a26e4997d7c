/* Purging: old packages go, in two steps.
 *
 * First they are no longer offered: on each channel, for each system and arch, all full packages but those of the newest
 * extra.keep_versions versions, and the patches that lead to them. The newest is what a client would be told is the
 * latest; the next, what it would be told without that one; and so on. What is the latest for anybody (a row of offer)
 * always stays. A withdrawn version counts as none; its package goes with its elders', or when nothing else is left.
 * Patches from a purged package stay, so that clients on it are still led away cheaply.
 *
 * Their files go in a later run, when no download key and no signed URL for them can live any more: each is a job, tried
 * again when it fails, and told to extra.purge_error_webhook.
 */
#ifndef RBE_CORE_PURGE_H
#define RBE_CORE_PURGE_H

#include "lib/core/app.h"
#include "lib/store/job.h"

struct rbe_purged {
    int64_t packages, patches;   /* that are no longer offered since now */
    int64_t bytes;               /* of both */
    int64_t waiting;             /* purged packages whose files are still there, those among them */
};
/* The first step for one resource, or all when rid is NULL; purging again purges nothing more. A resource is one
 * transaction. Unknown rid: RBE_NOTFOUND. */
enum rbe_code rbe_purge_run(struct rbe_app *app, const char *rid, struct rbe_purged *ret, struct rbe_err *e)
    RBE_MUST_USE;

/* A chore: the first step every batch.purge_interval. */
enum rbe_code rbe_purge_by_itself(struct rbe_app *app, int64_t now, struct rbe_err *e) RBE_MUST_USE;
/* A chore: queues the second step of each package whose time has come. */
enum rbe_code rbe_purge_queue(struct rbe_app *app, int64_t now, struct rbe_err *e) RBE_MUST_USE;
/* The second step of one package. */
enum rbe_code rbe_purge_remove(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                               struct rbe_err *e) RBE_MUST_USE;

/* Keeps the files of purged packages where they are until *ret_fd is closed, for who reads them by an older copy of the
 * database; waits for removals that are under way. Held by somebody else: RBE_UNAVAILABLE after ten seconds. */
enum rbe_code rbe_purge_hold_off(struct rbe_app *app, int *ret_fd, struct rbe_err *e) RBE_MUST_USE;

/* Seconds that what was handed out for a package may live: the longer of a download key and the URLs of all places. */
int64_t rbe_purge_key_life(const struct rbe_settings *settings);

#endif
