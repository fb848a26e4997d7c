#include "lib/wrap/tarw.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/wrap/deflate.h"
#include "lib/wrap/flate.h"
#include "lib/wrap/regzip.h"

enum { BLOCK = 512, END_BLOCKS = 2 * BLOCK };

struct ustar {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], sum[8], type, link[100], magic[6], version[2];
    char user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a ustar header is one block");

struct rbe_tarw {
    struct rbe_gzip *gzip;
    unsigned char *whole;            /* what is gathered to be packed at once, else NULL */
    size_t whole_n, whole_room;
    int fd;
    const struct rbe_arc *reader;    /* the one whose blocks may be taken over, */
    struct rbe_regzip_source source; /* what it read, */
    struct rbe_regzip_run *runs;     /* and what of that was copied */
    size_t n_runs, runs_room;
    uint64_t left;                   /* data bytes still to come of the present entry */
    unsigned padding;                /* zeros to write behind them */
};

struct rbe_tarw *rbe_tarw_new(int fd)
{
    struct rbe_tarw *w = rbe_alloc(sizeof(*w));

    w->gzip = rbe_gzip_new(fd);
    return w;
}

struct rbe_tarw *rbe_tarw_new_stored(int fd)
{
    struct rbe_tarw *w = rbe_alloc(sizeof(*w));

    w->gzip = rbe_gzip_new_stored(fd);
    return w;
}

struct rbe_tarw *rbe_tarw_new_whole(int fd, uint64_t most)
{
    struct rbe_tarw *w = rbe_alloc(sizeof(*w));

    w->fd = fd;
    w->whole_room = (size_t)most + END_BLOCKS;
    w->whole = rbe_realloc(NULL, w->whole_room);
    return w;
}

uint64_t rbe_tarw_most(const struct rbe_arc_entry *entry)
{
    enum { HEADERS = 3 * BLOCK, RECORDS = 2 * BLOCK };
    uint64_t names = strlen(entry->name) + (entry->target ? strlen(entry->target) : 0);

    return HEADERS + RECORDS + names + (entry->size + BLOCK - 1) / BLOCK * BLOCK;
}

static enum rbe_code put_bytes(struct rbe_tarw *w, const void *p, size_t n, struct rbe_err *e)
{
    if (!w->whole)
        return rbe_gzip_write(w->gzip, p, n, e);
    if (n > w->whole_room - w->whole_n)
        return rbe_fail(e, RBE_FAULT, "writing a tar: it is larger than was said");
    if (n)
        memcpy(w->whole + w->whole_n, p, n);
    w->whole_n += n;
    return RBE_OK;
}

void rbe_tarw_free(struct rbe_tarw *w)
{
    if (!w)
        return;
    free(w->whole);
    free(w->runs);
    rbe_gzip_free(w->gzip);
    free(w);
}

static enum rbe_code write_zeros(struct rbe_tarw *w, size_t n, struct rbe_err *e)
{
    static const char zeros[END_BLOCKS];

    return put_bytes(w, zeros, n, e);
}

/* Octal digits and a NUL. */
static void put_octal(char *field, size_t n, uint64_t v)
{
    field[--n] = '\0';
    while (n > 0) {
        field[--n] = (char)('0' + (v & 7));
        v >>= 3;
    }
}

enum { OCTAL_11_BITS = 33 };

static bool plain_text(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s >= 0x80)
            return false;
    return true;
}

/* Splits a name between ustar's two fields at a slash; false when it does not fit. Non-ASCII never fits, because ustar does
 * not say how it is encoded and readers guess. */
static bool put_name(struct ustar *h, const char *name, size_t len)
{
    if (!plain_text(name))
        return false;
    if (len <= sizeof(h->name)) {
        memcpy(h->name, name, len);
        return true;
    }
    for (size_t i = len - sizeof(h->name) - 1; i < len - 1 && i <= sizeof(h->prefix); i++)
        if (name[i] == '/' && i > 0) {
            memcpy(h->prefix, name, i);
            memcpy(h->name, name + i + 1, len - i - 1);
            return true;
        }
    return false;
}

/* "LENGTH key=value\n", where LENGTH counts itself. */
static void put_record(struct rbe_str *pax, const char *key, const char *value)
{
    size_t rest = strlen(key) + strlen(value) + 3, len = rest + 1;

    while ((size_t)snprintf(NULL, 0, "%zu", len) + rest != len)
        len++;
    rbe_str_putf(pax, "%zu %s=%s\n", len, key, value);
}

static void put_number(struct rbe_str *pax, const char *key, int64_t v)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, v);
    put_record(pax, key, text);
}

static enum rbe_code write_header(struct rbe_tarw *w, struct ustar *h, char type, uint64_t size, int64_t mtime,
                                  struct rbe_err *e)
{
    unsigned sum = 0;
    const unsigned char *bytes = (const unsigned char *)h;

    h->type = type;
    put_octal(h->uid, sizeof(h->uid), 0);
    put_octal(h->gid, sizeof(h->gid), 0);
    put_octal(h->size, sizeof(h->size), size >> OCTAL_11_BITS ? 0 : size);
    put_octal(h->mtime, sizeof(h->mtime), mtime < 0 || mtime >> OCTAL_11_BITS ? 0 : (uint64_t)mtime);
    put_octal(h->major, sizeof(h->major), 0);
    put_octal(h->minor, sizeof(h->minor), 0);
    memcpy(h->magic, "ustar", sizeof(h->magic));
    memset(h->version, '0', sizeof(h->version));
    memset(h->sum, ' ', sizeof(h->sum));
    for (size_t i = 0; i < sizeof(*h); i++)
        sum += bytes[i];
    put_octal(h->sum, sizeof(h->sum) - 1, sum);
    return put_bytes(w, h, sizeof(*h), e);
}

