/* Series lie in the shared table by the hash of their whole name, linear probing, and are never taken out again.
 *
 * Numbers of a series: a counter has its count in value[0]. A histogram has one number a bucket, not cumulative,
 * the last of them for all above the greatest bound, and then the sum in nanoseconds; the count is the sum of the
 * buckets, so the three never disagree in one reading.
 */
#include "lib/base/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    BUCKETS = 14,                        /* 13 bounds and what lies above them */
    VALUE_SUM = BUCKETS,
    PROBES = 128,
    SPINS = 10000,
    DROPPED_AT = RBE_SHARE_SERIES - 1    /* the dropped counter's own place: it must be there when the table is full */
};
_Static_assert((int)VALUE_SUM < (int)RBE_SHARE_VALUES, "a histogram fits a series");

enum series_state { FREE, NAMING, USED };

struct family {
    const char *name, *type, *help;
    bool plain;                          /* without labels: shown as 0 before the first count */
};

static const struct family families[RBE_METRIC_MAX] = {
    [RBE_METRIC_REQUESTS] = {"rbe_http_requests_total", "counter", "Requests answered, by program, route and status.",
                             false},
    [RBE_METRIC_REQUEST_SECONDS] = {"rbe_http_request_duration_seconds", "histogram",
                                    "Time from a request's arrival to the end of its answer.", false},
    [RBE_METRIC_RESPONSE_BYTES] = {"rbe_http_response_body_bytes_total", "counter",
                                   "Bytes of bodies sent by the programs themselves.", false},
    [RBE_METRIC_WORKER_STARTS] = {"rbe_worker_starts_total", "counter", "Worker processes started.", false},
    [RBE_METRIC_WORKER_ENDS] = {"rbe_worker_ends_total", "counter",
                                "Worker processes that ended and were replaced, by reason.", false},
    [RBE_METRIC_CACHE] = {"rbe_cache_requests_total", "counter", "Questions put to the caches of answers, by result.",
                          false},
    [RBE_METRIC_PUBLISHED] = {"rbe_published_packages_total", "counter", "Full packages published.", true},
    [RBE_METRIC_PATCHES] = {"rbe_patches_total", "counter", "Incremental packages worked on, by result.", false},
    [RBE_METRIC_PATCH_SAVED_BYTES] = {"rbe_patch_saved_bytes_total", "counter",
                                      "Bytes by which incremental packages are smaller than their full ones.", true},
    [RBE_METRIC_VALIDATIONS] = {"rbe_validations_total", "counter",
                                "Questions to services that judge rights, by service and what came of it.", false},
    [RBE_METRIC_DROPPED] = {"rbe_metrics_dropped_total", "counter", "Counts lost because the table of series is full.",
                            true},
};

static const struct {
    uint64_t ns;
    const char *text;
} bounds[BUCKETS - 1] = {
    {50000, "5e-05"},       {100000, "0.0001"},     {250000, "0.00025"}, {500000, "0.0005"},  {1000000, "0.001"},
    {2500000, "0.0025"},    {5000000, "0.005"},     {10000000, "0.01"},  {50000000, "0.05"},  {100000000, "0.1"},
    {500000000, "0.5"},     {1000000000, "1"},      {10000000000, "10"},
};

static uint32_t hash_of(const char *s)
{
    uint32_t h = 2166136261u;

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

/* True when s bears the name, or was free and bears it now. A slot that stays half named (its process died) is
 * passed by. */
static bool claim(struct rbe_share_series *s, const char *name, size_t len)
{
    uint64_t state = atomic_load_explicit(&s->state, memory_order_acquire);

    if (state == FREE && atomic_compare_exchange_strong_explicit(&s->state, &state, NAMING, memory_order_acquire,
                                                                 memory_order_acquire)) {
        memcpy(s->name, name, len + 1);
        atomic_store_explicit(&s->state, USED, memory_order_release);
        return true;
    }
    for (unsigned i = 0; state == NAMING && i < SPINS; i++)
        state = atomic_load_explicit(&s->state, memory_order_acquire);
    return state == USED && strncmp(s->name, name, RBE_SHARE_NAME) == 0;
}

struct rbe_share_series *rbe_metric_find(struct rbe_share *share, enum rbe_metric metric, const char *labels)
{
    char name[RBE_SHARE_NAME];

    if (!share)
        return NULL;
    if (metric == RBE_METRIC_DROPPED)
        return &share->series[DROPPED_AT];
    int len = snprintf(name, sizeof(name), labels[0] ? "%s{%s}" : "%s", families[metric].name, labels);
    if (len < 0 || (size_t)len >= sizeof(name))
        return NULL;
    uint32_t h = hash_of(name);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct rbe_share_series *s = &share->series[(h + i) % DROPPED_AT];

        if (claim(s, name, (size_t)len))
            return s;
    }
    return NULL;
}

static void count(_Atomic uint64_t *v, uint64_t n)
{
    atomic_fetch_add_explicit(v, n, memory_order_relaxed);
}

void rbe_metric_series_add(struct rbe_share *share, struct rbe_share_series *s, uint64_t n)
{
    if (s)
        count(&s->value[0], n);
    else if (share)
        count(&share->series[DROPPED_AT].value[0], 1);
}

