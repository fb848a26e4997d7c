/* A growable byte string, always NUL-terminated once anything was put into it, and JSON written straight into it.
 *
 * A zeroed struct is a valid empty string. The buffer is on the heap and is kept over rbe_str_reset, so that a worker's
 * response buffer is allocated once in its life.
 */
#ifndef RBE_BASE_STR_H
#define RBE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rbe_str {
    char *s;             /* NULL while nothing was ever put; use rbe_str_text to get "" then */
    size_t len, cap;
};

void rbe_str_release(struct rbe_str *b);
void rbe_str_reset(struct rbe_str *b);
/* For rbe_str_reserve. */
char *rbe_str_grow(struct rbe_str *b, size_t n);
/* Makes room for n more bytes (and the NUL) and returns where they go; the caller adds to len what it wrote. */
static inline char *rbe_str_reserve(struct rbe_str *b, size_t n)
{
    return n < b->cap - b->len ? b->s + b->len : rbe_str_grow(b, n);
}
static inline void rbe_str_put(struct rbe_str *b, const void *p, size_t n)
{
    char *to = rbe_str_reserve(b, n);

    if (n)
        memcpy(to, p, n);
    to[n] = '\0';
    b->len += n;
}
void rbe_str_puts(struct rbe_str *b, const char *s);
void rbe_str_putc(struct rbe_str *b, char c);
void rbe_str_putf(struct rbe_str *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rbe_str_puti(struct rbe_str *b, int64_t v);
/* The text with its NUL, never NULL; owned by b. */
const char *rbe_str_text(const struct rbe_str *b);
/* Hands the heap buffer to the caller (never NULL) and leaves b empty. */
char *rbe_str_detach(struct rbe_str *b);

#endif
