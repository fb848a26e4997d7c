/* Processes and the machine they run on. Files are in file.h, child programs in child.h. */
#ifndef RBE_WRAP_SYS_H
#define RBE_WRAP_SYS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"

/* Who a process is for as long as it lives: its id and its start time (/proc, clock ticks since boot; 0 where
 * unknown). */
uint64_t rbe_process_start(pid_t pid);
/* A start of 0 on either side is not compared. A zombie is dead. */
bool rbe_process_alive(pid_t pid, uint64_t start);
/* This machine's name; the text lives as long as the process. */
const char *rbe_host_name(void);
/* The user who runs this process, "alice", or "alice as root" where sudo says who that is; a number for a user without a
 * name. The caller frees it. */
char *rbe_user_name(void);
/* Processors this process may use, at least 1. */
unsigned rbe_cpu_count(void);
/* Bytes of memory this machine has; 0 where unknown. */
uint64_t rbe_memory_size(void);
/* Started as root: becomes the owner of dir (no change when root owns it). Another user than the owner:
 * RBE_FORBIDDEN. */
enum rbe_code rbe_become_owner(const char *dir, struct rbe_err *e) RBE_MUST_USE;

#endif
