/* Asks a server what to install, in one of its dialects.
 *
 * An answer is judged by its body before its status, as every answer of a server is a JSON object; what is none came from
 * something in between.
 */
#ifndef RBE_PATCH_ASK_H
#define RBE_PATCH_ASK_H

#include "lib/patch/installed.h"
#include "lib/wrap/net.h"

enum rbe_tongue { RBE_TONGUE_NATIVE, RBE_TONGUE_COMPAT, RBE_TONGUE_MAX };

struct rbe_ask {
    struct rbe_net *net;
    enum rbe_tongue tongue;
    const char *server;          /* "https://updates.example", without a slash at its end or with one */
    const char *resource, *channel, *system, *arch;    /* "" for what is not said */
    const char *cdk;             /* "" for none */
    const char *current;         /* the version that is here, "" for none or to ask for the full package */
    const char *delta;           /* formats of patches that can be applied, comma separated; "" for none */
    bool (*stop)(void *arg);
    void *arg;
};

struct rbe_offer {
    bool newer;                  /* another version than the one that is here should be */
    bool incremental;            /* what url leads to leads on from `current`; else it is a full package */
    char *version, *format, *url, *note, *custom, *message;    /* on the heap, never NULL; url "" when there is none */
    int64_t number;              /* 0 when the answer has none */
    int64_t size;                /* -1 when it is not said */
    unsigned char sha256[RBE_SHA256_SIZE];
};
void rbe_offer_release(struct rbe_offer *o);
/* No answer, or none of an update server: RBE_UNAVAILABLE, RBE_LIMITED. What it refuses: the code of its kind, in its words. */
enum rbe_code rbe_ask(const struct rbe_ask *a, const struct rbe_installed *installed, struct rbe_offer *ret, struct rbe_err *e)
    RBE_MUST_USE;
/* Reads an answer's body. */
enum rbe_code rbe_offer_parse(enum rbe_tongue tongue, const char *text, size_t len, const struct rbe_installed *installed,
                              struct rbe_offer *ret, struct rbe_err *e) RBE_MUST_USE;
/* Whether a URL is spoken in clear over a network: plain http, and not to this machine. */
bool rbe_ask_in_clear(const char *url);

#endif
