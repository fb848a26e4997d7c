/* RSA signatures (PKCS#1 v1.5 over SHA-1), by OpenSSL's libcrypto. */
#ifndef RBE_WRAP_RSA_H
#define RBE_WRAP_RSA_H

#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

enum { RBE_RSA_SIGNATURE_MAX = 1024 };   /* bytes: keys of up to 8192 bits */

struct rbe_rsa;   /* a private key */
/* From the text of a PEM file (PKCS#1 or PKCS#8, without a passphrase). Another kind of key, or one that cannot sign
 * here: RBE_REFUSED. */
enum rbe_code rbe_rsa_new(const char *pem, size_t n, struct rbe_rsa **ret, struct rbe_err *e) RBE_MUST_USE;
void rbe_rsa_free(struct rbe_rsa *r);
RBE_DEFINE_CLEANUP(rsa, struct rbe_rsa, rbe_rsa_free)
/* The same message gives the same signature. */
enum rbe_code rbe_rsa_sign(const struct rbe_rsa *r, const void *p, size_t n,
                           unsigned char ret[static RBE_RSA_SIGNATURE_MAX], size_t *ret_len, struct rbe_err *e)
    RBE_MUST_USE;

#endif
