/* The parsers of version names that vercmp.c puts in its table: private to it and the ver-*.c files.
 *
 * Each takes a name without its leading 'v', and either refuses it (false) or fills the key's bytes and len.
 */
#ifndef RBE_CORE_VERPARSER_H
#define RBE_CORE_VERPARSER_H

#include "lib/core/vercmp.h"

/* Strict SemVer 2.0.0 (https://semver.org/spec/v2.0.0.html). */
bool rbe_ver_semver(const char *name, size_t len, struct rbe_verkey *ret);
/* RFC 3339 date or date-time, "2024-01-15 10:30:00[.000]", "20240115103000". */
bool rbe_ver_datetime(const char *name, size_t len, struct rbe_verkey *ret);

#endif
