/* The decoder. Names in capitals are the RFC's. A window's addresses count from the start of its source segment; behind
 * the segment follows what the window has unpacked to so far.
 */
#include "lib/patch/vcdiff.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/wrap/file.h"

enum { VCD_SOURCE = 1, VCD_TARGET = 2 };
enum { NEAR = 4, SAME = 3, MODES = 2 + NEAR + SAME };
/* Of a window: what it unpacks to, and its sections together. Encoders take windows of a few MiB. */
enum { WINDOW_MOST = 64 << 20, SECTIONS_FIXED = 1 << 16, SECTIONS_FACTOR = 3, CHUNK = 64 * 1024 };
/* Of the delta, beside and for each byte of what it gives: windows that give nothing could go on for ever, and pack well. */
enum { DELTA_FIXED = 1 << 20, DELTA_FACTOR = 4 };

enum kind { NOOP, ADD, RUN, COPY };
struct instruction {
    unsigned char kind, size, mode;
};
/* What each code stands for: two instructions, the second often NOOP. */
struct code {
    struct instruction pair[2];
};

/* Bytes of a section, or of a whole window's head, being read. */
struct span {
    const unsigned char *p, *end;
};

struct state {
    const struct rbe_vcdiff *v;
    struct code codes[256];
    unsigned char in[CHUNK];
    size_t in_at, in_n;
    uint64_t taken;                                /* bytes of the delta */
    unsigned char *sections, *window, *history;    /* history: the segment of a VCD_TARGET window */
    size_t sections_room, window_room, history_room;
    uint64_t near[NEAR], same[SAME * 256];
    unsigned next_near;
    uint64_t written;
};

/* A window while it is unpacked. */
struct window {
    const unsigned char *segment;
    uint64_t segment_size;
    struct span data, codes, addresses;
    unsigned char *out;
    size_t n, size;
};

static enum rbe_code broken(struct rbe_err *e, const char *what)
{
    return rbe_invalid(e, "patch", "broken", "the patch is damaged: %s", what);
}

/* The default table, RFC 3284 section 5.6: in its order, from its rules. */
static void make_codes(struct code *c)
{
    size_t n = 0;

    c[n++] = (struct code){{{RUN, 0, 0}}};
    for (unsigned char size = 0; size <= 17; size++)
        c[n++] = (struct code){{{ADD, size, 0}}};
    for (unsigned char mode = 0; mode < MODES; mode++) {
        c[n++] = (struct code){{{COPY, 0, mode}}};
        for (unsigned char size = 4; size <= 18; size++)
            c[n++] = (struct code){{{COPY, size, mode}}};
    }
    for (unsigned char mode = 0; mode < MODES; mode++)
        for (unsigned char add = 1; add <= 4; add++)
            for (unsigned char copy = 4; copy <= (mode < 2 + NEAR ? 6 : 4); copy++)
                c[n++] = (struct code){{{ADD, add, 0}, {COPY, copy, mode}}};
    for (unsigned char mode = 0; mode < MODES; mode++)
        c[n++] = (struct code){{{COPY, 4, mode}, {ADD, 1, 0}}};
}

/* ---- reading ---- */

/* *ret false at the end of the delta. */
static enum rbe_code more(struct state *s, bool *ret, struct rbe_err *e)
{
    if (s->in_at == s->in_n) {
        s->in_at = 0;
        RBE_TRY(s->v->read(s->v->arg, s->in, CHUNK, &s->in_n, e));
        s->taken += s->in_n;
    }
    if (s->taken > DELTA_FIXED && (s->taken - DELTA_FIXED) / DELTA_FACTOR > s->v->target_size)
        return broken(e, "it is far larger than what it gives");
    *ret = s->in_n > 0;
    return RBE_OK;
}

static enum rbe_code take_byte(struct state *s, unsigned char *ret, struct rbe_err *e)
{
    bool there;

    RBE_TRY(more(s, &there, e));
    if (!there)
        return broken(e, "it ends early");
    *ret = s->in[s->in_at++];
    return RBE_OK;
}

/* One digit of a number, base 128, greatest first; *ret_more while others follow. */
static enum rbe_code add_digit(unsigned char byte, uint64_t *v, bool *ret_more, struct rbe_err *e)
{
    if (*v >> 56)
        return broken(e, "a number is too large");
    *v = *v << 7 | (byte & 127);
    *ret_more = byte & 128;
    return RBE_OK;
}

static enum rbe_code take_number(struct state *s, uint64_t *ret, struct rbe_err *e)
{
    bool go_on = true;

