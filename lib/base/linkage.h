/* Whether this build loads libraries when they are wanted, and asks the system's name services, which load some. One that
 * is linked statically (make dist-bin STATIC=1) does not: it would have two C libraries in one process.
 */
#ifndef RBE_BASE_LINKAGE_H
#define RBE_BASE_LINKAGE_H

#ifdef RBE_STATIC
#define RBE_LOADS 0
#else
#define RBE_LOADS 1
#endif

#endif
