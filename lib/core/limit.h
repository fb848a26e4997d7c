/* Rate limits, each by the client's address: requests a second, and failed authentication. All processes of an
 * installation count together, by the shared file; where memcached.servers is set, so do all machines that have the same
 * servers and the same signing secret (commons.h). While those are away each machine counts by itself.
 *
 * An IPv6 client counts by its /64, which one customer of a provider has to himself. Addresses are kept as keyed hashes,
 * so that nobody can choose two that share a bucket.
 */
#ifndef RBE_CORE_LIMIT_H
#define RBE_CORE_LIMIT_H

#include "lib/core/app.h"

enum rbe_limit {
    RBE_LIMIT_DOWNLOAD,          /* limits.download_rate, download_burst */
    RBE_LIMIT_ADMIN,             /* limits.admin_rate, admin_burst */
    RBE_LIMIT_FAILED,            /* limits.auth_failures */
    RBE_LIMIT_MAX
};

/* Makes ready what is shared with other machines; without it each counts by itself. RBE_REFUSED when memcached.servers is
 * set and cannot be used here at all; a server that is away is no error. */
enum rbe_code rbe_limit_open(struct rbe_app *app, struct rbe_err *e) RBE_MUST_USE;

/* Takes one from what the address has. None left: RBE_LIMITED, and e->retry_after are the seconds until there is one, at
 * least 1. A limit that is off (0) always has one. */
enum rbe_code rbe_limit_take(struct rbe_app *app, enum rbe_limit limit, const char *address,
                             struct rbe_err *e) RBE_MUST_USE;
/* The same without taking it. */
enum rbe_code rbe_limit_look(struct rbe_app *app, enum rbe_limit limit, const char *address,
                             struct rbe_err *e) RBE_MUST_USE;

/* Somebody at that address has proved to be who what says (the bytes of a secret's hash): for an hour
 * rbe_limit_trusts tells him from the others there. */
void rbe_limit_trust(struct rbe_app *app, const char *address, const void *what, size_t n);
bool rbe_limit_trusts(struct rbe_app *app, const char *address, const void *what, size_t n);

#endif
