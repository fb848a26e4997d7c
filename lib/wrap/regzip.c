#include "lib/wrap/regzip.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/wrap/deflate.h"
#include "lib/wrap/file.h"
#include "lib/wrap/flate.h"
#include "lib/wrap/map.h"

/* The first part in LEAD is packed anew, which is where the result gets smaller than the source was. A run of less than RUN_LEAST
 * is not worth the search, and a part between two runs of more than GAP is packed faster without a window. One block in SAMPLE is
 * tried. */
enum { WINDOW = 32 << 10, LEAD = 8, RUN_LEAST = 128 << 10, GAP = 512 << 10, SAMPLE = 20 };
enum { PIECE = 64 << 10, SPARE = 8 };

/* Blocks [first, end) of the source, whose bytes stand at [to, to_end). */
struct span {
    size_t first, end;
    uint64_t to, to_end;
};

struct regzip {
    const unsigned char *p;          /* what is packed */
    size_t n;
    struct rbe_map packed;           /* the source, */
    struct rbe_blocks blocks;        /* its blocks, */
    struct span *spans;              /* and which of them are taken over */
    size_t n_spans;
    uint64_t taken;                  /* bytes of p in them */
};

static void rbe_regzip_release(struct regzip *r)
{
    rbe_map_release(&r->packed);
    rbe_blocks_release(&r->blocks);
    free(r->spans);
}

