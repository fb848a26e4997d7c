/* Trying again what fails on the network: how often, after what pause, and how a server is heeded that says by Retry-After when
 * it wants to be asked again.
 */
#ifndef RBE_PATCH_RETRY_H
#define RBE_PATCH_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

struct rbe_retry {
    unsigned tries;              /* without progress between them */
    int64_t pause_ms;            /* before the second try; then longer each time, a minute at most */
    int64_t patience_s;          /* a server that asks for a longer wait is given up */
    /* A try failed for the reason in e, and another one follows after a pause. */
    void (*again)(void *arg, const struct rbe_err *e, int64_t pause_ms);
    bool (*stop)(void *arg);
    void *arg;
    unsigned failed;             /* its own, like next_ms: tries so far */
    int64_t next_ms;
};
/* After a try that failed as e says: waits and returns RBE_OK when another try is due. Else the failure; where a server asked for
 * more patience, its text says when to come again, and e->retry_after. progress: this try brought something. */
enum rbe_code rbe_retry(struct rbe_retry *r, bool progress, struct rbe_err *e) RBE_MUST_USE;
/* Waits, looking for the wish to stop: true when there is one. */
bool rbe_retry_pause(int64_t ms, bool (*stop)(void *arg), void *arg);
/* The pause after one of ms: about twice as long, differently for each client, at most a minute. */
int64_t rbe_retry_longer(int64_t ms);

#endif
