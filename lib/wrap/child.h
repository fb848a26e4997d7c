/* Child programs: started with nothing of ours but what they are given, under limits, run to their end. */
#ifndef RBE_WRAP_CHILD_H
#define RBE_WRAP_CHILD_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

/* A child program. Descriptors other than 0-2 and pass_fd are closed in it, signals are at their defaults, the
 * environment is empty but for PATH and LC_ALL=C. It is killed when the process that started it dies. */
struct rbe_child {
    const char *const *argv;     /* ended by NULL; argv[0] is found on PATH unless it holds a slash */
    int pass_fd;                 /* becomes descriptor 3 of the child; -1 for none */
    uint64_t cpu_seconds;        /* RLIMIT_CPU; 0 for none */
    uint64_t memory_bytes;       /* RLIMIT_AS; 0 for none */
    uint64_t file_bytes;         /* RLIMIT_FSIZE; 0 for none */
    int (*confine)(void);        /* called in the child just before exec; non-zero stops it; may be NULL */
    size_t out_max;              /* standard output over this kills the child: RBE_TOOLARGE */
};
struct rbe_child_end {
    int exit;                    /* exit status, -1 when killed */
    int signal;                  /* 0 when it exited */
    uint64_t cpu_ns;             /* user and system time */
    uint64_t rss_bytes;          /* peak resident set; never less than this process had at the fork */
};
/* Runs it to its end with standard input from /dev/null, gathering standard output in out and the last 512 bytes of
 * standard error in ret_errors (may be NULL). RBE_OK whenever the child ended by itself or by a signal: the caller
 * looks at ret_end. RBE_UNAVAILABLE: fork or exec failed, or confine stopped it. */
enum rbe_code rbe_child_run(const struct rbe_child *c, struct rbe_str *out, struct rbe_str *ret_errors,
                            struct rbe_child_end *ret_end, struct rbe_err *e) RBE_MUST_USE;

#endif
