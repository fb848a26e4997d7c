/* The formats of packages by their names, and sets of them. */
#ifndef RBE_CORE_FORMAT_H
#define RBE_CORE_FORMAT_H

#include "lib/store/package.h"

/* "files", "vcdiff", …; NULL for a full package. */
const char *rbe_format_name(enum rbe_format format);

/* A set holds bit (1 << format) of delta formats. */
#define RBE_FORMAT_BIT(format) (1u << (format))
/* The delta formats of a comma separated list as clients send it; names that are not known are passed over. */
unsigned rbe_format_set(const char *list);
/* The delta format of a name; false when it is none. */
bool rbe_format_delta(const char *name, size_t len, enum rbe_format *ret);

#endif
