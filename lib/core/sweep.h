/* What killed processes left in tmp/.
 *
 * Whoever makes a file or a directory there holds it by a lock for as long as it works on it (rbe_sweep_hold), so what
 * nobody holds is left over. The lock goes with the process. What others put there (a web server buffers uploads in it)
 * has no lock and is known by its age alone.
 */
#ifndef RBE_CORE_SWEEP_H
#define RBE_CORE_SWEEP_H

#include "lib/core/app.h"

/* Marks an open file or directory as in work until it is closed. Where the file system has no locks, age alone decides
 * when it is left over. */
void rbe_sweep_hold(int fd);
/* Removes what was left; what cannot be removed now is tried again next time. */
enum rbe_code rbe_sweep_tmp(struct rbe_app *app, int64_t now, struct rbe_err *e) RBE_MUST_USE;

#endif
