/* Files and child programs, on POSIX and Linux calls. */
#ifndef RBE_WRAP_SYS_H
#define RBE_WRAP_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* Reads a whole regular file of at most max bytes. Missing: RBE_NOTFOUND; larger: RBE_TOOLARGE. ret gets the bytes. */
enum rbe_code rbe_file_get(const char *path, size_t max, struct rbe_str *ret, struct rbe_err *e) RBE_MUST_USE;
/* Replaces path as a whole: temporary file beside it, fsync, rename, fsync of the directory. */
enum rbe_code rbe_file_put(const char *path, const void *p, size_t n, mode_t mode, struct rbe_err *e) RBE_MUST_USE;
/* Writes all n bytes; a short write goes on, EINTR is retried. */
enum rbe_code rbe_file_write(int fd, const void *p, size_t n, struct rbe_err *e) RBE_MUST_USE;
/* Opens for reading, O_CLOEXEC|O_NOFOLLOW. Missing: RBE_NOTFOUND. */
enum rbe_code rbe_file_open(const char *path, int *ret_fd, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_dir_sync(const char *path, struct rbe_err *e) RBE_MUST_USE;
/* Makes path and its missing parents. */
enum rbe_code rbe_dir_make(const char *path, mode_t mode, struct rbe_err *e) RBE_MUST_USE;
/* Removes path and all below it, never following a link. Missing is no error. */
enum rbe_code rbe_dir_remove(const char *path, struct rbe_err *e) RBE_MUST_USE;

/* A child program. Descriptors other than 0-2 and pass_fd are closed in it, signals are at their defaults, the environment
 * is empty but for PATH and LC_ALL=C. */
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
    uint64_t rss_bytes;          /* peak resident set */
};
/* Runs it to its end with standard input from /dev/null, gathering standard output in out and the last 512 bytes of standard
 * error in ret_errors (may be NULL). RBE_OK whenever the child ended by itself or by a signal: the caller looks at ret_end.
 * RBE_UNAVAILABLE: fork or exec failed. */
enum rbe_code rbe_child_run(const struct rbe_child *c, struct rbe_str *out, struct rbe_str *ret_errors,
                            struct rbe_child_end *ret_end, struct rbe_err *e) RBE_MUST_USE;

/* Who a process is for as long as it lives: its id and its start time (/proc, clock ticks since boot; 0 where unknown). */
uint64_t rbe_process_start(pid_t pid);
bool rbe_process_alive(pid_t pid, uint64_t start);
/* This machine's name; the text lives as long as the process. */
const char *rbe_host_name(void);
/* Processors this process may use, at least 1. */
unsigned rbe_cpu_count(void);
/* Started as root: becomes the owner of dir (no change when root owns it). Another user than the owner: RBE_FORBIDDEN. */
enum rbe_code rbe_become_owner(const char *dir, struct rbe_err *e) RBE_MUST_USE;

#endif