    *ret = 0;
    while (go_on) {
        unsigned char byte;

        RBE_TRY(take_byte(s, &byte, e));
        RBE_TRY(add_digit(byte, ret, &go_on, e));
    }
    return RBE_OK;
}

static enum rbe_code span_number(struct span *from, uint64_t *ret, struct rbe_err *e)
{
    bool go_on = true;

    *ret = 0;
    while (go_on) {
        if (from->p == from->end)
            return broken(e, "a section ends early");
        RBE_TRY(add_digit(*from->p++, ret, &go_on, e));
    }
    return RBE_OK;
}

static enum rbe_code take_bytes(struct state *s, unsigned char *to, size_t n, struct rbe_err *e)
{
    while (n > 0) {
        bool there;

        RBE_TRY(more(s, &there, e));
        if (!there)
            return broken(e, "it ends early");
        size_t part = s->in_n - s->in_at < n ? s->in_n - s->in_at : n;

        memcpy(to, s->in + s->in_at, part);
        s->in_at += part;
        to += part;
        n -= part;
    }
    return RBE_OK;
}

static unsigned char *room_for(unsigned char **buffer, size_t *room, size_t n)
{
    if (*room < n) {
        *buffer = rbe_realloc(*buffer, n);
        *room = n;
    }
    return *buffer;
}

static enum rbe_code take_header(struct state *s, struct rbe_err *e)
{
    static const unsigned char magic[] = {'V' | 128, 'C' | 128, 'D' | 128, 0};
    unsigned char head[sizeof(magic) + 1];

    RBE_TRY(take_bytes(s, head, sizeof(head), e));
    if (memcmp(head, magic, sizeof(magic)) != 0)
        return broken(e, "it is no VCDIFF");
    if (head[sizeof(magic)] != 0)
        return broken(e, "it needs a secondary decompressor, a code table or an extension");
    return RBE_OK;
}

/* ---- a window ---- */

static enum rbe_code read_back(struct state *s, uint64_t at, size_t n, struct rbe_err *e)
{
    size_t got;

    RBE_TRY(rbe_file_read_at(s->v->out_fd, room_for(&s->history, &s->history_room, n), n, at, &got, e));
    return got == n ? RBE_OK : rbe_fail(e, RBE_FAULT, "what a patch gave is not there to be read back");
}

static enum rbe_code take_segment(struct state *s, unsigned char indicator, struct window *w, struct rbe_err *e)
{
    static const unsigned char none[1];
    uint64_t at, whole = indicator == VCD_SOURCE ? s->v->source_size : s->written;

    w->segment = none;
    if (indicator == 0)
        return RBE_OK;
    if (indicator != VCD_SOURCE && indicator != VCD_TARGET)
        return broken(e, "a window with an extension");
    RBE_TRY(take_number(s, &w->segment_size, e));
    RBE_TRY(take_number(s, &at, e));
    if (at > whole || w->segment_size > whole - at)
        return broken(e, "a window's segment lies outside");
    if (indicator == VCD_SOURCE) {
        w->segment = s->v->source + at;
        return RBE_OK;
    }
    if (w->segment_size > WINDOW_MOST)
        return broken(e, "a window's segment is too large");
    RBE_TRY(read_back(s, at, (size_t)w->segment_size, e));
    w->segment = s->history;
    return RBE_OK;
}

static enum rbe_code take_sections(struct state *s, struct window *w, struct rbe_err *e)
{
    uint64_t whole, size, n[3], sum = 0;
    unsigned char compressed;

    RBE_TRY(take_number(s, &whole, e));
    RBE_TRY(take_number(s, &size, e));
    if (size > WINDOW_MOST || size > s->v->target_size - s->written)
        return broken(e, "it gives more than it should");
    RBE_TRY(take_byte(s, &compressed, e));
    if (compressed)
        return broken(e, "a section is compressed");
    for (size_t i = 0; i < RBE_COUNT(n); i++) {
        RBE_TRY(take_number(s, &n[i], e));
        if (n[i] > SECTIONS_FIXED + SECTIONS_FACTOR * size)
            return broken(e, "a section is too large");
        sum += n[i];
    }
    if (whole < sum)
        return broken(e, "a window's lengths disagree");
    unsigned char *p = room_for(&s->sections, &s->sections_room, (size_t)sum + 1);

    RBE_TRY(take_bytes(s, p, (size_t)sum, e));
    w->data = (struct span){p, p + n[0]};
    w->codes = (struct span){w->data.end, w->data.end + n[1]};
    w->addresses = (struct span){w->codes.end, w->codes.end + n[2]};
    w->size = (size_t)size;
    w->out = room_for(&s->window, &s->window_room, w->size + 1);
    return RBE_OK;
}

