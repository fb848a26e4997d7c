/* The log: one JSON object a line on standard error, written with a single write(2) so that lines of several processes
 * never mix. Only those who decide log: the request loop, a batch job, a command line's main. Never a cdk, token or key.
 */
#ifndef RBE_BASE_LOG_H
#define RBE_BASE_LOG_H

#include <stdbool.h>

#include "lib/base/err.h"
#include "lib/base/jsonw.h"

enum rbe_log_level { RBE_LOG_DEBUG, RBE_LOG_INFO, RBE_LOG_WARN, RBE_LOG_ERROR, RBE_LOG_LEVEL_MAX };

/* The level is one of the project's two globals: lines below it are not written. */
void rbe_log_level_set(enum rbe_log_level level);
bool rbe_log_wants(enum rbe_log_level level);
/* The program's name, put on every line; text that lives as long as the process. */
void rbe_log_name_set(const char *name);

/* A plain line. */
void rbe_log(enum rbe_log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A line for a failure: its text, code, file and line, after what was being done. */
void rbe_log_err(enum rbe_log_level level, const struct rbe_err *e, const char *doing, ...)
    __attribute__((format(printf, 3, 4)));

/* A line with fields of its own: begin writes time, level, program and msg and returns a writer; end writes it out.
 * out must be an empty string; the caller releases it. */
struct rbe_jsonw rbe_log_begin(struct rbe_str *out, enum rbe_log_level level, const char *msg);
void rbe_log_end(struct rbe_jsonw *w);

#endif
