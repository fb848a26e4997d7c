/* DEFLATE (RFC 1951) and gzip (RFC 1952) by zlib. No other file includes zlib.h. */
#ifndef RBE_WRAP_DEFLATE_H
#define RBE_WRAP_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

/* Takes unpacked bytes; a failure stops the reading and is handed up. */
typedef enum rbe_code (*rbe_sink)(void *arg, const void *p, size_t n, struct rbe_err *e);

uint32_t rbe_crc32(uint32_t crc, const void *p, size_t n);    /* start with 0 */

/* Inflates the raw DEFLATE stream in fd's bytes [offset, offset+packed) into sink, giving at most `size` bytes. A stream
 * that is broken, ends early, goes on behind its end, or gives another size: RBE_INVALID, field "file". ret_crc: CRC-32 of
 * what came out. */
enum rbe_code rbe_inflate(int fd, uint64_t offset, uint64_t packed, uint64_t size, rbe_sink sink, void *arg, uint32_t *ret_crc,
                          struct rbe_err *e) RBE_MUST_USE;

struct rbe_gunzip;               /* gzip members of a file, one behind the other, CRC and length of each checked */
struct rbe_gunzip *rbe_gunzip_new(int fd);
void rbe_gunzip_free(struct rbe_gunzip *g);
RBE_DEFINE_CLEANUP(gunzip, struct rbe_gunzip, rbe_gunzip_free)
/* *ret_n of 0 at the end. Broken, truncated or followed by other than zero bytes: RBE_INVALID, field "file". */
enum rbe_code rbe_gunzip_read(struct rbe_gunzip *g, void *p, size_t n, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* Bytes of the file taken so far: where a member ended or broke off. */
uint64_t rbe_gunzip_used(const struct rbe_gunzip *g);

/* Deflates a whole buffer (raw, level 6) into out. */
void rbe_deflate(const void *p, size_t n, struct rbe_str *out);
/* The same of n bytes that are to stand in a stream behind others, the window, of at most 32 KiB. */
void rbe_deflate_behind(const void *window, size_t window_n, const void *p, size_t n, struct rbe_str *out);

/* A block of a DEFLATE stream: where it begins among the bits of the packed bytes, and what it holds among the unpacked ones. */
struct rbe_block {
    uint64_t bit, at;
};
struct rbe_blocks {
    struct rbe_block *v;         /* one more than n: where the last one ends */
    size_t n;
};
void rbe_blocks_release(struct rbe_blocks *b);
/* The blocks of a raw stream, that may refer to a window before it, or of one gzip member (whose checks are not made) in memory.
 * False for what is nothing of the kind or goes on behind its end, and where there are so many blocks that they are of no use. */
bool rbe_deflate_blocks(const void *window, size_t window_n, const void *p, size_t n, struct rbe_blocks *ret);
bool rbe_gzip_blocks(const void *p, size_t n, struct rbe_blocks *ret);

struct rbe_gzip;                 /* one gzip member being written to fd: no name, no time, level 6 */
struct rbe_gzip *rbe_gzip_new(int fd);
struct rbe_gzip *rbe_gzip_new_stored(int fd);    /* level 0: nothing is made smaller, at the cost of a CRC and a copy */
void rbe_gzip_free(struct rbe_gzip *g);
RBE_DEFINE_CLEANUP(gzip, struct rbe_gzip, rbe_gzip_free)
enum rbe_code rbe_gzip_write(struct rbe_gzip *g, const void *p, size_t n, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_gzip_finish(struct rbe_gzip *g, struct rbe_err *e) RBE_MUST_USE;

#endif
