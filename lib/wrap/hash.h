/* SHA-256, HMAC-SHA256 and MD5 by OpenSSL's libcrypto, and random bytes. Its headers are included here and in rsa.c only. */
#ifndef RBE_WRAP_HASH_H
#define RBE_WRAP_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/mem.h"

enum { RBE_SHA256_SIZE = 32, RBE_SHA256_TEXT = 2 * RBE_SHA256_SIZE + 1, RBE_MD5_SIZE = 16, RBE_MD5_TEXT = 33 };

struct rbe_sha256;   /* a hash being made */
struct rbe_sha256 *rbe_sha256_new(void);
void rbe_sha256_free(struct rbe_sha256 *h);
RBE_DEFINE_CLEANUP(sha256, struct rbe_sha256, rbe_sha256_free)
void rbe_sha256_put(struct rbe_sha256 *h, const void *p, size_t n);
/* Writes the hash and makes h ready for the next message. */
void rbe_sha256_end(struct rbe_sha256 *h, unsigned char ret_sum[static RBE_SHA256_SIZE]);
void rbe_sha256_of(const void *p, size_t n, unsigned char ret_sum[static RBE_SHA256_SIZE]);

/* A key made ready once, used for many messages (about half a µs each); not shared between threads. */
struct rbe_hmac;
struct rbe_hmac *rbe_hmac_new(const void *key, size_t n);
void rbe_hmac_free(struct rbe_hmac *h);
RBE_DEFINE_CLEANUP(hmac, struct rbe_hmac, rbe_hmac_free)
void rbe_hmac_of(struct rbe_hmac *h, const void *p, size_t n, unsigned char ret_sum[static RBE_SHA256_SIZE]);

/* For those who want no other; proves nothing by itself. False where the library has none (FIPS). */
bool rbe_md5_of(const void *p, size_t n, unsigned char ret_sum[static RBE_MD5_SIZE]);

/* Constant time. */
bool rbe_hash_equal(const void *a, const void *b, size_t n);
/* Bytes fit for secrets; aborts when the system has none. */
void rbe_random(void *ret, size_t n);

#endif
