#include "lib/wrap/zip.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/base/quote.h"
#include "lib/wrap/file.h"
#include "lib/wrap/flate.h"

/* Sizes and marks of the records, APPNOTE 4.3. */
enum {
    LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22, LOCATOR_SIZE = 20, END64_SIZE = 56,
    LOCAL_MARK = 0x04034b50, CENTRAL_MARK = 0x02014b50, END_MARK = 0x06054b50, LOCATOR_MARK = 0x07064b50,
    END64_MARK = 0x06064b50, DESCRIPTOR_MARK = 0x08074b50,
};
enum { MAX16 = 0xffff };
static const uint32_t MAX32 = 0xffffffff;

enum {
    FLAG_ENCRYPTED = 1 << 0, FLAG_LEVEL = 3 << 1, FLAG_DESCRIPTOR = 1 << 3, FLAG_PATCHED = 1 << 5, FLAG_STRONG = 1 << 6,
    FLAG_UTF8 = 1 << 11, FLAG_MASKED = 1 << 13,
};
enum { EXTRA_ZIP64 = 0x0001, EXTRA_UNICODE_PATH = 0x7075 };
enum { HOST_UNIX = 3, HOST_DARWIN = 19 };
/* Version 4.6 of the standard has all that we take; some readers pass over entries that need a later one. */
enum { READER_VERSION = 46, ATTRIBUTE_TEXT = 1 };

/* An entry while the archive is being checked. */
struct member {
    struct rbe_zip_entry entry;
    uint64_t header;                 /* offset of the local header */
    size_t name_len;
    uint16_t flags;
};

/* Bytes of the file at hand, so that small records do not cost a system call each. */
enum { WINDOW_MAX = CENTRAL_SIZE + 3 * MAX16 };
struct window {
    unsigned char bytes[WINDOW_MAX];
    uint64_t at;
    size_t n, chunk;
};

struct reader {
    int fd;
    uint64_t size;                   /* of the file */
    uint64_t directory, directory_end;
    uint64_t count;                  /* of entries, as the end record says */
    struct window central, local;
    struct rbe_arena *arena;
};

