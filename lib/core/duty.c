#include "lib/core/duty.h"

#include "lib/core/deed.h"
#include "lib/core/delta.h"
#include "lib/core/mirroring.h"
#include "lib/core/probe.h"
#include "lib/core/purge.h"
#include "lib/core/quota.h"
#include "lib/core/sweep.h"
#include "lib/core/webhook.h"

enum { DAY = 24 * 60 * 60 };

static const struct rbe_duty duties[RBE_JOB_KIND_MAX] = {
    [RBE_JOB_PATCH] = {.name = "patch", .run = rbe_delta_build, .apart = true},
    [RBE_JOB_WEBHOOK] = {.name = "webhook", .run = rbe_webhook_deliver, .keep = 30 * DAY},
    [RBE_JOB_PURGE] = {.name = "purge", .run = rbe_purge_remove, .keep = 30 * DAY},
    [RBE_JOB_MIRROR] = {.name = "mirror", .run = rbe_mirroring_copy, .apart = true, .keep = 30 * DAY},
};

static const struct rbe_chore chores[] = {
    {.name = "sweeping tmp", .every = 600, .run = rbe_sweep_tmp},
    {.name = "forgetting the oldest of the audit", .every = DAY, .run = rbe_deed_forget},
    {.name = "forgetting jobs", .every = DAY, .run = rbe_duty_forget},
    {.name = "announcing versions", .every = 2, .run = rbe_webhook_announce},
    {.name = "purging", .every = 60, .run = rbe_purge_by_itself},
    {.name = "queueing what is purged", .every = 60, .run = rbe_purge_queue},
    {.name = "queueing copies for mirrors", .every = 2, .run = rbe_mirroring_queue},
    {.name = "looking for copies that mirrors miss", .every = 3600, .run = rbe_mirroring_queue_all},
    {.name = "clearing mirrors", .every = 3600, .run = rbe_mirroring_sweep},
    {.name = "probing", .every = 1, .run = rbe_probe_places},
    {.name = "forgetting old downloads", .every = 3600, .run = rbe_quota_purge},
};

const struct rbe_duty *rbe_duty_of(enum rbe_job_kind kind)
{
    return (unsigned)kind < RBE_JOB_KIND_MAX && duties[kind].run ? &duties[kind] : NULL;
}

enum rbe_code rbe_duty_forget(struct rbe_app *app, int64_t now, struct rbe_err *e)
{
    for (enum rbe_job_kind kind = 0; kind < RBE_JOB_KIND_MAX; kind++)
        if (duties[kind].keep)
            RBE_TRY(rbe_job_forget(app->store, kind, now - duties[kind].keep, e));
    return RBE_OK;
}

const struct rbe_chore *rbe_duty_chores(size_t *ret_n)
{
    *ret_n = RBE_COUNT(chores);
    return chores;
}
