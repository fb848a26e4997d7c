#include "lib/patch/engine-zstd.h"

#include <fcntl.h>

#include "lib/wrap/file.h"
#include "lib/wrap/map.h"
#include "lib/wrap/zstd.h"

/* Strategies of libzstd, by its numbers. */
enum { DFAST = 2, BTOPT = 7, BTULTRA2 = 9 };

/* Tables grow with the effort: the match finder has to remember the whole source, and one that is too small for it
 * forgets. Times are nanoseconds a byte of source (indexing) and of target (searching), twice what a common machine
 * takes. */
static const struct {
    struct rbe_zstd_effort how;
    uint32_t source_ns, target_ns;
} efforts[RBE_ENGINE_ZSTD_EFFORTS] = {
    {{.level = 3, .strategy = DFAST, .chain_log = 21, .hash_log = 22, .search_log = 1, .min_match = 5,
      .target_length = 1, .ldm_hash_log = 22, .ldm_min_match = 64, .ldm_bucket_log = 4, .ldm_rate_log = 6},
     12, 30},
    {{.level = 16, .strategy = BTOPT, .chain_log = 24, .hash_log = 23, .search_log = 5, .min_match = 5,
      .target_length = 64, .ldm_hash_log = 23, .ldm_min_match = 32, .ldm_bucket_log = 5, .ldm_rate_log = 5},
     300, 700},
    {{.level = 19, .strategy = BTULTRA2, .chain_log = 25, .hash_log = 24, .search_log = 7, .min_match = 3,
      .target_length = 256, .ldm_hash_log = 24, .ldm_min_match = 32, .ldm_bucket_log = 6, .ldm_rate_log = 4},
     600, 2000},
    {{.level = 22, .strategy = BTULTRA2, .chain_log = 27, .hash_log = 25, .search_log = 9, .min_match = 3,
      .target_length = 999, .ldm_hash_log = 25, .ldm_min_match = 32, .ldm_bucket_log = 6, .ldm_rate_log = 3},
     900, 4000},
};

static struct rbe_zstd_bytes bytes_of(const struct rbe_map *m)
{
    return (struct rbe_zstd_bytes){m->p, m->n};
}

static enum rbe_code map_file(const char *path, struct rbe_map *ret, struct rbe_err *e)
{
    rbe_autoclose int fd = -1;

    RBE_TRY(rbe_file_open(path, &fd, e));
    return rbe_map_read(fd, ret, e);
}

enum rbe_code rbe_engine_zstd_encode(const struct rbe_engine_encode *t, struct rbe_err *e)
{
    rbe_auto(map) struct rbe_map from = {0}, to = {0};
    rbe_autoclose int fd = -1;
    size_t n;

    RBE_TRY(map_file(t->source, &from, e));
    RBE_TRY(map_file(t->target, &to, e));
    size_t room = rbe_zstd_bound(to.n);
    rbe_autofree void *out = rbe_alloc(room);

    RBE_TRY(rbe_zstd_diff(bytes_of(&from), bytes_of(&to), &efforts[t->effort].how, out, room, &n, e));
    fd = open(t->patch, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return rbe_fail_errno(e, "cannot make %s", t->patch);
    return rbe_file_write(fd, out, n, e);
}

enum rbe_code rbe_engine_zstd_decode(const struct rbe_engine_decode *t, struct rbe_err *e)
{
    rbe_auto(map) struct rbe_map from = {0}, patch = {0}, out = {0};

    RBE_TRY(rbe_map_read(t->source_fd, &from, e));
    RBE_TRY(rbe_map_read(t->patch_fd, &patch, e));
    RBE_TRY(rbe_map_make(t->out_fd, t->target_size, &out, e));
    return rbe_zstd_patch(bytes_of(&from), bytes_of(&patch), out.p, out.n, e);
}

struct rbe_engine_cost rbe_engine_zstd_cost(uint64_t source, uint64_t target, int effort)
{
    return (struct rbe_engine_cost){
        .cpu_ms = (source / 1000 * efforts[effort].source_ns + target / 1000 * efforts[effort].target_ns) / 1000,
        .memory_bytes = rbe_zstd_memory(&efforts[effort].how) + source + target + rbe_zstd_bound((size_t)target),
    };
}

enum rbe_code rbe_engine_zstd_measure(int source_fd, int target_fd, const uint64_t *ends, size_t n, uint64_t *ret_sizes,
                                      struct rbe_err *e)
{
    rbe_auto(map) struct rbe_map from = {0}, to = {0};

    RBE_TRY(rbe_map_read(source_fd, &from, e));
    RBE_TRY(rbe_map_read(target_fd, &to, e));
    return rbe_zstd_measure(bytes_of(&from), bytes_of(&to), &efforts[0].how, ends, n, ret_sizes, e);
}
