#include "lib/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/mem.h"

static enum rbe_log_level min_level = RBE_LOG_INFO;
static const char *program = "rbe";

void rbe_log_level_set(enum rbe_log_level level)
{
    min_level = level;
}

bool rbe_log_wants(enum rbe_log_level level)
{
    return level >= min_level;
}

void rbe_log_name_set(const char *name)
{
    program = name;
}

struct rbe_jsonw rbe_log_begin(struct rbe_str *out, enum rbe_log_level level, const char *msg)
{
    static const char *const names[RBE_LOG_LEVEL_MAX] = {
        [RBE_LOG_DEBUG] = "debug", [RBE_LOG_INFO] = "info", [RBE_LOG_WARN] = "warn", [RBE_LOG_ERROR] = "error"};
    struct rbe_jsonw w = {.out = out};
    char now[RBE_CLOCK_TEXT];

    rbe_clock_format(rbe_clock_now(), now);
    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_str(&w, "time", now);
    rbe_jsonw_str(&w, "level", names[level]);
    rbe_jsonw_str(&w, "program", program);
    rbe_jsonw_int(&w, "pid", getpid());
    rbe_jsonw_str(&w, "msg", msg);
    return w;
}

void rbe_log_end(struct rbe_jsonw *w)
{
    rbe_jsonw_obj_end(w);
    rbe_str_putc(w->out, '\n');
    /* Nothing can be done about a log that cannot be written. */
    ssize_t n = write(STDERR_FILENO, w->out->s, w->out->len);
    (void)n;
}

/* e: why what the text says did not work, or NULL. */
__attribute__((format(printf, 3, 0))) static void put_line(enum rbe_log_level level, const struct rbe_err *e,
                                                           const char *fmt, va_list ap)
{
    rbe_auto(str) struct rbe_str out = {0};
    char msg[1024];

    if (!rbe_log_wants(level))
        return;
    (void)vsnprintf(msg, sizeof(msg), fmt, ap);
    struct rbe_jsonw w = rbe_log_begin(&out, level, msg);
    if (e) {
        rbe_jsonw_str(&w, "error", e->text);
        rbe_jsonw_str(&w, "code", rbe_code_info(e->code)->name);
        rbe_jsonw_str(&w, "file", e->file);
        rbe_jsonw_int(&w, "line", e->line);
    }
    rbe_log_end(&w);
}

void rbe_log(enum rbe_log_level level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    put_line(level, NULL, fmt, ap);
    va_end(ap);
}

void rbe_log_err(enum rbe_log_level level, const struct rbe_err *e, const char *doing, ...)
{
    va_list ap;

    va_start(ap, doing);
    put_line(level, e, doing, ap);
    va_end(ap);
}
