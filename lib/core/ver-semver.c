/* Strict SemVer 2.0.0.
 *
 * The key: the three numbers, each as a count of its digits and the digits, so that longer is greater whatever the
 * length. Then 0x02 for a release, or 0x01 and the identifiers of the pre-release: 0x01, count and digits for a
 * numeric one; 0x02, the text and 0x00 for an alphanumeric one (0x00 is below all of its characters, so a prefix sorts
 * first); and 0x00 behind the last, which is below both, so that fewer fields sort first. Build metadata leaves no
 * trace.
 */
#include "lib/core/verparser.h"

#include <string.h>

struct reader {
    const char *at, *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_identifier_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
}

/* RBE_VERKEY_MAX is far above what a name of 128 bytes can make: at most two bytes a character, and a handful. */
static void put(struct rbe_verkey *key, unsigned char c)
{
    key->bytes[key->len++] = c;
}

static void put_text(struct rbe_verkey *key, const char *s, size_t n)
{
    memcpy(key->bytes + key->len, s, n);
    key->len += n;
}

static bool take(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

/* Digits without a zero in front. */
static bool numeric(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_digit(s[i]))
            return false;
    return n == 1 || (n > 1 && s[0] != '0');
}

static void put_number(struct rbe_verkey *key, const char *s, size_t n)
{
    put(key, (unsigned char)n);
    put_text(key, s, n);
}

static bool read_number(struct reader *r, struct rbe_verkey *key)
{
    const char *from = r->at;

    while (r->at < r->end && is_digit(*r->at))
        r->at++;
    size_t n = (size_t)(r->at - from);
    if (!numeric(from, n))
        return false;
    put_number(key, from, n);
    return true;
}

/* One or more identifiers parted by dots. key NULL: build metadata, which is only checked. */
static bool read_identifiers(struct reader *r, struct rbe_verkey *key)
{
    do {
        const char *from = r->at;
        bool digits = true;

        for (; r->at < r->end && is_identifier_char(*r->at); r->at++)
            digits = digits && is_digit(*r->at);
        size_t n = (size_t)(r->at - from);
        if (n == 0)
            return false;
        if (!key)
            continue;
        if (digits) {
            if (!numeric(from, n))
                return false;
            put(key, 0x01);
            put_number(key, from, n);
        } else {
            put(key, 0x02);
            put_text(key, from, n);
            put(key, 0x00);
        }
    } while (take(r, '.'));
    return true;
}

bool rbe_ver_semver(const char *name, size_t len, struct rbe_verkey *ret)
{
    struct reader r = {name, name + len};

    if (!read_number(&r, ret) || !take(&r, '.') || !read_number(&r, ret) || !take(&r, '.') || !read_number(&r, ret))
        return false;
    if (take(&r, '-')) {
        put(ret, 0x01);
        if (!read_identifiers(&r, ret))
            return false;
        put(ret, 0x00);
    } else
        put(ret, 0x02);
    return (!take(&r, '+') || read_identifiers(&r, NULL)) && r.at == r.end;
}
