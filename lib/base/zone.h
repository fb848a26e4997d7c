/* A time zone read from a TZif file (RFC 8536), so that the local day is known without the process-wide TZ of libc.
 *
 * Version 2 and later are taken: transitions as 64-bit numbers, then a POSIX TZ string for the time after the last of
 * them. A file that counts leap seconds is refused, as time here does not.
 */
#ifndef RBE_BASE_ZONE_H
#define RBE_BASE_ZONE_H

#include <stddef.h>
#include <stdint.h>

enum { RBE_ZONE_BYTES_MAX = 64 * 1024 };

struct rbe_zone;
/* NULL when p is no such file. */
struct rbe_zone *rbe_zone_parse(const void *p, size_t n);
void rbe_zone_free(struct rbe_zone *z);

/* What is added to UTC at that moment, in seconds. z of NULL is UTC. */
int64_t rbe_zone_offset(const struct rbe_zone *z, int64_t seconds);
/* Local days since 1970-01-01. */
int64_t rbe_zone_day(const struct rbe_zone *z, int64_t seconds);

#endif
