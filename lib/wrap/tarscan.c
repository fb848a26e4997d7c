#include "lib/wrap/tarscan.h"

#include <string.h>

#include "lib/base/mem.h"

enum {
    BLOCK = 512,
    SIZE_AT = 124, SIZE_LEN = 12, TYPE_AT = 156, SPARSE_MORE_AT = 482, SPARSE_NEXT_MORE_AT = 504,
    EXTENSION_MAX = 1 << 20,
    SPARSE_PARTS_MAX = 1000000, SPARSE_BLOCK_PARTS = 21, DIGITS_MAX = 18,
};

/* Bits of pending: by which records the next entry was described. */
enum { BY_PAX = 1, BY_LONG_NAME = 2, BY_LONG_LINK = 4, PAX_PATH = 8, PAX_LINK = 16, PAX_SIZE = 32, PAX_MAP = 64 };

void rbe_tarscan_release(struct rbe_tarscan *t)
{
    rbe_str_release(&t->extension);
}

static enum rbe_code refuse(struct rbe_err *e, const char *what)
{
    return rbe_invalid(e, "file", "ambiguous", "tar readers would see different trees: %s", what);
}

static uint64_t padded(uint64_t n)
{
    return (n + BLOCK - 1) / BLOCK * BLOCK;
}

/* Octal digits, spaces around them or a NUL behind; or base 256 behind a byte that says so. Readers that meet anything else
 * fail, read on, or take it for the archive's end. */
static bool is_number(const unsigned char *p, size_t n)
{
    size_t i = 0;

    /* 32 bits in the shorter fields, 64 in the longer ones, where only times may be negative */
    if (p[0] & 0x80) {
        bool negative = p[0] == 0xff && n == SIZE_LEN;

        return (p[0] == 0x80 || negative) && p[1] == (negative ? 0xff : 0) && p[1] == p[2] && p[1] == p[3];
    }
    while (i < n && p[i] == ' ')
        i++;
    while (i < n && p[i] >= '0' && p[i] <= '7')
        i++;
    while (i < n && p[i] == ' ')
        i++;
    return i == n || p[i] == '\0';
}

/* A number that is_number judged; false when it is negative or over 63 bits. */
static bool read_size(const unsigned char *p, uint64_t *ret)
{
    uint64_t v = 0;
    size_t i = 0;

    if (p[0] & 0x80) {
        for (i = SIZE_LEN - 8; i < SIZE_LEN; i++)
            v = v << 8 | p[i];
        *ret = v;
        return p[0] == 0x80 && p[1] == 0 && p[2] == 0 && p[3] == 0 && v <= INT64_MAX;
    }
    while (i < SIZE_LEN && p[i] == ' ')
        i++;
    for (; i < SIZE_LEN && p[i] >= '0' && p[i] <= '7'; i++)
        v = v << 3 | (uint64_t)(p[i] - '0');
    *ret = v;
    return true;
}

/* Mode, user, group, size, time, checksum, device; each with its length. */
static const struct {
    unsigned char at, len;
} low_numbers[] = {{100, 8}, {108, 8}, {116, 8}, {SIZE_AT, SIZE_LEN}, {136, 12}, {148, 8}};
enum { DEVICE_AT = 329, DEVICE_LEN = 8 };

static enum rbe_code check_numbers(const unsigned char *header, struct rbe_err *e)
{
    bool good = is_number(header + DEVICE_AT, DEVICE_LEN) && is_number(header + DEVICE_AT + DEVICE_LEN, DEVICE_LEN);

    for (size_t i = 0; i < RBE_COUNT(low_numbers); i++)
        good = good && is_number(header + low_numbers[i].at, low_numbers[i].len);
    return good ? RBE_OK : rbe_invalid(e, "file", "broken", "the archive is damaged: a number in a tar header is none");
}

static bool is_key(const char *key, size_t len, const char *name)
{
    return len == strlen(name) && memcmp(key, name, len) == 0;
}

