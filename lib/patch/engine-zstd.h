/* The engine "zstd": a patch is one zstd frame with the source as its prefix, as `zstd --patch-from` reads and writes it. */
#ifndef RBE_PATCH_ENGINE_ZSTD_H
#define RBE_PATCH_ENGINE_ZSTD_H

#include <stddef.h>

#include "lib/patch/engine.h"

enum { RBE_ENGINE_ZSTD_EFFORTS = 4 };

enum rbe_code rbe_engine_zstd_encode(const struct rbe_engine_encode *t, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_engine_zstd_decode(const struct rbe_engine_decode *t, struct rbe_err *e) RBE_MUST_USE;
struct rbe_engine_cost rbe_engine_zstd_cost(uint64_t source, uint64_t target, int effort);

/* What the least effort makes of each of n pieces of the target, which end at ends[i], the last at its end. */
enum rbe_code rbe_engine_zstd_measure(int source_fd, int target_fd, const uint64_t *ends, size_t n, uint64_t *ret_sizes,
                                      struct rbe_err *e) RBE_MUST_USE;

#endif
