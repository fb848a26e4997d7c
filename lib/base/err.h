/* Errors: one enum of outcomes for the whole project, one table that says what each means outside.
 *
 * A function that can fail returns enum rbe_code and takes a struct rbe_err * last. The code says what kind of failure it
 * is, the text what happened to what, in words a user can act on: no trailing full stop or newline. A failure of the server
 * (RBE_FAULT, RBE_UNAVAILABLE, RBE_NOSPACE) is never reported as the asker's.
 */
#ifndef RBE_BASE_ERR_H
#define RBE_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rbe_code {
    RBE_OK,
    RBE_FAULT,           /* unexpected: I/O, database, a broken invariant outside this process */
    RBE_UNAVAILABLE,     /* a part is away now and may come back: database locked, child killed, no process */
    RBE_NOSPACE,         /* disk or quota full */
    RBE_USAGE,           /* wrong usage of a command line */
    RBE_INVALID,         /* a field breaks a rule: violations name it */
    RBE_REFUSED,         /* understood, against a rule of the business; the text says which */
    RBE_UNAUTHORIZED,    /* no token, or not a good one */
    RBE_FORBIDDEN,       /* a good token without the right */
    RBE_NOTFOUND,        /* resource, version or package not found */
    RBE_NOROUTE,         /* no such path, or a key that proves nothing */
    RBE_METHOD,          /* wrong method for a known path */
    RBE_GONE,            /* was here, is withdrawn, expired or purged */
    RBE_TOOLARGE,        /* over a configured size */
    RBE_RANGE,           /* range not satisfiable */
    RBE_LIMITED,         /* too many requests */
    RBE_CDK_EXPIRED,
    RBE_CDK_INVALID,
    RBE_CDK_QUOTA,
    RBE_CDK_FOREIGN,
    RBE_CDK_BLOCKED,
    RBE_BAD_SYSTEM,
    RBE_BAD_ARCH,
    RBE_BAD_CHANNEL,
    RBE_RESOURCE_EXISTS,
    RBE_VERSION_EXISTS,
    RBE_PROCESSING,      /* still being worked on */
    RBE_UNORDERED,       /* version name no parser takes where the channel needs order */
    RBE_CODE_MAX
};

enum { RBE_VIOLATIONS_MAX = 8 };

struct rbe_violation {
    char field[48];      /* as the asker spells it: "version_name" */
    char rule[32];       /* the rule in one word: "required", "max_length", "format" */
    char message[256];
};

/* A zeroed struct is "no error". file and line say where in our source it arose, for the log. */
struct rbe_err {
    enum rbe_code code;
    int line;
    const char *file;
    int no;                  /* errno where the machine refused (rbe_fail_errno), else 0 */
    int64_t retry_after;     /* seconds until it is worth trying again, 0: not said; after rbe_fail */
    char text[512];
    size_t violations;
    struct rbe_violation violation[RBE_VIOLATIONS_MAX];
};

/* Makes e one that says nothing, as {0} does, without writing over all of it: for what runs at every request. */
static inline void rbe_err_reset(struct rbe_err *e)
{
    e->code = RBE_OK;
    e->line = 0;
    e->file = NULL;
    e->no = 0;
    e->retry_after = 0;
    e->text[0] = '\0';
    e->violations = 0;
}

/* What a code means outside. */
struct rbe_code_info {
    int http;            /* status */
    int api;             /* "code" of the answer */
    int exit;            /* of a command line program */
    const char *name;    /* for logs */
};
const struct rbe_code_info *rbe_code_info(enum rbe_code code);

#define RBE_MUST_USE __attribute__((warn_unused_result))

/* Tells the compiler that a failure is no RBE_OK, so that it sees outputs as set wherever they are read. */
static inline enum rbe_code rbe_failure(enum rbe_code code)
{
    if (code == RBE_OK)
        __builtin_unreachable();
    return code;
}

/* Records the failure and returns its code: return rbe_fail(e, RBE_NOTFOUND, "resource not found"). e may be NULL. */
#define rbe_fail(e, code, ...) rbe_failure(rbe_fail_at((e), (code), __FILE__, __LINE__, __VA_ARGS__))
enum rbe_code rbe_fail_at(struct rbe_err *e, enum rbe_code code, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* The same with ": strerror(errno)" behind it; ENOSPC and EDQUOT become RBE_NOSPACE, else RBE_FAULT. */
#define rbe_fail_errno(e, ...) rbe_failure(rbe_fail_errno_at((e), __FILE__, __LINE__, __VA_ARGS__))
enum rbe_code rbe_fail_errno_at(struct rbe_err *e, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Adds a violation and makes e an RBE_INVALID whose text is the first message; may be called for several fields in turn.
 * Past RBE_VIOLATIONS_MAX further ones are dropped. */
#define rbe_invalid(e, field, rule, ...) \
    rbe_failure(rbe_invalid_at((e), __FILE__, __LINE__, (field), (rule), __VA_ARGS__))
enum rbe_code rbe_invalid_at(struct rbe_err *e, const char *file, int line, const char *field, const char *rule,
                             const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Puts "prefix: " before the text of a failure on its way up. Returns e's code. */
enum rbe_code rbe_err_prefix(struct rbe_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* return-on-failure, for the many places that only hand a failure up. */
#define RBE_TRY(call)                  \
    do {                               \
        enum rbe_code _code = (call);  \
        if (_code != RBE_OK)           \
            return _code;              \
    } while (0)

#endif
