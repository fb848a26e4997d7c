/* The order of version names. A parser turns a name into a key that memcmp orders; two names compare only when the
 * same parser, the first in the table that takes them, made their keys. One leading 'v' or 'V' is ignored.
 *
 * To add a parser: one file ver-<name>.c with one function, and one line in the table of vercmp.c. The parsers'
 * numbers are kept in the database, so the table only grows at its end; `rbe-admin migrate` reads names again when it
 * has grown.
 */
#ifndef RBE_CORE_VERCMP_H
#define RBE_CORE_VERCMP_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/str.h"

enum { RBE_VERKEY_MAX = 640 };   /* bytes a key of a 128-byte name can take */

struct rbe_verkey {
    int parser;                  /* from 1; 0: no parser takes the name */
    size_t len;
    unsigned char bytes[RBE_VERKEY_MAX];
};

/* name: at most 128 bytes; a longer one is taken by no parser. */
void rbe_verkey_of(const char *name, struct rbe_verkey *ret);
/* Keys of the same parser: <0, 0, >0. */
int rbe_verkey_cmp(const void *a, size_t a_len, const void *b, size_t b_len);
/* Name of a parser for people ("semver"), "none" for 0. */
const char *rbe_verparser_name(int parser);
/* Names the parsers in their order, so that keys kept under other rules can be found stale. */
void rbe_vercmp_rules(struct rbe_str *out);

#endif
