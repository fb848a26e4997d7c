/* DEFLATE and gzip by libdeflate: much faster than zlib, but only on whole buffers, and less strict in reading. So it is for
 * archives that were read strictly before (lib/wrap/deflate) and that fit in memory. No other file includes its header.
 */
#ifndef RBE_WRAP_FLATE_H
#define RBE_WRAP_FLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

uint32_t rbe_flate_crc32(const void *p, size_t n);
/* Inflates a raw stream of n bytes to exactly out_n; false when it is anything else. */
bool rbe_flate_inflate(const void *p, size_t n, void *out, size_t out_n);
/* The same of one gzip member with nothing behind it, checks made. */
bool rbe_flate_gunzip(const void *p, size_t n, void *out, size_t out_n);
/* Deflates n bytes (raw) into out, in the way of rbe_flate_gzip. */
void rbe_flate_deflate(const void *p, size_t n, struct rbe_str *out);
/* Writes n bytes to fd as one gzip member without name and time, no larger than zlib's level 6 makes it, which is gzip -6: up to
 * 256 KiB because both are tried, above because of the level, which was smaller on all releases it was tried on
 * (tests/bench/files.bench). The same bytes from the same data and libraries, whatever the machine. */
enum rbe_code rbe_flate_gzip(int fd, const void *p, size_t n, struct rbe_err *e) RBE_MUST_USE;

#endif
