/* Rights that another service knows of: cdks, uploaders, downloads (auth.cdk_validation_url, uploader_validation_url,
 * download_validation_url).
 *
 * It is asked by a POST of JSON and answers {"code","msg","data"}: 0 is yes, 7001 to 7005 are that verdict, anything else
 * is no; share/doc/api.md has the fields. What it answered is kept in each process for auth.validation_cache. A breaker in
 * the shared file (lib/base/breaker) keeps one that is away or slow from holding up the processes; auth.on_unreachable says
 * what holds then.
 */
#ifndef RBE_CORE_OUTSIDE_H
#define RBE_CORE_OUTSIDE_H

#include "lib/core/app.h"

enum rbe_outside_kind { RBE_OUTSIDE_CDK, RBE_OUTSIDE_UPLOADER, RBE_OUTSIDE_DOWNLOAD, RBE_OUTSIDE_MAX };

enum { RBE_OUTSIDE_FIELDS = 8 };
struct rbe_outside_field {
    const char *name, *text;     /* a text of NULL is null */
};
struct rbe_outside_question {
    enum rbe_outside_kind kind;
    const void *secret;          /* what is to be judged */
    size_t secret_len;
    const char *rid;             /* for which resource */
    const char *address;         /* of the client */
    int64_t now;
    struct rbe_outside_field fields[RBE_OUTSIDE_FIELDS];     /* what is said; ended by a name of NULL */
};
struct rbe_outside_verdict {
    enum rbe_code code;          /* RBE_OK, or RBE_CDK_* */
    int64_t expires_at;          /* of a good one; 0: not said */
};

/* Whether such rights are asked for outside. */
bool rbe_outside_used(const struct rbe_app *app, enum rbe_outside_kind kind);
/* The service is away, or asked by too many: RBE_OK where auth.on_unreachable is allow, but for uploads; else
 * RBE_UNAVAILABLE. An address that showed too many cdks nobody knows (limits.auth_failures): RBE_LIMITED, for all that did
 * not prove good from there within the last hour. */
enum rbe_code rbe_outside_ask(struct rbe_app *app, const struct rbe_outside_question *q,
                              struct rbe_outside_verdict *ret, struct rbe_err *e) RBE_MUST_USE;

/* A cdk of another service as a download key names it: a negative number made of its SHA-256, and the digits of it that
 * the service is told (15 hex digits and a NUL). */
enum { RBE_OUTSIDE_DIGITS = 16 };
int64_t rbe_outside_cdk(const char *cdk);
void rbe_outside_digits(int64_t cdk, char ret_text[static RBE_OUTSIDE_DIGITS]);

/* What a process keeps for it, made when first needed. */
void rbe_outside_free(struct rbe_outside *o);

#endif
