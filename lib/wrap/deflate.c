#include "lib/wrap/deflate.h"

#include <zlib.h>

#include "lib/wrap/file.h"

enum { CHUNK = 64 * 1024, LEVEL = 6, GZIP_BITS = 15 + 16, RAW_BITS = -15, OS_UNIX = 3 };

/* zlib fails only for want of memory or by wrong use of its functions, and neither can be handled. */
static void must(int code)
{
    if (code != Z_OK)
        abort();
}

uint32_t rbe_crc32(uint32_t crc, const void *p, size_t n)
{
    return (uint32_t)crc32_z(crc, p, n);
}

static enum rbe_code read_at(int fd, void *p, size_t n, uint64_t offset, size_t *ret_n, struct rbe_err *e)
{
    return rbe_file_read_at(fd, p, n, offset, ret_n, e) == RBE_OK ? RBE_OK : rbe_err_prefix(e, "the archive");
}

static enum rbe_code broken(struct rbe_err *e, const char *what)
{
    return rbe_invalid(e, "file", "broken", "%s", what);
}

/* One raw DEFLATE stream being undone. */
struct inflation {
    z_stream z;
    unsigned char in[CHUNK], out[CHUNK];
    int fd;
    uint64_t offset, left;           /* packed bytes not yet read */
    uint64_t room;                   /* unpacked bytes that may still come */
    uint32_t crc;
};

static enum rbe_code fill(struct inflation *x, struct rbe_err *e)
{
    size_t n = x->left < CHUNK ? (size_t)x->left : CHUNK;

    if (x->z.avail_in > 0 || n == 0)
        return RBE_OK;
    RBE_TRY(read_at(x->fd, x->in, n, x->offset, &n, e));
    if (n == 0)
        return broken(e, "the archive ends in the middle of its data");
    x->offset += n;
    x->left -= n;
    x->z.next_in = x->in;
    x->z.avail_in = (uInt)n;
    return RBE_OK;
}

static enum rbe_code inflate_all(struct inflation *x, rbe_sink sink, void *arg, struct rbe_err *e)
{
    int code = Z_OK;

    while (code != Z_STREAM_END) {
        RBE_TRY(fill(x, e));
        x->z.next_out = x->out;
        x->z.avail_out = CHUNK;
        code = inflate(&x->z, Z_NO_FLUSH);
        if (code == Z_MEM_ERROR)
            abort();
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
            return broken(e, "its compressed data is damaged");
        size_t n = CHUNK - x->z.avail_out;
        if (code == Z_BUF_ERROR)
            return broken(e, "its compressed data ends early");
        if (n > x->room)
            return broken(e, "it unpacks to more than its declared size");
        x->room -= n;
        x->crc = rbe_crc32(x->crc, x->out, n);
        if (n > 0)
            RBE_TRY(sink(arg, x->out, n, e));
    }
    if (x->z.avail_in > 0 || x->left > 0)
        return broken(e, "its compressed data goes on behind its end");
    if (x->room > 0)
        return broken(e, "it unpacks to less than its declared size");
    return RBE_OK;
}

enum rbe_code rbe_inflate(int fd, uint64_t offset, uint64_t packed, uint64_t size, rbe_sink sink, void *arg, uint32_t *ret_crc,
                          struct rbe_err *e)
{
    rbe_autofree struct inflation *x = rbe_alloc(sizeof(*x));

    x->fd = fd;
    x->offset = offset;
    x->left = packed;
    x->room = size;
    must(inflateInit2(&x->z, RAW_BITS));
    enum rbe_code code = inflate_all(x, sink, arg, e);
    (void)inflateEnd(&x->z);
    *ret_crc = x->crc;
    return code;
}

struct rbe_gunzip {
    z_stream z;
    unsigned char in[CHUNK];
    int fd;
    uint64_t offset;
    bool eof;                        /* the file is read to its end */
    bool inside;                     /* in a member, whose trailer is still to come */
    bool done;
};

struct rbe_gunzip *rbe_gunzip_new(int fd)
{
    struct rbe_gunzip *g = rbe_alloc(sizeof(*g));

    g->fd = fd;
    g->inside = true;
    must(inflateInit2(&g->z, GZIP_BITS));
    return g;
}

void rbe_gunzip_free(struct rbe_gunzip *g)
{
    if (!g)
        return;
    (void)inflateEnd(&g->z);
    free(g);
}

static enum rbe_code gunzip_fill(struct rbe_gunzip *g, struct rbe_err *e)
{
    size_t n;

    if (g->z.avail_in > 0 || g->eof)
        return RBE_OK;
    RBE_TRY(read_at(g->fd, g->in, CHUNK, g->offset, &n, e));
    g->offset += n;
    g->eof = n == 0;
    g->z.next_in = g->in;
    g->z.avail_in = (uInt)n;
    return RBE_OK;
}

