#include "lib/patch/inspector.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/quote.h"
#include "lib/base/sanitize.h"
#include "lib/base/utf8.h"
#include "lib/wrap/child.h"

/* Exit statuses of rbe-inspect. */
enum { EXIT_DONE = 0, EXIT_REFUSED = 3 };

/* Bounds of the child. Memory: xz -9 and zstd's largest default window take up to 200 MiB, and each entry is kept three times
 * with its names. Time: 8 MiB of unpacked bytes a second is a tenth of what a slow machine does. Output: names of 350 bytes on
 * average, where real trees have 60. */
enum { MEMORY = 512 << 20, MEMORY_ENTRY = 1024, CPU_SECONDS = 60, CPU_BYTES_SECOND = 8 << 20 };
enum { OUTPUT = 1 << 20, OUTPUT_ENTRY = 512 };

/* a + b * n, or the largest number when that is too much. */
static uint64_t bound(uint64_t a, uint64_t b, uint64_t n)
{
    uint64_t v;

    return __builtin_mul_overflow(b, n, &v) || __builtin_add_overflow(a, v, &v) ? UINT64_MAX / 2 : v;
}

static uint64_t memory_for(uint64_t entries)
{
#if RBE_SANITIZED
    (void)entries;
    return 0;
#else
    return bound(MEMORY, MEMORY_ENTRY, entries);
#endif
}

/* "rule<TAB>message<NEWLINE>" as the child's refusal. */
static enum rbe_code refused(struct rbe_str *said, struct rbe_err *e)
{
    char *text = said->s ? said->s : NULL, *tab = text ? strchr(text, '\t') : NULL;
    size_t len = tab ? strcspn(tab + 1, "\n") : 0;

    if (!tab || len == 0)
        return rbe_fail(e, RBE_FAULT, "rbe-inspect refused an archive without saying why");
    *tab = '\0';
    tab[1 + len] = '\0';
    if (!rbe_utf8_valid(tab + 1, len) || rbe_utf8_has_control(tab + 1, len))
        return rbe_invalid(e, "file", text, "%s", rbe_quote(tab + 1, len).text);
    return rbe_invalid(e, "file", text, "%s", tab + 1);
}

static enum rbe_code killed(const struct rbe_child_end *end, uint64_t cpu_seconds, struct rbe_err *e)
{
    /* At the hard limit of CPU time the kernel sends SIGKILL. */
    bool slow = end->signal == SIGXCPU || (end->signal == SIGKILL && end->cpu_ns / 1000000000u + 1 >= cpu_seconds);
    const char *name = sigabbrev_np(end->signal);

    if (slow)
        return rbe_invalid(e, "file", "limit_time", "archive could not be read: it takes too much time");
    if (end->signal == SIGKILL || end->signal == SIGTERM)
        return rbe_fail(e, RBE_UNAVAILABLE, "the inspection of the archive was stopped by SIG%s", name);
    return rbe_invalid(e, "file", "broken", "archive could not be read: killed by SIG%s", name ? name : "?");
}

static enum rbe_code ended(const struct rbe_child_end *end, uint64_t cpu_seconds, const struct rbe_str *out,
                           struct rbe_str *errors, struct rbe_manifest *ret, struct rbe_err *e)
{
    if (end->signal != 0)
        return killed(end, cpu_seconds, e);
    if (end->exit == EXIT_REFUSED)
        return refused(errors, e);
    if (end->exit != EXIT_DONE)
        return rbe_fail(e, RBE_FAULT, "rbe-inspect failed with status %d: %.300s", end->exit, rbe_str_text(errors));
    return rbe_manifest_parse(rbe_str_text(out), out->len, ret, e);
}

enum rbe_code rbe_inspector_run(const char *program, const struct rbe_inspect *what, struct rbe_manifest *ret, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str out = {0}, errors = {0};
    struct rbe_child_end end = {0};
    struct rbe_err inner = {0};
    char rules[16], entries[24], bytes[24];

    (void)snprintf(rules, sizeof(rules), "%u", what->rules);
    (void)snprintf(entries, sizeof(entries), "%llu", (unsigned long long)what->limits.entries);
    (void)snprintf(bytes, sizeof(bytes), "%llu", (unsigned long long)what->limits.bytes);
    const char *const argv[] = {program, rbe_arc_name(what->type), rules, entries, bytes, NULL};
    struct rbe_child child = {
        .argv = argv,
        .pass_fd = what->fd,
        .cpu_seconds = CPU_SECONDS + what->limits.bytes / CPU_BYTES_SECOND,
        .memory_bytes = memory_for(what->limits.entries),
        .out_max = (size_t)bound(OUTPUT, OUTPUT_ENTRY, what->limits.entries),
    };
    enum rbe_code code = rbe_child_run(&child, &out, &errors, &end, &inner);
    if (code == RBE_TOOLARGE)
        return rbe_invalid(e, "file", "limit_names", "the archive's names are too long altogether");
    if (code != RBE_OK) {
        if (e)
            *e = inner;
        return code;
    }
    return ended(&end, child.cpu_seconds, &out, &errors, ret, e);
}
