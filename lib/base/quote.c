#include "lib/base/quote.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/utf8.h"

enum { PIECE = 12 };

/* Writes what stands for the character at s; returns the bytes of s it took. */
static size_t escape(const char *s, size_t len, char piece[static PIECE])
{
    size_t n = rbe_utf8_sequence(s, len);

    if (n == 0 || rbe_utf8_has_control(s, n)) {
        size_t used = 0, bytes = n ? n : 1;

        for (size_t i = 0; i < bytes; i++)
            used += (size_t)snprintf(piece + used, PIECE - used, "\\x%02x", (unsigned)(unsigned char)s[i]);
        return bytes;
    }
    if (*s == '"' || *s == '\\') {
        (void)snprintf(piece, PIECE, "\\%c", *s);
        return 1;
    }
    memcpy(piece, s, n);
    piece[n] = '\0';
    return n;
}

/* Bytes that s takes once escaped. */
static size_t escaped(const char *s, size_t len)
{
    char piece[PIECE];
    size_t total = 0;

    for (size_t i = 0; i < len; total += strlen(piece))
        i += escape(s + i, len - i, piece);
    return total;
}

struct rbe_quote rbe_quote_within(const char *s, size_t len, size_t width)
{
    static const char gap[] = "...";
    size_t room = (width < RBE_QUOTE_TEXT ? width : RBE_QUOTE_TEXT - 1) - 2, half = (room - (sizeof(gap) - 1)) / 2;
    struct rbe_quote ret = {{'"'}};
    char piece[PIECE];
    size_t to = 1, i = 0, left = escaped(s, len);
    bool cut = left > room;

    while (i < len) {
        size_t n = escape(s + i, len - i, piece), wide = strlen(piece);

        i += n;
        left -= wide;
        if (cut && to - 1 + wide > half) {
            memcpy(ret.text + to, gap, sizeof(gap) - 1);
            to += sizeof(gap) - 1;
            while (i < len && left > half) {
                i += escape(s + i, len - i, piece);
                left -= strlen(piece);
            }
            cut = false;
            continue;
        }
        memcpy(ret.text + to, piece, wide);
        to += wide;
    }
    ret.text[to++] = '"';
    ret.text[to] = '\0';
    return ret;
}

struct rbe_quote rbe_quote(const char *s, size_t len)
{
    return rbe_quote_within(s, len, RBE_QUOTE_TEXT - 1);
}
