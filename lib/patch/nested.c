#include "lib/patch/nested.h"

#include <fcntl.h>
#include <string.h>

#include "lib/patch/engine-zstd.h"
#include "lib/wrap/deflate.h"
#include "lib/wrap/file.h"
#include "lib/wrap/xz.h"
#include "lib/wrap/zip.h"
#include "lib/wrap/zstd.h"

/* A stream is worth a word from WORTH bytes on; UNPACKED_MOST bounds what one may unpack to. Marks stand in other data by
 * chance, so only so many places are tried. */
enum { WORTH = 64 * 1024, UNPACKED_MOST = 512 << 20, TRIES = 64, CHUNK = 64 * 1024, ENTRIES = 100000 };

/* What was found in a file. */
struct stream {
    size_t packed;
    int fd;                          /* what it unpacks to */
    uint64_t unpacked;
};

static enum rbe_code temporary(const char *dir, int *ret, struct rbe_err *e)
{
    rbe_autoclose int at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return at < 0 ? rbe_fail_errno(e, "cannot open %s", dir) : rbe_file_temp(at, ret, e);
}

static enum rbe_code put(struct stream *s, const void *p, size_t n, struct rbe_err *e)
{
    if (n > UNPACKED_MOST - s->unpacked)
        return rbe_fail(e, RBE_TOOLARGE, "a stream in a file unpacks to too much");
    s->unpacked += n;
    return rbe_file_write(s->fd, p, n, e);
}

static enum rbe_code put_any(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    return put(arg, p, n, e);
}

/* ---- the kinds: from where the mark stands, packed into a file of its own ---- */

static enum rbe_code unpack_zstd(int packed_fd, struct rbe_nested_bytes at, struct stream *s, struct rbe_err *e)
{
    (void)packed_fd;
    if (!rbe_zstd_frame(at.p, at.n, &s->packed) || s->packed < WORTH)
        return rbe_fail(e, RBE_INVALID, "no frame");
    return rbe_zstd_unpack((struct rbe_zstd_bytes){at.p, s->packed}, put_any, s, e);
}

static enum rbe_code read_gzip(void *arg, void *p, size_t n, size_t *ret_n, struct rbe_err *e)
{
    return rbe_gunzip_read(arg, p, n, ret_n, e);
}

static enum rbe_code read_xz(void *arg, void *p, size_t n, size_t *ret_n, struct rbe_err *e)
{
    return rbe_unxz_read(arg, p, n, ret_n, e);
}

/* A stream that ends before the file does is broken off there, which is no matter. */
static enum rbe_code drain(enum rbe_code (*read)(void *arg, void *p, size_t n, size_t *ret_n, struct rbe_err *e), void *arg,
                           struct stream *s, struct rbe_err *e)
{
    rbe_autofree unsigned char *bytes = rbe_alloc(CHUNK);
    struct rbe_err ignored = {0};
    size_t n = 1;

    while (n > 0 && read(arg, bytes, CHUNK, &n, &ignored) == RBE_OK)
        RBE_TRY(put(s, bytes, n, e));
    return RBE_OK;
}

static enum rbe_code unpack_gzip(int packed_fd, struct rbe_nested_bytes at, struct stream *s, struct rbe_err *e)
{
    rbe_autoptr(gunzip) struct rbe_gunzip *g = rbe_gunzip_new(packed_fd);

    (void)at;
    RBE_TRY(drain(read_gzip, g, s, e));
    s->packed = rbe_gunzip_used(g);
    return RBE_OK;
}

static enum rbe_code unpack_xz(int packed_fd, struct rbe_nested_bytes at, struct stream *s, struct rbe_err *e)
{
    rbe_autoptr(unxz) struct rbe_unxz *x = rbe_unxz_new(packed_fd);

    (void)at;
    RBE_TRY(drain(read_xz, x, s, e));
    s->packed = rbe_unxz_used(x);
    return RBE_OK;
}

static enum rbe_code unpack_zip(int packed_fd, struct rbe_nested_bytes at, struct stream *s, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_zip zip;

    RBE_TRY(rbe_zip_open(packed_fd, ENTRIES, &arena, &zip, e));
    for (size_t i = 0; i < zip.n; i++)
        RBE_TRY(rbe_zip_read(packed_fd, &zip.entries[i], put_any, s, e));
    s->packed = at.n;
    return RBE_OK;
}

