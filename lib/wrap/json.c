/* A value is a json-c object under our name, so nothing is copied: the document is its root, and every other value is
 * borrowed from it. json-c shows null as a NULL pointer, which is what callers shall see too, but for a document that
 * is nothing but null: that one is the address of a marker.
 */
#include "lib/wrap/json.h"

#include <json-c/json.h>
#include <limits.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/base/utf8.h"

/* What json-c takes for an object, an array, and anything else that is one of several, beside its text: a few bytes of text may
 * stand for hundreds of memory. */
enum { DEPTH_MAX = 32, MEMORY_MAX = 1 << 30, OBJECT_COST = 800, ARRAY_COST = 160, VALUE_COST = 200 };

static char null_document;

static struct json_object *object_of(const struct rbe_json *v)
{
    return (const void *)v == &null_document ? NULL : (struct json_object *)(uintptr_t)v;
}

static struct rbe_json *value_of(struct json_object *o)
{
    return (struct rbe_json *)o;
}

/* Length of the word of JSON at the start of text, 0 when there is none. */
static size_t word_of(const char *text, size_t len)
{
    static const char *const words[] = {"true", "false", "null"};

    for (size_t i = 0; i < RBE_COUNT(words); i++) {
        size_t n = strlen(words[i]);

        if (len >= n && !memcmp(text, words[i], n) && (len == n || memchr(" \t\r\n,]}", text[n], 7)))
            return n;
    }
    return 0;
}

/* What json-c lets through even when it is strict: control characters in strings, single quotes, words that are no
 * JSON, such as NaN, and numbers in which no digit follows a '.', an exponent's letter or a sign; and what would take more memory
 * than anybody means it to. Only looks at what stands where; that it makes a value is json-c's part. *ret_names: how many names
 * have a value. */
static const char *fault_of(const char *text, size_t len, size_t *ret_names)
{
    bool quoted = false;
    size_t memory = 0;

    *ret_names = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        char next = i + 1 < len ? text[i + 1] : ' ';
        bool number = i && memchr("0123456789", text[i - 1], 10);

        if (c == '"') {
            quoted = !quoted;
        } else if (quoted) {
            if ((unsigned char)c < 0x20)
                return "control character in a string";
            if (c == '\\' && !memchr("\"\\/bfnrtu", next, 9))
                return "unknown escape";
            i += c == '\\';
        } else if (c == '.' || c == '+' || c == '-') {
            if (!memchr("0123456789", next, 10))
                return "broken number";
        } else if ((c == 'e' || c == 'E') && number) {
            if (!memchr("+-0123456789", next, 12))
                return "broken number";
        } else if (!memchr("{}[]:, \t\r\n0123456789", c, 20)) {
            size_t n = word_of(text + i, len - i);

            if (!n)
                return "unknown word";
            i += n - 1;
        } else {
            *ret_names += c == ':';
            memory += c == '{' ? OBJECT_COST : c == '[' ? ARRAY_COST : c == ',' ? VALUE_COST : 0;
            if (memory > MEMORY_MAX)
                return "too many values";
        }
    }
    return NULL;
}

/* All names in o and below. Its depth was bounded when it was parsed. */
static size_t count_names(struct json_object *o)
{
    const bool array = json_object_is_type(o, json_type_array);
    size_t n = 0;

    if (json_object_is_type(o, json_type_object)) {
        struct json_object_iterator it = json_object_iter_begin(o), end = json_object_iter_end(o);

        for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it))
            n += 1 + count_names(json_object_iter_peek_value(&it));
    }
    for (size_t i = 0; array && i < json_object_array_length(o); i++)
        n += count_names(json_object_array_get_idx(o, i));
    return n;
}

/* Writes what is beyond ASCII as escapes, because a strict json-c 0.18 takes its bytes for control characters. Valid UTF-8 in
 * which that stands in strings alone. Ends where ret has `most` bytes, and tells how far in text that is. */
static size_t put_ascii(const char *text, size_t len, size_t most, struct rbe_str *ret)
{
    size_t at = 0;

    while (at < len && ret->len < most) {
        const size_t n = rbe_utf8_sequence(text + at, len - at);

        if (n == 1) {
            rbe_str_putc(ret, text[at++]);
            continue;
        }
        uint32_t c = (unsigned char)text[at] & (0x7fu >> n);
        for (size_t i = 1; i < n; i++)
            c = c << 6 | ((unsigned char)text[at + i] & 0x3f);
        if (c < 0x10000)
            rbe_str_putf(ret, "\\u%04x", (unsigned)c);
        else
            rbe_str_putf(ret, "\\u%04x\\u%04x", (unsigned)(0xd7c0 + (c >> 10)), (unsigned)(0xdc00 + (c & 0x3ff)));
        at += n;
    }
    return at;
}

