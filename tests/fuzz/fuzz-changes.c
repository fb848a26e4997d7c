/* changes.json */
#include <stdint.h>

#include "lib/patch/changes.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_changes changes;
    struct rbe_err e = {0};

    if (rbe_changes_parse((const char *)p, n, &arena, &changes, &e) != RBE_OK && e.text[0] == '\0')
        __builtin_trap();
    return 0;
}
