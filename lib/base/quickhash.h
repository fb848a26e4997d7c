/* A fast 64-bit hash of bytes, for tables and for telling texts apart; no protection against who wants two to meet. The same
 * on one machine only (it reads in the byte order of the processor).
 */
#ifndef RBE_BASE_QUICKHASH_H
#define RBE_BASE_QUICKHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t rbe_quickhash(uint64_t seed, const void *p, size_t n);

#endif
