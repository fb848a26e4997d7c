#include "lib/wrap/xz.h"

#include <lzma.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/wrap/file.h"

enum { CHUNK = 64 * 1024, DICT_LEAST = 64 * 1024, DICT_MOST = 64 << 20, UNPACK_MOST = 128 << 20 };

static void make_options(uint64_t n, lzma_options_lzma *ret)
{
    uint32_t dict = DICT_LEAST;

    while (dict < n && dict < DICT_MOST)
        dict <<= 1;
    /* The preset is one that liblzma knows. */
    if (lzma_lzma_preset(ret, 9 | LZMA_PRESET_EXTREME))
        abort();
    ret->dict_size = dict;
    /* What deltas are made of has no period of four bytes, and its bytes hang on those before them. */
    ret->lc = 4;
    ret->lp = 0;
    ret->pb = 0;
}

uint64_t rbe_xz_memory(uint64_t n)
{
    lzma_options_lzma options;
    const lzma_filter filters[] = {{.id = LZMA_FILTER_LZMA2, .options = &options}, {.id = LZMA_VLI_UNKNOWN}};

    make_options(n, &options);
    return lzma_raw_encoder_memusage(filters);
}

struct packing {
    lzma_stream z;
    int in_fd, out_fd;
    uint64_t offset;
    bool eof;
    unsigned char in[CHUNK], out[CHUNK];
};

static enum rbe_code pack_some(struct packing *x, bool *ret_end, struct rbe_err *e)
{
    if (x->z.avail_in == 0 && !x->eof) {
        size_t n;

        RBE_TRY(rbe_file_read_at(x->in_fd, x->in, CHUNK, x->offset, &n, e));
        x->offset += n;
        x->eof = n == 0;
        x->z.next_in = x->in;
        x->z.avail_in = n;
    }
    lzma_ret code = lzma_code(&x->z, x->eof ? LZMA_FINISH : LZMA_RUN);

    if (code != LZMA_OK && code != LZMA_STREAM_END)
        return rbe_fail(e, RBE_FAULT, "xz: cannot pack (%d)", (int)code);
    *ret_end = code == LZMA_STREAM_END;
    if (x->z.avail_out > 0 && !*ret_end)
        return RBE_OK;
    RBE_TRY(rbe_file_write(x->out_fd, x->out, CHUNK - x->z.avail_out, e));
    x->z.next_out = x->out;
    x->z.avail_out = CHUNK;
    return RBE_OK;
}

enum rbe_code rbe_xz_pack(int in_fd, int out_fd, struct rbe_err *e)
{
    rbe_autofree struct packing *x = rbe_alloc(sizeof(*x));
    lzma_options_lzma options;
    const lzma_filter filters[] = {{.id = LZMA_FILTER_LZMA2, .options = &options}, {.id = LZMA_VLI_UNKNOWN}};
    enum rbe_code code = RBE_OK;
    struct stat st;
    bool end = false;

    if (fstat(in_fd, &st) != 0)
        return rbe_fail_errno(e, "cannot look at a file");
    make_options((uint64_t)st.st_size, &options);
    x->in_fd = in_fd;
    x->out_fd = out_fd;
    x->z.next_out = x->out;
    x->z.avail_out = CHUNK;
    if (lzma_stream_encoder(&x->z, filters, LZMA_CHECK_CRC32) != LZMA_OK)
        return rbe_fail(e, RBE_REFUSED, "xz: packing does not fit in the memory allowed");
    while (code == RBE_OK && !end)
        code = pack_some(x, &end, e);
    lzma_end(&x->z);
    return code;
}

struct rbe_unxz {
    lzma_stream z;
    int fd;
    uint64_t offset;
    bool eof, done;
    unsigned char in[CHUNK];
};

struct rbe_unxz *rbe_unxz_new(int fd)
{
    struct rbe_unxz *x = rbe_alloc(sizeof(*x));

    x->fd = fd;
    /* It fails only for want of memory. */
    if (lzma_stream_decoder(&x->z, UNPACK_MOST, LZMA_TELL_UNSUPPORTED_CHECK) != LZMA_OK)
        abort();
    return x;
}

void rbe_unxz_free(struct rbe_unxz *x)
{
    if (!x)
        return;
    lzma_end(&x->z);
    free(x);
}

static const char *fault_of(lzma_ret code)
{
    static const struct {
        lzma_ret code;
        const char *text;
    } known[] = {
        {LZMA_FORMAT_ERROR, "is no xz stream"},
        {LZMA_MEMLIMIT_ERROR, "wants too much memory to be unpacked"},
        {LZMA_UNSUPPORTED_CHECK, "has a check that is not known"},
        {LZMA_BUF_ERROR, "ends early"},
    };

    for (size_t i = 0; i < RBE_COUNT(known); i++)
        if (known[i].code == code)
            return known[i].text;
    return "is damaged";
}

static enum rbe_code fill(struct rbe_unxz *x, struct rbe_err *e)
{
    size_t n;

    if (x->z.avail_in > 0 || x->eof)
        return RBE_OK;
    RBE_TRY(rbe_file_read_at(x->fd, x->in, CHUNK, x->offset, &n, e));
    x->offset += n;
    x->eof = n == 0;
    x->z.next_in = x->in;
    x->z.avail_in = n;
    return RBE_OK;
}

enum rbe_code rbe_unxz_read(struct rbe_unxz *x, void *p, size_t n, size_t *ret_n, struct rbe_err *e)
{
    *ret_n = 0;
    x->z.next_out = p;
    x->z.avail_out = n;
    while (!x->done && x->z.avail_out == n && n > 0) {
        RBE_TRY(fill(x, e));
        lzma_ret code = lzma_code(&x->z, x->eof ? LZMA_FINISH : LZMA_RUN);

        if (code == LZMA_MEM_ERROR)
            abort();
        if (code != LZMA_OK && code != LZMA_STREAM_END)
            return rbe_invalid(e, "patch", "broken", "the patch %s", fault_of(code));
        x->done = code == LZMA_STREAM_END;
    }
    if (x->done) {
        RBE_TRY(fill(x, e));
        if (x->z.avail_in > 0)
            return rbe_invalid(e, "patch", "broken", "the patch goes on behind its end");
    }
    *ret_n = n - x->z.avail_out;
    return RBE_OK;
}

uint64_t rbe_unxz_used(const struct rbe_unxz *x)
{
    return x->offset - x->z.avail_in;
}
