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

struct rbe_quote rbe_quote(const char *s, size_t len)
{
    static const char gap[] = "...";
    enum { ROOM = RBE_QUOTE_TEXT - 3, HALF = (ROOM - (int)sizeof(gap)) / 2 };
    struct rbe_quote ret = {{'"'}};
    char piece[PIECE];
    size_t to = 1, i = 0, total = escaped(s, len), left = total;
    bool cut = total > ROOM;

    while (i < len) {
        size_t n = escape(s + i, len - i, piece), width = strlen(piece);

        i += n;
        left -= width;
        if (cut && to - 1 + width > HALF) {
            memcpy(ret.text + to, gap, sizeof(gap) - 1);
            to += sizeof(gap) - 1;
            while (i < len && left > HALF) {
                i += escape(s + i, len - i, piece);
                left -= strlen(piece);
            }
            cut = false;
            continue;
        }
        memcpy(ret.text + to, piece, width);
        to += width;
    }
    ret.text[to++] = '"';
    ret.text[to] = '\0';
    return ret;
}
