#include "lib/core/duty.h"

#include "lib/core/deed.h"
#include "lib/core/delta.h"
#include "lib/core/quota.h"
#include "lib/core/sweep.h"

static const struct rbe_duty duties[RBE_JOB_KIND_MAX] = {
    [RBE_JOB_PATCH] = {.name = "patch", .run = rbe_delta_build},
};

static const struct rbe_chore chores[] = {
    {.name = "sweeping tmp", .every = 600, .run = rbe_sweep_tmp},
    {.name = "forgetting the oldest of the audit", .every = 24 * 60 * 60, .run = rbe_deed_forget},
    {.name = "forgetting old downloads", .every = 3600, .run = rbe_quota_purge},
};

const struct rbe_duty *rbe_duty_of(enum rbe_job_kind kind)
{
    return (unsigned)kind < RBE_JOB_KIND_MAX && duties[kind].run ? &duties[kind] : NULL;
}

const struct rbe_chore *rbe_duty_chores(size_t *ret_n)
{
    *ret_n = RBE_COUNT(chores);
    return chores;
}
