#include "lib/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"

void rbe_str_release(struct rbe_str *b)
{
    free(b->s);
    *b = (struct rbe_str){0};
}

void rbe_str_reset(struct rbe_str *b)
{
    b->len = 0;
    if (b->s)
        b->s[0] = '\0';
}

char *rbe_str_grow(struct rbe_str *b, size_t n)
{
    if (n > SIZE_MAX / 4 - b->len)
        abort();
    size_t need = b->len + n + 1, cap = b->cap ? b->cap : 128;

    while (cap < need)
        cap *= 2;
    b->s = rbe_realloc(b->s, cap);
    b->cap = cap;
    return b->s + b->len;
}

void rbe_str_puts(struct rbe_str *b, const char *s)
{
    rbe_str_put(b, s, strlen(s));
}

void rbe_str_putc(struct rbe_str *b, char c)
{
    rbe_str_put(b, &c, 1);
}

void rbe_str_putf(struct rbe_str *b, const char *fmt, ...)
{
    va_list ap, again;

    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0)
        abort();
    (void)vsnprintf(rbe_str_reserve(b, (size_t)n), (size_t)n + 1, fmt, again);
    b->len += (size_t)n;
    va_end(again);
    va_end(ap);
}

void rbe_str_puti(struct rbe_str *b, int64_t v)
{
    char digits[24], *p = digits + sizeof(digits);
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    do
        *--p = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--p = '-';
    rbe_str_put(b, p, (size_t)(digits + sizeof(digits) - p));
}

const char *rbe_str_text(const struct rbe_str *b)
{
    return b->s ? b->s : "";
}

char *rbe_str_detach(struct rbe_str *b)
{
    char *s = b->s ? b->s : rbe_strdup("");

    *b = (struct rbe_str){0};
    return s;
}
