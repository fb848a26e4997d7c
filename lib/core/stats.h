/* Figures of an installation as it is now, for `rbe-admin stats` and /metrics. */
#ifndef RBE_CORE_STATS_H
#define RBE_CORE_STATS_H

#include "lib/base/str.h"
#include "lib/core/app.h"

/* How often clients said they were on a full package, halved each week: where they stand. */
struct rbe_stats_standing {
    const char *rid, *version_name, *system, *arch;
    int64_t asked;
};
struct rbe_stats_jobs {
    const char *kind;
    int64_t queued, leased, failed;
    int64_t oldest;              /* seconds that the oldest queued one has waited */
};
struct rbe_stats {
    int64_t database_bytes;      /* both, with their logs */
    int64_t packages, package_bytes;     /* on disk, full ones and patches */
    struct rbe_stats_jobs *jobs;         /* one a kind */
    size_t n_jobs;
    struct rbe_stats_standing *standing; /* most asked first */
    size_t n_standing;
};

/* At most so many of standing. Lives in the arena. */
enum rbe_code rbe_stats_read(struct rbe_app *app, int64_t limit, struct rbe_arena *arena, struct rbe_stats *ret,
                             struct rbe_err *e) RBE_MUST_USE;
/* As Prometheus text, with the 100 most asked of standing; nothing where they cannot be read. */
void rbe_stats_metrics(struct rbe_app *app, struct rbe_str *out);

#endif
