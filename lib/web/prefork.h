/* A parent that keeps a number of worker processes. */
#ifndef RBE_WEB_PREFORK_H
#define RBE_WEB_PREFORK_H

#include <stdbool.h>

/* Called once by a process without children. Returns true in every worker, which does its work and returns from
 * main, and false in the parent after SIGTERM or SIGINT, when all workers have ended; *ret_status is then the exit
 * status. A worker that ends is forked anew: at once after a normal end (status 0), else with a delay that grows up
 * to 5 s while they die young. Workers get SIGTERM when the parent dies. */
bool rbe_prefork_run(unsigned workers, int *ret_status);

#endif