/* Section 5.3: modes 0 and 1, then the near cache, then the same cache. */
static enum rbe_code take_address(struct state *s, struct window *w, unsigned mode, uint64_t here, uint64_t *ret,
                                  struct rbe_err *e)
{
    uint64_t v;

    if (mode < 2 + NEAR) {
        RBE_TRY(span_number(&w->addresses, &v, e));
        if (mode == 1 && v > here)
            return broken(e, "a copy from before the beginning");
        *ret = mode == 0 ? v : mode == 1 ? here - v : s->near[mode - 2] + v;
    } else {
        if (w->addresses.p == w->addresses.end)
            return broken(e, "a section ends early");
        *ret = s->same[(mode - 2 - NEAR) * 256 + *w->addresses.p++];
    }
    if (*ret >= here)
        return broken(e, "a copy from what is not there yet");
    s->near[s->next_near] = *ret;
    s->next_near = (s->next_near + 1) % NEAR;
    s->same[*ret % (SAME * 256)] = *ret;
    return RBE_OK;
}

/* From the segment, from the window, or from the one into the other. What overlaps itself repeats. */
static void copy(struct window *w, uint64_t from, size_t n)
{
    unsigned char *to = w->out + w->n;

    w->n += n;
    if (from < w->segment_size) {
        size_t part = w->segment_size - from < n ? (size_t)(w->segment_size - from) : n;

        memcpy(to, w->segment + from, part);
        to += part;
        from += part;
        n -= part;
    }
    for (const unsigned char *p = w->out + (n ? from - w->segment_size : 0); n > 0; n--)
        *to++ = *p++;
}

static enum rbe_code run_instruction(struct state *s, struct window *w, const struct instruction *i,
                                     struct rbe_err *e)
{
    uint64_t size = i->size, from;

    if (i->kind == NOOP)
        return RBE_OK;
    if (size == 0)
        RBE_TRY(span_number(&w->codes, &size, e));
    if (size > w->size - w->n)
        return broken(e, "a window gives more than it says");
    size_t n = (size_t)size, data = i->kind == ADD ? n : i->kind == RUN;

    if (data > (size_t)(w->data.end - w->data.p))
        return broken(e, "a section ends early");
    if (i->kind == COPY) {
        RBE_TRY(take_address(s, w, i->mode, w->segment_size + w->n, &from, e));
        copy(w, from, n);
        return RBE_OK;
    }
    if (i->kind == ADD)
        memcpy(w->out + w->n, w->data.p, n);
    else
        memset(w->out + w->n, *w->data.p, n);
    w->data.p += data;
    w->n += n;
    return RBE_OK;
}

static enum rbe_code run_window(struct state *s, unsigned char indicator, struct rbe_err *e)
{
    struct window w = {0};

    RBE_TRY(take_segment(s, indicator, &w, e));
    RBE_TRY(take_sections(s, &w, e));
    memset(s->near, 0, sizeof(s->near));
    memset(s->same, 0, sizeof(s->same));
    s->next_near = 0;
    while (w.codes.p < w.codes.end) {
        const struct code *c = &s->codes[*w.codes.p++];

        RBE_TRY(run_instruction(s, &w, &c->pair[0], e));
        RBE_TRY(run_instruction(s, &w, &c->pair[1], e));
    }
    if (w.n != w.size || w.data.p != w.data.end || w.addresses.p != w.addresses.end)
        return broken(e, "a window gives less than it says");
    RBE_TRY(rbe_file_write(s->v->out_fd, w.out, w.size, e));
    s->written += w.size;
    return RBE_OK;
}

static enum rbe_code run_all(struct state *s, struct rbe_err *e)
{
    bool there;

    RBE_TRY(take_header(s, e));
    for (;;) {
        unsigned char indicator;

        RBE_TRY(more(s, &there, e));
        if (!there)
            break;
        RBE_TRY(take_byte(s, &indicator, e));
        RBE_TRY(run_window(s, indicator, e));
    }
    if (s->written != s->v->target_size)
        return rbe_invalid(e, "patch", "size", "the patch gives %llu bytes instead of %llu",
                           (unsigned long long)s->written, (unsigned long long)s->v->target_size);
    return RBE_OK;
}

enum rbe_code rbe_vcdiff_apply(const struct rbe_vcdiff *v, struct rbe_err *e)
{
    rbe_autofree struct state *s = rbe_alloc(sizeof(*s));

    s->v = v;
    make_codes(s->codes);
    enum rbe_code code = run_all(s, e);

    free(s->sections);
    free(s->window);
    free(s->history);
    return code;
}
