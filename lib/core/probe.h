/* Whether the places that downloads are sent to answer: asked every mirror.probe_interval by whichever worker comes first,
 * kept in usage.db (lib/store/mirror), gone by in lib/core/destination.
 *
 * A place is asked for the newest package that must be there (HEAD, signed as a client's link is). It is down after
 * mirror.probe_failures failures in a row and up again after one answer that is right: 200, with the package's size where
 * one is declared.
 */
#ifndef RBE_CORE_PROBE_H
#define RBE_CORE_PROBE_H

#include "lib/core/app.h"
#include "lib/base/str.h"

/* A chore. A place that goes down is told as a failure, once. */
enum rbe_code rbe_probe_places(struct rbe_app *app, int64_t now, struct rbe_err *e) RBE_MUST_USE;

enum rbe_probe_state { RBE_PROBE_UNKNOWN, RBE_PROBE_UP, RBE_PROBE_DOWN, RBE_PROBE_STATE_MAX };
/* "unknown", "up", "down" */
const char *rbe_probe_state_name(enum rbe_probe_state state);

struct rbe_probe_row {
    const char *url;
    const char *role;            /* "cdn 80%", "default 3, eu 1": region and weight */
    const char *signature;       /* "none", "md5-a", … */
    const char *target;          /* the mirror target that fills it, or "" */
    int64_t copies;              /* verified at that target */
    enum rbe_probe_state state;  /* UNKNOWN: never asked, or probing is off */
    int64_t failures, checked_at, changed_at;
    const char *reason;          /* of the last failure */
};
/* All places, the CDN first. Texts live in the arena. */
enum rbe_code rbe_probe_list(struct rbe_app *app, struct rbe_arena *arena, struct rbe_probe_row **ret, size_t *ret_n,
                             struct rbe_err *e) RBE_MUST_USE;
/* Prometheus' text of them: rbe_place_up and rbe_place_copies. Nothing where no place is configured or the database is
 * away. */
void rbe_probe_metrics(struct rbe_app *app, struct rbe_str *out);

#endif
