#include "lib/base/codec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void rbe_hex_encode(const void *p, size_t n, char *ret_text)
{
    const unsigned char *b = p;

    for (size_t i = 0; i < n; i++) {
        *ret_text++ = hex_digits[b[i] >> 4];
        *ret_text++ = hex_digits[b[i] & 15];
    }
    *ret_text = '\0';
}

static int hex_value(char c, bool any_case)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (any_case && c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool rbe_hex_decode(const char *text, size_t len, void *ret_bytes, size_t n)
{
    unsigned char *b = ret_bytes;

    if (len != 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int high = hex_value(text[2 * i], false), low = hex_value(text[2 * i + 1], false);

        if (high < 0 || low < 0)
            return false;
        b[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

size_t rbe_base64url_encode(const void *p, size_t n, char *ret_text)
{
    const unsigned char *b = p;
    char *to = ret_text;

    for (; n >= 3; n -= 3, b += 3, to += 4) {
        const uint32_t bits = (uint32_t)b[0] << 16 | (uint32_t)b[1] << 8 | b[2];

        to[0] = base64url_digits[bits >> 18];
        to[1] = base64url_digits[bits >> 12 & 63];
        to[2] = base64url_digits[bits >> 6 & 63];
        to[3] = base64url_digits[bits & 63];
    }
    if (n) {
        *to++ = base64url_digits[b[0] >> 2];
        *to++ = base64url_digits[(b[0] << 4 | (n == 2 ? b[1] >> 4 : 0)) & 63];
        if (n == 2)
            *to++ = base64url_digits[b[1] << 2 & 63];
    }
    *to = '\0';
    return (size_t)(to - ret_text);
}

static int base64url_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

ptrdiff_t rbe_base64url_decode(const char *text, size_t len, void *ret_bytes, size_t max)
{
    unsigned char *b = ret_bytes;
    uint32_t bits = 0;
    unsigned have = 0;
    size_t n = 0;

    if (len % 4 == 1)
        return -1;
    for (size_t i = 0; i < len; i++) {
        int v = base64url_value(text[i]);

        if (v < 0)
            return -1;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            if (n == max)
                return -1;
            b[n++] = (unsigned char)(bits >> have);
        }
    }
    if (bits & ((1u << have) - 1))
        return -1;
    return (ptrdiff_t)n;
}

ptrdiff_t rbe_percent_decode(char *text, size_t len, bool form)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            int high = i + 2 < len ? hex_value(text[i + 1], true) : -1;
            int low = i + 2 < len ? hex_value(text[i + 2], true) : -1;

            if (high < 0 || low < 0 || (high | low) == 0)
                return -1;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && form)
            c = ' ';
        text[n++] = c;
    }
    text[n] = '\0';
    return (ptrdiff_t)n;
}

void rbe_percent_encode(const char *text, struct rbe_str *out)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c))
            rbe_str_putc(out, *text);
        else
            rbe_str_putf(out, "%%%02X", c);
    }
}

bool rbe_int_parse(const char *text, int64_t min, int64_t max, int64_t *ret)
{
    const bool negative = text[0] == '-';
    int64_t v = 0;

    text += negative;
    if (!*text)
        return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        const int digit = *text - '0';

        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, negative ? -digit : digit, &v))
            return false;
    }
    if (*text || v < min || v > max)
        return false;
    *ret = v;
    return true;
}
