#include "lib/core/quota.h"

#include "lib/base/zone.h"
#include "lib/store/usage.h"

enum { DAY = 86400, KEPT_DAYS = 2, PURGE_STEP = 1000 };

static int64_t limit_of(const struct rbe_app *app, const struct rbe_cdk *c)
{
    return c && c->daily_limit ? c->daily_limit : app->settings->extra.download_limit_count;
}

/* Inside a transaction, so that of two at the last download one goes away empty-handed. */
static enum rbe_code count(struct rbe_app *app, const struct rbe_usage *u, int64_t limit, struct rbe_err *e)
{
    int64_t used = 0;
    bool counted;

    RBE_TRY(rbe_usage_find(app->store, u, &counted, e));
    if (counted)
        return RBE_OK;
    if (limit > 0)
        RBE_TRY(rbe_usage_count(app->store, u->cdk, u->day, limit, &used, e));
    if (limit > 0 && used >= limit)
        return rbe_fail(e, RBE_CDK_QUOTA, "the cdk's downloads of today are used up");
    return rbe_usage_put(app->store, u, e);
}

static enum rbe_code take(struct rbe_app *app, const struct rbe_usage *u, int64_t limit, struct rbe_err *e)
{
    bool counted;

    /* most often a resumed download, and that needs no lock */
    RBE_TRY(rbe_usage_find(app->store, u, &counted, e));
    if (counted)
        return RBE_OK;
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_USAGE, e));
    enum rbe_code code = count(app, u, limit, e);
    return rbe_store_end(app->store, RBE_BASE_USAGE, code, e);
}

enum rbe_code rbe_quota_take(struct rbe_app *app, const struct rbe_grant *key, const struct rbe_cdk *c, int64_t now,
                             struct rbe_err *ret_lost, struct rbe_err *e)
{
    const struct rbe_usage u = {.cdk = key->cdk, .key = key->id, .key_len = sizeof(key->id),
                                .day = rbe_zone_day(app->zone, now), .used_at = now};
    int64_t limit = limit_of(app, c);

    *ret_lost = (struct rbe_err){0};
    if (limit > 0)
        return take(app, &u, limit, e);
    (void)take(app, &u, 0, ret_lost);
    return RBE_OK;
}

enum rbe_code rbe_quota_used_up(struct rbe_app *app, int64_t cdk, const struct rbe_cdk *c, int64_t now, bool *ret,
                                struct rbe_err *e)
{
    int64_t limit = limit_of(app, c), used = 0;

    if (limit > 0)
        RBE_TRY(rbe_usage_count(app->store, cdk, rbe_zone_day(app->zone, now), limit, &used, e));
    *ret = limit > 0 && used >= limit;
    return RBE_OK;
}

enum rbe_code rbe_quota_used(struct rbe_app *app, int64_t cdk, int64_t now, int64_t *ret_today, int64_t *ret_total,
                             struct rbe_err *e)
{
    RBE_TRY(rbe_usage_count(app->store, cdk, rbe_zone_day(app->zone, now), INT64_MAX, ret_today, e));
    return rbe_usage_total(app->store, cdk, ret_total, e);
}

static enum rbe_code purge_step(struct rbe_app *app, int64_t before, int64_t *ret_removed, struct rbe_err *e)
{
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_USAGE, e));
    enum rbe_code code = rbe_usage_purge(app->store, before, PURGE_STEP, ret_removed, e);
    return rbe_store_end(app->store, RBE_BASE_USAGE, code, e);
}

/* Days are counted back from the last one with a download, so that a clock that ran ahead for a while takes nothing of
 * the present day away. Small steps let downloads in between. */
enum rbe_code rbe_quota_purge(struct rbe_app *app, int64_t now, struct rbe_err *e)
{
    const struct rbe_settings *set = app->settings;
    int64_t last, today = rbe_zone_day(app->zone, now), removed = PURGE_STEP;
    int64_t life = (set->extra.download_effective_time + set->auth.key_skew) / DAY + KEPT_DAYS;

    RBE_TRY(rbe_usage_last_day(app->store, &last, e));
    while (removed == PURGE_STEP)
        RBE_TRY(purge_step(app, (last < today ? last : today) - life, &removed, e));
    return RBE_OK;
}