static enum rbe_code take_record(struct rbe_tarscan *t, const char *key, size_t key_len, const char *value, size_t len,
                                 struct rbe_err *e)
{
    unsigned bit = is_key(key, key_len, "path") ? PAX_PATH : is_key(key, key_len, "linkpath") ? PAX_LINK
                   : is_key(key, key_len, "size") ? PAX_SIZE : 0;
    bool map = is_key(key, key_len, "GNU.sparse.major") && !is_key(value, len, "0");

    if (t->type == 'g')
        return is_key(key, key_len, "comment") ? RBE_OK : refuse(e, "a global pax header says more than a comment");
    if (bit & t->pending)
        return refuse(e, "a pax header says the same twice");
    if ((bit || is_key(key, key_len, "GNU.sparse.name")) && memchr(value, '\0', len))
        return refuse(e, "a name holds a NUL");
    if (bit == PAX_SIZE) {
        t->size = 0;
        for (size_t i = 0; i < len; i++) {
            if (value[i] < '0' || value[i] > '9' || t->size > INT64_MAX / 10 - 9)
                return refuse(e, "a pax header's size is no number");
            t->size = t->size * 10 + (uint64_t)(value[i] - '0');
        }
        t->sized = true;
    }
    t->pending |= bit | (map ? PAX_MAP : 0);
    return RBE_OK;
}

/* "LENGTH KEY=VALUE\n", one behind the other. */
static enum rbe_code take_records(struct rbe_tarscan *t, struct rbe_err *e)
{
    const char *p = rbe_str_text(&t->extension), *end = p + t->extension.len;

    while (p < end) {
        size_t len = 0, digits = 0;

        while (digits < 8 && p + digits < end && p[digits] >= '0' && p[digits] <= '9')
            len = len * 10 + (size_t)(p[digits++] - '0');
        if (digits == 0 || p + digits == end || p[digits] != ' ' || len > (size_t)(end - p) || len < digits + 3 ||
            p[len - 1] != '\n')
            return refuse(e, "a pax header is malformed");
        const char *key = p + digits + 1, *equals = memchr(key, '=', (size_t)(p + len - 1 - key));
        if (!equals)
            return refuse(e, "a pax header is malformed");
        RBE_TRY(take_record(t, key, (size_t)(equals - key), equals + 1, (size_t)(p + len - 1 - equals - 1), e));
        p += len;
    }
    return RBE_OK;
}

static enum rbe_code end_extension(struct rbe_tarscan *t, struct rbe_err *e)
{
    if (t->type == 'x' || t->type == 'X' || t->type == 'g')
        return take_records(t, e);
    size_t len = t->extension.len;
    const char *text = rbe_str_text(&t->extension);

    while (len > 0 && text[len - 1] == '\0')
        len--;
    return memchr(text, '\0', len) ? refuse(e, "a name holds a NUL") : RBE_OK;
}

static enum rbe_code begin_extension(struct rbe_tarscan *t, char type, uint64_t size, struct rbe_err *e)
{
    unsigned bit = type == 'L' ? BY_LONG_NAME : type == 'K' ? BY_LONG_LINK : type == 'g' ? 0 : BY_PAX;

    if (bit & t->pending)
        return refuse(e, "an entry has two headers of one kind before it");
    if (size > EXTENSION_MAX)
        return refuse(e, "an extended header is larger than 1 MiB");
    t->pending |= bit;
    t->type = type;
    t->collect = size;
    t->skip = padded(size) - size;
    rbe_str_reset(&t->extension);
    return size == 0 ? end_extension(t, e) : RBE_OK;
}

static enum rbe_code begin_entry(struct rbe_tarscan *t, char type, uint64_t size, struct rbe_err *e)
{
    unsigned said = t->pending;

