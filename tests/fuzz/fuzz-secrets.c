/* A configuration's text that gets a fresh secret: nothing else is lost. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/secrets.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static const char secret[] = "0123456789abcdef";
    rbe_autofree char *text = rbe_strndup((const char *)p, n);
    rbe_auto(str) struct rbe_str out = {0};
    struct rbe_err e = {0};
    size_t dropped = 0;

    n = strlen(text);
    if (rbe_secrets_edit(text, n, secret, &out, &dropped, &e) != RBE_OK)
        return 0;
    /* all that may go is a null, and what was dropped */
    if (!strstr(rbe_str_text(&out), secret) || (dropped == 0 && out.len + 4 < n))
        abort();
    return 0;
}
