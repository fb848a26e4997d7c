#include "lib/web/range.h"

#include <string.h>
#include <strings.h>

struct text {
    const char *s, *end;
};

static bool eat(struct text *t, char c)
{
    if (t->s == t->end || *t->s != c)
        return false;
    t->s++;
    return true;
}

static void eat_space(struct text *t)
{
    while (t->s < t->end && (*t->s == ' ' || *t->s == '\t'))
        t->s++;
}

/* Digits; a number too large for 64 bits is the greatest there is, which lies beyond any file. */
static bool eat_number(struct text *t, uint64_t *ret)
{
    const char *from = t->s;
    uint64_t v = 0;

    for (; t->s < t->end && *t->s >= '0' && *t->s <= '9'; t->s++)
        if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(*t->s - '0'), &v))
            v = UINT64_MAX / 10 * 10;
    *ret = v;
    return t->s > from;
}

struct spec {
    bool has_first, has_last;    /* "-5" has a last only: a suffix */
    uint64_t first, last;
};

static bool eat_spec(struct text *t, struct spec *ret)
{
    ret->has_first = eat_number(t, &ret->first);
    if (!eat(t, '-'))
        return false;
    ret->has_last = eat_number(t, &ret->last);
    if (!ret->has_first)
        return ret->has_last;
    return !ret->has_last || ret->first <= ret->last;
}

static enum rbe_range resolve(const struct spec *s, uint64_t size, uint64_t *ret_first, uint64_t *ret_last)
{
    if (!s->has_first) {
        if (s->last == 0)
            return RBE_RANGE_UNSATISFIABLE;
        /* The last bytes of nothing are all of it, which no Content-Range can say. */
        if (size == 0)
            return RBE_RANGE_WHOLE;
        *ret_first = s->last < size ? size - s->last : 0;
        *ret_last = size - 1;
        return RBE_RANGE_PART;
    }
    if (s->first >= size)
        return RBE_RANGE_UNSATISFIABLE;
    *ret_first = s->first;
    *ret_last = s->has_last && s->last < size ? s->last : size - 1;
    return RBE_RANGE_PART;
}

enum rbe_range rbe_range_parse(const char *text, size_t len, uint64_t size, uint64_t *ret_first, uint64_t *ret_last)
{
    struct text t = {text, text + len};
    struct spec spec = {0};
    size_t n = 0;

    if (len < 6 || strncasecmp(text, "bytes=", 6) != 0)
        return RBE_RANGE_WHOLE;
    t.s += 6;
    for (;;) {
        eat_space(&t);
        if (t.s < t.end && *t.s != ',') {
            if (!eat_spec(&t, &spec))
                return RBE_RANGE_WHOLE;
            n++;
            eat_space(&t);
        }
        if (t.s == t.end)
            break;
        if (!eat(&t, ','))
            return RBE_RANGE_WHOLE;
    }
    return n == 1 ? resolve(&spec, size, ret_first, ret_last) : RBE_RANGE_WHOLE;
}

bool rbe_range_listed(const char *text, size_t len, const char *etag, bool weak)
{
    struct text t = {text, text + len};
    size_t etag_len = strlen(etag);

    eat_space(&t);
    if (eat(&t, '*')) {
        eat_space(&t);
        return t.s == t.end;
    }
    while (t.s < t.end) {
        bool is_weak = false;

        eat_space(&t);
        if (eat(&t, ','))
            continue;
        if (t.end - t.s >= 2 && t.s[0] == 'W' && t.s[1] == '/') {
            is_weak = true;
            t.s += 2;
        }
        if (!eat(&t, '"'))
            return false;
        const char *close = memchr(t.s, '"', (size_t)(t.end - t.s));
        if (!close)
            return false;
        if ((size_t)(close - t.s) == etag_len && memcmp(t.s, etag, etag_len) == 0 && (weak || !is_weak))
            return true;
        t.s = close + 1;
    }
    return false;
}