static const struct kind {
    const char *name;
    unsigned char mark[6];
    size_t mark_n;
    bool at_start;                   /* only a file that is one as a whole */
    enum rbe_code (*unpack)(int packed_fd, struct rbe_nested_bytes at, struct stream *s, struct rbe_err *e);
} kinds[] = {
    {"zstd frame", {0x28, 0xb5, 0x2f, 0xfd}, 4, false, unpack_zstd},
    {"xz stream", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, false, unpack_xz},
    {"gzip stream", {0x1f, 0x8b, 0x08}, 3, false, unpack_gzip},
    {"zip", {'P', 'K', 3, 4}, 4, true, unpack_zip},
};

static bool disk_failed(enum rbe_code code)
{
    return code == RBE_FAULT || code == RBE_NOSPACE;
}

/* Tries one place; a better stream than the one in `best` takes its place. */
static enum rbe_code try_at(const struct kind *kind, struct rbe_nested_bytes at, const char *dir, struct stream *best,
                            struct rbe_err *e)
{
    rbe_autoclose int packed_fd = -1;
    struct stream s = {.fd = -1};
    struct rbe_err inner = {0};

    if (kind->unpack != unpack_zstd) {
        RBE_TRY(temporary(dir, &packed_fd, e));
        RBE_TRY(rbe_file_write(packed_fd, at.p, at.n, e));
    }
    RBE_TRY(temporary(dir, &s.fd, e));
    enum rbe_code code = kind->unpack(packed_fd, at, &s, &inner);

    if (code == RBE_OK && s.unpacked > best->unpacked && s.unpacked >= WORTH) {
        if (best->fd >= 0)
            (void)close(best->fd);
        *best = s;
        return RBE_OK;
    }
    (void)close(s.fd);
    if (disk_failed(code) && e)
        *e = inner;
    return disk_failed(code) ? code : RBE_OK;
}

static enum rbe_code find_in(const struct kind *kind, struct rbe_nested_bytes file, const char *dir, struct stream *best,
                             struct rbe_err *e)
{
    const unsigned char *p = file.p, *end = file.p + file.n;

    for (int tries = 0; tries < TRIES && p + WORTH < end; tries++) {
        p = kind->at_start && p > file.p ? NULL : memmem(p, (size_t)(end - p), kind->mark, kind->mark_n);
        if (!p || (kind->at_start && p > file.p))
            break;
        RBE_TRY(try_at(kind, (struct rbe_nested_bytes){p, (size_t)(end - p)}, dir, best, e));
        /* Behind a stream that was found there may be another one, but not in it. */
        p += best->unpacked && kind->unpack == unpack_zstd ? best->packed : 1;
        if (best->unpacked && kind->unpack != unpack_zstd)
            break;
    }
    return RBE_OK;
}

static bool comparable(const struct stream *before, const struct stream *after, uint64_t memory_bytes)
{
    return before->unpacked && after->unpacked &&
           rbe_engine_zstd_cost(before->unpacked, after->unpacked, 0).memory_bytes <= memory_bytes;
}

enum rbe_code rbe_nested_find(struct rbe_nested_bytes old, struct rbe_nested_bytes new, const char *dir,
                              uint64_t memory_bytes, struct rbe_nested *ret, struct rbe_err *e)
{
    *ret = (struct rbe_nested){0};
    for (size_t i = 0; i < RBE_COUNT(kinds) && !ret->kind; i++) {
        struct stream before = {.fd = -1}, after = {.fd = -1};
        enum rbe_code code = find_in(&kinds[i], new, dir, &after, e);

        if (code == RBE_OK && after.unpacked)
            code = find_in(&kinds[i], old, dir, &before, e);
        if (code == RBE_OK && comparable(&before, &after, memory_bytes)) {
            const uint64_t end = after.unpacked;

            code = rbe_engine_zstd_measure(before.fd, after.fd, &end, 1, &ret->would, e);
            ret->kind = kinds[i].name;
            ret->packed = after.packed;
        }
        if (before.fd >= 0)
            (void)close(before.fd);
        if (after.fd >= 0)
            (void)close(after.fd);
        RBE_TRY(code);
    }
    return RBE_OK;
}
