/* auth.sign_secret over the years: a fresh secret goes in front, the oldest falls out, and the configuration file stays
 * what its admin wrote.
 */
#ifndef RBE_CORE_SECRETS_H
#define RBE_CORE_SECRETS_H

#include "lib/core/settings.h"

enum { RBE_SECRET_TEXT = 44 };
/* 256 random bits in base64url. */
void rbe_secrets_make(char ret_text[static RBE_SECRET_TEXT]);

/* The text of a configuration file with that secret in front of its auth.sign_secret, at most RBE_SECRETS_MAX of them,
 * and all else as it was. */
enum rbe_code rbe_secrets_edit(const char *text, size_t n, const char *secret, struct rbe_str *ret, size_t *ret_dropped,
                               struct rbe_err *e) RBE_MUST_USE;

struct rbe_secrets_rotated {
    const char *file;            /* the one that was changed, in the arena */
    size_t secrets, dropped;     /* how many stand there now, and how many fell out */
};
/* Does so with the file that auth.sign_secret stands in: the local one where it overrides the key. The file is replaced as
 * a whole and keeps its mode and owner; two at once go one after the other. Set by the environment: RBE_REFUSED. */
enum rbe_code rbe_secrets_rotate(const struct rbe_settings *settings, struct rbe_arena *arena,
                                 struct rbe_secrets_rotated *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
