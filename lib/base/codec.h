/* Small text codings: hexadecimal, base64url (RFC 4648 §5, no padding), percent-encoding (RFC 3986), whole numbers.
 *
 * Decoders take one spelling only where a key or hash depends on it: lower-case hex, base64url with zero spare bits.
 */
#ifndef RBE_BASE_CODEC_H
#define RBE_BASE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/str.h"

/* Writes 2n digits and a NUL. */
void rbe_hex_encode(const void *p, size_t n, char *ret_text);
/* True when text is exactly 2n lower-case hex digits. */
bool rbe_hex_decode(const char *text, size_t len, void *ret_bytes, size_t n);

/* Bytes that rbe_base64url_encode writes for n bytes, without the NUL. */
#define RBE_BASE64URL_LEN(n) (((n) * 4 + 2) / 3)
/* Writes RBE_BASE64URL_LEN(n) characters and a NUL; returns their count. */
size_t rbe_base64url_encode(const void *p, size_t n, char *ret_text);
/* Decodes into at most max bytes; returns their count, or -1 for any character, length or spare bit that an encoder would
 * not have written, or when max is too small. */
ptrdiff_t rbe_base64url_decode(const char *text, size_t len, void *ret_bytes, size_t max);

/* Decodes %XX (and '+' as space when form is set) in place; returns the new length, or -1 for a broken or zero %XX. */
ptrdiff_t rbe_percent_decode(char *text, size_t len, bool form);
/* Puts text with everything but unreserved characters as %XX, fit for a part of a path or a query. */
void rbe_percent_encode(const char *text, struct rbe_str *out);

/* A whole decimal number within [min,max], nothing else in the text. */
bool rbe_int_parse(const char *text, int64_t min, int64_t max, int64_t *ret);

#endif