void rbe_metric_series_observe(struct rbe_share *share, struct rbe_share_series *s, uint64_t ns)
{
    size_t i = 0;

    if (!s) {
        rbe_metric_series_add(share, NULL, 1);
        return;
    }
    while (i < BUCKETS - 1 && ns > bounds[i].ns)
        i++;
    count(&s->value[i], 1);
    count(&s->value[VALUE_SUM], ns);
}

void rbe_metric_add(struct rbe_share *share, enum rbe_metric metric, const char *labels, uint64_t n)
{
    rbe_metric_series_add(share, rbe_metric_find(share, metric, labels), n);
}

void rbe_metric_observe(struct rbe_share *share, enum rbe_metric metric, const char *labels, uint64_t ns)
{
    rbe_metric_series_observe(share, rbe_metric_find(share, metric, labels), ns);
}

/* One series as read. Equal names can lie in two slots when a slow process was passed by: they are added up. */
struct reading {
    char name[RBE_SHARE_NAME];
    uint64_t value[RBE_SHARE_VALUES];
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct reading *)a)->name, ((const struct reading *)b)->name);
}

static size_t read_all(struct rbe_share *share, struct reading *to)
{
    size_t n = 0, kept = 0;

    for (size_t i = 0; i < DROPPED_AT; i++) {
        struct rbe_share_series *s = &share->series[i];

        if (atomic_load_explicit(&s->state, memory_order_acquire) != USED)
            continue;
        (void)snprintf(to[n].name, sizeof(to[n].name), "%.*s", RBE_SHARE_NAME - 1, s->name);
        for (size_t k = 0; k < RBE_SHARE_VALUES; k++)
            to[n].value[k] = atomic_load_explicit(&s->value[k], memory_order_relaxed);
        n++;
    }
    qsort(to, n, sizeof(*to), by_name);
    for (size_t i = 0; i < n; i++) {
        if (kept && strcmp(to[kept - 1].name, to[i].name) == 0) {
            for (size_t k = 0; k < RBE_SHARE_VALUES; k++)
                to[kept - 1].value[k] += to[i].value[k];
        } else {
            to[kept++] = to[i];
        }
    }
    return kept;
}

/* labels: what stands between the braces, without them; "" for none. */
static void put_histogram(const char *family, const char *labels, const uint64_t *value, struct rbe_str *out)
{
    const char *comma = labels[0] ? "," : "";
    uint64_t total = 0;

    for (size_t i = 0; i < BUCKETS; i++) {
        total += value[i];
        rbe_str_putf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", family, labels, comma,
                     i < BUCKETS - 1 ? bounds[i].text : "+Inf", total);
    }
    const char *open = labels[0] ? "{" : "", *close = labels[0] ? "}" : "";
    rbe_str_putf(out, "%s_sum%s%s%s %" PRIu64 ".%09" PRIu64 "\n", family, open, labels, close,
                 value[VALUE_SUM] / 1000000000u, value[VALUE_SUM] % 1000000000u);
    rbe_str_putf(out, "%s_count%s%s%s %" PRIu64 "\n", family, open, labels, close, total);
}

static void put_series(const struct family *f, const struct reading *r, struct rbe_str *out)
{
    if (strcmp(f->type, "histogram") == 0) {
        const char *brace = strchr(r->name, '{');
        char labels[RBE_SHARE_NAME] = "";

        if (brace)
            (void)snprintf(labels, sizeof(labels), "%.*s", (int)strlen(brace) - 2, brace + 1);
        put_histogram(f->name, labels, r->value, out);
    } else {
        rbe_str_putf(out, "%s %" PRIu64 "\n", r->name, r->value[0]);
    }
}

static void put_family(const struct family *f, const struct reading *all, size_t n, struct rbe_str *out)
{
    size_t len = strlen(f->name);
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        if (strncmp(all[i].name, f->name, len) != 0 || (all[i].name[len] != '\0' && all[i].name[len] != '{'))
            continue;
        if (!any)
            rbe_str_putf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, f->type);
        any = true;
        put_series(f, &all[i], out);
    }
    if (!any && f->plain)
        rbe_str_putf(out, "# HELP %s %s\n# TYPE %s %s\n%s 0\n", f->name, f->help, f->name, f->type, f->name);
}

void rbe_metrics_format(struct rbe_share *share, struct rbe_str *out)
{
    rbe_autofree struct reading *all = rbe_alloc_array(RBE_SHARE_SERIES, sizeof(*all));
    size_t n = share ? read_all(share, all) : 0;

    for (size_t i = 0; i < RBE_METRIC_MAX; i++)
        if (i != RBE_METRIC_DROPPED)
            put_family(&families[i], all, n, out);
    struct reading dropped = {0};
    (void)snprintf(dropped.name, sizeof(dropped.name), "%s", families[RBE_METRIC_DROPPED].name);
    if (share)
        dropped.value[0] = atomic_load_explicit(&share->series[DROPPED_AT].value[0], memory_order_relaxed);
    put_family(&families[RBE_METRIC_DROPPED], &dropped, 1, out);
}
