/* Addresses of peers: reading them from headers, and finding them in configured blocks (rbe_address_in of req.h). */
#ifndef RBE_WEB_ADDRESS_H
#define RBE_WEB_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/mem.h"

/* The address in one element of X-Forwarded-For ("192.0.2.1", "192.0.2.1:99", "2001:db8::1", "[2001:db8::1]:99"),
 * bare, in the arena; NULL when it is none. */
const char *rbe_address_read(const char *text, size_t len, struct rbe_arena *arena);

#endif
