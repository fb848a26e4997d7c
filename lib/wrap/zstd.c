#include "lib/wrap/zstd.h"

#include <zstd.h>

enum { WINDOW_LEAST = 10, WINDOW_MOST = 31, LDM_ENTRY = 8, TABLE_ENTRY = 4, REST = 64 << 20 };

/* libzstd refuses only what is out of its bounds, which no effort of ours is, and has no memory to lose here. */
static void must(size_t code)
{
    if (ZSTD_isError(code))
        abort();
}

static int window_log(uint64_t n)
{
    int log = WINDOW_LEAST;

    while (log < WINDOW_MOST && (UINT64_C(1) << log) < n)
        log++;
    return log;
}

static ZSTD_CCtx *make(struct rbe_zstd_bytes from, size_t to_n, const struct rbe_zstd_effort *f)
{
    const struct {
        ZSTD_cParameter name;
        int value;
    } settings[] = {
        {ZSTD_c_compressionLevel, f->level},
        {ZSTD_c_checksumFlag, 0},
        {ZSTD_c_windowLog, window_log((uint64_t)from.n + to_n)},
        {ZSTD_c_chainLog, f->chain_log},
        {ZSTD_c_hashLog, f->hash_log},
        {ZSTD_c_searchLog, f->search_log},
        {ZSTD_c_minMatch, f->min_match},
        {ZSTD_c_targetLength, f->target_length},
        {ZSTD_c_strategy, f->strategy},
        {ZSTD_c_enableLongDistanceMatching, 1},
        {ZSTD_c_ldmHashLog, f->ldm_hash_log},
        {ZSTD_c_ldmMinMatch, f->ldm_min_match},
        {ZSTD_c_ldmBucketSizeLog, f->ldm_bucket_log},
        {ZSTD_c_ldmHashRateLog, f->ldm_rate_log},
    };
    ZSTD_CCtx *c = ZSTD_createCCtx();

    if (!c)
        abort();
    for (size_t i = 0; i < RBE_COUNT(settings); i++)
        must(ZSTD_CCtx_setParameter(c, settings[i].name, settings[i].value));
    must(ZSTD_CCtx_setPledgedSrcSize(c, to_n));
    must(ZSTD_CCtx_refPrefix(c, from.p, from.n));
    return c;
}

size_t rbe_zstd_bound(size_t n)
{
    return ZSTD_compressBound(n);
}

static enum rbe_code failed(size_t code, struct rbe_err *e)
{
    return rbe_fail(e, RBE_FAULT, "zstd: %s", ZSTD_getErrorName(code));
}

enum rbe_code rbe_zstd_diff(struct rbe_zstd_bytes from, struct rbe_zstd_bytes to, const struct rbe_zstd_effort *effort,
                            void *out, size_t room, size_t *ret_n, struct rbe_err *e)
{
    ZSTD_CCtx *c = make(from, to.n, effort);
    size_t n = ZSTD_compress2(c, out, room, to.p, to.n);

    (void)ZSTD_freeCCtx(c);
    if (ZSTD_isError(n))
        return failed(n, e);
    *ret_n = n;
    return RBE_OK;
}

/* Compresses one piece to its end and counts what comes out; the bytes themselves are of no use. */
static enum rbe_code measure_piece(ZSTD_CCtx *c, const void *p, size_t n, bool last, void *out, size_t room,
                                   uint64_t *ret, struct rbe_err *e)
{
    ZSTD_inBuffer in = {p, n, 0};
    size_t left;

    *ret = 0;
    do {
        ZSTD_outBuffer to = {out, room, 0};

        left = ZSTD_compressStream2(c, &to, &in, last ? ZSTD_e_end : ZSTD_e_flush);
        if (ZSTD_isError(left))
            return failed(left, e);
        *ret += to.pos;
    } while (left > 0);
    return RBE_OK;
}

enum rbe_code rbe_zstd_measure(struct rbe_zstd_bytes from, struct rbe_zstd_bytes to,
                               const struct rbe_zstd_effort *effort, const uint64_t *ends, size_t n,
                               uint64_t *ret_sizes, struct rbe_err *e)
{
    size_t room = ZSTD_CStreamOutSize();
    rbe_autofree void *out = rbe_alloc(room);
    ZSTD_CCtx *c = make(from, to.n, effort);
    enum rbe_code code = RBE_OK;
    size_t begin = 0;

    for (size_t i = 0; i < n && code == RBE_OK; i++) {
        code = measure_piece(c, (const char *)to.p + begin, (size_t)ends[i] - begin, i + 1 == n, out, room,
                             &ret_sizes[i], e);
        begin = (size_t)ends[i];
    }
    (void)ZSTD_freeCCtx(c);
    return code;
}

enum rbe_code rbe_zstd_patch(struct rbe_zstd_bytes from, struct rbe_zstd_bytes patch, void *out, size_t n,
                             struct rbe_err *e)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();

    if (!d)
        abort();
    must(ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, WINDOW_MOST));
    must(ZSTD_DCtx_refPrefix(d, from.p, from.n));
    size_t got = ZSTD_decompressDCtx(d, out, n, patch.p, patch.n);

    (void)ZSTD_freeDCtx(d);
    if (ZSTD_isError(got))
        return rbe_invalid(e, "patch", "broken", "the patch is damaged: %s", ZSTD_getErrorName(got));
    if (got != n)
        return rbe_invalid(e, "patch", "size", "the patch gives %zu bytes instead of %zu", got, n);
    return RBE_OK;
}

uint64_t rbe_zstd_memory(const struct rbe_zstd_effort *effort)
{
    return ((uint64_t)TABLE_ENTRY << effort->chain_log) + ((uint64_t)TABLE_ENTRY << effort->hash_log) +
           ((uint64_t)LDM_ENTRY << effort->ldm_hash_log) + REST;
}

bool rbe_zstd_frame(const void *p, size_t n, size_t *ret_n)
{
    size_t size = ZSTD_findFrameCompressedSize(p, n);

    if (ZSTD_isError(size))
        return false;
    *ret_n = size;
    return true;
}

static enum rbe_code unpack(ZSTD_DCtx *d, struct rbe_zstd_bytes frame, void *out, size_t room,
                            enum rbe_code (*sink)(void *arg, const void *p, size_t n, struct rbe_err *e), void *arg,
                            struct rbe_err *e)
{
    ZSTD_inBuffer in = {frame.p, frame.n, 0};
    size_t left = 1;

    while (left > 0) {
        ZSTD_outBuffer to = {out, room, 0};
        size_t before = in.pos;

        left = ZSTD_decompressStream(d, &to, &in);
        if (ZSTD_isError(left) || (left > 0 && to.pos == 0 && in.pos == before))
            return rbe_invalid(e, "patch", "broken", "a zstd frame is damaged");
        RBE_TRY(sink(arg, out, to.pos, e));
    }
    return RBE_OK;
}

enum rbe_code rbe_zstd_unpack(struct rbe_zstd_bytes frame,
                              enum rbe_code (*sink)(void *arg, const void *p, size_t n, struct rbe_err *e), void *arg,
                              struct rbe_err *e)
{
    size_t room = ZSTD_DStreamOutSize();
    rbe_autofree void *out = rbe_alloc(room);
    ZSTD_DCtx *d = ZSTD_createDCtx();

    if (!d)
        abort();
    enum rbe_code code = unpack(d, frame, out, room, sink, arg, e);

    (void)ZSTD_freeDCtx(d);
    return code;
}
