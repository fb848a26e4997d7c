/* A name of unknown origin made fit for a message: quoted, printable UTF-8, of bounded length.
 *
 * Control characters and bytes that are not UTF-8 become \xNN, '"' and '\' get a backslash. What is too long loses its
 * middle, because the end of a path tells more than its middle.
 */
#ifndef RBE_BASE_QUOTE_H
#define RBE_BASE_QUOTE_H

#include <stddef.h>

enum { RBE_QUOTE_TEXT = 160 };
struct rbe_quote {
    char text[RBE_QUOTE_TEXT];
};
/* "a b" with its quotation marks; by value, so that it can stand among the arguments of a message. */
struct rbe_quote rbe_quote(const char *s, size_t len);
/* The same in at most width bytes (16 to RBE_QUOTE_TEXT - 1), for messages that name several things. */
struct rbe_quote rbe_quote_within(const char *s, size_t len, size_t width);

#endif
