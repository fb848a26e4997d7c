#include "lib/base/jsonw.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/utf8.h"

static void put_escaped(struct rbe_str *b, const char *s, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t from = 0, i = 0;

    while (i < len) {
        unsigned char c = (unsigned char)s[i];
        size_t n = c < 0x80 ? 1 : rbe_utf8_sequence(s + i, len - i);
        char esc[7] = {'\\', 0};

        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != 0x7f) {
            i++;
            continue;
        }
        if (n == 3 && c == 0xe2 && (unsigned char)s[i + 1] == 0x80 && ((unsigned char)s[i + 2] & 0xfe) == 0xa8)
            memcpy(esc, (unsigned char)s[i + 2] == 0xa8 ? "\\u2028" : "\\u2029", 7);
        else if (n > 1) {
            i += n;
            continue;
        } else if (n == 0)
            memcpy(esc, "\\ufffd", 7);
        else if (c == '"' || c == '\\')
            esc[1] = (char)c;
        else if (c == '\n')
            esc[1] = 'n';
        else if (c == '\r')
            esc[1] = 'r';
        else if (c == '\t')
            esc[1] = 't';
        else
            memcpy(esc, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15], 0}, 7);
        rbe_str_put(b, s + from, i - from);
        rbe_str_puts(b, esc);
        i += n ? n : 1;
        from = i;
    }
    rbe_str_put(b, s + from, len - from);
}

static void lead(struct rbe_jsonw *w, const char *key)
{
    if (w->comma)
        rbe_str_putc(w->out, ',');
    w->comma = true;
    if (key) {
        rbe_str_putc(w->out, '"');
        put_escaped(w->out, key, strlen(key));
        rbe_str_put(w->out, "\":", 2);
    }
}

static void open_level(struct rbe_jsonw *w, const char *key, char c)
{
    lead(w, key);
    rbe_str_putc(w->out, c);
    w->comma = false;
}

static void close_level(struct rbe_jsonw *w, char c)
{
    rbe_str_putc(w->out, c);
    w->comma = true;
}

void rbe_jsonw_obj(struct rbe_jsonw *w, const char *key)
{
    open_level(w, key, '{');
}

void rbe_jsonw_obj_end(struct rbe_jsonw *w)
{
    close_level(w, '}');
}

void rbe_jsonw_arr(struct rbe_jsonw *w, const char *key)
{
    open_level(w, key, '[');
}

void rbe_jsonw_arr_end(struct rbe_jsonw *w)
{
    close_level(w, ']');
}

void rbe_jsonw_strn(struct rbe_jsonw *w, const char *key, const char *val, size_t len)
{
    lead(w, key);
    rbe_str_putc(w->out, '"');
    put_escaped(w->out, val, len);
    rbe_str_putc(w->out, '"');
}

void rbe_jsonw_str(struct rbe_jsonw *w, const char *key, const char *val)
{
    if (val)
        rbe_jsonw_strn(w, key, val, strlen(val));
    else
        rbe_jsonw_null(w, key);
}

void rbe_jsonw_int(struct rbe_jsonw *w, const char *key, int64_t val)
{
    lead(w, key);
    rbe_str_puti(w->out, val);
}

void rbe_jsonw_bool(struct rbe_jsonw *w, const char *key, bool val)
{
    rbe_jsonw_raw(w, key, val ? "true" : "false");
}

void rbe_jsonw_null(struct rbe_jsonw *w, const char *key)
{
    rbe_jsonw_raw(w, key, "null");
}

void rbe_jsonw_time(struct rbe_jsonw *w, const char *key, int64_t seconds)
{
    char text[RBE_CLOCK_TEXT];

    if (seconds)
        rbe_clock_format(seconds, text);
    rbe_jsonw_str(w, key, seconds ? text : NULL);
}

void rbe_jsonw_sha256(struct rbe_jsonw *w, const char *key, const unsigned char sum[static 32])
{
    char text[sizeof("sha256:") + 2 * 32] = "sha256:";

    rbe_hex_encode(sum, 32, text + strlen(text));
    rbe_jsonw_str(w, key, text);
}

void rbe_jsonw_raw(struct rbe_jsonw *w, const char *key, const char *json)
{
    lead(w, key);
    rbe_str_puts(w->out, json);
}
