#include "lib/wrap/flate.h"

#include <libdeflate.h>

#include "lib/base/mem.h"
#include "lib/wrap/deflate.h"
#include "lib/wrap/file.h"

/* SURE is smaller than zlib's level 6 on everything; FAST is on code, mostly, but not on text. */
enum { FAST = 6, SURE = 7, SAMPLES = 4, SAMPLE = 192 * 1024, SAMPLED_LEAST = 16 * SAMPLES * SAMPLE };

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

/* Whether FAST makes samples from all over the data smaller than zlib does. */
static bool fast_will_do(const unsigned char *p, size_t n)
{
    struct libdeflate_compressor *c = compressor(FAST);
    size_t room = libdeflate_deflate_compress_bound(c, SAMPLE), ours = 0, theirs = 0;
    rbe_autofree void *out = rbe_alloc(room);
    rbe_auto(str) struct rbe_str packed = {0};

    for (size_t i = 0; i < SAMPLES; i++) {
        const unsigned char *sample = p + (n - SAMPLE) / (SAMPLES - 1) * i;

        rbe_str_reset(&packed);
        rbe_deflate(sample, SAMPLE, &packed);
        theirs += packed.len;
        ours += libdeflate_deflate_compress(c, sample, SAMPLE, out, room);
    }
    libdeflate_free_compressor(c);
    return ours + ours / 512 < theirs;
}

enum rbe_code rbe_flate_gzip(int fd, const void *p, size_t n, struct rbe_err *e)
{
    int level = n >= SAMPLED_LEAST && fast_will_do(p, n) ? FAST : SURE;
    struct libdeflate_compressor *c = compressor(level);
    size_t room = libdeflate_gzip_compress_bound(c, n);
    rbe_autofree void *out = rbe_alloc(room);
    size_t got = libdeflate_gzip_compress(c, p, n, out, room);

    libdeflate_free_compressor(c);
    return got ? rbe_file_write(fd, out, got, e) : rbe_fail(e, RBE_FAULT, "cannot pack an archive");
}
