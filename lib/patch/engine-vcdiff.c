#include "lib/patch/engine-vcdiff.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/patch/vcdiff.h"
#include "lib/wrap/child.h"
#include "lib/wrap/file.h"
#include "lib/wrap/map.h"
#include "lib/wrap/xz.h"

enum { BUFFER_LEAST = 1 << 20, PROGRAM_MEMORY = 160 << 20 };
#define BUFFER_MOST (UINT64_C(2) << 30)

/* Levels of xdelta3 that are tried, and nanoseconds a byte, about twice what a common machine takes; xz has its share in those
 * of target. Its greatest level finds the most in code, and a lower one settles better where little has changed, so both are
 * made and the smaller one stays. An index takes up to so many times the buffer of the source. */
static const struct {
    const char *levels;
    uint32_t source_ns, target_ns;
    unsigned index;
} efforts[RBE_ENGINE_VCDIFF_EFFORTS] = {
    {"3", 20, 200, 1},
    {"96", 100, 700, 3},
};

/* xdelta3 looks for matches in a buffer of the source, which takes a power of two, and not more than it knows. */
static uint64_t buffer_for(uint64_t source)
{
    uint64_t n = BUFFER_LEAST;

    while (n < source && n < BUFFER_MOST)
        n *= 2;
    return n;
}

/* A limit of CPU time counts for each process alone, and shall hold for this one and what it runs together. 0 for none. */
static uint64_t seconds_left(void)
{
    static const int who[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    struct rlimit limit;
    struct rusage used;
    uint64_t spent = 0;

    if (getrlimit(RLIMIT_CPU, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return 0;
    for (size_t i = 0; i < RBE_COUNT(who); i++)
        if (getrusage(who[i], &used) == 0)
            spent += (uint64_t)used.ru_utime.tv_sec + (uint64_t)used.ru_stime.tv_sec;
    return spent < limit.rlim_cur ? limit.rlim_cur - spent : 1;
}

/* The last line. */
static const char *last_of(struct rbe_str *errors)
{
    while (errors->len && errors->s[errors->len - 1] == '\n')
        errors->s[--errors->len] = '\0';
    const char *text = rbe_str_text(errors), *newline = strrchr(text, '\n');

    return newline ? newline + 1 : text;
}

/* At its hard limit of CPU time the kernel sends SIGKILL. What it says of memory it says in so many words. */
static enum rbe_code ended(const struct rbe_child *child, const struct rbe_child_end *end, struct rbe_str *errors,
                           struct rbe_err *e)
{
    const char *said = last_of(errors);
    bool over = child->cpu_seconds && end->cpu_ns / 1000000000u + 1 >= child->cpu_seconds;

    if (end->signal == SIGXCPU || (end->signal == SIGKILL && over))
        return rbe_fail(e, RBE_REFUSED, "xdelta3 was stopped at the limit of CPU time");
    if (end->signal)
        return rbe_fail(e, RBE_FAULT, "xdelta3 was stopped by signal %d", end->signal);
    if (end->exit == 0)
        return RBE_OK;
    return rbe_fail(e, strstr(said, "out of memory") ? RBE_REFUSED : RBE_FAULT, "xdelta3 failed with status %d: %.200s",
                    end->exit, said);
}

/* -A no application header, -n no checksums of windows, -S none no secondary compression: all three are extensions. -I 0
 * lets it look at as many instructions as it likes before it settles. */
static enum rbe_code run_program(const struct rbe_engine_encode *t, char name, uint64_t source, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str out = {0}, errors = {0};
    char level[] = {'-', name, '\0'}, buffer[24];
    const char *const argv[] = {"xdelta3", "-e", "-f",   level,     "-I",      "0",       "-A",    "-n", "-S",
                                "none",    "-B", buffer, "-s",      t->source, t->target, t->work, NULL};
    const struct rbe_child child = {.argv = argv, .pass_fd = -1, .cpu_seconds = seconds_left(), .out_max = 1 << 16};
    struct rbe_child_end end;

    (void)snprintf(buffer, sizeof(buffer), "%llu", (unsigned long long)buffer_for(source));
    RBE_TRY(rbe_child_run(&child, &out, &errors, &end, e));
    return ended(&child, &end, &errors, e);
}

/* Packs what the program made into a file of that name, and tells its size. */
static enum rbe_code pack(const struct rbe_engine_encode *t, const char *path, off_t *ret_size, struct rbe_err *e)
{
    rbe_autoclose int in = -1, out = -1;
    struct stat st;

    RBE_TRY(rbe_file_open(t->work, &in, e));
    (void)unlink(t->work);
    out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (out < 0)
        return rbe_fail_errno(e, "cannot make %s", path);
    RBE_TRY(rbe_xz_pack(in, out, e));
    if (fstat(out, &st) != 0)
        return rbe_fail_errno(e, "cannot look at %s", path);
    *ret_size = st.st_size;
    return RBE_OK;
}

enum rbe_code rbe_engine_vcdiff_encode(const struct rbe_engine_encode *t, struct rbe_err *e)
{
    rbe_autofree char *other = rbe_strfmt("%s.other", t->work);
    off_t best = 0;
    struct stat st;

    if (stat(t->source, &st) != 0)
        return rbe_fail_errno(e, "cannot look at %s", t->source);
    for (const char *level = efforts[t->effort].levels; *level; level++) {
        const char *path = best ? other : t->patch;
        off_t size;

        RBE_TRY(run_program(t, *level, (uint64_t)st.st_size, e));
        RBE_TRY(pack(t, path, &size, e));
        if (best && size < best && rename(other, t->patch) != 0)
            return rbe_fail_errno(e, "cannot replace %s", t->patch);
        if (best && size >= best)
            (void)unlink(other);
        best = !best || size < best ? size : best;
    }
    return RBE_OK;
}

static enum rbe_code read_packed(void *arg, void *p, size_t n, size_t *ret_n, struct rbe_err *e)
{
    return rbe_unxz_read(arg, p, n, ret_n, e);
}

enum rbe_code rbe_engine_vcdiff_decode(const struct rbe_engine_decode *t, struct rbe_err *e)
{
    rbe_auto(map) struct rbe_map from = {0};
    rbe_autoptr(unxz) struct rbe_unxz *x = rbe_unxz_new(t->patch_fd);

    RBE_TRY(rbe_map_read(t->source_fd, &from, e));
    const struct rbe_vcdiff v = {
        .source = from.p,
        .source_size = from.n,
        .read = read_packed,
        .arg = x,
        .out_fd = t->out_fd,
        .target_size = t->target_size,
    };

    return rbe_vcdiff_apply(&v, e);
}

/* The program holds the source's buffer and an index of it; packing begins when it has ended. */
struct rbe_engine_cost rbe_engine_vcdiff_cost(uint64_t source, uint64_t target, int effort)
{
    uint64_t buffer = buffer_for(source), program = buffer + buffer * efforts[effort].index + PROGRAM_MEMORY;
    uint64_t xz = rbe_xz_memory(target);

    return (struct rbe_engine_cost){
        .cpu_ms = (source / 1000 * efforts[effort].source_ns + target / 1000 * efforts[effort].target_ns) / 1000,
        .memory_bytes = program > xz ? program : xz,
    };
}
