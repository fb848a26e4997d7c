#include "lib/core/stats.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/core/catalog.h"
#include "lib/core/target.h"
#include "lib/store/job.h"
#include "lib/store/package.h"
#include "lib/store/standing.h"

enum { SHOWN = 100 };

static int64_t size_of(const struct rbe_app *app, struct rbe_arena *arena, const char *below)
{
    struct stat st;

    return stat(rbe_app_path(app, arena, below), &st) == 0 ? (int64_t)st.st_size : 0;
}

static int64_t database_bytes(const struct rbe_app *app, struct rbe_arena *arena)
{
    static const char *const files[] = {"db/rbe.db", "db/rbe.db-wal", "db/usage.db", "db/usage.db-wal"};
    int64_t bytes = 0;

    for (size_t i = 0; i < RBE_COUNT(files); i++)
        bytes += size_of(app, arena, files[i]);
    return bytes;
}

static enum rbe_code read_jobs(struct rbe_app *app, struct rbe_arena *arena, struct rbe_stats *ret, struct rbe_err *e)
{
    const int64_t now = rbe_clock_now();
    struct rbe_job_tally *rows;
    size_t n;

    RBE_TRY(rbe_job_tally(app->store, arena, &rows, &n, e));
    ret->n_jobs = RBE_JOB_KIND_MAX;
    ret->jobs = rbe_arena_alloc_array(arena, ret->n_jobs, sizeof(*ret->jobs));
    for (enum rbe_job_kind kind = 0; kind < RBE_JOB_KIND_MAX; kind++)
        ret->jobs[kind].kind = rbe_job_kind_name(kind);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].kind < 0 || rows[i].kind >= (int)RBE_JOB_KIND_MAX)
            continue;
        struct rbe_stats_jobs *j = &ret->jobs[rows[i].kind];

        if (rows[i].state == RBE_JOB_LEASED)
            j->leased = rows[i].count;
        else if (rows[i].state == RBE_JOB_FAILED)
            j->failed = rows[i].count;
        else if (rows[i].state == RBE_JOB_QUEUED) {
            j->queued = rows[i].count;
            j->oldest = now > rows[i].oldest ? now - rows[i].oldest : 0;
        }
    }
    return RBE_OK;
}

/* A package may be gone that somebody still stands on: it is passed over. */
static enum rbe_code read_standing(struct rbe_app *app, int64_t limit, struct rbe_arena *arena, struct rbe_stats *ret,
                                   struct rbe_err *e)
{
    struct rbe_standing *rows;
    size_t n;

    RBE_TRY(rbe_standing_top(app->store, rbe_clock_now(), limit, arena, &rows, &n, e));
    ret->standing = rbe_arena_alloc_array(arena, n, sizeof(*ret->standing));
    for (size_t i = 0; i < n; i++) {
        struct rbe_package_origin o = {0};
        bool found;

        RBE_TRY(rbe_package_find_origin(app->store, rows[i].package, arena, &o, &found, e));
        if (found)
            ret->standing[ret->n_standing++] = (struct rbe_stats_standing){
                .rid = o.rid,
                .version_name = o.version_name,
                .system = rbe_system_name((enum rbe_system)o.package.system),
                .arch = rbe_arch_name((enum rbe_arch)o.package.arch),
                .asked = rows[i].asked,
            };
    }
    return RBE_OK;
}

enum rbe_code rbe_stats_read(struct rbe_app *app, int64_t limit, struct rbe_arena *arena, struct rbe_stats *ret,
                             struct rbe_err *e)
{
    *ret = (struct rbe_stats){.database_bytes = database_bytes(app, arena)};
    RBE_TRY(rbe_package_sum(app->store, &ret->packages, &ret->package_bytes, e));
    RBE_TRY(read_jobs(app, arena, ret, e));
    return read_standing(app, limit, arena, ret, e);
}

/* ---- as metrics ---- */

static void head(struct rbe_str *out, const char *name, const char *help)
{
    rbe_str_putf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void gauge(struct rbe_str *out, const char *name, const char *help, int64_t value)
{
    head(out, name, help);
    rbe_str_putf(out, "%s %lld\n", name, (long long)value);
}

static void put_jobs(const struct rbe_stats *s, struct rbe_str *out)
{
    head(out, "rbe_jobs", "Jobs in the queue, by kind and state.");
    for (size_t i = 0; i < s->n_jobs; i++) {
        const struct rbe_stats_jobs *j = &s->jobs[i];

        rbe_str_putf(out, "rbe_jobs{kind=\"%s\",state=\"queued\"} %lld\n", j->kind, (long long)j->queued);
        rbe_str_putf(out, "rbe_jobs{kind=\"%s\",state=\"leased\"} %lld\n", j->kind, (long long)j->leased);
        rbe_str_putf(out, "rbe_jobs{kind=\"%s\",state=\"failed\"} %lld\n", j->kind, (long long)j->failed);
    }
    head(out, "rbe_job_oldest_age_seconds", "How long the oldest queued job has waited, by kind.");
    for (size_t i = 0; i < s->n_jobs; i++)
        rbe_str_putf(out, "rbe_job_oldest_age_seconds{kind=\"%s\"} %lld\n", s->jobs[i].kind,
                     (long long)s->jobs[i].oldest);
}

/* A label's value: Prometheus escapes backslash, quote and line feed; the names hold no control character. */
static void put_label(struct rbe_str *out, const char *name, const char *value, char before)
{
    rbe_str_putf(out, "%c%s=\"", before, name);
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            rbe_str_putc(out, '\\');
        rbe_str_putc(out, *value);
    }
    rbe_str_putc(out, '"');
}

static void put_standing(const struct rbe_stats *s, struct rbe_str *out)
{
    head(out, "rbe_clients_asked", "How often clients said they were on this package, halved each week; the most asked ones.");
    for (size_t i = 0; i < s->n_standing; i++) {
        const struct rbe_stats_standing *t = &s->standing[i];

        rbe_str_puts(out, "rbe_clients_asked");
        put_label(out, "resource", t->rid, '{');
        put_label(out, "version", t->version_name, ',');
        put_label(out, "system", t->system, ',');
        put_label(out, "arch", t->arch, ',');
        rbe_str_putf(out, "} %lld\n", (long long)t->asked);
    }
}

void rbe_stats_metrics(struct rbe_app *app, struct rbe_str *out)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_err ignored = {0};
    struct rbe_stats s;

    if (rbe_stats_read(app, SHOWN, &arena, &s, &ignored) != RBE_OK)
        return;
    gauge(out, "rbe_database_bytes", "Size of both databases with their logs.", s.database_bytes);
    gauge(out, "rbe_packages", "Packages on disk, full ones and incrementals.", s.packages);
    gauge(out, "rbe_package_bytes", "Their size.", s.package_bytes);
    put_jobs(&s, out);
    put_standing(&s, out);
}