/* The first block that begins at `at` or later. */
static size_t block_from(const struct rbe_blocks *blocks, uint64_t at)
{
    size_t low = 0, high = blocks->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (blocks->v[middle].at < at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_true(const struct regzip *r, const struct rbe_regzip_source *source, const struct rbe_regzip_run *run)
{
    return run->from <= source->plain_n && run->n <= source->plain_n - run->from && run->to <= r->n && run->n <= r->n - run->to &&
           memcmp(source->plain + run->from, r->p + run->to, run->n) == 0;
}

static void take_run(struct regzip *r, const struct rbe_regzip_source *source, const struct rbe_regzip_run *run)
{
    const struct rbe_block *v = r->blocks.v;
    const uint64_t lead = r->n / LEAD, skip = run->to + WINDOW < lead ? lead - run->to : WINDOW;

    if (run->n < RUN_LEAST || run->n < skip || !is_true(r, source, run))
        return;
    size_t first = block_from(&r->blocks, run->from + skip), end = block_from(&r->blocks, run->from + run->n);

    /* The block that begins at the run's end or behind it ends what is taken if it begins there, else the one before it does. */
    if (v[end].at > run->from + run->n)
        end--;
    if (end <= first)
        return;
    r->spans[r->n_spans++] = (struct span){
        .first = first,
        .end = end,
        .to = run->to + (v[first].at - run->from),
        .to_end = run->to + (v[end].at - run->from),
    };
    r->taken += v[end].at - v[first].at;
}

/* Whether zlib's level 6 needs as many bits for samples of the blocks. */
static bool packed_well(const struct regzip *r)
{
    rbe_auto(str) struct rbe_str again = {0};
    uint64_t ours = 0, theirs = 0;
    size_t total = 0, seen = 0;

    for (size_t i = 0; i < r->n_spans; i++)
        total += r->spans[i].end - r->spans[i].first;
    const size_t chosen = (total < SAMPLE ? total : SAMPLE) / 2;

    for (size_t i = 0; i < r->n_spans; i++) {
        const struct span *s = &r->spans[i];
        const uint64_t base = r->blocks.v[s->first].at;

        for (size_t k = s->first; k < s->end; k++) {
            const struct rbe_block *b = &r->blocks.v[k];
            const unsigned char *p = r->p + s->to + (b[0].at - base);

            if (seen++ % SAMPLE != chosen)
                continue;
            ours += b[1].bit - b[0].bit;
            rbe_str_reset(&again);
            rbe_deflate_behind(p - WINDOW, WINDOW, p, (size_t)(b[1].at - b[0].at), &again);
            theirs += 8 * (uint64_t)again.len;
        }
    }
    return ours <= theirs;
}

static bool plan(struct regzip *r, const struct rbe_regzip_source *source, const struct rbe_regzip_run *runs, size_t n_runs)
{
    const uint64_t enough = (r->n - r->n / LEAD) / 3 * 2;
    struct rbe_err ignored = {0};
    uint64_t sum = 0;

    for (size_t i = 0; i < n_runs; i++)
        sum += runs[i].n >= RUN_LEAST ? runs[i].n : 0;
    if (sum < enough || rbe_map_read(source->fd, &r->packed, &ignored) != RBE_OK ||
        !rbe_gzip_blocks(r->packed.p, r->packed.n, &r->blocks) || r->blocks.v[r->blocks.n].at != source->plain_n)
        return false;
    r->spans = rbe_alloc_array(n_runs, sizeof(*r->spans));
    for (size_t i = 0; i < n_runs; i++)
        take_run(r, source, &runs[i]);
    return r->taken >= enough && packed_well(r);
}

/* Bits on their way to a file, the first of a byte in its lowest place. The first failure stays. */
struct bits {
    int fd;
    uint64_t held;                   /* fewer than 32 of them */
    unsigned n_held;
    size_t n;
    unsigned char piece[PIECE];
    enum rbe_code code;
    struct rbe_err *e;
};

static void flush(struct bits *b)
{
    if (b->code == RBE_OK)
        b->code = rbe_file_write(b->fd, b->piece, b->n, b->e);
    b->n = 0;
}

/* At most 32. */
static void put(struct bits *b, uint32_t v, unsigned n)
{
    b->held |= (uint64_t)v << b->n_held;
    b->n_held += n;
    if (b->n_held < 32)
        return;
    const uint32_t word = htole32((uint32_t)b->held);

    memcpy(b->piece + b->n, &word, sizeof(word));
    b->n += sizeof(word);
    b->held >>= 32;
    b->n_held -= 32;
    if (b->n == PIECE)
        flush(b);
}

static void align(struct bits *b)
{
    put(b, 0, -b->n_held % 8);
}

static uint32_t bits_at(const unsigned char *p, uint64_t bit)
{
    uint64_t v;

    memcpy(&v, p + bit / 8, sizeof(v));
    return (uint32_t)(le64toh(v) >> bit % 8);
}

/* The bits [bit, end) of p, behind which SPARE bytes can be read. */
static void put_bits(struct bits *b, const unsigned char *p, uint64_t bit, uint64_t end)
{
    for (; end - bit >= 32; bit += 32)
        put(b, bits_at(p, bit), 32);
    const unsigned rest = (unsigned)(end - bit);

    put(b, bits_at(p, bit) & ((1u << rest) - 1), rest);
}

/* A block but its first bit, which says whether it is the last. The length and data of a stored one begin at a full byte. */
static void put_block(struct bits *b, const unsigned char *p, const struct rbe_block *block)
{
    enum { HEAD = 3 };
    const bool stored = (bits_at(p, block->bit) >> 1 & 3) == 0;

    if (!stored) {
        put(b, 0, 1);
        put_bits(b, p, block[0].bit + 1, block[1].bit);
        return;
    }
    put(b, 0, HEAD);
    align(b);
    put_bits(b, p, (block[0].bit + HEAD + 7) / 8 * 8, block[1].bit);
}

/* The bytes [from, to). */
static enum rbe_code put_anew(struct bits *b, const struct regzip *r, size_t from, size_t to, struct rbe_err *e)
{
    static const char spare[SPARE];
    const unsigned char *p = r->p + from;
    rbe_auto(str) struct rbe_str packed = {0};
    rbe_auto(blocks) struct rbe_blocks blocks = {0};

    const size_t window = from < WINDOW || to - from > GAP ? 0 : WINDOW;

    if (window)
        rbe_deflate_behind(p - window, window, p, to - from, &packed);
    else
        rbe_flate_deflate(p, to - from, &packed);
    if (!rbe_deflate_blocks(p - window, window, packed.s, packed.len, &blocks))
        return rbe_fail(e, RBE_FAULT, "cannot pack an archive");
    rbe_str_put(&packed, spare, SPARE);
    for (size_t i = 0; i < blocks.n; i++)
        put_block(b, (const unsigned char *)packed.s, &blocks.v[i]);
    return b->code;
}

/* An empty last block, with codes that need no telling; then the checks. */
static void put_end(struct bits *b, uint32_t crc, uint32_t size)
{
    enum { LAST_FIXED = 3, N = 3 + 7 };

    put(b, LAST_FIXED, N);
    align(b);
    put(b, crc, 32);
    put(b, size, 32);
    for (; b->n_held > 0; b->n_held -= 8, b->held >>= 8)
        b->piece[b->n++] = (unsigned char)b->held;
    flush(b);
}

static enum rbe_code write_all(struct bits *b, const struct regzip *r, struct rbe_err *e)
{
    enum { MAGIC = 0x8b1f, DEFLATE = 8 << 16, UNIX = 3 << 8 };
    size_t at = 0;

    put(b, MAGIC | DEFLATE, 32);
    put(b, 0, 32);                   /* no time */
    put(b, UNIX, 16);
    for (size_t i = 0; i < r->n_spans; i++) {
        const struct span *s = &r->spans[i];

        RBE_TRY(put_anew(b, r, at, (size_t)s->to, e));
        for (size_t k = s->first; k < s->end; k++)
            put_block(b, r->packed.p, &r->blocks.v[k]);
        at = (size_t)s->to_end;
    }
    RBE_TRY(put_anew(b, r, at, r->n, e));
    put_end(b, rbe_flate_crc32(r->p, r->n), (uint32_t)r->n);
    return b->code;
}

enum rbe_code rbe_regzip(int fd, const void *p, size_t n, const struct rbe_regzip_source *source,
                         const struct rbe_regzip_run *runs, size_t n_runs, struct rbe_err *e)
{
    rbe_auto(regzip) struct regzip r = {.p = p, .n = n};

    if (!plan(&r, source, runs, n_runs))
        return rbe_flate_gzip(fd, p, n, e);
    rbe_autofree struct bits *b = rbe_alloc(sizeof(*b));

    b->fd = fd;
    b->e = e;
    return write_all(b, &r, e);
}
