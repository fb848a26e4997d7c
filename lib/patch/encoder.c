#include "lib/patch/encoder.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/base/sanitize.h"
#include "lib/wrap/child.h"

/* At the hard limit of CPU time the kernel sends SIGKILL. */
static bool out_of_time(const struct rbe_child_end *end, uint64_t cpu_seconds)
{
    return end->signal == SIGXCPU || (end->signal == SIGKILL && end->cpu_ns / 1000000000u + 1 >= cpu_seconds);
}

static enum rbe_code killed(const struct rbe_encoder *how, const struct rbe_engine *engine,
                            const struct rbe_child_end *end, struct rbe_err *e)
{
    const char *name = sigabbrev_np(end->signal);

    if (out_of_time(end, how->cpu_seconds))
        return rbe_fail(e, RBE_REFUSED, "%s: stopped after %llu seconds of CPU time", engine->name,
                        (unsigned long long)how->cpu_seconds);
    /* So ends what gets no memory (lib/base/mem, libzstd). */
    if (end->signal == SIGABRT)
        return rbe_fail(e, RBE_REFUSED, "%s: stopped for want of memory, or by a fault of its own (SIGABRT)", engine->name);
    if (end->signal == SIGKILL || end->signal == SIGTERM)
        return rbe_fail(e, RBE_UNAVAILABLE, "%s: the encoder was stopped by SIG%s", engine->name, name);
    return rbe_fail(e, RBE_FAULT, "%s: the encoder was killed by SIG%s", engine->name, name ? name : "?");
}

enum rbe_code rbe_encoder_run(const struct rbe_encoder *how, const struct rbe_engine *engine,
                              const struct rbe_engine_encode *t, struct rbe_encoder_end *ret, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str out = {0}, errors = {0};
    struct rbe_child_end end;
    char effort[16];
    const char *const argv[] = {how->program, engine->name, effort, t->source, t->target, t->patch, t->work, NULL};
    const struct rbe_child child = {
        .argv = argv,
        .pass_fd = -1,
        .cpu_seconds = how->cpu_seconds,
        .memory_bytes = RBE_SANITIZED ? 0 : how->memory_bytes,
        .out_max = 1 << 16,
    };

    (void)snprintf(effort, sizeof(effort), "%d", t->effort);
    RBE_TRY(rbe_child_run(&child, &out, &errors, &end, e));
    *ret = (struct rbe_encoder_end){.cpu_ms = end.cpu_ns / 1000000u, .rss_bytes = end.rss_bytes};
    if (end.signal)
        return killed(how, engine, &end, e);
    if (end.exit != 0)
        return rbe_fail(e, end.exit == RBE_ENCODER_MET ? RBE_REFUSED : RBE_FAULT, "%s: %.400s", engine->name,
                        rbe_str_text(&errors));
    return RBE_OK;
}
