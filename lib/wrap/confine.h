/* Rights given up for good by the kernel's own means, before hostile input is read.
 *
 * Landlock takes away all files, all of the network and all signals to others; a filter of system calls (seccomp) leaves
 * what reading an open descriptor and computing need. Two of them, because each is missing on some kernels and in some
 * containers, and because one may have a hole.
 */
#ifndef RBE_WRAP_CONFINE_H
#define RBE_WRAP_CONFINE_H

#include <stdbool.h>

/* What is open stays open: it can be read, written and mapped. Nothing can be opened, executed or forked, no memory made
 * executable, nobody else signalled. What a library might try and do without fails with an error; any other call kills the
 * process with SIGSYS. A kernel that knows one of the two, or none, does what it can: false only when one that it knows
 * does not take hold. Needs PR_SET_NO_NEW_PRIVS. */
bool rbe_confine(void);

#endif
