/* What a server, or whatever is in its place, answers to the updater. */
#include <stdint.h>

#include "lib/patch/ask.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    char version[] = "1.0.0";
    const struct rbe_installed installed = {.known = true, .version = version, .number = 3};
    struct rbe_err e = {0};

    for (enum rbe_tongue tongue = 0; tongue < RBE_TONGUE_MAX; tongue++) {
        struct rbe_offer o = {0};

        if (rbe_offer_parse(tongue, (const char *)p, n, &installed, &o, &e) != RBE_OK)
            continue;
        if (!o.version || !*o.version || !o.url || !o.format || !o.note || !o.custom || !o.message)
            abort();
        (void)rbe_ask_in_clear(o.url);
        rbe_offer_release(&o);
    }
    return 0;
}
