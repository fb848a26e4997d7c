/* Unicode by libunistring. No other file includes its headers. */
#ifndef RBE_WRAP_TEXT_H
#define RBE_WRAP_TEXT_H

#include <stddef.h>

#include "lib/base/str.h"

/* Puts the form of a file name that is the same for all names which a file system without letter case or normal forms
 * (NTFS, APFS, HFS+) may take for one: NFD(toCasefold(NFD(s))), Unicode 3.13 D145, without the characters HFS+ ignores.
 * s must be UTF-8. The fold of a path is the folds of its components with slashes between. */
void rbe_text_fold(const char *s, size_t len, struct rbe_str *out);

#endif
