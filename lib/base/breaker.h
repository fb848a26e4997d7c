/* Circuit breakers in the shared file: one service that is asked by all processes of an installation.
 *
 * After RBE_BREAKER_FAILURES failures in a row nobody asks for a while; then one may try, and what comes of it opens the
 * way again or closes it for as long. At any moment only so many are asking (seats), so that a service which is slow
 * without failing holds up these and not all. A process that dies while it asks leaves its seat when its time is over.
 *
 * `now` is rbe_clock_mono().
 */
#ifndef RBE_BASE_BREAKER_H
#define RBE_BASE_BREAKER_H

#include <stdbool.h>

#include "lib/base/share.h"

enum { RBE_BREAKER_FAILURES = 5 };

/* Whether to ask now, which takes at most span nanoseconds. True: *ret_seat is to be handed to leave. b of NULL: always. */
bool rbe_breaker_enter(struct rbe_share_breaker *b, unsigned seats, uint64_t span, uint64_t now, unsigned *ret_seat);
/* What came of it. pause: how long nobody asks once there were too many failures, in nanoseconds. */
void rbe_breaker_leave(struct rbe_share_breaker *b, unsigned seat, bool good, uint64_t pause, uint64_t now);

#endif
