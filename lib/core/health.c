#include "lib/core/health.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/store/job.h"
#include "lib/wrap/mc.h"

static enum rbe_code usable(const char *path, int mode, struct rbe_err *e)
{
    return access(path, mode) == 0 ? RBE_OK : rbe_fail_errno(e, "%s", path);
}

/* A connection goes on reading files that were moved away or deleted, so their names are looked at as well. */
static enum rbe_code check_database(struct rbe_app *app, struct rbe_arena *arena, struct rbe_err *e)
{
    const char *meta;
    int64_t jobs;

    RBE_TRY(usable(rbe_app_path(app, arena, "db/rbe.db"), R_OK | W_OK, e));
    RBE_TRY(usable(rbe_app_path(app, arena, "db/usage.db"), R_OK | W_OK, e));
    RBE_TRY(rbe_store_meta_find(app->store, "order_rules", arena, &meta, e));
    return rbe_job_count(app->store, 0, &jobs, e);
}

/* Answers go on without it, only slower: but whoever named servers wants to know that none is there. */
static enum rbe_code check_cache(struct rbe_app *app, struct rbe_arena *arena, struct rbe_err *e)
{
    const struct rbe_conf_list *servers = &app->settings->memcached.servers;

    (void)arena;
    for (size_t i = 0; i < servers->n; i++) {
        rbe_autoptr(mc) struct rbe_mc *mc = NULL;
        rbe_autofree char *value = NULL;
        size_t len;

        RBE_TRY(rbe_mc_new(servers->v + i, 1, app->settings->memcached.timeout_ms, &mc, e));
        if (rbe_mc_get(mc, "rbe:health", &value, &len) != RBE_MC_AWAY)
            return RBE_OK;
    }
    return servers->n ? rbe_fail(e, RBE_UNAVAILABLE, "none of memcached.servers answers") : RBE_OK;
}

static enum rbe_code check_storage(struct rbe_app *app, struct rbe_arena *arena, struct rbe_err *e)
{
    RBE_TRY(usable(rbe_app_path(app, arena, "tmp"), R_OK | W_OK | X_OK, e));
    return usable(rbe_app_path(app, arena, "packages/p"), R_OK | W_OK | X_OK, e);
}

static enum rbe_code check_space(struct rbe_app *app, struct rbe_arena *arena, struct rbe_err *e)
{
    const char *path = rbe_app_path(app, arena, "tmp");
    struct statvfs fs;

    if (statvfs(path, &fs) < 0)
        return rbe_fail_errno(e, "%s", path);
    /* file systems without a fixed number of inodes say that they have none */
    if (fs.f_bavail == 0 || (fs.f_files && fs.f_favail == 0))
        return rbe_fail(e, RBE_NOSPACE, "no space left for %s", path);
    return RBE_OK;
}

enum rbe_code rbe_health_check(struct rbe_app *app, const char **ret_reason, struct rbe_err *e)
{
    static const struct {
        enum rbe_code (*check)(struct rbe_app *app, struct rbe_arena *arena, struct rbe_err *e);
        const char *reason;
    } parts[] = {
        {check_database, "the database is not usable"},
        {check_storage, "the storage is not usable"},
        {check_space, "the storage is full"},
        {check_cache, "the cache is not usable"},
    };
    rbe_auto(arena) struct rbe_arena arena = {0};

    for (size_t i = 0; i < RBE_COUNT(parts); i++) {
        if (parts[i].check(app, &arena, e) == RBE_OK)
            continue;
        *ret_reason = parts[i].reason;
        if (e)
            e->code = RBE_UNAVAILABLE;
        return RBE_UNAVAILABLE;
    }
    return RBE_OK;
}
