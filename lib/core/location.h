/* Upload locations: a right to bring one file for one version and platform, given before the file is there.
 *
 * A location is proved by two signatures (HMAC-SHA256, one of auth.sign_secret) and kept nowhere. Its key is
 *     base64url of: 1 byte 'L', 16 random bytes (its id), 5 bytes expiry, 8 bytes the most bytes its file may have
 *                   (big-endian), 32 bytes signature of all that and of what it is for: resource, version name,
 *                   channel, system, arch, file name, each ended by a NUL
 *     "/" and the file name
 * so whoever names the same things can prove that the key was made for them. Who brings the file names nothing, so a
 * policy, base64url of a JSON text with the key, the expiry and the size, is signed for that. First bytes keep the
 * signed texts apart from each other ('L', 'e') and from those of grants (small numbers).
 *
 * Once the file is there, tmp/location-<id in hex>/ holds `file` and `sum`, "<sha256 in hex> <size>\n". It appears as a
 * whole, by a rename that fails where there is one already, and stays when the file is published or refused, so that a
 * location takes one file, and an asker who did not get the answer may ask again. It is swept like all in tmp/.
 */
#ifndef RBE_CORE_LOCATION_H
#define RBE_CORE_LOCATION_H

#include "lib/core/release.h"

enum { RBE_LOCATION_SECONDS = 3600, RBE_LOCATION_NAME_MAX = 128, RBE_LOCATION_ID = 16 };

struct rbe_location {
    const char *key, *name, *policy, *access_key, *signature;    /* name: the file's, made ASCII */
};
/* p says what it is for (staged is not looked at). Fails as rbe_release_expect does. */
enum rbe_code rbe_location_make(struct rbe_app *app, const struct rbe_publish *p, const char *file_name, int64_t now,
                                struct rbe_arena *arena, struct rbe_location *ret, struct rbe_err *e) RBE_MUST_USE;

/* What a good location allows. */
struct rbe_location_right {
    unsigned char id[RBE_LOCATION_ID];
    const char *name;            /* of the file, in the key's memory */
    uint64_t bytes;              /* the most that are taken */
};
/* Looks only at key, policy, access_key and signature; each may be NULL. Forged, or its file is there already:
 * RBE_FORBIDDEN. Too late: RBE_GONE. */
enum rbe_code rbe_location_check(struct rbe_app *app, const struct rbe_location *said, int64_t now,
                                 struct rbe_location_right *ret, struct rbe_err *e) RBE_MUST_USE;
/* Puts a finished file there, synced; its bytes are taken over on success. Another one was faster: RBE_FORBIDDEN. */
enum rbe_code rbe_location_put(struct rbe_app *app, const struct rbe_location_right *right, struct rbe_staging *staged,
                               struct rbe_err *e) RBE_MUST_USE;

/* Publishes what was brought; p as it was for rbe_location_make. Asked again, answers the same. The key is for other
 * things: RBE_FORBIDDEN. No file came: RBE_NOTFOUND. It came and was refused, or the location is too old: RBE_GONE.
 * Somebody else is at it: RBE_PROCESSING. Else as rbe_release_publish; after a failure of the server it may be asked
 * again. */
enum rbe_code rbe_location_publish(struct rbe_app *app, const struct rbe_publish *p, const char *key, int64_t now,
                                   struct rbe_arena *arena, struct rbe_published *ret, struct rbe_err *e)
    RBE_MUST_USE;

#endif