    if (t->sized)
        size = t->size;
    t->pending = 0;
    t->sized = false;
    if ((said & BY_LONG_NAME && said & PAX_PATH) || (said & BY_LONG_LINK && said & PAX_LINK))
        return refuse(e, "an entry is named by two extended headers");
    if (type >= '1' && type <= '6' && size != 0)
        return refuse(e, "a link, directory or device has data");
    if (type == 'S' && t->header[SPARSE_MORE_AT]) {
        t->sparse_goes_on = true;
        t->sparse_blocks = 0;
        t->sparse_size = padded(size);
        return RBE_OK;
    }
    t->skip = padded(size);
    t->map = said & PAX_MAP && size > 0;
    return RBE_OK;
}

static enum rbe_code too_sparse(struct rbe_err *e)
{
    return rbe_invalid(e, "file", "limit_memory", "the archive holds a sparse file of more than %d parts", (int)SPARSE_PARTS_MAX);
}

static enum rbe_code go_on_sparse(struct rbe_tarscan *t, struct rbe_err *e)
{
    if (++t->sparse_blocks > SPARSE_PARTS_MAX / SPARSE_BLOCK_PARTS)
        return too_sparse(e);
    t->sparse_goes_on = t->header[SPARSE_NEXT_MORE_AT] != 0;
    t->skip = t->sparse_goes_on ? 0 : t->sparse_size;
    return RBE_OK;
}

/* A map begins with the number of its parts, on a line of its own. */
static enum rbe_code take_map(struct rbe_tarscan *t, struct rbe_err *e)
{
    size_t parts = 0, digits = 0;

    t->map = false;
    t->skip -= BLOCK;
    while (digits < DIGITS_MAX && t->header[digits] >= '0' && t->header[digits] <= '9')
        parts = parts * 10 + (size_t)(t->header[digits++] - '0');
    if (digits == 0 || t->header[digits] != '\n')
        return refuse(e, "the map of a sparse file is malformed");
    return parts <= SPARSE_PARTS_MAX ? RBE_OK : too_sparse(e);
}

static enum rbe_code take_header(struct rbe_tarscan *t, struct rbe_err *e)
{
    static const unsigned char zeros[BLOCK];
    char type = (char)t->header[TYPE_AT];
    uint64_t size;

    if (t->sparse_goes_on)
        return go_on_sparse(t, e);
    if (t->map)
        return take_map(t, e);
    if (memcmp(t->header, zeros, BLOCK) == 0) {
        t->ended = true;
        return RBE_OK;
    }
    RBE_TRY(check_numbers(t->header, e));
    if (!read_size(t->header + SIZE_AT, &size))
        return rbe_invalid(e, "file", "broken", "the archive is damaged: a tar header's size is out of bounds");
    if (type && strchr("xXgLK", type))
        return begin_extension(t, type, size, e);
    if (type && !strchr("01234567SVD", type))
        return refuse(e, "an entry is of an unknown type");
    return begin_entry(t, type, size, e);
}

enum rbe_code rbe_tarscan_put(struct rbe_tarscan *t, const void *p, size_t n, struct rbe_err *e)
{
    const unsigned char *s = p;

    while (n > 0 && !t->ended) {
        size_t part = n;

        if (t->collect > 0) {
            part = t->collect < n ? (size_t)t->collect : n;
            rbe_str_put(&t->extension, s, part);
            t->collect -= part;
            if (t->collect == 0)
                RBE_TRY(end_extension(t, e));
        } else if (t->skip > 0 && !t->map) {
            part = t->skip < n ? (size_t)t->skip : n;
            t->skip -= part;
        } else {
            part = BLOCK - t->have < n ? BLOCK - t->have : n;
            memcpy(t->header + t->have, s, part);
            t->have += part;
            if (t->have == BLOCK) {
                t->have = 0;
                RBE_TRY(take_header(t, e));
            }
        }
        s += part;
        n -= part;
    }
    return RBE_OK;
}