static uint16_t get16(const unsigned char *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static uint32_t get32(const unsigned char *p)
{
    return get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const unsigned char *p)
{
    return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static enum rbe_code read_whole(int fd, void *p, size_t n, uint64_t offset, struct rbe_err *e)
{
    size_t got;

    if (rbe_file_read_at(fd, p, n, offset, &got, e) != RBE_OK)
        return rbe_err_prefix(e, "the archive");
    return got == n ? RBE_OK : rbe_invalid(e, "file", "truncated", "the zip ends early");
}

/* n bytes at offset, which must end at or before `end`. */
static enum rbe_code look(struct reader *r, struct window *w, uint64_t offset, size_t n, uint64_t end,
                          const unsigned char **ret, struct rbe_err *e)
{
    if (offset > end || n > end - offset)
        return rbe_invalid(e, "file", "broken", "the zip is damaged: a header reaches beyond its place");
    if (offset < w->at || offset - w->at > w->n || n > w->n - (size_t)(offset - w->at)) {
        size_t want = n > w->chunk ? n : w->chunk;

        if (want > end - offset)
            want = (size_t)(end - offset);
        w->n = 0;
        RBE_TRY(read_whole(r->fd, w->bytes, want, offset, e));
        w->at = offset;
        w->n = want;
    }
    *ret = w->bytes + (offset - w->at);
    return RBE_OK;
}

static enum rbe_code refuse_at(struct rbe_err *e, int line, const struct member *m, const char *rule, const char *what)
{
    return rbe_invalid_at(e, __FILE__, line, "file", rule, "entry %s: %s", rbe_quote(m->entry.name, m->name_len).text, what);
}
#define refuse(e, m, rule, what) refuse_at((e), __LINE__, (m), (rule), (what))

static enum rbe_code no_zip(struct rbe_err *e, const char *what)
{
    return rbe_invalid(e, "file", "broken", "the zip is damaged: %s", what);
}

/* The end record: the last mark in the file must belong to a record whose comment ends with the file, and no other place
 * may look like that, because readers search in different ways. */
static enum rbe_code find_end(struct reader *r, uint64_t *ret_at, unsigned char ret[static END_SIZE], struct rbe_err *e)
{
    size_t n = r->size < END_SIZE + MAX16 ? (size_t)r->size : END_SIZE + MAX16, found = 0;
    rbe_autofree unsigned char *tail = rbe_alloc(n);
    bool last = true;

    if (n < END_SIZE)
        return no_zip(e, "it is too short");
    RBE_TRY(read_whole(r->fd, tail, n, r->size - n, e));
    for (size_t i = n - 3; i-- > 0;) {
        if (get32(tail + i) != END_MARK)
            continue;
        bool fits = n - i >= END_SIZE && get16(tail + i + 20) == n - i - END_SIZE;
        if (last && !fits)
            return no_zip(e, "its end record does not end with the file");
        if (!last && fits)
            return rbe_invalid(e, "file", "ambiguous", "the zip is ambiguous: it has more than one end record");
        if (last)
            found = i;
        last = false;
    }
    if (last)
        return no_zip(e, "it has no end record (truncated?)");
    memcpy(ret, tail + found, END_SIZE);
    *ret_at = r->size - n + found;
    return RBE_OK;
}

/* The zip64 end record, when its locator stands before the end record; values are taken over where the 32-bit ones say so. */
static enum rbe_code read_end64(struct reader *r, uint64_t end, const unsigned char *end32, uint64_t *size, struct rbe_err *e)
{
    unsigned char loc[LOCATOR_SIZE], rec[END64_SIZE];
    uint64_t at = 0;

    if (end >= LOCATOR_SIZE)
        RBE_TRY(read_whole(r->fd, loc, LOCATOR_SIZE, end - LOCATOR_SIZE, e));
    if (end < LOCATOR_SIZE || get32(loc) != LOCATOR_MARK) {
        if (r->count == MAX16 || *size == MAX32 || r->directory == MAX32)
            return no_zip(e, "its zip64 end record is missing");
        r->directory_end = end;
        return RBE_OK;
    }
    at = get64(loc + 8);
    if (get32(loc + 4) != 0 || get32(loc + 16) > 1 || end < LOCATOR_SIZE + END64_SIZE ||
        at != end - LOCATOR_SIZE - END64_SIZE)
        return no_zip(e, "its zip64 end record is not where its locator says");
    RBE_TRY(read_whole(r->fd, rec, END64_SIZE, at, e));
    if (get32(rec) != END64_MARK || get64(rec + 4) != END64_SIZE - 12 || get32(rec + 16) != 0 || get32(rec + 20) != 0 ||
        get64(rec + 24) != get64(rec + 32))
        return no_zip(e, "its zip64 end record is wrong");
    if ((r->count != MAX16 && r->count != get64(rec + 32)) || (*size != MAX32 && *size != get64(rec + 40)) ||
        (r->directory != MAX32 && r->directory != get64(rec + 48)) || get16(end32 + 8) != get16(end32 + 10))
        return no_zip(e, "its two end records disagree");
    r->count = get64(rec + 32);
    *size = get64(rec + 40);
    r->directory = get64(rec + 48);
    r->directory_end = at;
    return RBE_OK;
}

static enum rbe_code read_end(struct reader *r, size_t max_entries, struct rbe_err *e)
{
    unsigned char end32[END_SIZE];
    uint64_t at;

    RBE_TRY(find_end(r, &at, end32, e));
    if (get16(end32 + 4) != 0 || get16(end32 + 6) != 0 || get16(end32 + 8) != get16(end32 + 10))
        return no_zip(e, "it is one part of several, or its entry counts differ");
    r->count = get16(end32 + 10);
    r->directory = get32(end32 + 16);
    uint64_t size = get32(end32 + 12);
    RBE_TRY(read_end64(r, at, end32, &size, e));
    if (size > r->directory_end || r->directory != r->directory_end - size)
        return rbe_invalid(e, "file", "gap", "the zip's directory does not end where its end record begins (bytes before the "
                                            "first entry, or behind the directory?)");
    if (r->count > max_entries)
        return rbe_invalid(e, "file", "limit_entries", "the archive holds %llu entries, more than the limit of %zu",
                           (unsigned long long)r->count, max_entries);
    if (r->count > size / CENTRAL_SIZE)
        return no_zip(e, "its directory is too small for its number of entries");
    return RBE_OK;
}

/* Extra fields that bring a mode or a link of their own. */
enum { EXTRA_ASI_UNIX = 0x756e, EXTRA_PKWARE_UNIX = 0x000d, EXTRA_EXPERIMENTAL = 0x6c78 };

/* Readers differ in which of the attributes they believe: the Unix mode, whoever the maker, or those of DOS and Windows. So
 * what is a directory must be one by its name as well, and only a Unix mode makes a link. */
static enum rbe_code check_attributes(const struct member *m, unsigned host, uint32_t attributes, struct rbe_err *e)
{
    enum { FAT = 0, NTFS = 10, MVS = 11, VFAT = 14, TYPE = 0170000, FILE_TYPE = 0100000, DIR_TYPE = 0040000 };
    enum { DOS_DIRECTORY = 0x10, REPARSE_POINT = 0x400 };
    unsigned type = attributes >> 16 & TYPE;
    bool slash = m->name_len > 0 && m->entry.name[m->name_len - 1] == '/';

    if (attributes & DOS_DIRECTORY && (type == 0 || host != HOST_UNIX) && !slash)
        return refuse(e, m, "kind", "its name and its attributes disagree on whether it is a directory");
    if (host == HOST_UNIX)
        return RBE_OK;
    if (host != HOST_DARWIN && host != FAT && host != NTFS && host != MVS && host != VFAT)
        return refuse(e, m, "ambiguous", "it is made on a system whose modes readers take differently");
    if (type != 0 && type != FILE_TYPE && type != DIR_TYPE)
        return refuse(e, m, "ambiguous", "it says that it is a link, where only some readers believe it");
    if (attributes & REPARSE_POINT)
        return refuse(e, m, "ambiguous", "an attribute of Windows makes it a link");
    return RBE_OK;
}

/* What we read of a header's extra fields. */
struct extra {
    const unsigned char *zip64;
    size_t zip64_len;
};

static enum rbe_code read_extra(const struct member *m, const unsigned char *p, size_t n, struct extra *ret, struct rbe_err *e)
{
    bool path = false;

    *ret = (struct extra){0};
    while (n >= 4) {
        unsigned id = get16(p);
        size_t len = get16(p + 2);

        if (len > n - 4)
            return refuse(e, m, "broken", "its extra fields are damaged");
        p += 4;
        n -= 4;
        if (id == EXTRA_ASI_UNIX || id == EXTRA_EXPERIMENTAL || (id == EXTRA_PKWARE_UNIX && len > 12))
            return refuse(e, m, "ambiguous", "an extra field gives it a mode or a link of its own");
        if ((id == EXTRA_ZIP64 && ret->zip64) || (id == EXTRA_UNICODE_PATH && path))
            return refuse(e, m, "ambiguous", "an extra field stands twice");
        if (id == EXTRA_ZIP64) {
            ret->zip64 = p;
            ret->zip64_len = len;
        } else if (id == EXTRA_UNICODE_PATH) {
            path = true;
            if (len < 5 || len - 5 != m->name_len || memcmp(p + 5, m->entry.name, m->name_len) != 0)
                return refuse(e, m, "ambiguous", "its unicode path field names it differently");
        }
        p += len;
        n -= len;
    }
    /* Some alignment tools fill up with zeros. */
    for (; n > 0; n--)
        if (*p++ != 0)
            return refuse(e, m, "broken", "its extra fields are damaged");
    return RBE_OK;
}

/* Replaces the values that say "see zip64" (all their 32 bits set). The standard has only these in the field, in order; many
 * writers put all there are. Then readers may take the first ones or those in their places, so both must be the same, and
 * what the header says too must agree. */
static enum rbe_code read_zip64(const struct member *m, const struct extra *x, uint64_t *const values[], size_t n, bool local,
                                struct rbe_err *e)
{
    size_t wanted = 0, first = 0, count = x->zip64_len / 8, rest = x->zip64_len % 8;

    for (size_t i = 0; i < n; i++)
        wanted += *values[i] == MAX32;
    while (first < n && *values[first] == MAX32)
        first++;
    if (wanted == 0 && !x->zip64)
        return RBE_OK;
    /* the number of the disk, which is the first one, may follow */
    bool disk = rest == 4 && !local && count == n && get32(x->zip64 + 8 * n) == 0;
    if (!x->zip64 || count < wanted || count > n || (rest != 0 && !disk))
        return refuse(e, m, "broken", "its zip64 field is missing or of the wrong length");
    if (count > wanted && first < wanted)
        return refuse(e, m, "ambiguous", "its zip64 field holds more values than it needs");
    for (size_t i = 0, used = 0; i < n && used < count; i++) {
        bool full = *values[i] == MAX32;
        uint64_t v = get64(x->zip64 + 8 * used);

        if (!full && count == wanted)
            continue;
        used++;
        /* behind the data stands what a local header could not know yet */
        if (!full && v != *values[i] && !(local && m->flags & FLAG_DESCRIPTOR && v == 0))
            return refuse(e, m, "mismatch", "its zip64 field disagrees with its header");
        if (full)
            *values[i] = v;
    }
    return RBE_OK;
}

static enum rbe_code check_kind(const struct member *m, struct rbe_err *e)
{
    if (memchr(m->entry.name, '\0', m->name_len) || m->name_len == 0)
        return refuse(e, m, "control", "a name must not be empty or hold control characters");
    if (m->flags & (FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED))
        return refuse(e, m, "encrypted", "encrypted entries cannot be read");
    if (m->flags & FLAG_PATCHED || (m->entry.method != RBE_ZIP_STORED && m->entry.method != RBE_ZIP_DEFLATED))
        return refuse(e, m, "method", "its compression method is neither stored nor deflate");
    if (m->entry.method == RBE_ZIP_STORED && m->entry.packed != m->entry.size)
        return refuse(e, m, "mismatch", "it is stored, but its two sizes differ");
    return RBE_OK;
}

/* One record of the central directory at *at, which moves behind it. */
static enum rbe_code read_central(struct reader *r, uint64_t *at, struct member *m, struct rbe_err *e)
{
    const unsigned char *p;
    struct extra x;

    RBE_TRY(look(r, &r->central, *at, CENTRAL_SIZE, r->directory_end, &p, e));
    if (get32(p) != CENTRAL_MARK)
        return no_zip(e, "its directory holds something else than entries");
    size_t name = get16(p + 28), extra = get16(p + 30), whole = CENTRAL_SIZE + name + extra + get16(p + 32);
    RBE_TRY(look(r, &r->central, *at, whole, r->directory_end, &p, e));
    unsigned host = p[5];
    char *text = rbe_arena_alloc(r->arena, name + 1);
    memcpy(text, p + CENTRAL_SIZE, name);
    m->name_len = name;
    m->flags = get16(p + 8);
    m->header = get32(p + 42);
    m->entry = (struct rbe_zip_entry){
        .name = text,
        .method = get16(p + 10),
        .dos_time = get32(p + 12),
        .crc32 = get32(p + 16),
        .packed = get32(p + 20),
        .size = get32(p + 24),
        .unix_mode = host == HOST_UNIX || host == HOST_DARWIN ? (uint16_t)(get32(p + 38) >> 16) : 0,
        .utf8 = m->flags & FLAG_UTF8,
    };
    RBE_TRY(check_attributes(m, host, get32(p + 38), e));
    if ((m->entry.unix_mode & S_IFMT) == S_IFLNK && get16(p + 36) & ATTRIBUTE_TEXT)
        return refuse(e, m, "ambiguous", "it is a link and a text, and readers take it for the one or the other");
    RBE_TRY(read_extra(m, p + CENTRAL_SIZE + name, extra, &x, e));
    RBE_TRY(read_zip64(m, &x, (uint64_t *const[]){&m->entry.size, &m->entry.packed, &m->header}, 3, false, e));
    RBE_TRY(check_kind(m, e));
    if (get16(p + 34) != 0)
        return refuse(e, m, "broken", "it begins on another disk");
    if (p[6] > READER_VERSION)
        return refuse(e, m, "method", "it asks for a newer reader than most are");
    *at += whole;
    return RBE_OK;
}

/* With a descriptor behind the data, a local header may leave a value out (zero). */
static bool agrees(const struct member *m, uint64_t local, uint64_t central)
{
    return local == central || (m->flags & FLAG_DESCRIPTOR && local == 0);
}

/* Compares the local header with the directory and finds the data behind it. */
static enum rbe_code read_local(struct reader *r, struct member *m, uint64_t end, uint64_t *ret_data_end, struct rbe_err *e)
{
    const unsigned char *p;
    struct extra x;

    RBE_TRY(look(r, &r->local, m->header, LOCAL_SIZE, end, &p, e));
    if (get32(p) != LOCAL_MARK)
        return refuse(e, m, "broken", "its local header is missing");
    size_t name = get16(p + 26), extra = get16(p + 28), whole = LOCAL_SIZE + name + extra;
    RBE_TRY(look(r, &r->local, m->header, whole, end, &p, e));
    if (name != m->name_len || memcmp(p + LOCAL_SIZE, m->entry.name, name) != 0)
        return refuse(e, m, "mismatch", "its local header has another name than the directory");
    /* what a deflated entry says of its level, writers fill in where they please */
    unsigned loose = m->entry.method == RBE_ZIP_DEFLATED ? FLAG_LEVEL : 0;
    if (((get16(p + 6) ^ m->flags) & ~loose) != 0 || get16(p + 8) != m->entry.method)
        return refuse(e, m, "mismatch", "its local header has another method or other flags than the directory");
    uint64_t packed = get32(p + 18), size = get32(p + 22);
    RBE_TRY(read_extra(m, p + LOCAL_SIZE + name, extra, &x, e));
    RBE_TRY(read_zip64(m, &x, (uint64_t *const[]){&size, &packed}, 2, true, e));
    if (!agrees(m, packed, m->entry.packed) || !agrees(m, size, m->entry.size))
        return refuse(e, m, "mismatch", "its local header has another size than the directory");
    if (get32(p + 10) != m->entry.dos_time)
        return refuse(e, m, "mismatch", "its local header has another time than the directory");
    if (!agrees(m, get32(p + 14), m->entry.crc32))
        return refuse(e, m, "mismatch", "its local header has another CRC than the directory");
    m->entry.offset = m->header + whole;
    if (m->entry.packed > end - m->entry.offset)
        return refuse(e, m, "overlap", "its data reaches into what follows it");
    *ret_data_end = m->entry.offset + m->entry.packed;
    return RBE_OK;
}

/* The descriptor fills the room between data and next header exactly, which tells which of its four shapes it has. */
static enum rbe_code read_descriptor(struct reader *r, const struct member *m, uint64_t at, uint64_t end, struct rbe_err *e)
{
    const unsigned char *p;
    uint64_t room = end - at;
    bool marked = room == 16 || room == 24, wide = room >= 20;

    if (room != 12 && room != 16 && room != 20 && room != 24)
        return refuse(e, m, "descriptor", "its data descriptor is missing, or other bytes follow its data");
    RBE_TRY(look(r, &r->local, at, (size_t)room, end, &p, e));
    if (marked && get32(p) != DESCRIPTOR_MARK)
        return refuse(e, m, "descriptor", "its data descriptor is damaged");
    p += marked ? 4 : 0;
    uint64_t packed = wide ? get64(p + 4) : get32(p + 4), size = wide ? get64(p + 12) : get32(p + 8);
    if (get32(p) != m->entry.crc32 || packed != m->entry.packed || size != m->entry.size)
        return refuse(e, m, "descriptor", "its data descriptor disagrees with the directory");
    return RBE_OK;
}

static int by_header(const void *a, const void *b)
{
    const struct member *x = a, *y = b;

    return x->header < y->header ? -1 : x->header > y->header;
}

/* Entries stand one behind the other, from byte 0 to the directory. */
static enum rbe_code check_layout(struct reader *r, struct member *members, struct rbe_err *e)
{
    uint64_t at = 0;

    qsort(members, (size_t)r->count, sizeof(*members), by_header);
    for (size_t i = 0; i < r->count; i++) {
        struct member *m = &members[i];
        uint64_t end = i + 1 < r->count ? members[i + 1].header : r->directory, data_end = 0;

        if (m->header < at)
            return refuse(e, m, "overlap", "it overlaps with the entry before it");
        if (m->header > at)
            return refuse(e, m, "gap", "there are bytes before it that belong to no entry");
        if (end > r->directory)
            return refuse(e, m, "broken", "it, or the entry behind it, lies in the directory");
        if (end <= m->header)
            return refuse(e, m, "overlap", "another entry begins at the same place");
        RBE_TRY(read_local(r, m, end, &data_end, e));
        if (m->flags & FLAG_DESCRIPTOR)
            RBE_TRY(read_descriptor(r, m, data_end, end, e));
        else if (data_end != end)
            return refuse(e, m, "gap", "there are bytes behind it that belong to no entry");
        at = end;
    }
    if (at != r->directory)
        return rbe_invalid(e, "file", "gap", "the zip has bytes before its directory that belong to no entry");
    return RBE_OK;
}

static enum rbe_code read_all(struct reader *r, struct rbe_zip *ret, struct rbe_err *e)
{
    rbe_autofree struct member *members = rbe_alloc_array((size_t)r->count, sizeof(*members));
    uint64_t at = r->directory;

    for (size_t i = 0; i < r->count; i++)
        RBE_TRY(read_central(r, &at, &members[i], e));
    if (at != r->directory_end)
        return no_zip(e, "its directory holds more than its end record says");
    RBE_TRY(check_layout(r, members, e));
    ret->n = (size_t)r->count;
    ret->entries = rbe_arena_alloc_array(r->arena, ret->n, sizeof(*ret->entries));
    for (size_t i = 0; i < ret->n; i++)
        ret->entries[i] = members[i].entry;
    return RBE_OK;
}

enum rbe_code rbe_zip_open(int fd, size_t max_entries, struct rbe_arena *arena, struct rbe_zip *ret, struct rbe_err *e)
{
    enum { LOCAL_CHUNK = 4096 };
    rbe_autofree struct reader *r = rbe_alloc(sizeof(*r));
    struct stat st;

    if (fstat(fd, &st) != 0)
        return rbe_fail_errno(e, "reading the archive");
    r->fd = fd;
    r->size = (uint64_t)st.st_size;
    r->central.chunk = WINDOW_MAX;
    r->local.chunk = LOCAL_CHUNK;
    r->arena = arena;
    RBE_TRY(read_end(r, max_entries, e));
    return read_all(r, ret, e);
}

/* Stands before the caller's sink, to tell its failures from ours. */
struct tap {
    rbe_sink sink;
    void *arg;
    bool failed;
};

static enum rbe_code tap_put(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    struct tap *t = arg;
    enum rbe_code code = t->sink(t->arg, p, n, e);

    t->failed = code != RBE_OK;
    return code;
}

static enum rbe_code copy_stored(int fd, const struct rbe_zip_entry *entry, struct tap *t, uint32_t *ret_crc, struct rbe_err *e)
{
    enum { CHUNK = 64 * 1024 };
    rbe_autofree unsigned char *bytes = rbe_alloc(CHUNK);

    *ret_crc = 0;
    for (uint64_t done = 0; done < entry->size;) {
        size_t n = entry->size - done < CHUNK ? (size_t)(entry->size - done) : CHUNK;

        RBE_TRY(read_whole(fd, bytes, n, entry->offset + done, e));
        *ret_crc = rbe_crc32(*ret_crc, bytes, n);
        RBE_TRY(tap_put(t, bytes, n, e));
        done += n;
    }
    return RBE_OK;
}

enum rbe_code rbe_zip_read(int fd, const struct rbe_zip_entry *entry, rbe_sink sink, void *arg, struct rbe_err *e)
{
    struct tap tap = {sink, arg, false};
    struct rbe_err inner = {0};
    struct rbe_quote name = rbe_quote(entry->name, strlen(entry->name));
    uint32_t crc = 0;
    enum rbe_code code;

    if (entry->method == RBE_ZIP_STORED)
        code = copy_stored(fd, entry, &tap, &crc, &inner);
    else
        code = rbe_inflate(fd, entry->offset, entry->packed, entry->size, tap_put, &tap, &crc, &inner);
    if (code == RBE_INVALID && !tap.failed)
        return rbe_invalid(e, "file", inner.violation[0].rule, "entry %s: %.80s", name.text, inner.violation[0].message);
    if (code != RBE_OK) {
        if (e)
            *e = inner;
        return code;
    }
    if (crc != entry->crc32)
        return rbe_invalid(e, "file", "crc", "entry %s: its data does not match its CRC", name.text);
    return RBE_OK;
}

enum rbe_code rbe_zip_read_whole(int fd, const struct rbe_zip_entry *entry, rbe_sink sink, void *arg, struct rbe_err *e)
{
    enum { WHOLE_MOST = 64 << 20 };

    if (entry->method != RBE_ZIP_DEFLATED || entry->size > WHOLE_MOST || entry->packed > WHOLE_MOST)
        return rbe_zip_read(fd, entry, sink, arg, e);
    rbe_autofree unsigned char *packed = rbe_realloc(NULL, (size_t)entry->packed + 1);
    rbe_autofree unsigned char *plain = rbe_realloc(NULL, (size_t)entry->size + 1);

    RBE_TRY(read_whole(fd, packed, (size_t)entry->packed, entry->offset, e));
    /* What is wrong with it is for the strict reader to say. */
    if (!rbe_flate_inflate(packed, (size_t)entry->packed, plain, (size_t)entry->size) ||
        rbe_flate_crc32(plain, (size_t)entry->size) != entry->crc32)
        return rbe_zip_read(fd, entry, sink, arg, e);
    return entry->size ? sink(arg, plain, (size_t)entry->size, e) : RBE_OK;
}
