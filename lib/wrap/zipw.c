/* The zip writer: local headers go out as entries come, the central directory is gathered in memory (about 50 bytes an
 * entry beside its name) and written last. All sizes are known before an entry's header, so nothing is ever patched
 * behind.
 */
#include "lib/wrap/zipw.h"

#include <string.h>

#include "lib/base/str.h"
#include "lib/wrap/file.h"

enum {
    BUFFER = 256 * 1024,
    MADE_BY = 3 << 8 | 45,       /* Unix, specification 4.5 */
    NEEDS_PLAIN = 20,            /* directories and deflate */
    NEEDS_ZIP64 = 45,
    FLAG_UTF8 = 1 << 11,
    ZIP64_FIELD = 1,
    FULL16 = 0xffff,
};
static const uint32_t FULL32 = 0xffffffff;

struct rbe_zipw {
    int fd;
    uint64_t offset;             /* where the next byte goes */
    uint64_t entries;
    struct rbe_str head;         /* the header being made */
    struct rbe_str central;
    unsigned char *buffer;       /* of data being copied; NULL until it is needed */
};

struct rbe_zipw *rbe_zipw_new(int fd)
{
    struct rbe_zipw *w = rbe_alloc(sizeof(*w));

    w->fd = fd;
    return w;
}

void rbe_zipw_free(struct rbe_zipw *w)
{
    if (!w)
        return;
    rbe_str_release(&w->head);
    rbe_str_release(&w->central);
    free(w->buffer);
    free(w);
}

static void put_le(struct rbe_str *s, uint64_t v, size_t n)
{
    unsigned char *to = (unsigned char *)rbe_str_reserve(s, n);

    for (size_t i = 0; i < n; i++)
        to[i] = (unsigned char)(v >> (8 * i));
    to[n] = '\0';
    s->len += n;
}

static void put16(struct rbe_str *s, unsigned v)
{
    put_le(s, v, 2);
}

static void put32(struct rbe_str *s, uint32_t v)
{
    put_le(s, v, 4);
}

static void put64(struct rbe_str *s, uint64_t v)
{
    put_le(s, v, 8);
}

static enum rbe_code write_out(struct rbe_zipw *w, const void *p, size_t n, struct rbe_err *e)
{
    RBE_TRY(rbe_file_write_at(w->fd, p, n, w->offset, e));
    w->offset += n;
    return RBE_OK;
}

static bool is_ascii(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s >= 0x80)
            return false;
    return true;
}

/* What both headers of an entry have in common, version to CRC-32. */
static void put_common(struct rbe_str *s, const struct rbe_zip_entry *entry, bool zip64)
{
    put16(s, zip64 ? NEEDS_ZIP64 : NEEDS_PLAIN);
    put16(s, is_ascii(entry->name) ? 0 : FLAG_UTF8);
    put16(s, entry->method);
    put32(s, entry->dos_time);
    put32(s, entry->crc32);
}

static bool is_large(const struct rbe_zip_entry *entry)
{
    return entry->packed >= FULL32 || entry->size >= FULL32;
}

/* Both sizes move to the zip64 field together, as the local header demands. */
static void put_sizes(struct rbe_str *s, const struct rbe_zip_entry *entry)
{
    bool large = is_large(entry);

    put32(s, large ? FULL32 : (uint32_t)entry->packed);
    put32(s, large ? FULL32 : (uint32_t)entry->size);
}

static void put_local(struct rbe_str *s, const struct rbe_zip_entry *entry)
{
    bool large = is_large(entry);
    size_t len = strlen(entry->name);

    rbe_str_put(s, "PK\3\4", 4);
    put_common(s, entry, large);
    put_sizes(s, entry);
    put16(s, (unsigned)len);
    put16(s, large ? 20 : 0);
    rbe_str_put(s, entry->name, len);
    if (large) {
        put16(s, ZIP64_FIELD);
        put16(s, 16);
        put64(s, entry->size);
        put64(s, entry->packed);
    }
}

static void put_central(struct rbe_str *s, const struct rbe_zip_entry *entry, uint64_t offset)
{
    bool large = is_large(entry), far = offset >= FULL32;
    unsigned field = (large ? 16 : 0) + (far ? 8 : 0);
    size_t len = strlen(entry->name);
    bool dir = len > 0 && entry->name[len - 1] == '/';

    rbe_str_put(s, "PK\1\2", 4);
    put16(s, MADE_BY);
    put_common(s, entry, large || far);
    put_sizes(s, entry);
    put16(s, (unsigned)len);
    put16(s, field ? 4 + field : 0);
    put16(s, 0);                                  /* comment */
    put16(s, 0);                                  /* disk */
    put16(s, 0);                                  /* internal attributes */
    put32(s, (uint32_t)entry->unix_mode << 16 | (dir ? 0x10 : 0));
    put32(s, far ? FULL32 : (uint32_t)offset);
    rbe_str_put(s, entry->name, len);
    if (field) {
        put16(s, ZIP64_FIELD);
        put16(s, field);
    }
    if (large) {
        put64(s, entry->size);
        put64(s, entry->packed);
    }
    if (far)
        put64(s, offset);
}

