#include "lib/wrap/arc.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/str.h"
#include "lib/base/utf8.h"
#include "lib/wrap/deflate.h"
#include "lib/wrap/flate.h"
#include "lib/wrap/map.h"
#include "lib/wrap/regzip.h"
#include "lib/wrap/tarscan.h"

enum { CHUNK = 64 * 1024, SLICE = 1 << 20, BLOCK = 512, END_BLOCKS = 2 * BLOCK, PADDING_MAX = 16 << 20 };

static const char *const type_names[RBE_ARC_TYPE_MAX] = {
    [RBE_ARC_NONE] = "",
    [RBE_ARC_ZIP] = "zip",
    [RBE_ARC_TAR_GZ] = "tar.gz",
    [RBE_ARC_TAR_XZ] = "tar.xz",
    [RBE_ARC_TAR_ZST] = "tar.zst",
};

const char *rbe_arc_name(enum rbe_arc_type type)
{
    return type < RBE_ARC_TYPE_MAX ? type_names[type] : "";
}

enum rbe_arc_type rbe_arc_type_of(const char *name)
{
    for (enum rbe_arc_type i = RBE_ARC_ZIP; i < RBE_ARC_TYPE_MAX; i++)
        if (strcmp(type_names[i], name) == 0)
            return i;
    return RBE_ARC_NONE;
}

enum rbe_arc_type rbe_arc_detect(const void *p, size_t n)
{
    static const struct {
        unsigned char bytes[6];
        size_t n;
        enum rbe_arc_type type;
    } magics[] = {
        {"PK\3\4", 4, RBE_ARC_ZIP},
        {"PK\5\6", 4, RBE_ARC_ZIP},
        {"\x1f\x8b\x08", 3, RBE_ARC_TAR_GZ},
        {{0xfd, '7', 'z', 'X', 'Z', 0}, 6, RBE_ARC_TAR_XZ},
        {"\x28\xb5\x2f\xfd", 4, RBE_ARC_TAR_ZST},
    };

    for (size_t i = 0; i < RBE_COUNT(magics); i++)
        if (n >= magics[i].n && memcmp(p, magics[i].bytes, magics[i].n) == 0)
            return magics[i].type;
    return RBE_ARC_NONE;
}

/* An archive being read is two readers, one behind the other: the first undoes the compression (lib/wrap/deflate, or
 * libarchive with one filter and its "raw" format), the second reads the tar out of that. So the first can be drained to its
 * end, checksums and all, which libarchive does not do behind a tar's end mark. */
struct rbe_arc {
    int fd;
    uint64_t offset;                 /* of the next compressed byte in fd */
    struct rbe_gunzip *gunzip;
    unsigned char *whole;            /* a tar that was unpacked at once, else NULL */
    size_t whole_n, whole_at;
    struct archive *filter;          /* for xz and zstd */
    struct archive *tar;
    struct rbe_tarscan scan;         /* looks at the same bytes */
    locale_t locale, outer;
    unsigned char packed[CHUNK], plain[CHUNK];
    uint64_t unpacked;               /* bytes the first reader has given */
    uint64_t not_zero;               /* position behind the last of them that is not zero */
    uint64_t size, position;         /* of the present entry, and what of it was handed out */
    const unsigned char *block;      /* of the present entry: bytes at hand, */
    size_t block_len;
    uint64_t block_at;               /* and where in it they begin */
    bool inside;                     /* an entry is being read */
    bool entry_end;                  /* no blocks left of it */
    struct rbe_err failure;          /* of a callback, which libarchive cannot carry */
};

/* libarchive turns names into the locale's charset and normalises them where it can. Under "C" it cannot, for all bytes
 * above 127, and then gives them as they are, which is what we want; it warns of that. */
static void enter(struct rbe_arc *a)
{
    a->outer = uselocale(a->locale);
}

static void leave(struct rbe_arc *a)
{
    (void)uselocale(a->outer);
}

static enum rbe_code broken(struct rbe_arc *a, struct archive *of, struct rbe_err *e)
{
    if (a->failure.code != RBE_OK && e) {
        *e = a->failure;
        return e->code;
    }
    const char *why = archive_error_string(of);
    return rbe_invalid(e, "file", "broken", "the archive is damaged: %.160s", why ? why : "unknown error");
}

