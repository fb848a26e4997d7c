/* Which incremental packages are worth building, and in what order.
 *
 * First what a publisher named; then from the versions clients are on, by how often they say so; then from the last
 * batch.prebuild_depth versions. Within each, what saves the most bytes is first. Of a pair the package of whole files
 * comes before its deltas, which are measured against it. At most batch.max_patches sources a target, those named aside:
 * where they are taken, the one that is asked for least makes way: at once while its package is not built, else to one that
 * clients are on more than twice as often.
 */
#ifndef RBE_CORE_WISH_H
#define RBE_CORE_WISH_H

#include "lib/core/app.h"
#include "lib/store/job.h"
#include "lib/store/package.h"

enum rbe_wish_tier { RBE_WISH_AHEAD, RBE_WISH_ASKED, RBE_WISH_NAMED, RBE_WISH_TIER_MAX };

struct rbe_wish {
    const struct rbe_package *target, *source;   /* full ones */
    enum rbe_format format;
    enum rbe_wish_tier tier;
    int64_t asked;               /* how often; 0 counts as once */
    int64_t saves;               /* bytes a client, expected; 0: found out from the manifests */
};
/* Queues it unless it was queued before; then it gets more weight where it still waits. Also nothing happens when the
 * target has no place for it. *ret_new may be NULL. */
enum rbe_code rbe_wish_put(struct rbe_app *app, const struct rbe_wish *w, bool *ret_new, struct rbe_err *e) RBE_MUST_USE;
/* The tier that a queued job's weight stands for. */
enum rbe_wish_tier rbe_wish_tier(int64_t weight);
/* The packages of a pair as they are now; *ret_found false when either is unknown. */
enum rbe_code rbe_wish_ends(struct rbe_app *app, int64_t target, int64_t source, struct rbe_arena *arena,
                            struct rbe_package_origin *ret_target, struct rbe_package_origin *ret_source,
                            bool *ret_found, struct rbe_err *e) RBE_MUST_USE;
/* Both full and not purged. The clients of a withdrawn version are the ones that have to move, so only the target may not
 * be withdrawn. */
bool rbe_wish_usable(const struct rbe_package_origin *target, const struct rbe_package_origin *source);
/* After the job of a pair's whole files: its deltas, with the urgency of that job. size: of the package that clients get
 * now. */
enum rbe_code rbe_wish_deltas(struct rbe_app *app, const struct rbe_job *files, const struct rbe_package *target,
                              const struct rbe_package *source, int64_t size, struct rbe_err *e) RBE_MUST_USE;
/* Takes in what clients said since the last time (lib/core/demand) and what was published, and queues what follows. */
enum rbe_code rbe_wish_fold(struct rbe_app *app, struct rbe_err *e) RBE_MUST_USE;

#endif
