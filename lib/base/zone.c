#include "lib/base/zone.h"

#include <stdbool.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"

enum { HEADER = 44, TYPE = 6, DAY = 86400, HOUR = 3600, COUNTS = 6, FOOTER_MAX = 256 };
enum count { ISUT, ISSTD, LEAP, TIME, TYPES, CHARS };

/* "M3.5.0/3", "J60", "59": a day of each year, and a time of that day. */
struct rule {
    char form;                   /* 'M', 'J', or '0' for a day counted from 0 */
    int month, week, day;
    int64_t time;
};

struct rbe_zone {
    int64_t before;              /* offset before the first transition */
    size_t n;
    struct transition {
        int64_t at, offset;      /* from that moment on */
    } *t;
    bool ruled;                  /* the rest holds after the last transition */
    bool summer;                 /* there is summer time */
    int64_t standard, daylight;
    struct rule start, end;      /* of summer time */
};

/* ---- the file ---- */

static int64_t number(const unsigned char *p, size_t bytes)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0;

    for (; bytes; bytes--)
        v = v << 8 | *p++;
    return (int64_t)v;
}

/* A header and the size of the block that follows it. */
static bool read_header(const unsigned char *p, size_t n, size_t time_bytes, size_t count[static COUNTS],
                        size_t *ret_block)
{
    if (n < HEADER || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
        return false;
    for (size_t i = 0; i < COUNTS; i++) {
        int64_t v = number(p + 20 + 4 * i, 4);

        if (v < 0 || v > RBE_ZONE_BYTES_MAX)
            return false;
        count[i] = (size_t)v;
    }
    *ret_block = count[TIME] * (time_bytes + 1) + count[TYPES] * TYPE + count[CHARS] + count[LEAP] * (time_bytes + 4) +
                 count[ISSTD] + count[ISUT];
    return *ret_block <= n - HEADER;
}

static bool read_block(struct rbe_zone *z, const unsigned char *p, const size_t count[static COUNTS])
{
    const unsigned char *index = p + 8 * count[TIME], *type = index + count[TIME];

    if (count[TYPES] == 0 || count[LEAP] > 0)
        return false;
    z->before = number(type, 4);
    z->n = count[TIME];
    z->t = rbe_alloc_array(z->n, sizeof(*z->t));
    for (size_t i = 0; i < z->n; i++) {
        if (index[i] >= count[TYPES])
            return false;
        z->t[i] = (struct transition){number(p + 8 * i, 8), number(type + (size_t)index[i] * TYPE, 4)};
        if (i && z->t[i].at <= z->t[i - 1].at)
            return false;
        if (z->t[i].offset < -2 * DAY || z->t[i].offset > 2 * DAY)
            return false;
    }
    return z->before >= -2 * DAY && z->before <= 2 * DAY;
}

/* ---- the POSIX TZ string: each reads on from *at ---- */

static bool read_name(const char **at)
{
    const char *from = *at;
    bool quoted = *from == '<';

    if (quoted)
        ++*at;
    while ((**at >= 'A' && **at <= 'Z') || (**at >= 'a' && **at <= 'z') ||
           (quoted && ((**at >= '0' && **at <= '9') || **at == '+' || **at == '-')))
        ++*at;
    if (quoted)
        return *(*at)++ == '>';
    return *at - from >= 3;
}

static bool read_int(const char **at, int min, int max, int *ret)
{
    const char *from = *at;

    for (*ret = 0; **at >= '0' && **at <= '9' && *at - from < 4; ++*at)
        *ret = *ret * 10 + (**at - '0');
    return *at > from && *ret >= min && *ret <= max;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **at, int64_t *ret)
{
    bool minus = **at == '-';
    int hour, part;

    if (**at == '-' || **at == '+')
        ++*at;
    if (!read_int(at, 0, 167, &hour))
        return false;
    *ret = (int64_t)hour * HOUR;
    for (int scale = 60; scale && **at == ':'; scale /= 60) {
        ++*at;
        if (!read_int(at, 0, 59, &part))
            return false;
        *ret += part * scale;
    }
    if (minus)
        *ret = -*ret;
    return true;
}

static bool read_rule(const char **at, struct rule *ret)
{
    *ret = (struct rule){.form = '0', .time = 2 * HOUR};
    if (*(*at)++ != ',')
        return false;
    if (**at == 'M' || **at == 'J')
        ret->form = *(*at)++;
    if (ret->form == 'M') {
        if (!read_int(at, 1, 12, &ret->month) || *(*at)++ != '.' || !read_int(at, 1, 5, &ret->week) ||
            *(*at)++ != '.' || !read_int(at, 0, 6, &ret->day))
            return false;
    } else if (!read_int(at, ret->form == 'J', 365, &ret->day))
        return false;
    if (**at != '/')
        return true;
    ++*at;
    return read_time(at, &ret->time);
}

/* West is positive in it, and it may be empty: then nothing changes any more. */
static bool read_rules(struct rbe_zone *z, const char *text)
{
    z->ruled = *text != '\0';
    if (!z->ruled)
        return true;
    if (!read_name(&text) || !read_time(&text, &z->standard))
        return false;
    z->standard = -z->standard;
    z->summer = *text != '\0';
    if (!z->summer)
        return true;
    if (!read_name(&text))
        return false;
    z->daylight = z->standard + HOUR;
    if (*text != ',') {
        if (!read_time(&text, &z->daylight))
            return false;
        z->daylight = -z->daylight;
    }
    return read_rule(&text, &z->start) && read_rule(&text, &z->end) && *text == '\0';
}

static bool read_footer(struct rbe_zone *z, const unsigned char *p, size_t n)
{
    const unsigned char *end = n && p[0] == '\n' ? memchr(p + 1, '\n', n - 1) : NULL;
    char text[FOOTER_MAX];

    if (!end || end - p > FOOTER_MAX || memchr(p, '\0', (size_t)(end - p)))
        return false;
    memcpy(text, p + 1, (size_t)(end - p) - 1);
    text[end - p - 1] = '\0';
    return read_rules(z, text);
}

struct rbe_zone *rbe_zone_parse(const void *file, size_t n)
{
    const unsigned char *p = file;
    size_t count[COUNTS], block;

    if (n > RBE_ZONE_BYTES_MAX || !read_header(p, n, 4, count, &block))
        return NULL;
    p += HEADER + block;
    n -= HEADER + block;
    if (!read_header(p, n, 8, count, &block))
        return NULL;
    struct rbe_zone *z = rbe_alloc(sizeof(*z));
    if (read_block(z, p + HEADER, count) && read_footer(z, p + HEADER + block, n - HEADER - block))
        return z;
    rbe_zone_free(z);
    return NULL;
}

void rbe_zone_free(struct rbe_zone *z)
{
    if (!z)
        return;
    free(z->t);
    free(z);
}

/* ---- asking ---- */

static int64_t days_of(int64_t year, int month, int day)
{
    const struct rbe_civil c = {.year = year, .month = month, .day = day};

    return rbe_civil_seconds(&c) / DAY;
}

/* Days since 1970 on which the rule falls in a year. */
static int64_t day_of(const struct rule *r, int64_t year)
{
    int64_t january = days_of(year, 1, 1);

    if (r->form == '0')
        return january + r->day;
    if (r->form == 'J') {
        bool leap = days_of(year, 3, 1) - january == 60;

        return january + r->day - 1 + (leap && r->day >= 60);
    }
    int64_t first = days_of(year, r->month, 1);
    int64_t next = r->month == 12 ? days_of(year + 1, 1, 1) : days_of(year, r->month + 1, 1);
    /* 1970-01-01 was a Thursday */
    int64_t weekday = ((first + 4) % 7 + 7) % 7;
    int64_t day = first + (r->day - weekday + 7) % 7 + (int64_t)(r->week - 1) * 7;

    return day < next ? day : day - 7;
}

/* Of the last change before that moment; a rule's time may reach into the year beside. */
static int64_t by_rules(const struct rbe_zone *z, int64_t seconds)
{
    int64_t year = rbe_civil_of(seconds).year, last = INT64_MIN, offset = z->standard;

    if (!z->summer)
        return z->standard;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        int64_t start = day_of(&z->start, y) * DAY + z->start.time - z->standard;
        int64_t end = day_of(&z->end, y) * DAY + z->end.time - z->daylight;

        if (start <= seconds && start > last) {
            last = start;
            offset = z->daylight;
        }
        if (end <= seconds && end > last) {
            last = end;
            offset = z->standard;
        }
    }
    return offset;
}

int64_t rbe_zone_offset(const struct rbe_zone *z, int64_t seconds)
{
    size_t low = 0, high = z ? z->n : 0;

    if (!z)
        return 0;
    if (z->ruled && (z->n == 0 || seconds >= z->t[z->n - 1].at))
        return by_rules(z, seconds);
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (z->t[middle].at <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? z->t[low - 1].offset : z->before;
}

int64_t rbe_zone_day(const struct rbe_zone *z, int64_t seconds)
{
    int64_t local = seconds + rbe_zone_offset(z, seconds), day = local / DAY;

    return day - (local % DAY < 0);
}