enum rbe_code rbe_json_parse(const char *text, size_t len, struct rbe_json **ret, struct rbe_err *e)
{
    if (len > INT_MAX)
        return rbe_invalid(e, "body", "max_length", "too long for JSON");
    if (!rbe_utf8_valid(text, len) || memchr(text, 0, len))
        return rbe_invalid(e, "body", "utf8", "not UTF-8 text");
    size_t names;
    const char *fault = fault_of(text, len, &names);
    if (fault)
        return rbe_invalid(e, "body", "json", "not JSON: %s", fault);

    rbe_auto(str) struct rbe_str ascii = {0};
    (void)put_ascii(text, len, SIZE_MAX, &ascii);
    if (ascii.len > INT_MAX)
        return rbe_invalid(e, "body", "max_length", "too long for JSON");
    struct json_tokener *tok = json_tokener_new_ex(DEPTH_MAX);
    if (!tok)
        abort();
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
    struct json_object *o = json_tokener_parse_ex(tok, rbe_str_text(&ascii), (int)ascii.len);
    enum json_tokener_error error = json_tokener_get_error(tok);
    if (error == json_tokener_continue) {
        /* a number at the very end is complete only when something follows it */
        o = json_tokener_parse_ex(tok, "\n", 1);
        error = json_tokener_get_error(tok);
    }
    size_t end = json_tokener_get_parse_end(tok);
    json_tokener_free(tok);
    if (error == json_tokener_continue)
        return rbe_invalid(e, "body", "json", "not JSON: it ends too early");
    if (error != json_tokener_success) {
        rbe_str_reset(&ascii);
        return rbe_invalid(e, "body", "json", "not JSON: %s at byte %zu", json_tokener_error_desc(error),
                           put_ascii(text, len, end, &ascii));
    }
    /* json-c would keep the last, another reader the first. */
    if (count_names(o) != names) {
        json_object_put(o);
        return rbe_invalid(e, "body", "repeated", "a name stands twice in an object");
    }
    *ret = o ? value_of(o) : (struct rbe_json *)(void *)&null_document;
    return RBE_OK;
}

void rbe_json_free(struct rbe_json *doc)
{
    json_object_put(object_of(doc));
}

bool rbe_json_is_object(const struct rbe_json *v)
{
    return json_object_is_type(object_of(v), json_type_object) != 0;
}

const struct rbe_json *rbe_json_find(const struct rbe_json *v, const char *key)
{
    struct json_object *found = NULL;

    if (!rbe_json_is_object(v) || !json_object_object_get_ex(object_of(v), key, &found))
        return NULL;
    return value_of(found);
}

const char *rbe_json_text(const struct rbe_json *v, size_t *ret_len)
{
    struct json_object *o = object_of(v);

    if (!json_object_is_type(o, json_type_string))
        return NULL;
    const char *text = json_object_get_string(o);
    size_t len = (size_t)json_object_get_string_len(o);
    if (ret_len)
        *ret_len = len;
    else if (memchr(text, 0, len))
        return NULL;
    return text;
}

bool rbe_json_int(const struct rbe_json *v, int64_t *ret)
{
    struct json_object *o = object_of(v);

    if (!json_object_is_type(o, json_type_int))
        return false;
    /* json-c keeps what does not fit as the nearest number that does; both ends stand for "does not fit" here */
    int64_t n = json_object_get_int64(o);
    if (n == INT64_MAX || n == INT64_MIN)
        return false;
    *ret = n;
    return true;
}

bool rbe_json_bool(const struct rbe_json *v, bool *ret)
{
    struct json_object *o = object_of(v);

    if (!json_object_is_type(o, json_type_boolean))
        return false;
    *ret = json_object_get_boolean(o) != 0;
    return true;
}

size_t rbe_json_count(const struct rbe_json *v)
{
    struct json_object *o = object_of(v);

    return json_object_is_type(o, json_type_array) ? json_object_array_length(o) : (size_t)-1;
}

const struct rbe_json *rbe_json_at(const struct rbe_json *v, size_t i)
{
    struct json_object *o = object_of(v);

    if (!json_object_is_type(o, json_type_array) || i >= json_object_array_length(o))
        return NULL;
    return value_of(json_object_array_get_idx(o, i));
}

const char *rbe_json_member(const struct rbe_json *v, size_t i, const struct rbe_json **ret)
{
    if (!rbe_json_is_object(v))
        return NULL;
    struct json_object_iterator it = json_object_iter_begin(object_of(v));
    struct json_object_iterator end = json_object_iter_end(object_of(v));

    for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it), i--)
        if (i == 0) {
            *ret = value_of(json_object_iter_peek_value(&it));
            return json_object_iter_peek_name(&it);
        }
    return NULL;
}
