#include "lib/wrap/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <uninorm.h>

#include "lib/base/mem.h"
#include "lib/base/utf8.h"

static bool fold_ascii(const char *s, size_t len, struct rbe_str *out)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)s[i] >= 0x80)
            return false;
    for (size_t i = 0; i < len; i++)
        rbe_str_putc(out, (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + ('a' - 'A') : s[i]));
    return true;
}

/* Zero-width joiners and direction marks, U+200C-200F, U+202A-202E, U+206A-206F, U+FEFF, which HFS+ leaves out when it
 * compares names. */
static bool ignored(const unsigned char *p, size_t n)
{
    if (n != 3)
        return false;
    if (p[0] == 0xef)
        return p[1] == 0xbb && p[2] == 0xbf;
    if (p[0] != 0xe2)
        return false;
    if (p[1] == 0x80)
        return (p[2] >= 0x8c && p[2] <= 0x8f) || (p[2] >= 0xaa && p[2] <= 0xae);
    return p[1] == 0x81 && p[2] >= 0xaa && p[2] <= 0xaf;
}

void rbe_text_fold(const char *s, size_t len, struct rbe_str *out)
{
    size_t n;

    if (fold_ascii(s, len, out))
        return;
    rbe_autofree uint8_t *folded = u8_casefold((const uint8_t *)s, len, NULL, UNINORM_NFD, NULL, &n);
    if (!folded)
        abort();
    for (size_t i = 0, width; i < n; i += width) {
        width = rbe_utf8_sequence((const char *)folded + i, n - i);
        if (width == 0)
            width = 1;
        if (!ignored(folded + i, width))
            rbe_str_put(out, folded + i, width);
    }
}
