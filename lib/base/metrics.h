/* Prometheus metrics over all processes together: counters and histograms in the shared file.
 *
 * A series is a family of the table in metrics.c plus labels in Prometheus' own spelling
 * ("route=\"/health\",code=\"200\""). Finding one costs a hash and a compare; a process keeps the pointer. Labels
 * come from fixed sets only, so their number is bounded; when the table is full, further series are dropped and
 * rbe_metrics_dropped_total counts them.
 */
#ifndef RBE_BASE_METRICS_H
#define RBE_BASE_METRICS_H

#include "lib/base/share.h"
#include "lib/base/str.h"

enum rbe_metric {
    RBE_METRIC_REQUESTS,             /* counter: program, route, code */
    RBE_METRIC_REQUEST_SECONDS,      /* histogram: program, route */
    RBE_METRIC_RESPONSE_BYTES,       /* counter: program */
    RBE_METRIC_WORKER_STARTS,        /* counter: program */
    RBE_METRIC_WORKER_ENDS,          /* counter: program, reason (retired, replaced, failed, killed) */
    RBE_METRIC_CACHE,                /* counter: level, result */
    RBE_METRIC_PUBLISHED,            /* counter */
    RBE_METRIC_PATCHES,              /* counter: result (built, useless, failed) */
    RBE_METRIC_PATCH_SAVED_BYTES,    /* counter */
    RBE_METRIC_VALIDATIONS,          /* counter: service (cdk, uploader, download), result (yes, no, failed, kept) */
    RBE_METRIC_DROPPED,              /* counter */
    RBE_METRIC_MAX
};

/* share may be NULL: then nothing is counted. labels "" for none. */
void rbe_metric_add(struct rbe_share *share, enum rbe_metric metric, const char *labels, uint64_t n);
/* One observation of a histogram, in nanoseconds. */
void rbe_metric_observe(struct rbe_share *share, enum rbe_metric metric, const char *labels, uint64_t ns);

/* The same for one who counts often: finds the series once (NULL when share is NULL or there is no room), counts in
 * it then. The pointer is good as long as share is open; NULL counts as dropped where share is there. */
struct rbe_share_series *rbe_metric_find(struct rbe_share *share, enum rbe_metric metric, const char *labels);
void rbe_metric_series_add(struct rbe_share *share, struct rbe_share_series *s, uint64_t n);
void rbe_metric_series_observe(struct rbe_share *share, struct rbe_share_series *s, uint64_t ns);

/* The text format, version 0.0.4: families in table order with HELP and TYPE, series sorted. */
void rbe_metrics_format(struct rbe_share *share, struct rbe_str *out);

#endif