/* Behind a member: another one begins, or only zero bytes follow (padding of tapes and block devices) up to the end. */
static enum rbe_code gunzip_between(struct rbe_gunzip *g, struct rbe_err *e)
{
    bool padding = false;

    for (;;) {
        RBE_TRY(gunzip_fill(g, e));
        if (g->z.avail_in == 0) {
            g->done = true;
            return RBE_OK;
        }
        if (*g->z.next_in != 0)
            break;
        padding = true;
        g->z.next_in++;
        g->z.avail_in--;
    }
    if (padding)
        return broken(e, "other data follows the gzip stream");
    must(inflateReset2(&g->z, GZIP_BITS));
    g->inside = true;
    return RBE_OK;
}

static enum rbe_code gunzip_some(struct rbe_gunzip *g, struct rbe_err *e)
{
    RBE_TRY(gunzip_fill(g, e));
    if (g->z.avail_in == 0)
        return broken(e, "the gzip stream ends early");
    int code = inflate(&g->z, Z_NO_FLUSH);
    if (code == Z_MEM_ERROR)
        abort();
    if (code == Z_STREAM_END)
        g->inside = false;
    else if (code != Z_OK && code != Z_BUF_ERROR)
        return broken(e, "the gzip stream is damaged");
    return RBE_OK;
}

enum rbe_code rbe_gunzip_read(struct rbe_gunzip *g, void *p, size_t n, size_t *ret_n, struct rbe_err *e)
{
    uInt room = n < CHUNK ? (uInt)n : CHUNK;

    *ret_n = 0;
    g->z.next_out = p;
    g->z.avail_out = room;
    while (!g->done && g->z.avail_out == room && room > 0) {
        if (g->inside)
            RBE_TRY(gunzip_some(g, e));
        else
            RBE_TRY(gunzip_between(g, e));
    }
    *ret_n = room - g->z.avail_out;
    return RBE_OK;
}

uint64_t rbe_gunzip_used(const struct rbe_gunzip *g)
{
    return g->offset - g->z.avail_in;
}

static void deflate_all(z_stream *z, const unsigned char *in, size_t n, struct rbe_str *out)
{
    int code = Z_OK;

    while (code != Z_STREAM_END) {
        if (z->avail_in == 0 && n > 0) {
            z->next_in = (unsigned char *)(uintptr_t)in;
            z->avail_in = n < 1u << 30 ? (uInt)n : 1u << 30;
            in += z->avail_in;
            n -= z->avail_in;
        }
        z->next_out = (unsigned char *)rbe_str_reserve(out, CHUNK);
        z->avail_out = CHUNK;
        code = deflate(z, n > 0 ? Z_NO_FLUSH : Z_FINISH);
        if (code != Z_STREAM_END)
            must(code);
        out->len += CHUNK - z->avail_out;
    }
    rbe_str_put(out, "", 0);
    (void)deflateEnd(z);
}

void rbe_deflate(const void *p, size_t n, struct rbe_str *out)
{
    z_stream z = {0};

    must(deflateInit2(&z, LEVEL, Z_DEFLATED, RAW_BITS, 8, Z_DEFAULT_STRATEGY));
    deflate_all(&z, p, n, out);
}

void rbe_deflate_behind(const void *window, size_t window_n, const void *p, size_t n, struct rbe_str *out)
{
    enum { LARGE_BLOCKS = 9 };       /* memory for as many symbols as other packers put into a block */
    z_stream z = {0};

    must(deflateInit2(&z, LEVEL, Z_DEFLATED, RAW_BITS, LARGE_BLOCKS, Z_DEFAULT_STRATEGY));
    must(deflateSetDictionary(&z, window, (uInt)window_n));
    deflate_all(&z, p, n, out);
}

void rbe_blocks_release(struct rbe_blocks *b)
{
    free(b->v);
    *b = (struct rbe_blocks){0};
}

/* A stream whose blocks are being found. Positions count from the beginning of the data, which is behind a gzip's head. */
struct finding {
    z_stream z;
    const unsigned char *next;
    size_t left;
    uint64_t head_bits;
    struct rbe_blocks *blocks;
    size_t room;
    unsigned char out[CHUNK];
};

/* What zlib says in data_type when it was asked to stop between blocks. */
enum { UNUSED_BITS = 7, BETWEEN_BLOCKS = 128 };

static bool note_block(struct finding *f, unsigned unused_bits)
{
    enum { FEW = 64, LEAST = 1024 };
    const uint64_t in = (uint64_t)f->z.total_in * 8 - unused_bits;
    struct rbe_blocks *b = f->blocks;

    if (b->n > FEW + f->z.total_out / LEAST)
        return false;
    b->v = rbe_grow(b->v, b->n, &f->room, sizeof(*b->v));
    b->v[b->n++] = (struct rbe_block){.bit = f->head_bits + in, .at = f->z.total_out};
    return true;
}

