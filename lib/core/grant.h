/* Download keys: a right to fetch one package until a time, proved by a signature and kept nowhere.
 *
 * A key is base64url (no padding, one spelling) of
 *     1 byte   kind, which is also the version of the record: 3 download, 4 status of a publish
 *     8 bytes  nonce of a download, so that no two keys are the same; 0 in a status, which stays the same
 *     8 bytes  package row id, big-endian
 *     5 bytes  expiry, seconds since 1970, big-endian
 *     8 bytes  cdk, big-endian: its row id; 0 for none; negative for one that another service vouched for
 *     n bytes  region, [a-z0-9-]{0,24}
 *     32 bytes HMAC-SHA256 (RFC 2104) of all before it
 * at most 86 bytes, 115 characters. Every secret verifies, the first signs.
 */
#ifndef RBE_CORE_GRANT_H
#define RBE_CORE_GRANT_H

#include "lib/core/app.h"

enum { RBE_GRANT_REGION_MAX = RBE_REGION_MAX, RBE_GRANT_TEXT = 116, RBE_GRANT_ID = 16 };
#define RBE_GRANT_EXPIRES_MAX ((INT64_C(1) << 40) - 1)

enum rbe_grant_kind { RBE_GRANT_NONE, RBE_GRANT_DOWNLOAD = 3, RBE_GRANT_STATUS = 4 };

struct rbe_grant {
    enum rbe_grant_kind kind;
    int64_t package;
    int64_t expires;             /* seconds; 0 with RBE_GRANT_STATUS: never */
    int64_t cdk;
    char region[RBE_GRANT_REGION_MAX + 1];
    unsigned char id[RBE_GRANT_ID];  /* tells this key from all others; set by verify, for those who count */
};

/* No system call: a process counts its nonces up from a random number. expires must be at most RBE_GRANT_EXPIRES_MAX,
 * the app must hold a signer. */
void rbe_grant_sign(struct rbe_app *app, const struct rbe_grant *g, char ret_text[static RBE_GRANT_TEXT]);
/* Forged, mangled, of another kind or not canonical: RBE_NOROUTE. Expired, which is from second
 * `expires` + auth.key_skew on: RBE_GONE. */
enum rbe_code rbe_grant_verify(struct rbe_app *app, enum rbe_grant_kind kind, const char *text, int64_t now,
                               struct rbe_grant *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