/* Writes the local header and notes the central one. */
static enum rbe_code begin(struct rbe_zipw *w, const struct rbe_zip_entry *entry, struct rbe_err *e)
{
    size_t len = strlen(entry->name);

    if (len == 0 || len > FULL16)
        return rbe_fail(e, RBE_FAULT, "cannot write zip: a name of %zu bytes", len);
    put_central(&w->central, entry, w->offset);
    rbe_str_reset(&w->head);
    put_local(&w->head, entry);
    RBE_TRY(write_out(w, w->head.s, w->head.len, e));
    w->entries++;
    return RBE_OK;
}

static enum rbe_code copy_data(struct rbe_zipw *w, int from_fd, const struct rbe_zip_entry *entry, struct rbe_err *e)
{
    uint64_t done = 0;

    if (!w->buffer)
        w->buffer = rbe_alloc(BUFFER);
    while (done < entry->packed) {
        size_t n = entry->packed - done < BUFFER ? (size_t)(entry->packed - done) : BUFFER, got;

        if (rbe_file_read_at(from_fd, w->buffer, n, entry->offset + done, &got, e) != RBE_OK)
            return rbe_err_prefix(e, "zip entry %s", entry->name);
        if (got < n)
            return rbe_fail(e, RBE_FAULT, "zip entry %s ends early", entry->name);
        RBE_TRY(write_out(w, w->buffer, n, e));
        done += n;
    }
    return RBE_OK;
}

enum rbe_code rbe_zipw_copy(struct rbe_zipw *w, int from_fd, const struct rbe_zip_entry *entry, struct rbe_err *e)
{
    RBE_TRY(begin(w, entry, e));
    return copy_data(w, from_fd, entry, e);
}

static struct rbe_zip_entry new_entry(const char *name, uint16_t unix_mode, uint32_t dos_time, const void *p, size_t n)
{
    return (struct rbe_zip_entry){
        .name = name,
        .packed = n,
        .size = n,
        .crc32 = rbe_crc32(0, p, n),
        .dos_time = dos_time,
        .method = RBE_ZIP_STORED,
        .unix_mode = unix_mode,
    };
}

enum rbe_code rbe_zipw_add(struct rbe_zipw *w, const char *name, uint16_t unix_mode, uint32_t dos_time, const void *p,
                           size_t n, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str packed = {0};
    struct rbe_zip_entry entry = new_entry(name, unix_mode, dos_time, p, n);

    if (n)
        rbe_deflate(p, n, &packed);
    if (packed.len < n) {
        entry.method = RBE_ZIP_DEFLATED;
        entry.packed = packed.len;
        p = packed.s;
    }
    RBE_TRY(begin(w, &entry, e));
    return write_out(w, p, (size_t)entry.packed, e);
}

enum rbe_code rbe_zipw_store(struct rbe_zipw *w, const char *name, uint16_t unix_mode, uint32_t dos_time, const void *p,
                             size_t n, struct rbe_err *e)
{
    struct rbe_zip_entry entry = new_entry(name, unix_mode, dos_time, p, n);

    RBE_TRY(begin(w, &entry, e));
    return write_out(w, p, n, e);
}

static void put_end64(struct rbe_str *s, uint64_t entries, uint64_t size, uint64_t offset)
{
    rbe_str_put(s, "PK\6\6", 4);
    put64(s, 44);                                 /* bytes of this record behind this field */
    put16(s, MADE_BY);
    put16(s, NEEDS_ZIP64);
    put32(s, 0);                                  /* this disk, and that of the directory */
    put32(s, 0);
    put64(s, entries);
    put64(s, entries);
    put64(s, size);
    put64(s, offset);
    rbe_str_put(s, "PK\6\7", 4);
    put32(s, 0);
    put64(s, offset + size);                      /* where the record above begins */
    put32(s, 1);
}

enum rbe_code rbe_zipw_finish(struct rbe_zipw *w, struct rbe_err *e)
{
    uint64_t offset = w->offset, size = w->central.len;
    bool many = w->entries >= FULL16, long_dir = size >= FULL32, far = offset >= FULL32;
    struct rbe_str *s = &w->central;

    if (many || long_dir || far)
        put_end64(s, w->entries, size, offset);
    rbe_str_put(s, "PK\5\6", 4);
    put16(s, 0);
    put16(s, 0);
    put16(s, many ? FULL16 : (unsigned)w->entries);
    put16(s, many ? FULL16 : (unsigned)w->entries);
    put32(s, long_dir ? FULL32 : (uint32_t)size);
    put32(s, far ? FULL32 : (uint32_t)offset);
    put16(s, 0);
    return write_out(w, s->s, s->len, e);
}