static int inflate_to_block(struct finding *f)
{
    if (f->z.avail_in == 0) {
        f->z.next_in = (unsigned char *)(uintptr_t)f->next;
        f->z.avail_in = f->left < 1u << 30 ? (uInt)f->left : 1u << 30;
        f->next += f->z.avail_in;
        f->left -= f->z.avail_in;
    }
    f->z.next_out = f->out;
    f->z.avail_out = CHUNK;
    return inflate(&f->z, Z_BLOCK);
}

/* To the end of the data, behind which `behind` bytes stand. */
static bool find_blocks(struct finding *f, size_t behind)
{
    bool ok = note_block(f, 0);
    int code = Z_OK;

    while (ok && (code = inflate_to_block(f)) == Z_OK)
        if (f->z.data_type & BETWEEN_BLOCKS)
            ok = note_block(f, (unsigned)f->z.data_type & UNUSED_BITS);
    return ok && code == Z_STREAM_END && f->left + f->z.avail_in == behind;
}

static struct finding *finding_new(const void *p, size_t n, int bits, struct rbe_blocks *ret)
{
    struct finding *f = rbe_alloc(sizeof(*f));

    *ret = (struct rbe_blocks){0};
    f->next = p;
    f->left = n;
    f->blocks = ret;
    must(inflateInit2(&f->z, bits));
    return f;
}

static bool finding_end(struct finding *f, bool ok)
{
    if (ok)
        f->blocks->n--;
    else
        rbe_blocks_release(f->blocks);
    (void)inflateEnd(&f->z);
    free(f);
    return ok;
}

bool rbe_deflate_blocks(const void *window, size_t window_n, const void *p, size_t n, struct rbe_blocks *ret)
{
    struct finding *f = finding_new(p, n, RAW_BITS, ret);

    if (window_n)
        must(inflateSetDictionary(&f->z, window, (uInt)window_n));
    return finding_end(f, find_blocks(f, 0));
}

bool rbe_gzip_blocks(const void *p, size_t n, struct rbe_blocks *ret)
{
    enum { CHECKS = 8 };
    struct finding *f = finding_new(p, n, GZIP_BITS, ret);
    bool ok = inflate_to_block(f) == Z_OK && (f->z.data_type & BETWEEN_BLOCKS);

    f->head_bits = (uint64_t)f->z.total_in * 8;
    must(inflateReset2(&f->z, RAW_BITS));
    return finding_end(f, ok && find_blocks(f, CHECKS));
}

struct rbe_gzip {
    z_stream z;
    gz_header header;
    unsigned char out[CHUNK];
    int fd;
};

static struct rbe_gzip *gzip_new(int fd, int level)
{
    struct rbe_gzip *g = rbe_alloc(sizeof(*g));

    g->fd = fd;
    /* zlib would write the system it was built on; the bytes must not depend on that. */
    g->header.os = OS_UNIX;
    must(deflateInit2(&g->z, level, Z_DEFLATED, GZIP_BITS, 8, Z_DEFAULT_STRATEGY));
    must(deflateSetHeader(&g->z, &g->header));
    g->z.next_out = g->out;
    g->z.avail_out = CHUNK;
    return g;
}

struct rbe_gzip *rbe_gzip_new(int fd)
{
    return gzip_new(fd, LEVEL);
}

struct rbe_gzip *rbe_gzip_new_stored(int fd)
{
    return gzip_new(fd, 0);
}

void rbe_gzip_free(struct rbe_gzip *g)
{
    if (!g)
        return;
    (void)deflateEnd(&g->z);
    free(g);
}

static enum rbe_code gzip_flush(struct rbe_gzip *g, struct rbe_err *e)
{
    RBE_TRY(rbe_file_write(g->fd, g->out, CHUNK - g->z.avail_out, e));
    g->z.next_out = g->out;
    g->z.avail_out = CHUNK;
    return RBE_OK;
}

enum rbe_code rbe_gzip_write(struct rbe_gzip *g, const void *p, size_t n, struct rbe_err *e)
{
    const unsigned char *in = p;

    while (n > 0) {
        uInt part = n < 1u << 30 ? (uInt)n : 1u << 30;

        g->z.next_in = (unsigned char *)(uintptr_t)in;
        g->z.avail_in = part;
        while (g->z.avail_in > 0) {
            must(deflate(&g->z, Z_NO_FLUSH));
            if (g->z.avail_out == 0)
                RBE_TRY(gzip_flush(g, e));
        }
        in += part;
        n -= part;
    }
    return RBE_OK;
}

enum rbe_code rbe_gzip_finish(struct rbe_gzip *g, struct rbe_err *e)
{
    int code;

    do {
        code = deflate(&g->z, Z_FINISH);
        if (code != Z_STREAM_END && code != Z_BUF_ERROR)
            must(code);
        RBE_TRY(gzip_flush(g, e));
    } while (code != Z_STREAM_END);
    return RBE_OK;
}