static enum rbe_code write_pax(struct rbe_tarw *w, const struct rbe_str *pax, struct rbe_err *e)
{
    struct ustar h = {.name = "PaxHeader"};

    put_octal(h.mode, sizeof(h.mode), 0644);
    RBE_TRY(write_header(w, &h, 'x', pax->len, 0, e));
    RBE_TRY(put_bytes(w, pax->s, pax->len, e));
    return write_zeros(w, (BLOCK - pax->len % BLOCK) % BLOCK, e);
}

enum rbe_code rbe_tarw_add(struct rbe_tarw *w, const struct rbe_arc_entry *entry, struct rbe_err *e)
{
    static const char types[] = {[RBE_ARC_FILE] = '0', [RBE_ARC_DIR] = '5', [RBE_ARC_LINK] = '2'};
    rbe_auto(str) struct rbe_str name = {0}, pax = {0};
    struct ustar h = {0};
    uint64_t size = entry->kind == RBE_ARC_FILE ? entry->size : 0;

    if (w->left > 0 || entry->kind > RBE_ARC_LINK || (entry->kind == RBE_ARC_LINK && !entry->target))
        return rbe_fail(e, RBE_FAULT, "writing a tar: entry %s out of order or of a kind that is not written", entry->name);
    rbe_str_puts(&name, entry->name);
    if (entry->kind == RBE_ARC_DIR && (name.len == 0 || name.s[name.len - 1] != '/'))
        rbe_str_putc(&name, '/');
    if (!put_name(&h, rbe_str_text(&name), name.len)) {
        memcpy(h.name, name.s, name.len < sizeof(h.name) ? name.len : sizeof(h.name));
        put_record(&pax, "path", name.s);
    }
    if (entry->kind == RBE_ARC_LINK) {
        size_t len = strlen(entry->target);

        memcpy(h.link, entry->target, len < sizeof(h.link) ? len : sizeof(h.link));
        if (len > sizeof(h.link) || !plain_text(entry->target))
            put_record(&pax, "linkpath", entry->target);
    }
    if (size >> OCTAL_11_BITS)
        put_number(&pax, "size", (int64_t)size);
    if (entry->mtime < 0 || entry->mtime >> OCTAL_11_BITS)
        put_number(&pax, "mtime", entry->mtime);
    if (pax.len > 0)
        RBE_TRY(write_pax(w, &pax, e));
    put_octal(h.mode, sizeof(h.mode), entry->mode & 07777);
    w->left = size;
    w->padding = (BLOCK - (unsigned)(size % BLOCK)) % BLOCK;
    return write_header(w, &h, types[entry->kind], size, entry->mtime, e);
}

enum rbe_code rbe_tarw_write(struct rbe_tarw *w, const void *p, size_t n, struct rbe_err *e)
{
    if (n > w->left)
        return rbe_fail(e, RBE_FAULT, "writing a tar: an entry got more data than it declared");
    RBE_TRY(put_bytes(w, p, n, e));
    w->left -= n;
    if (w->left > 0)
        return RBE_OK;
    unsigned padding = w->padding;
    w->padding = 0;
    return write_zeros(w, padding, e);
}

static void note_run(struct rbe_tarw *w, const struct rbe_arc *from)
{
    if (!w->reader && rbe_arc_whole(from, &w->source))
        w->reader = from;
    if (!w->whole || from != w->reader || w->left == 0)
        return;
    w->runs = rbe_grow(w->runs, w->n_runs, &w->runs_room, sizeof(*w->runs));
    w->runs[w->n_runs++] = (struct rbe_regzip_run){.from = rbe_arc_data_at(from), .to = w->whole_n, .n = w->left};
}

enum rbe_code rbe_tarw_copy(struct rbe_tarw *w, struct rbe_arc *from, struct rbe_err *e)
{
    enum { PIECE = 64 << 10 };
    rbe_autofree unsigned char *piece = rbe_realloc(NULL, PIECE);

    note_run(w, from);
    for (;;) {
        size_t n;

        RBE_TRY(rbe_arc_read(from, piece, PIECE, &n, e));
        if (n == 0)
            return RBE_OK;
        RBE_TRY(rbe_tarw_write(w, piece, n, e));
    }
}

static enum rbe_code pack_whole(struct rbe_tarw *w, struct rbe_err *e)
{
    if (w->reader)
        return rbe_regzip(w->fd, w->whole, w->whole_n, &w->source, w->runs, w->n_runs, e);
    return rbe_flate_gzip(w->fd, w->whole, w->whole_n, e);
}

enum rbe_code rbe_tarw_finish(struct rbe_tarw *w, struct rbe_err *e)
{
    if (w->left > 0)
        return rbe_fail(e, RBE_FAULT, "writing a tar: the last entry got less data than it declared");
    RBE_TRY(write_zeros(w, END_BLOCKS, e));
    return w->whole ? pack_whole(w, e) : rbe_gzip_finish(w->gzip, e);
}
