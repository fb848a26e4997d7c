/* Making a listening socket, or taking the one that was passed. */
#ifndef RBE_WEB_LISTEN_H
#define RBE_WEB_LISTEN_H

#include "lib/base/err.h"

/* "/path/sock" (mode 0660; a socket left over by a dead server is replaced, a living one's is not), or "host:port",
 * "[v6]:port", ":port" for all addresses, or "systemd" for the one socket that the starter passed. Anything else:
 * RBE_USAGE. */
enum rbe_code rbe_listen_open(const char *address, int *ret_fd, struct rbe_err *e) RBE_MUST_USE;

#endif
