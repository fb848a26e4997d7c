/* memcached, by libmemcached: several servers with consistent hashing, short timeouts; one that does not answer is left alone
 * by this process for two seconds. The library is loaded when the first object is made, so that programs that are not
 * configured for it neither need nor load it. No other file knows it.
 *
 * Nothing here fails in a way that a caller must handle: a server that is away is a value that is not there.
 */
#ifndef RBE_WRAP_MC_H
#define RBE_WRAP_MC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct rbe_mc;
/* servers: at least one, "host:port", "host" (11211) or "/path/of/a/socket". RBE_REFUSED when the library is not there or
 * one is not understood; connections are made later. */
enum rbe_code rbe_mc_new(const char *const *servers, size_t n, int64_t timeout_ms, struct rbe_mc **ret,
                         struct rbe_err *e) RBE_MUST_USE;
void rbe_mc_free(struct rbe_mc *m);
RBE_DEFINE_CLEANUP(mc, struct rbe_mc, rbe_mc_free)

enum rbe_mc_got { RBE_MC_HIT, RBE_MC_MISS, RBE_MC_AWAY };
/* key: at most 200 printable characters without spaces. On HIT the caller frees *ret. */
enum rbe_mc_got rbe_mc_get(struct rbe_mc *m, const char *key, char **ret, size_t *ret_len);
/* Keeps a value for so many seconds; false when it is not. */
bool rbe_mc_set(struct rbe_mc *m, const char *key, const void *p, size_t n, unsigned seconds);
/* The same, only where there is none yet: of all who do it at once one gets RBE_MC_HIT, the others RBE_MC_MISS. */
enum rbe_mc_got rbe_mc_add(struct rbe_mc *m, const char *key, unsigned seconds);

/* Reading and changing a small value such that no change of another gets lost. read: at most size bytes of it go to ret;
 * *ret_len is its length, *ret_mark what to hand to swap, 0 where there is none. */
enum rbe_mc_got rbe_mc_read(struct rbe_mc *m, const char *key, void *ret, size_t size, size_t *ret_len,
                            uint64_t *ret_mark);
/* Puts a value in place of the one that was read; MISS when somebody was faster, or it is gone. */
enum rbe_mc_got rbe_mc_swap(struct rbe_mc *m, const char *key, uint64_t mark, const void *p, size_t n, unsigned seconds);

#endif