static la_ssize_t read_packed(struct archive *of, void *arg, const void **ret)
{
    struct rbe_arc *a = arg;
    ssize_t n;

    do
        n = pread(a->fd, a->packed, CHUNK, (off_t)a->offset);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        (void)rbe_fail_errno(&a->failure, "reading the archive");
        archive_set_error(of, errno, "read failed");
        return -1;
    }
    a->offset += (uint64_t)n;
    *ret = a->packed;
    return n;
}

static size_t least(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* The next unpacked bytes; none at the end. The locale is entered. */
static enum rbe_code unpack(struct rbe_arc *a, const unsigned char **ret, size_t *ret_n, struct rbe_err *e)
{
    *ret = a->plain;
    if (a->whole) {
        *ret = a->whole + a->whole_at;
        *ret_n = least(a->whole_n - a->whole_at, SLICE);
        a->whole_at += *ret_n;
    } else if (a->gunzip) {
        RBE_TRY(rbe_gunzip_read(a->gunzip, a->plain, CHUNK, ret_n, e));
    } else {
        la_ssize_t n = archive_read_data(a->filter, a->plain, CHUNK);

        if (n < 0)
            return broken(a, a->filter, e);
        *ret_n = (size_t)n;
    }
    for (size_t i = *ret_n; i > 0; i--)
        if ((*ret)[i - 1] != 0) {
            a->not_zero = a->unpacked + i;
            break;
        }
    a->unpacked += *ret_n;
    return rbe_tarscan_put(&a->scan, *ret, *ret_n, e);
}

static la_ssize_t read_plain(struct archive *of, void *arg, const void **ret)
{
    struct rbe_arc *a = arg;
    struct rbe_err e = {0};
    const unsigned char *p;
    size_t n;

    if (unpack(a, &p, &n, &e) != RBE_OK) {
        a->failure = e;
        archive_set_error(of, EINVAL, "%s", e.text);
        return -1;
    }
    *ret = p;
    return (la_ssize_t)n;
}

static struct archive *reader_new(void)
{
    struct archive *r = archive_read_new();

    if (!r)
        abort();
    return r;
}

/* One filter, and exactly one layer of it. */
static enum rbe_code open_filter(struct rbe_arc *a, enum rbe_arc_type type, struct rbe_err *e)
{
    struct archive_entry *entry;
    int code = type == RBE_ARC_TAR_XZ ? ARCHIVE_FILTER_XZ : ARCHIVE_FILTER_ZSTD;

    a->filter = reader_new();
    if (type == RBE_ARC_TAR_XZ)
        (void)archive_read_support_filter_xz(a->filter);
    else
        (void)archive_read_support_filter_zstd(a->filter);
    (void)archive_read_support_format_raw(a->filter);
    if (archive_read_open(a->filter, a, NULL, read_packed, NULL) != ARCHIVE_OK ||
        archive_read_next_header(a->filter, &entry) != ARCHIVE_OK)
        return broken(a, a->filter, e);
    if (archive_filter_count(a->filter) != 2 || archive_filter_code(a->filter, 0) != code)
        return rbe_invalid(e, "file", "broken", "the archive is not a %s", type_names[type]);
    return RBE_OK;
}

static enum rbe_code open_all(struct rbe_arc *a, enum rbe_arc_type type, struct rbe_err *e)
{
    if (a->whole)
        a->whole_at = 0;
    else if (type == RBE_ARC_TAR_GZ)
        a->gunzip = rbe_gunzip_new(a->fd);
    else if (type == RBE_ARC_TAR_XZ || type == RBE_ARC_TAR_ZST)
        RBE_TRY(open_filter(a, type, e));
    else
        return rbe_fail(e, RBE_FAULT, "no tar reader for \"%s\"", rbe_arc_name(type));
    a->tar = reader_new();
    if (archive_read_support_format_tar(a->tar) != ARCHIVE_OK ||
        archive_read_open(a->tar, a, NULL, read_plain, NULL) != ARCHIVE_OK)
        return broken(a, a->tar, e);
    return RBE_OK;
}

static enum rbe_code open_new(struct rbe_arc *a, enum rbe_arc_type type, struct rbe_arc **ret, struct rbe_err *e)
{
    a->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!a->locale)
        abort();
    enter(a);
    enum rbe_code code = open_all(a, type, e);
    leave(a);
    if (code == RBE_OK)
        *ret = rbe_steal(a);
    else
        rbe_arc_close(a);
    return code;
}

