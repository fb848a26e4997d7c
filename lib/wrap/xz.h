/* The .xz format by liblzma. No other file includes its headers. */
#ifndef RBE_WRAP_XZ_H
#define RBE_WRAP_XZ_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

/* Packs what stands in in_fd into out_fd, which is empty: one block, CRC-32, preset 9e with lc 4 and pb 0 and a dictionary no
 * larger than the input needs. Memory: rbe_xz_memory. */
enum rbe_code rbe_xz_pack(int in_fd, int out_fd, struct rbe_err *e) RBE_MUST_USE;
/* The most memory that packing n bytes takes. */
uint64_t rbe_xz_memory(uint64_t n);

struct rbe_unxz;                 /* an .xz file being unpacked */
/* From fd's start (pread); fd stays the caller's. A file that wants more than 128 MiB to be unpacked is refused. */
struct rbe_unxz *rbe_unxz_new(int fd);
void rbe_unxz_free(struct rbe_unxz *x);
RBE_DEFINE_CLEANUP(unxz, struct rbe_unxz, rbe_unxz_free)
/* The next bytes; *ret_n of 0 at the end, checks made. Broken, truncated, or followed by anything: RBE_INVALID, field
 * "patch". */
enum rbe_code rbe_unxz_read(struct rbe_unxz *x, void *p, size_t n, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* Bytes of the file taken so far: where the stream ended or broke off. */
uint64_t rbe_unxz_used(const struct rbe_unxz *x);

#endif
