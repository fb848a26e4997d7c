/* Encoding in a child process under hard limits (libexec/rbe-encode.c), so that an engine that takes more than its budget is
 * stopped by the system and takes nothing with it.
 */
#ifndef RBE_PATCH_ENCODER_H
#define RBE_PATCH_ENCODER_H

#include "lib/patch/engine.h"

struct rbe_encoder {
    const char *program;         /* path of rbe-encode */
    uint64_t cpu_seconds;        /* at least 1 */
    uint64_t memory_bytes;       /* address space */
};
struct rbe_encoder_end {
    uint64_t cpu_ms, rss_bytes;
};
/* How rbe-encode exits when an engine met a limit (RBE_REFUSED). */
enum { RBE_ENCODER_MET = 3 };

/* Out of time or memory: RBE_REFUSED, because another try would end there again. Killed from outside: RBE_UNAVAILABLE. Any
 * other failure: RBE_FAULT. */
enum rbe_code rbe_encoder_run(const struct rbe_encoder *how, const struct rbe_engine *engine,
                              const struct rbe_engine_encode *t, struct rbe_encoder_end *ret, struct rbe_err *e)
    RBE_MUST_USE;

#endif