enum rbe_code rbe_arc_open(int fd, enum rbe_arc_type type, struct rbe_arc **ret, struct rbe_err *e)
{
    struct rbe_arc *a = rbe_alloc(sizeof(*a));

    a->fd = fd;
    return open_new(a, type, ret, e);
}

/* A member's last four bytes are its size, modulo 2^32. What is not one member of that size is read piece by piece. */
static bool unpack_whole(struct rbe_arc *a, uint64_t memory_bytes, struct rbe_err *e)
{
    enum { LEAST = 18 };
    rbe_auto(map) struct rbe_map packed = {0};

    if (rbe_map_read(a->fd, &packed, e) != RBE_OK || packed.n < LEAST)
        return false;
    const unsigned char *end = packed.p + packed.n;
    size_t n = (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16 | (size_t)end[-1] << 24;

    if (n == 0 || packed.n > memory_bytes || n > memory_bytes - packed.n)
        return false;
    rbe_autofree unsigned char *plain = rbe_realloc(NULL, n);

    if (!rbe_flate_gunzip(packed.p, packed.n, plain, n))
        return false;
    a->whole = rbe_steal(plain);
    a->whole_n = n;
    return true;
}

enum rbe_code rbe_arc_open_whole(int fd, enum rbe_arc_type type, uint64_t memory_bytes, struct rbe_arc **ret,
                                 struct rbe_err *e)
{
    struct rbe_arc *a = rbe_alloc(sizeof(*a));
    struct rbe_err ignored = {0};

    a->fd = fd;
    if (type == RBE_ARC_TAR_GZ && !unpack_whole(a, memory_bytes, &ignored))
        a->whole_n = 0;
    return open_new(a, type, ret, e);
}

bool rbe_arc_whole(const struct rbe_arc *a, struct rbe_regzip_source *ret)
{
    *ret = (struct rbe_regzip_source){.fd = a->fd, .plain = a->whole, .plain_n = a->whole_n};
    return a->whole != NULL;
}

uint64_t rbe_arc_data_at(const struct rbe_arc *a)
{
    return (uint64_t)archive_filter_bytes(a->tar, 0);
}

void rbe_arc_close(struct rbe_arc *a)
{
    if (!a)
        return;
    enter(a);
    (void)archive_read_free(a->tar);
    (void)archive_read_free(a->filter);
    leave(a);
    rbe_gunzip_free(a->gunzip);
    free(a->whole);
    rbe_tarscan_release(&a->scan);
    if (a->locale)
        freelocale(a->locale);
    free(a);
}

/* Behind the last entry, which ends at `end`: two blocks of zeros at least, and nothing but zeros, of which tapes and the like
 * want some, and of which a few bytes can be made to unpack to any number. */
static enum rbe_code drain(struct rbe_arc *a, uint64_t end, struct rbe_err *e)
{
    const unsigned char *p;
    size_t n;

    do
        RBE_TRY(unpack(a, &p, &n, e));
    while (n > 0 && a->not_zero <= end && a->unpacked - end <= PADDING_MAX);
    if (a->not_zero > end || n > 0)
        return rbe_invalid(e, "file", "trailing", "other data follows the end of the tar archive");
    if (a->unpacked - end < END_BLOCKS)
        return rbe_invalid(e, "file", "truncated", "the tar archive ends early: its end mark is missing");
    return RBE_OK;
}

static bool acceptable(struct archive *tar, int code)
{
    if (code != ARCHIVE_WARN)
        return code == ARCHIVE_OK;
    const char *why = archive_error_string(tar);
    return why && strstr(why, "can't be converted");
}

static enum rbe_arc_kind kind_of(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry))
        return RBE_ARC_HARDLINK;
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return RBE_ARC_FILE;
    case AE_IFDIR:
        return RBE_ARC_DIR;
    case AE_IFLNK:
        return RBE_ARC_LINK;
    default:
        return RBE_ARC_SPECIAL;
    }
}

