#include "lib/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/base/codec.h"

int64_t rbe_clock_now(void)
{
    return (int64_t)time(NULL);
}

static uint64_t nanoseconds_of(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t rbe_clock_mono(void)
{
    return nanoseconds_of(CLOCK_MONOTONIC);
}

uint64_t rbe_clock_wall(void)
{
    return nanoseconds_of(CLOCK_REALTIME);
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

bool rbe_civil_valid(const struct rbe_civil *c)
{
    return c->year >= 0 && c->year <= 9999 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days_in_month(c->year, c->month) && c->hour >= 0 && c->hour <= 23 && c->minute >= 0 &&
           c->minute <= 59 && c->second >= 0 && c->second <= 59;
}

int64_t rbe_civil_seconds(const struct rbe_civil *c)
{
    int64_t y = c->month <= 2 ? c->year - 1 : c->year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (c->month + (c->month > 2 ? -3 : 9)) + 2) / 5 + c->day - 1;
    int64_t days = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;

    return days * 86400 + c->hour * 3600 + c->minute * 60 + c->second;
}

struct rbe_civil rbe_civil_of(int64_t seconds)
{
    int64_t days = seconds / 86400, rest = seconds % 86400;

    if (rest < 0) {
        rest += 86400;
        days--;
    }
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);

    return (struct rbe_civil){
        .year = yoe + era * 400 + (month <= 2),
        .month = month,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (int)(rest / 3600),
        .minute = (int)(rest / 60 % 60),
        .second = (int)(rest % 60),
    };
}

void rbe_clock_format(int64_t seconds, char ret_text[static RBE_CLOCK_TEXT])
{
    struct rbe_civil c = rbe_civil_of(seconds);

    (void)snprintf(ret_text, RBE_CLOCK_TEXT, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)c.year, c.month, c.day, c.hour,
                   c.minute, c.second);
}

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

void rbe_clock_format_http(int64_t seconds, char ret_text[static RBE_CLOCK_TEXT])
{
    static const char days[] = "ThuFriSatSunMonTueWed";
    struct rbe_civil c = rbe_civil_of(seconds);
    int64_t day = (seconds - (c.hour * 3600 + c.minute * 60 + c.second)) / 86400;
    int weekday = (int)((day % 7 + 7) % 7);

    (void)snprintf(ret_text, RBE_CLOCK_TEXT, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * weekday, c.day,
                   months + 3 * (c.month - 1), (int)c.year, c.hour, c.minute, c.second);
}

bool rbe_clock_parse_http(const char *text, int64_t *ret_seconds)
{
    char month[4] = "", again[RBE_CLOCK_TEXT];
    struct rbe_civil c = {.month = 1};
    int year;

    if (sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d GMT", &c.day, month, &year, &c.hour, &c.minute, &c.second) != 6)
        return false;
    c.year = year;
    while (c.month <= 12 && strncmp(months + 3 * (c.month - 1), month, 3) != 0)
        c.month++;
    if (!rbe_civil_valid(&c))
        return false;
    *ret_seconds = rbe_civil_seconds(&c);
    /* one spelling, and the right day of the week */
    rbe_clock_format_http(*ret_seconds, again);
    return strcmp(text, again) == 0;
}

bool rbe_duration_parse(const char *text, int64_t *ret_seconds)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    char number[16];
    size_t len = strlen(text);
    int64_t scale = 1, n;

    if (len == 0 || len >= sizeof(number))
        return false;
    memcpy(number, text, len + 1);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (number[len - 1] == units[i].unit) {
            scale = units[i].seconds;
            number[len - 1] = '\0';
            break;
        }
    if (!rbe_int_parse(number, 0, INT32_MAX, &n))
        return false;
    *ret_seconds = n * scale;
    return true;
}
