/* A package from a hostile server: whatever tree it leads to from an old one keeps the rules. */
#include <string.h>

#include "lib/patch/incoming.h"
#include "lib/patch/rules.h"
#include "tests/fuzz/fuzzfd.h"

static void old_tree(struct rbe_manifest *m)
{
    static const char *const files[] = {"app", "doc/a", "doc/b"};
    struct rbe_err e = {0};

    for (size_t i = 0; i < RBE_COUNT(files); i++) {
        struct rbe_entry entry = {.path = files[i], .mode = 0644, .size = 1};

        rbe_sha256_of(files[i], strlen(files[i]), entry.sha256);
        rbe_manifest_add(m, &entry);
    }
    rbe_manifest_add(m, &(struct rbe_entry){.path = "link", .target = "doc", .kind = RBE_KIND_LINK});
    if (rbe_manifest_seal(m, &e) != RBE_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    const struct rbe_incoming_limits limits = {.bytes = 1 << 20, .rules = RBE_RULES_FOLD};
    rbe_autoclose int fd = fuzz_fd(p, n);
    rbe_auto(manifest) struct rbe_manifest old = {0};
    struct rbe_err e = {0};

    old_tree(&old);
    for (int incremental = 0; incremental < 2; incremental++) {
        rbe_auto(manifest) struct rbe_manifest to = {0};
        struct rbe_incoming in = {0};

        if (rbe_incoming_open(fd, incremental, &limits, &in, &e) == RBE_OK &&
            rbe_incoming_target(&in, &old, limits.rules, &to, &e) == RBE_OK)
            for (size_t i = 0; i < to.n; i++)
                if (rbe_rules_name((struct rbe_rules_span){to.entries[i].path, strlen(to.entries[i].path)}, limits.rules, &e) !=
                    RBE_OK)
                    abort();
        rbe_incoming_release(&in);
    }
    return 0;
}
