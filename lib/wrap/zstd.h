/* Zstandard with a reference prefix (what `zstd --patch-from` does), by libzstd. No other file includes its headers. */
#ifndef RBE_WRAP_ZSTD_H
#define RBE_WRAP_ZSTD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

/* How hard to try: every parameter is said, so that nothing hangs on what a release of the library makes of a level. Logs
 * are those of table sizes. */
struct rbe_zstd_effort {
    int level, strategy;
    int chain_log, hash_log, search_log, min_match, target_length;
    int ldm_hash_log, ldm_min_match, ldm_bucket_log, ldm_rate_log;
};
struct rbe_zstd_bytes {
    const void *p;
    size_t n;
};

/* Compresses `to` with `from` as its prefix into one frame that tells its size and has no checksum. The window spans both.
 * One thread, so the same input, effort and library give the same bytes. out has room for rbe_zstd_bound(to.n). */
enum rbe_code rbe_zstd_diff(struct rbe_zstd_bytes from, struct rbe_zstd_bytes to, const struct rbe_zstd_effort *effort,
                            void *out, size_t room, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
size_t rbe_zstd_bound(size_t n);
/* The same without keeping the bytes: to how many each of n pieces of `to` comes, which end at ends[i], the last at
 * to.n. */
enum rbe_code rbe_zstd_measure(struct rbe_zstd_bytes from, struct rbe_zstd_bytes to,
                               const struct rbe_zstd_effort *effort, const uint64_t *ends, size_t n,
                               uint64_t *ret_sizes, struct rbe_err *e) RBE_MUST_USE;
/* Undoes rbe_zstd_diff: exactly n bytes into out. Anything else: RBE_INVALID, field "patch". */
enum rbe_code rbe_zstd_patch(struct rbe_zstd_bytes from, struct rbe_zstd_bytes patch, void *out, size_t n,
                             struct rbe_err *e) RBE_MUST_USE;
/* Whether a frame begins at p, and how long it is. */
bool rbe_zstd_frame(const void *p, size_t n, size_t *ret_n);
/* Unpacks a whole frame into sink. RBE_INVALID, field "patch"; what sink says. */
enum rbe_code rbe_zstd_unpack(struct rbe_zstd_bytes frame,
                              enum rbe_code (*sink)(void *arg, const void *p, size_t n, struct rbe_err *e), void *arg,
                              struct rbe_err *e) RBE_MUST_USE;
/* The memory that compressing takes beside `from`, `to` and `out`. */
uint64_t rbe_zstd_memory(const struct rbe_zstd_effort *effort);

#endif
