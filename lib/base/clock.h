/* Time as the project keeps it: whole seconds UTC since 1970 in an int64_t, and its text forms.
 *
 * Calendar arithmetic is the proleptic Gregorian one (days_from_civil as in H. Hinnant's "chrono-compatible low-level date
 * algorithms"), so no time zone database or global state is touched.
 */
#ifndef RBE_BASE_CLOCK_H
#define RBE_BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rbe_civil {
    int64_t year;
    int month, day, hour, minute, second;    /* month and day from 1 */
};

int64_t rbe_clock_now(void);
/* Nanoseconds of a clock that never jumps; only differences mean something. */
uint64_t rbe_clock_mono(void);
/* Nanoseconds UTC since 1970, for what is compared with other machines. */
uint64_t rbe_clock_wall(void);
/* False when the date or time of day does not exist (a leap second is refused). */
bool rbe_civil_valid(const struct rbe_civil *c);
/* c must be valid. */
int64_t rbe_civil_seconds(const struct rbe_civil *c);
struct rbe_civil rbe_civil_of(int64_t seconds);

enum { RBE_CLOCK_TEXT = 32 };
/* RFC 3339 with a Z: "2026-01-15T10:30:00Z". */
void rbe_clock_format(int64_t seconds, char ret_text[static RBE_CLOCK_TEXT]);
/* HTTP-date (RFC 9110 §5.6.7): "Thu, 15 Jan 2026 10:30:00 GMT". */
void rbe_clock_format_http(int64_t seconds, char ret_text[static RBE_CLOCK_TEXT]);
/* The same text read; false when it is no such date. */
bool rbe_clock_parse_http(const char *text, int64_t *ret_seconds);
/* A span such as "90d", "10m", "45s", "2h", "1w" or plain seconds; false when it is none or overflows. */
bool rbe_duration_parse(const char *text, int64_t *ret_seconds);

#endif
