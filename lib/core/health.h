/* Whether this installation can do its work right now. */
#ifndef RBE_CORE_HEALTH_H
#define RBE_CORE_HEALTH_H

#include "lib/core/app.h"

/* Reads from both databases, looks at the storage, and asks memcached where it is configured. RBE_UNAVAILABLE: *ret_reason says
 * what is not usable in words for everybody ("storage is full"), e has the cause for the log. */
enum rbe_code rbe_health_check(struct rbe_app *app, const char **ret_reason, struct rbe_err *e) RBE_MUST_USE;

#endif
