#include "lib/patch/engine-zstd.h"

#include <fcntl.h>

#include "lib/wrap/file.h"
#include "lib/wrap/map.h"
#include "lib/wrap/zstd.h"

/* Strategies of libzstd, by its numbers. */
enum { DFAST = 2, BTOPT = 7, BTULTRA2 = 9 };

/* The match finder has to remember source and target whole: one whose tables are too small forgets. So they grow with the
 * sizes up to a bound that the effort sets, and that is what more memory buys. Times are nanoseconds a byte of source
 * (indexing) and of target (searching), about twice what a common machine takes. */
static const struct {
    struct rbe_zstd_effort how;      /* logs are the greatest */
    uint32_t source_ns, target_ns;
} efforts[RBE_ENGINE_ZSTD_EFFORTS] = {
    {{.level = 3, .strategy = DFAST, .chain_log = 21, .hash_log = 22, .search_log = 1, .min_match = 5,
      .target_length = 1, .ldm_hash_log = 22, .ldm_min_match = 64, .ldm_bucket_log = 4, .ldm_rate_log = 6},
     12, 30},
    {{.level = 16, .strategy = BTOPT, .chain_log = 24, .hash_log = 23, .search_log = 5, .min_match = 5,
      .target_length = 64, .ldm_hash_log = 23, .ldm_min_match = 32, .ldm_bucket_log = 5, .ldm_rate_log = 5},
     150, 400},
    {{.level = 19, .strategy = BTULTRA2, .chain_log = 25, .hash_log = 24, .search_log = 7, .min_match = 3,
      .target_length = 256, .ldm_hash_log = 24, .ldm_min_match = 64, .ldm_bucket_log = 4, .ldm_rate_log = 6},
     400, 1400},
    {{.level = 19, .strategy = BTULTRA2, .chain_log = 28, .hash_log = 25, .search_log = 7, .min_match = 3,
      .target_length = 256, .ldm_hash_log = 25, .ldm_min_match = 64, .ldm_bucket_log = 4, .ldm_rate_log = 6},
     500, 1500},
};
/* The greatest is of 4 GiB; libzstd looks back over 2 GiB. */
enum { LOG_LEAST = 12, LOG_MOST = 33 };
#define SOURCE_MOST (UINT64_C(2) << 30)

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int most(int a, int b)
{
    return a > b ? a : b;
}

/* Bounds of the efforts hold as long as nothing is lost by them. A binary tree takes two entries a position. For long matches
 * one position in 2^ldm_rate_log is kept, with four times the room, or at least twice: a table that has not room for all has
 * lost the beginning of the source when the target begins. libzstd's optimal parser passes over a long match that goes on to
 * the end of a block (128 KiB), so there it is the hash table that has to remember at least one position in eight; else large
 * files that pack badly come out as if there were no source. */
static struct rbe_zstd_effort effort_for(uint64_t bytes, int effort)
{
    struct rbe_zstd_effort how = efforts[effort].how;
    int log = LOG_LEAST;

    while (log < LOG_MOST && (UINT64_C(1) << (log - 1)) < bytes)
        log++;
    if (how.strategy >= BTOPT)
        how.hash_log = most(how.hash_log, log - 4);
    how.hash_log = least(how.hash_log, log);
    how.chain_log = least(how.chain_log, log);
    how.ldm_hash_log = most(how.ldm_hash_log, log - how.ldm_rate_log);
    how.ldm_hash_log = least(how.ldm_hash_log, log - how.ldm_rate_log + 1);
    return how;
}

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

    const struct rbe_zstd_effort how = effort_for((uint64_t)from.n + to.n, t->effort);

    RBE_TRY(rbe_zstd_diff(bytes_of(&from), bytes_of(&to), &how, out, room, &n, e));
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
    const struct rbe_zstd_effort how = effort_for(source + target, effort);

    /* libzstd looks no further back, and the stock program takes no larger file to patch from. */
    if (source > SOURCE_MOST)
        return (struct rbe_engine_cost){.memory_bytes = UINT64_MAX};
    return (struct rbe_engine_cost){
        .cpu_ms = (source / 1000 * efforts[effort].source_ns + target / 1000 * efforts[effort].target_ns) / 1000,
        .memory_bytes = rbe_zstd_memory(&how) + source + target + rbe_zstd_bound((size_t)target),
    };
}

enum rbe_code rbe_engine_zstd_measure(int source_fd, int target_fd, const uint64_t *ends, size_t n, uint64_t *ret_sizes,
                                      struct rbe_err *e)
{
    rbe_auto(map) struct rbe_map from = {0}, to = {0};

    RBE_TRY(rbe_map_read(source_fd, &from, e));
    RBE_TRY(rbe_map_read(target_fd, &to, e));
    const struct rbe_zstd_effort how = effort_for((uint64_t)from.n + to.n, 0);

    return rbe_zstd_measure(bytes_of(&from), bytes_of(&to), &how, ends, n, ret_sizes, e);
}
