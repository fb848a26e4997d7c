/* Which version a tree is, as the updater remembers it: .rbe/state.json and the manifest it names.
 *
 *     {"format":1,"resource_id":"app","version_name":"1.2.0","version_number":7,"channel":"stable","system":"linux",
 *      "arch":"amd64","manifest":"<sha256>"}
 * The manifest is in .rbe/manifest-<sha256>, so that replacing state.json replaces both at once.
 */
#ifndef RBE_PATCH_INSTALLED_H
#define RBE_PATCH_INSTALLED_H

#include "lib/patch/home.h"
#include "lib/patch/manifest.h"

enum { RBE_INSTALLED_STATE_MAX = 64 * 1024, RBE_INSTALLED_MANIFEST_MAX = 512 << 20 };

struct rbe_installed {
    bool known;                  /* false: nothing is installed, or what is remembered cannot be read */
    bool broken;                 /* the latter */
    char *resource, *version, *channel, *system, *arch;    /* on the heap, NULL when not known */
    int64_t number;              /* 0 when the server named none */
    unsigned char sum[RBE_SHA256_SIZE];      /* of the manifest */
    struct rbe_manifest manifest;
};

void rbe_installed_release(struct rbe_installed *i);
/* A state or manifest that is missing or broken is not known, and no failure. */
enum rbe_code rbe_installed_load(const struct rbe_home *h, struct rbe_installed *ret, struct rbe_err *e) RBE_MUST_USE;
/* The text of state.json. */
void rbe_installed_format(const struct rbe_installed *i, struct rbe_str *out);
/* The name of the manifest's file, on the heap. */
char *rbe_installed_manifest(const unsigned char sum[static RBE_SHA256_SIZE]);
/* The same for a state's text; NULL when it is broken. */
char *rbe_installed_manifest_of(const struct rbe_str *state);

#endif
