#include "lib/wrap/tarscan.h"

#include <string.h>

enum {
    BLOCK = 512,
    SIZE_AT = 124, SIZE_LEN = 12, TYPE_AT = 156, SPARSE_MORE_AT = 482, SPARSE_NEXT_MORE_AT = 504,
    EXTENSION_MAX = 1 << 20
};

/* Bits of pending: by which records the next entry was described. */
enum { BY_PAX = 1, BY_LONG_NAME = 2, BY_LONG_LINK = 4, PAX_PATH = 8, PAX_LINK = 16, PAX_SIZE = 32 };

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

/* Octal digits, or base 256 behind a set high bit. */
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
    return i == SIZE_LEN || p[i] == ' ' || p[i] == '\0';
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
    t->pending |= bit;
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
        t->sparse_size = padded(size);
        return RBE_OK;
    }
    t->skip = padded(size);
    return RBE_OK;
}

static enum rbe_code take_header(struct rbe_tarscan *t, struct rbe_err *e)
{
    static const unsigned char zeros[BLOCK];
    char type = (char)t->header[TYPE_AT];
    uint64_t size;

    if (t->sparse_goes_on) {
        t->sparse_goes_on = t->header[SPARSE_NEXT_MORE_AT] != 0;
        t->skip = t->sparse_goes_on ? 0 : t->sparse_size;
        return RBE_OK;
    }
    if (memcmp(t->header, zeros, BLOCK) == 0) {
        t->ended = true;
        return RBE_OK;
    }
    if (!read_size(t->header + SIZE_AT, &size))
        return rbe_invalid(e, "file", "broken", "the archive is damaged: a tar header's size is no number");
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
        } else if (t->skip > 0) {
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
