/* The engine "vcdiff": a patch is a VCDIFF of RFC 3284 inside .xz. The xdelta3 program makes it (as plain as the RFC has it,
 * because xz packs better than any secondary compression); lib/patch/vcdiff undoes it without the program. */
#ifndef RBE_PATCH_ENGINE_VCDIFF_H
#define RBE_PATCH_ENGINE_VCDIFF_H

#include "lib/patch/engine.h"

enum { RBE_ENGINE_VCDIFF_EFFORTS = 2 };

enum rbe_code rbe_engine_vcdiff_encode(const struct rbe_engine_encode *t, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_engine_vcdiff_decode(const struct rbe_engine_decode *t, struct rbe_err *e) RBE_MUST_USE;
struct rbe_engine_cost rbe_engine_vcdiff_cost(uint64_t source, uint64_t target, int effort);

#endif
