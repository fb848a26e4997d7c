#include "lib/wrap/flate.h"

#include <libdeflate.h>

#include "lib/base/mem.h"
#include "lib/wrap/deflate.h"
#include "lib/wrap/file.h"

/* How a gzip is made no larger than zlib's level 6 makes it. SURE searches about as far and codes better; on a few kilobytes it
 * may lose some bytes all the same, so what is SMALL is packed by zlib as well and the smaller is taken. FAST does for code and
 * what is packed already, not for text, so it is for what is LARGE and where samples say so. */
enum { SURE = 7, FAST = 6, SMALL = 256 << 10, LARGE = 8 << 20 };
/* So many samples at least and at most, of SAMPLE bytes each; one more for each SPAN of the data. */
enum { SAMPLES = 8, SAMPLES_MOST = 64, SAMPLE = 64 << 10, SPAN = 4 << 20 };

uint32_t rbe_flate_crc32(const void *p, size_t n)
{
    return libdeflate_crc32(0, p, n);
}

static struct libdeflate_decompressor *decompressor(void)
{
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();

    if (!d)
        abort();
    return d;
}

static struct libdeflate_compressor *compressor(int level)
{
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(level);

    if (!c)
        abort();
    return c;
}

bool rbe_flate_inflate(const void *p, size_t n, void *out, size_t out_n)
{
    struct libdeflate_decompressor *d = decompressor();
    size_t used = 0, got = 0;
    enum libdeflate_result result = libdeflate_deflate_decompress_ex(d, p, n, out, out_n, &used, &got);

    libdeflate_free_decompressor(d);
    return result == LIBDEFLATE_SUCCESS && used == n && got == out_n;
}

bool rbe_flate_gunzip(const void *p, size_t n, void *out, size_t out_n)
{
    struct libdeflate_decompressor *d = decompressor();
    size_t used = 0, got = 0;
    enum libdeflate_result result = libdeflate_gzip_decompress_ex(d, p, n, out, out_n, &used, &got);

    libdeflate_free_decompressor(d);
    return result == LIBDEFLATE_SUCCESS && used == n && got == out_n;
}

/* Text by what it lacks: control characters and bytes above 127. NULs pad a tar and count for nothing. */
static bool is_text(const unsigned char *p, size_t n)
{
    size_t other = 0;

    for (size_t i = 0; i < n; i++)
        other += p[i] >= 0x80 || (p[i] < '\t' && p[i] > 0) || (p[i] > '\r' && p[i] < ' ');
    return other < n / 16;
}

static size_t deflated(const unsigned char *p, size_t n, struct rbe_str *out)
{
    rbe_str_reset(out);
    rbe_deflate(p, n, out);
    return out->len;
}

/* What samples come to, and in sum. */
struct trial {
    size_t n;
    int64_t ours[SAMPLES_MOST], theirs[SAMPLES_MOST], our_sum, their_sum;
};

/* Smaller by a five hundredth at least, and by more than one set of samples differs from another: a standard error of the
 * ratio. Whole numbers alone, so that every machine decides alike. */
static bool smaller_for_sure(const struct trial *t)
{
    enum { UNIT = 1 << 16 };
    const int64_t ratio = t->our_sum * UNIT / t->their_sum, gain = t->their_sum - t->our_sum, n = (int64_t)t->n;
    int64_t squares = 0;

    for (size_t i = 0; i < t->n; i++) {
        int64_t off = (t->ours[i] * UNIT - ratio * t->theirs[i]) / UNIT;

        squares += off * off;
    }
    return gain > t->their_sum / 500 && gain * gain > squares * n / (n - 1);
}

/* Whether FAST makes samples from all over the data smaller than zlib does. */
static bool fast_will_do(const unsigned char *p, size_t n)
{
    struct trial t = {.n = n / SPAN < SAMPLES_MOST - SAMPLES ? SAMPLES + n / SPAN : SAMPLES_MOST};
    const size_t room = 2 * (size_t)SAMPLE, step = (n - SAMPLE) / (t.n - 1);
    rbe_autofree void *out = rbe_alloc(room);
    rbe_auto(str) struct rbe_str packed = {0};
    size_t texts = 0;

    for (size_t i = 0; i < t.n; i++)
        texts += is_text(p + step * i, SAMPLE);
    if (texts > t.n / 4)
        return false;
    struct libdeflate_compressor *c = compressor(FAST);

    for (size_t i = 0; i < t.n; i++) {
        t.our_sum += t.ours[i] = (int64_t)libdeflate_deflate_compress(c, p + step * i, SAMPLE, out, room);
        t.their_sum += t.theirs[i] = (int64_t)deflated(p + step * i, SAMPLE, &packed);
    }
    libdeflate_free_compressor(c);
    return smaller_for_sure(&t);
}

void rbe_flate_deflate(const void *p, size_t n, struct rbe_str *out)
{
    struct libdeflate_compressor *c = compressor(SURE);
    size_t room = libdeflate_deflate_compress_bound(c, n);

    rbe_str_reset(out);
    out->len = libdeflate_deflate_compress(c, p, n, rbe_str_reserve(out, room), room);
    libdeflate_free_compressor(c);
    if (n > SMALL)
        return;
    rbe_auto(str) struct rbe_str packed = {0};

    if (deflated(p, n, &packed) < out->len) {
        rbe_str_reset(out);
        rbe_str_put(out, packed.s, packed.len);
    }
}

static enum rbe_code gzip_by_zlib(int fd, const void *p, size_t n, struct rbe_err *e)
{
    rbe_autoptr(gzip) struct rbe_gzip *gzip = rbe_gzip_new(fd);

    RBE_TRY(rbe_gzip_write(gzip, p, n, e));
    return rbe_gzip_finish(gzip, e);
}

enum rbe_code rbe_flate_gzip(int fd, const void *p, size_t n, struct rbe_err *e)
{
    enum { AROUND = 18 };            /* bytes of a gzip's head and end */
    struct libdeflate_compressor *c = compressor(n >= LARGE && fast_will_do(p, n) ? FAST : SURE);
    size_t room = libdeflate_gzip_compress_bound(c, n);
    rbe_autofree void *out = rbe_realloc(NULL, room);
    rbe_auto(str) struct rbe_str packed = {0};
    size_t got = libdeflate_gzip_compress(c, p, n, out, room);

    libdeflate_free_compressor(c);
    if (!got)
        return rbe_fail(e, RBE_FAULT, "cannot pack an archive");
    if (n <= SMALL && deflated(p, n, &packed) + AROUND < got)
        return gzip_by_zlib(fd, p, n, e);
    return rbe_file_write(fd, out, got, e);
}