static enum rbe_code describe(struct rbe_arc *a, struct archive_entry *entry, struct rbe_arc_entry *ret, struct rbe_err *e)
{
    int64_t size = archive_entry_size(entry);

    *ret = (struct rbe_arc_entry){
        .kind = kind_of(entry),
        .name = archive_entry_pathname(entry),
        .mode = archive_entry_perm(entry),
        .size = size > 0 ? (uint64_t)size : 0,
        .mtime = archive_entry_mtime(entry),
    };
    if (!ret->name || size < 0)
        return rbe_invalid(e, "file", "broken", "the archive holds an entry without a name or with a negative size");
    if (ret->kind == RBE_ARC_HARDLINK)
        ret->target = archive_entry_hardlink(entry);
    else if (ret->kind == RBE_ARC_LINK)
        ret->target = archive_entry_symlink(entry);
    if (!ret->target && (ret->kind == RBE_ARC_HARDLINK || ret->kind == RBE_ARC_LINK))
        return rbe_invalid(e, "file", "broken", "the archive holds a link without a target");
    a->size = ret->size;
    a->position = 0;
    a->block_len = 0;
    a->entry_end = false;
    a->inside = true;
    return RBE_OK;
}

static enum rbe_code next(struct rbe_arc *a, struct rbe_arc_entry *ret, bool *ret_end, struct rbe_err *e)
{
    struct archive_entry *entry;

    if (a->inside && archive_read_data_skip(a->tar) != ARCHIVE_OK)
        return broken(a, a->tar, e);
    a->inside = false;
    uint64_t end = (uint64_t)archive_filter_bytes(a->tar, 0);
    int code = archive_read_next_header(a->tar, &entry);
    if (code == ARCHIVE_EOF) {
        *ret_end = true;
        return drain(a, end, e);
    }
    if (!acceptable(a->tar, code))
        return broken(a, a->tar, e);
    return describe(a, entry, ret, e);
}

enum rbe_code rbe_arc_next(struct rbe_arc *a, struct rbe_arc_entry *ret, bool *ret_end, struct rbe_err *e)
{
    *ret_end = false;
    enter(a);
    enum rbe_code code = next(a, ret, ret_end, e);
    leave(a);
    return code;
}

/* Gets the next block of the entry's data. Blocks of a sparse file have gaps between them. */
static enum rbe_code next_block(struct rbe_arc *a, struct rbe_err *e)
{
    const void *block = NULL;
    int64_t at = 0;

    a->block_len = 0;
    int code = archive_read_data_block(a->tar, &block, &a->block_len, &at);
    if (code == ARCHIVE_EOF) {
        a->entry_end = true;
        a->block_len = 0;
        return RBE_OK;
    }
    if (code != ARCHIVE_OK)
        return broken(a, a->tar, e);
    if (at < 0 || (uint64_t)at < a->position || (uint64_t)at > a->size || a->block_len > a->size - (uint64_t)at)
        return rbe_invalid(e, "file", "broken", "the archive holds a sparse file whose parts overlap or exceed it");
    a->block = block;
    a->block_at = (uint64_t)at;
    return RBE_OK;
}

enum rbe_code rbe_arc_read(struct rbe_arc *a, void *p, size_t n, size_t *ret_n, struct rbe_err *e)
{
    *ret_n = 0;
    while (a->inside && a->block_len == 0 && !a->entry_end) {
        enter(a);
        enum rbe_code code = next_block(a, e);
        leave(a);
        RBE_TRY(code);
    }
    if (!a->inside || n == 0)
        return RBE_OK;
    if (a->block_len > 0 && a->block_at == a->position) {
        n = least(a->block_len, n);
        memcpy(p, a->block, n);
        a->block += n;
        a->block_at += n;
        a->block_len -= n;
    } else {
        uint64_t hole = (a->block_len > 0 ? a->block_at : a->size) - a->position;

        n = least(hole, n);
        memset(p, 0, n);
    }
    a->position += n;
    *ret_n = n;
    return RBE_OK;
}
