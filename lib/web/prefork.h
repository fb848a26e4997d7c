/* A parent that keeps a number of worker processes. */
#ifndef RBE_WEB_PREFORK_H
#define RBE_WEB_PREFORK_H

#include <stdbool.h>

/* Why a worker ended that is to have a successor: by itself with status 0, told to because of a reload, with another status,
 * by a signal. */
enum rbe_prefork_end { RBE_PREFORK_RETIRED, RBE_PREFORK_REPLACED, RBE_PREFORK_FAILED, RBE_PREFORK_KILLED, RBE_PREFORK_END_MAX };

struct rbe_prefork {
    unsigned workers;
    int relay;                   /* a signal that a worker sends the parent for all workers to get; nobody dies of it */
    /* Called in the parent at SIGHUP; true: workers shall be replaced, because what they work by has changed. Each finishes
     * what it is at, and its successor is forked as soon as it has ended. */
    bool (*reload)(void *arg);
    void (*ended)(void *arg, enum rbe_prefork_end how);      /* called in the parent */
    void *arg;
};

/* Called once by a process without children. Returns true in every worker, which does its work and returns from
 * main, and false in the parent after SIGTERM or SIGINT, when all workers have ended; *ret_status is then the exit
 * status. A worker that ends is forked anew: at once after a normal end (status 0), else with a delay that grows up
 * to 5 s while they die young. Workers get SIGTERM when the parent dies, and never see a SIGHUP. */
bool rbe_prefork_run(const struct rbe_prefork *o, int *ret_status);

#endif
