#include "lib/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct rbe_code_info infos[RBE_CODE_MAX] = {
    [RBE_OK] = {200, 0, 0, "ok"},
    [RBE_FAULT] = {500, -1, 1, "fault"},
    [RBE_UNAVAILABLE] = {503, -1, 1, "unavailable"},
    [RBE_NOSPACE] = {507, -1, 1, "no-space"},
    [RBE_USAGE] = {400, 1, 2, "usage"},
    [RBE_INVALID] = {400, 1001, 1, "invalid"},
    [RBE_REFUSED] = {400, 1, 1, "refused"},
    [RBE_UNAUTHORIZED] = {401, 1, 1, "unauthorized"},
    [RBE_FORBIDDEN] = {403, 1, 1, "forbidden"},
    [RBE_NOTFOUND] = {404, 8001, 1, "not-found"},
    [RBE_NOROUTE] = {404, 1, 1, "no-route"},
    [RBE_METHOD] = {405, 1, 1, "method"},
    [RBE_GONE] = {410, 1, 1, "gone"},
    [RBE_TOOLARGE] = {413, 1, 1, "too-large"},
    [RBE_RANGE] = {416, 1, 1, "range"},
    [RBE_LIMITED] = {429, 1, 1, "limited"},
    [RBE_CDK_EXPIRED] = {403, 7001, 1, "cdk-expired"},
    [RBE_CDK_INVALID] = {403, 7002, 1, "cdk-invalid"},
    [RBE_CDK_QUOTA] = {403, 7003, 1, "cdk-quota"},
    [RBE_CDK_FOREIGN] = {403, 7004, 1, "cdk-foreign"},
    [RBE_CDK_BLOCKED] = {403, 7005, 1, "cdk-blocked"},
    [RBE_BAD_SYSTEM] = {400, 8002, 2, "bad-system"},
    [RBE_BAD_ARCH] = {400, 8003, 2, "bad-arch"},
    [RBE_BAD_CHANNEL] = {400, 8004, 2, "bad-channel"},
    [RBE_RESOURCE_EXISTS] = {409, 8005, 1, "resource-exists"},
    [RBE_VERSION_EXISTS] = {409, 8006, 1, "version-exists"},
    [RBE_PROCESSING] = {409, 8007, 1, "processing"},
    [RBE_UNORDERED] = {400, 8008, 1, "unordered"},
};

const struct rbe_code_info *rbe_code_info(enum rbe_code code)
{
    return &infos[code < RBE_CODE_MAX ? code : RBE_FAULT];
}

__attribute__((format(printf, 5, 0))) static enum rbe_code fail_va(struct rbe_err *e, enum rbe_code code,
                                                                  const char *file, int line, const char *fmt,
                                                                  va_list ap)
{
    if (!e)
        return code;
    e->code = code;
    e->file = file;
    e->line = line;
    e->violations = 0;
    e->no = 0;
    e->retry_after = 0;
    (void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
    return code;
}

enum rbe_code rbe_fail_at(struct rbe_err *e, enum rbe_code code, const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fail_va(e, code, file, line, fmt, ap);
    va_end(ap);
    return code;
}

enum rbe_code rbe_fail_errno_at(struct rbe_err *e, const char *file, int line, const char *fmt, ...)
{
    int no = errno;
    enum rbe_code code = no == ENOSPC || no == EDQUOT ? RBE_NOSPACE : RBE_FAULT;
    va_list ap;

    va_start(ap, fmt);
    fail_va(e, code, file, line, fmt, ap);
    va_end(ap);
    if (e) {
        size_t len = strlen(e->text);

        e->no = no;
        (void)snprintf(e->text + len, sizeof(e->text) - len, ": %s", strerror(no));
    }
    return code;
}

enum rbe_code rbe_invalid_at(struct rbe_err *e, const char *file, int line, const char *field, const char *rule,
                             const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return RBE_INVALID;
    if (e->code != RBE_INVALID)
        e->violations = 0;
    e->no = 0;
    if (e->violations < RBE_VIOLATIONS_MAX) {
        struct rbe_violation *v = &e->violation[e->violations++];

        (void)snprintf(v->field, sizeof(v->field), "%s", field);
        (void)snprintf(v->rule, sizeof(v->rule), "%s", rule);
        va_start(ap, fmt);
        (void)vsnprintf(v->message, sizeof(v->message), fmt, ap);
        va_end(ap);
        if (e->violations == 1) {
            e->file = file;
            e->line = line;
            (void)snprintf(e->text, sizeof(e->text), "%s: %s", v->field, v->message);
        }
    }
    return e->code = RBE_INVALID;
}

enum rbe_code rbe_err_prefix(struct rbe_err *e, const char *fmt, ...)
{
    char prefix[sizeof(e->text)], text[sizeof(e->text)];
    va_list ap;

    if (!e)
        return RBE_FAULT;
    va_start(ap, fmt);
    (void)vsnprintf(prefix, sizeof(prefix), fmt, ap);
    va_end(ap);
    memcpy(text, e->text, sizeof(text));
    size_t n = strlen(prefix), room = sizeof(e->text) - 1;
    if (n > room / 2)
        n = room / 2;
    (void)snprintf(e->text, sizeof(e->text), "%.*s: %.*s", (int)n, prefix, (int)(room - n), text);
    return e->code;
}
