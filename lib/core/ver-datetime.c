/* Dates and instants:
 *     2024-01-15                       midnight UTC
 *     2024-01-15T10:30:00[.5](Z|+02:00)    RFC 3339, 't' and 'z' too
 *     2024-01-15 10:30:00[.5]          UTC
 *     20240115103000                   UTC
 * of the years 0000 to 9999, each a real date and time of day. A leap second (:60) is refused: it cannot be told from
 * the second after it in a count of seconds. An offset is taken away, so the same instant has the same key however
 * written.
 *
 * The key: seconds since 1970 as a 64-bit number raised by 2^63, big-endian, then the digits of the fraction without
 * zeros at the end: a fraction of any length is compared exactly.
 */
#include "lib/core/verparser.h"

#include <stdint.h>
#include <string.h>

#include "lib/base/clock.h"

struct reader {
    const char *at, *end;
};

static bool take(struct reader *r, const char *any_of)
{
    if (r->at == r->end || !strchr(any_of, *r->at) || !*r->at)
        return false;
    r->at++;
    return true;
}

/* Exactly n digits. */
static bool digits(struct reader *r, int n, int *ret)
{
    *ret = 0;
    for (; n; n--) {
        if (r->at == r->end || *r->at < '0' || *r->at > '9')
            return false;
        *ret = *ret * 10 + (*r->at++ - '0');
    }
    return true;
}

/* Three numbers, the first of `width` digits and the others of two, parted by sep (0: by nothing). */
static bool three(struct reader *r, int width, char sep, int ret[static 3])
{
    for (int i = 0; i < 3; i++) {
        if (i && sep && !take(r, (const char[]){sep, '\0'}))
            return false;
        if (!digits(r, i ? 2 : width, &ret[i]))
            return false;
    }
    return true;
}

/* ".123": its digits but for zeros at the end. */
static bool fraction(struct reader *r, const char **ret, size_t *ret_n)
{
    *ret = r->at;
    *ret_n = 0;
    if (!take(r, "."))
        return true;
    *ret = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        if (*r->at++ != '0')
            *ret_n = (size_t)(r->at - *ret);
    return r->at > *ret;
}

/* "Z" or "+02:00", in seconds ahead of UTC. */
static bool offset(struct reader *r, int64_t *ret)
{
    int hours, minutes;
    bool west;

    *ret = 0;
    if (take(r, "Zz"))
        return true;
    west = r->at < r->end && *r->at == '-';
    if (!take(r, "+-") || !digits(r, 2, &hours) || !take(r, ":") || !digits(r, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *ret = (west ? -1 : 1) * (int64_t)(hours * 3600 + minutes * 60);
    return true;
}

static void put(struct rbe_verkey *key, int64_t seconds, const char *fraction_digits, size_t n)
{
    uint64_t raised = (uint64_t)seconds + (UINT64_C(1) << 63);

    for (int shift = 56; shift >= 0; shift -= 8)
        key->bytes[key->len++] = (unsigned char)(raised >> shift);
    memcpy(key->bytes + key->len, fraction_digits, n);
    key->len += n;
}

bool rbe_ver_datetime(const char *name, size_t len, struct rbe_verkey *ret)
{
    struct reader r = {name, name + len};
    int date[3], time[3] = {0};
    int64_t ahead = 0;
    const char *part = name;
    size_t n = 0;

    if (len == 14 && memchr(name, '-', len) == NULL) {
        if (!three(&r, 4, 0, date) || !three(&r, 2, 0, time))
            return false;
    } else {
        if (!three(&r, 4, '-', date))
            return false;
        bool utc = r.at < r.end && *r.at == ' ';
        if (take(&r, "Tt ") &&
            (!three(&r, 2, ':', time) || !fraction(&r, &part, &n) || (!utc && !offset(&r, &ahead))))
            return false;
    }
    const struct rbe_civil civil = {date[0], date[1], date[2], time[0], time[1], time[2]};
    if (r.at != r.end || !rbe_civil_valid(&civil))
        return false;
    put(ret, rbe_civil_seconds(&civil) - ahead, part, n);
    return true;
}
