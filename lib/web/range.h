/* Ranges and validators of RFC 9110, read from header values of (text, length). */
#ifndef RBE_WEB_RANGE_H
#define RBE_WEB_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rbe_range {
    RBE_RANGE_WHOLE,             /* not a range we follow: malformed, another unit, several ranges */
    RBE_RANGE_PART,
    RBE_RANGE_UNSATISFIABLE
};

/* The value of Range for a body of size bytes; on PART the first and last byte, last < size. */
enum rbe_range rbe_range_parse(const char *text, size_t len, uint64_t size, uint64_t *ret_first, uint64_t *ret_last);
/* True when a list of entity tags ("*" means any) holds this one (given without quotes). weak: compared weakly, as
 * If-None-Match wants it; else a weak tag of the list matches nothing, as If-Match and If-Range want it. */
bool rbe_range_listed(const char *text, size_t len, const char *etag, bool weak);

#endif
