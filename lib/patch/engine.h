/* The engines that turn old files into new ones: one row of a table for each format of patches.
 *
 * An engine knows nothing of trees: it makes a patch from one file (the source: old files, one behind the other) to
 * another (the target), and undoes it. How hard it tries is an index into its own table of efforts, from 0, the fastest;
 * lib/patch/deltapack picks one by the sizes alone, so that the choice hangs neither on the machine nor on its load.
 */
#ifndef RBE_PATCH_ENGINE_H
#define RBE_PATCH_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/* Files by name, because an engine may be a program. patch is made; `work` is a name beside it for what comes between. */
struct rbe_engine_encode {
    const char *source, *target, *patch, *work;
    int effort;
};
struct rbe_engine_decode {
    int source_fd, patch_fd;     /* regular files, read from their starts */
    int out_fd;                  /* an empty regular file, open for reading and writing */
    uint64_t target_size;        /* what must come out */
};
/* What encoding is going to cost at most. memory_bytes is UINT64_MAX for a source that the engine cannot take. */
struct rbe_engine_cost {
    uint64_t cpu_ms, memory_bytes;
};

struct rbe_engine {
    const char *name;            /* as delta=, patch_format and changes.json say it */
    const char *ending;          /* of a patch's name: delta/0.<ending> */
    int efforts;
    /* RBE_REFUSED when it met a limit of this process (RLIMIT_CPU, RLIMIT_AS), else RBE_FAULT when it does not come through. */
    enum rbe_code (*encode)(const struct rbe_engine_encode *t, struct rbe_err *e);
    /* A patch that does not fit: RBE_INVALID, field "patch". out_fd's content is undefined then. */
    enum rbe_code (*decode)(const struct rbe_engine_decode *t, struct rbe_err *e);
    struct rbe_engine_cost (*cost)(uint64_t source, uint64_t target, int effort);
};

extern const struct rbe_engine rbe_engines[];
extern const size_t rbe_engines_count;

/* NULL when no engine has that name. */
const struct rbe_engine *rbe_engine_find(const char *name);

#endif
