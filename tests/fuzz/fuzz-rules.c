/* Lines of "name" or "name<TAB>target" put into a tree one after the other, under all rules. */
#include <stdint.h>
#include <string.h>

#include "lib/patch/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    rbe_autoptr(rules_tree) struct rbe_rules_tree *t = rbe_rules_tree_new(RBE_RULES_WINDOWS | RBE_RULES_FOLD, 200);
    const char *at = (const char *)p, *end = at + n;
    struct rbe_err e = {0};

    for (size_t id = 0; at < end; id++) {
        const char *nl = memchr(at, '\n', (size_t)(end - at)), *stop = nl ? nl : end;
        const char *tab = memchr(at, '\t', (size_t)(stop - at));
        struct rbe_rules_span target = {tab ? tab + 1 : stop, tab ? (size_t)(stop - tab - 1) : 0};
        size_t len = (size_t)((tab ? tab : stop) - at), found;
        bool dir = !tab && len > 0 && at[len - 1] == '/';
        struct rbe_rules_span path = rbe_rules_path(at, len, dir);
        enum rbe_kind kind = tab ? RBE_KIND_LINK : dir ? RBE_KIND_DIR : RBE_KIND_FILE;

        if (rbe_rules_put(t, path, kind, target, id, &e) == RBE_OK && (!rbe_rules_find(t, path, &found) || found != id))
            abort();
        at = nl ? nl + 1 : end;
    }
    (void)!rbe_rules_end(t, &e);
    return 0;
}
