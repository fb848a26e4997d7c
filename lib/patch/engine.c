#include "lib/patch/engine.h"

#include <string.h>

#include "lib/base/mem.h"
#include "lib/patch/engine-vcdiff.h"
#include "lib/patch/engine-zstd.h"

const struct rbe_engine rbe_engines[] = {
    {
        .name = "vcdiff",
        .ending = "vcdiff.xz",
        .efforts = RBE_ENGINE_VCDIFF_EFFORTS,
        .encode = rbe_engine_vcdiff_encode,
        .decode = rbe_engine_vcdiff_decode,
        .cost = rbe_engine_vcdiff_cost,
    },
    {
        .name = "zstd",
        .ending = "zst",
        .efforts = RBE_ENGINE_ZSTD_EFFORTS,
        .encode = rbe_engine_zstd_encode,
        .decode = rbe_engine_zstd_decode,
        .cost = rbe_engine_zstd_cost,
    },
};
const size_t rbe_engines_count = RBE_COUNT(rbe_engines);

const struct rbe_engine *rbe_engine_find(const char *name)
{
    for (size_t i = 0; i < rbe_engines_count; i++)
        if (strcmp(rbe_engines[i].name, name) == 0)
            return &rbe_engines[i];
    return NULL;
}
