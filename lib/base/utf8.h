/* UTF-8 (RFC 3629): checking, and cutting on a character. */
#ifndef RBE_BASE_UTF8_H
#define RBE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the well-formed sequence at s (1 to 4; no overlong forms, surrogates or beyond U+10FFFF), 0 when there is none. */
size_t rbe_utf8_sequence(const char *s, size_t len);
bool rbe_utf8_valid(const char *s, size_t len);
/* True when a control character (C0, DEL, or C1 as UTF-8) is in s. */
bool rbe_utf8_has_control(const char *s, size_t len);
/* The length in bytes of the first max characters of s, or len when there are fewer. */
size_t rbe_utf8_cut(const char *s, size_t len, size_t max);

#endif
