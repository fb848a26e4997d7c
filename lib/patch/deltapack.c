/* Building. Sources and targets of the groups are laid out as files in d->dir, taken out of the full packages once; the
 * old one is opened for nothing else.
 */
#include "lib/patch/deltapack.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/patch/build.h"
#include "lib/patch/engine-zstd.h"
#include "lib/patch/extract.h"
#include "lib/patch/nested.h"
#include "lib/wrap/file.h"
#include "lib/wrap/map.h"

/* A file of at least CLUSTER bytes is tried by itself, smaller ones together with their neighbours. It gains nothing when
 * fewer than 3 % of it go away, and a package is not worth it when fewer than 20 % do. */
enum { CLUSTER = 64 * 1024, GAIN_PERCENT = 97, WORTH_PERCENT = 80 };

/* A changed file that the trial made little of, and where its versions lie. */
struct opaque {
    const struct rbe_entry *old, *new;
    size_t group;
    uint64_t old_at, new_at, trial_bytes;
};

struct packing {
    const struct rbe_deltapack *d;
    struct rbe_arena *arena;
    struct rbe_deltapack_end *ret;
    struct rbe_solid solid;
    struct rbe_delta delta;
    bool *apart;                     /* by index in the new manifest */
    size_t n_apart;
    struct opaque opaque;            /* the worst */
};

static const char *name_of(struct rbe_arena *arena, const struct rbe_deltapack *d, const char *kind, size_t i)
{
    return rbe_arena_strfmt(arena, "%s/%s-%zu", d->dir, kind, i);
}

static enum rbe_code make_file(const char *path, int *ret, struct rbe_err *e)
{
    *ret = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    return *ret >= 0 ? RBE_OK : rbe_fail_errno(e, "cannot make %s", path);
}

static void tell(const struct rbe_deltapack *d, const char *doing)
{
    if (d->progress)
        d->progress(d->arg, doing);
}

/* ---- laying out ---- */

/* Of all groups the one side, each into a file of its own. */
struct layout {
    struct rbe_pick *picks;
    int *fds;
    size_t n, n_fds;
};

static void rbe_layout_release(struct layout *l)
{
    for (size_t i = 0; i < l->n_fds; i++)
        (void)close(l->fds[i]);
    free(l->fds);
    free(l->picks);
}

/* What this process may take beside itself. */
static uint64_t own_memory(const struct rbe_deltapack *d)
{
    return d->encoder.memory_bytes > RBE_BUILD_PROCESS ? d->encoder.memory_bytes - RBE_BUILD_PROCESS : 0;
}

static enum rbe_code lay_out_side(const struct packing *p, bool targets, struct rbe_err *e)
{
    const struct rbe_deltapack *d = p->d;
    const struct rbe_solid *s = &p->solid;
    rbe_auto(layout) struct layout l = {0};
    const uint64_t memory = own_memory(d);
    size_t n = 0;

    for (size_t i = 0; i < s->n_groups; i++)
        n += targets ? s->groups[i].target.n : s->groups[i].source.n;
    l.picks = rbe_alloc_array(n, sizeof(*l.picks));
    l.fds = rbe_alloc_array(s->n_groups, sizeof(*l.fds));
    for (size_t i = 0; i < s->n_groups; i++) {
        const struct rbe_solid_side *side = targets ? &s->groups[i].target : &s->groups[i].source;
        uint64_t offset = 0;

        RBE_TRY(make_file(name_of(p->arena, d, targets ? "target" : "source", i), &l.fds[i], e));
        l.n_fds++;
        for (size_t k = 0; k < side->n; k++) {
            l.picks[l.n++] = (struct rbe_pick){.entry = side->v[k], .fd = l.fds[i], .offset = offset};
            offset += side->v[k]->size;
        }
    }
    return targets ? rbe_extract(d->target_fd, d->target_type, d->to, l.picks, l.n, memory, "target package", e)
                   : rbe_extract(d->source_fd, d->source_type, d->from, l.picks, l.n, memory, "source package", e);
}

static enum rbe_code lay_out(const struct packing *p, struct rbe_err *e)
{
    RBE_TRY(lay_out_side(p, false, e));
    return lay_out_side(p, true, e);
}

static void compose(struct packing *p)
{
    const struct rbe_solid_input in = {
        .from = p->d->from,
        .to = p->d->to,
        .plan = p->d->plan,
        .globs = p->d->globs,
        .apart = p->apart,
        .bound = RBE_SOLID_GROUP,
    };

    rbe_solid_make(&in, p->arena, &p->solid);
    rbe_solid_describe(&p->solid, p->d->to, p->d->engine, p->arena, &p->delta);
}

/* ---- advice ---- */

/* Of a file of OPAQUE_LEAST bytes or more, the trial made more than an OPAQUE_PARTth; advice saves ADVICE_LEAST at least. */
enum { OPAQUE_LEAST = 256 * 1024, OPAQUE_PART = 8, ADVICE_LEAST = 100 * 1024 };

static bool offset_in(const struct rbe_solid_side *side, const char *path, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < side->n; i++) {
        if (strcmp(side->v[i]->path, path) == 0)
            return true;
        *ret += side->v[i]->size;
    }
    return false;
}

/* Keeps the worst. */
static void note_opaque(struct packing *p, size_t group, const struct rbe_entry *file, uint64_t at, uint64_t trial)
{
    const struct rbe_entry *old = rbe_manifest_find(p->d->from, file->path);
    uint64_t old_at;

    if (file->size < OPAQUE_LEAST || trial < file->size / OPAQUE_PART || trial <= p->opaque.trial_bytes || !old ||
        !offset_in(&p->solid.groups[group].source, file->path, &old_at))
        return;
    p->opaque = (struct opaque){old, file, group, old_at, at, trial};
}

static enum rbe_code map_side(const struct packing *p, const char *kind, struct rbe_map *ret, struct rbe_err *e)
{
    rbe_autoclose int fd = -1;

    RBE_TRY(rbe_file_open(name_of(p->arena, p->d, kind, p->opaque.group), &fd, e));
    return rbe_map_read(fd, ret, e);
}

static enum rbe_code advise(struct packing *p, struct rbe_err *e)
{
    const struct opaque *o = &p->opaque;
    rbe_auto(map) struct rbe_map from = {0}, to = {0};
    struct rbe_nested found;

    if (!o->new)
        return RBE_OK;
    RBE_TRY(map_side(p, "source", &from, e));
    RBE_TRY(map_side(p, "target", &to, e));
    const struct rbe_nested_bytes old = {from.p + o->old_at, (size_t)o->old->size};
    const struct rbe_nested_bytes new = {to.p + o->new_at, (size_t)o->new->size};

    const uint64_t own = own_memory(p->d), mapped = from.n + to.n;

    RBE_TRY(rbe_nested_find(old, new, p->d->dir, own > mapped ? own - mapped : 0, &found, e));
    uint64_t rest = o->trial_bytes > found.packed ? o->trial_bytes - found.packed : 0, would = rest + found.would;

    if (!found.kind || would + ADVICE_LEAST > o->trial_bytes || would > o->trial_bytes / 2)
        return RBE_OK;
    p->ret->advice = rbe_arena_strfmt(p->arena, "%s holds a %.1f MB %s; published unpacked, the update would be about %.1f MB "
                                      "instead of %.1f MB", o->new->path, (double)found.packed / 1e6, found.kind,
                                      (double)would / 1e6, (double)o->trial_bytes / 1e6);
    return RBE_OK;
}

/* ---- the trial ---- */

/* What a budget is short of: an admin can give more, or want no such deltas. */
static enum rbe_code too_little(const struct packing *p, const char *what, const struct rbe_engine_cost *need, struct rbe_err *e)
{
    const struct rbe_encoder *has = &p->d->encoder;

    if (need->memory_bytes == UINT64_MAX)
        return rbe_fail(e, RBE_REFUSED, "%s: not built: of old files of more than 2 GiB no deltas are made", p->d->engine->name);
    if (need->memory_bytes > has->memory_bytes)
        return rbe_fail(e, RBE_REFUSED, "%s: not built: %s takes %llu MiB, and batch.memory_bytes is %llu MiB",
                        p->d->engine->name, what, (unsigned long long)(need->memory_bytes >> 20) + 1,
                        (unsigned long long)(has->memory_bytes >> 20));
    return rbe_fail(e, RBE_REFUSED, "%s: not built: %s takes up to %llu s, and batch.cpu_seconds is %llu s",
                    p->d->engine->name, what, (unsigned long long)(need->cpu_ms / 1000) + 1,
                    (unsigned long long)has->cpu_seconds);
}

/* Where pieces of the trial end: behind each large file, and behind enough small ones. Returns how many. */
static size_t cut(const struct rbe_solid_side *side, uint64_t *ends, size_t *first)
{
    uint64_t at = 0, begin = 0;
    size_t n = 0;

    for (size_t i = 0; i < side->n; i++) {
        if (side->v[i]->size >= CLUSTER && at > begin) {
            ends[n++] = begin = at;
            first[n] = i;
        }
        at += side->v[i]->size;
        if (at - begin >= CLUSTER || i + 1 == side->n) {
            ends[n++] = begin = at;
            first[n] = i + 1;
        }
    }
    return n;
}

static enum rbe_code try_group(struct packing *p, size_t i, struct rbe_err *e)
{
    const struct rbe_solid_side *side = &p->solid.groups[i].target;
    rbe_autofree uint64_t *ends = rbe_alloc_array(side->n + 1, sizeof(*ends));
    rbe_autofree uint64_t *sizes = rbe_alloc_array(side->n + 1, sizeof(*sizes));
    rbe_autofree size_t *first = rbe_alloc_array(side->n + 2, sizeof(*first));
    rbe_autoclose int source = -1, target = -1;
    size_t n = cut(side, ends, first);

    RBE_TRY(rbe_file_open(name_of(p->arena, p->d, "source", i), &source, e));
    RBE_TRY(rbe_file_open(name_of(p->arena, p->d, "target", i), &target, e));
    RBE_TRY(rbe_engine_zstd_measure(source, target, ends, n, sizes, e));
    for (size_t k = 0; k < n; k++) {
        const struct rbe_entry *file = side->v[first[k]];

        p->ret->trial_bytes += sizes[k];
        if (first[k + 1] - first[k] == 1)
            note_opaque(p, i, file, k ? ends[k - 1] : 0, sizes[k]);
        if (first[k + 1] - first[k] == 1 && file->size >= CLUSTER && sizes[k] >= file->size / 100 * GAIN_PERCENT) {
            p->apart[file - p->d->to->entries] = true;
            p->n_apart++;
        }
    }
    return RBE_OK;
}

static enum rbe_code try_all(struct packing *p, struct rbe_err *e)
{
    uint64_t baseline = p->d->baseline;

    tell(p->d, "trial");
    for (size_t i = 0; i < p->solid.n_groups; i++) {
        const struct rbe_solid_group *g = &p->solid.groups[i];
        const struct rbe_engine_cost cost = rbe_engine_zstd_cost(g->source.bytes, g->target.bytes, 0);

        if (cost.memory_bytes > p->d->encoder.memory_bytes)
            return too_little(p, "a trial", &cost, e);
    }
    p->apart = rbe_arena_alloc_array(p->arena, p->d->to->n, sizeof(*p->apart));
    for (size_t i = 0; i < p->solid.n_groups; i++)
        RBE_TRY(try_group(p, i, e));
    if (p->ret->trial_bytes > baseline / 100 * WORTH_PERCENT)
        p->ret->useless = rbe_arena_strfmt(p->arena, "a trial saved too little (%llu of %llu bytes)",
                                           (unsigned long long)p->ret->trial_bytes, (unsigned long long)baseline);
    return RBE_OK;
}

/* ---- the choice ---- */

/* Of all groups: their time, one after the other, and the most memory of one. */
static struct rbe_engine_cost cost_of(const struct packing *p, int effort)
{
    struct rbe_engine_cost all = {0};

    for (size_t i = 0; i < p->solid.n_groups; i++) {
        const struct rbe_solid_group *g = &p->solid.groups[i];
        const struct rbe_engine_cost one = p->d->engine->cost(g->source.bytes, g->target.bytes, effort);

        all.cpu_ms += one.cpu_ms;
        if (one.memory_bytes > all.memory_bytes)
            all.memory_bytes = one.memory_bytes;
    }
    return all;
}

static enum rbe_code choose(struct packing *p, struct rbe_err *e)
{
    const struct rbe_encoder *has = &p->d->encoder;
    struct rbe_engine_cost cost = {0};

    for (int effort = p->d->engine->efforts - 1; effort >= 0; effort--) {
        cost = cost_of(p, effort);
        p->ret->effort = effort;
        if (cost.memory_bytes <= has->memory_bytes && cost.cpu_ms <= has->cpu_seconds * 1000)
            return RBE_OK;
    }
    return too_little(p, "the least effort", &cost, e);
}

static enum rbe_code encode_all(struct packing *p, struct rbe_err *e)
{
    const struct rbe_deltapack *d = p->d;
    uint64_t spent_ms = 0;

    for (size_t i = 0; i < p->solid.n_groups; i++) {
        struct rbe_encoder how = d->encoder;
        struct rbe_encoder_end end;
        const struct rbe_engine_encode t = {
            .source = name_of(p->arena, d, "source", i),
            .target = name_of(p->arena, d, "target", i),
            .patch = name_of(p->arena, d, "patch", i),
            .work = name_of(p->arena, d, "work", i),
            .effort = p->ret->effort,
        };

        tell(d, rbe_arena_strfmt(p->arena, "effort %d of %d, group %zu of %zu", p->ret->effort + 1,
                                 d->engine->efforts, i + 1, p->solid.n_groups));
        how.cpu_seconds -= spent_ms / 1000 < how.cpu_seconds ? spent_ms / 1000 : how.cpu_seconds - 1;
        RBE_TRY(rbe_encoder_run(&how, d->engine, &t, &end, e));
        spent_ms += end.cpu_ms;
        if (end.rss_bytes > p->ret->rss_bytes)
            p->ret->rss_bytes = end.rss_bytes;
    }
    return RBE_OK;
}

/* ---- writing ---- */

/* Beyond this a file is not packed but stored: packing takes as much memory again. */
enum { PACKED_MOST = 64 << 20 };

static enum rbe_code put_whole(struct rbe_zipw *out, const struct rbe_entry *entry, const unsigned char *content,
                               struct rbe_err *e)
{
    rbe_autofree char *dir = entry->kind == RBE_KIND_DIR ? rbe_strfmt("%s/", entry->path) : NULL;
    uint16_t mode = (uint16_t)(S_IFREG | entry->mode);

    if (dir)
        return rbe_zipw_add(out, dir, S_IFDIR | 0755, RBE_EPOCH_DOS, NULL, 0, e);
    if (entry->kind == RBE_KIND_LINK)
        return rbe_zipw_add(out, entry->path, S_IFLNK | 0777, RBE_EPOCH_DOS, entry->target, strlen(entry->target), e);
    if (entry->size > PACKED_MOST)
        return rbe_zipw_store(out, entry->path, mode, RBE_EPOCH_DOS, content, (size_t)entry->size, e);
    return rbe_zipw_add(out, entry->path, mode, RBE_EPOCH_DOS, content, (size_t)entry->size, e);
}

/* Out of a tar, whole files go through a file of their own, because they are wanted in another order. */
static enum rbe_code write_whole_from_tar(const struct packing *p, struct rbe_zipw *out, struct rbe_err *e)
{
    const struct rbe_wanted *want = &p->solid.whole;
    rbe_autofree struct rbe_pick *picks = rbe_alloc_array(want->n, sizeof(*picks));
    rbe_autoclose int fd = -1;
    rbe_auto(map) struct rbe_map map = {0};
    uint64_t offset = 0;
    size_t n = 0;

    RBE_TRY(make_file(name_of(p->arena, p->d, "whole", 0), &fd, e));
    for (size_t i = 0; i < want->n; i++)
        if (want->v[i].entry->kind == RBE_KIND_FILE) {
            picks[n++] = (struct rbe_pick){.entry = want->v[i].entry, .fd = fd, .offset = offset};
            offset += want->v[i].entry->size;
        }
    RBE_TRY(rbe_extract(p->d->target_fd, p->d->target_type, p->d->to, picks, n, own_memory(p->d), "target package", e));
    RBE_TRY(rbe_map_read(fd, &map, e));
    offset = 0;
    for (size_t i = 0; i < want->n; i++) {
        RBE_TRY(put_whole(out, want->v[i].entry, map.p + offset, e));
        offset += want->v[i].entry->size;
    }
    return RBE_OK;
}

static enum rbe_code write_out(struct packing *p, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str changes = {0};
    rbe_autoptr(zipw) struct rbe_zipw *out = rbe_zipw_new(p->d->out_fd);

    tell(p->d, "writing");
    rbe_changes_format(p->d->plan, &p->delta, &changes);
    RBE_TRY(rbe_zipw_add(out, RBE_CHANGES_NAME, S_IFREG | RBE_CHANGES_MODE, RBE_EPOCH_DOS, changes.s, changes.len, e));
    if (p->d->target_type == RBE_ARC_ZIP)
        RBE_TRY(rbe_build_copy(p->d->target_fd, p->d->to->n + 1, &p->solid.whole, out, e));
    else
        RBE_TRY(write_whole_from_tar(p, out, e));
    for (size_t i = 0; i < p->solid.n_groups; i++) {
        rbe_autoclose int fd = -1;
        rbe_auto(map) struct rbe_map patch = {0};

        RBE_TRY(rbe_file_open(name_of(p->arena, p->d, "patch", i), &fd, e));
        RBE_TRY(rbe_map_read(fd, &patch, e));
        RBE_TRY(rbe_zipw_store(out, p->delta.groups[i].patch, S_IFREG | RBE_CHANGES_MODE, RBE_EPOCH_DOS, patch.p,
                               patch.n, e));
    }
    return rbe_zipw_finish(out, e);
}

static enum rbe_code build(struct packing *p, struct rbe_err *e)
{
    tell(p->d, "unpacking");
    compose(p);
    RBE_TRY(lay_out(p, e));
    RBE_TRY(try_all(p, e));
    RBE_TRY(advise(p, e));
    if (p->ret->useless)
        return RBE_OK;
    if (p->n_apart) {
        compose(p);
        RBE_TRY(lay_out(p, e));
    }
    RBE_TRY(choose(p, e));
    RBE_TRY(encode_all(p, e));
    return write_out(p, e);
}

enum rbe_code rbe_deltapack_build(const struct rbe_deltapack *d, struct rbe_arena *arena, struct rbe_deltapack_end *ret,
                                  struct rbe_err *e)
{
    struct packing p = {.d = d, .arena = arena, .ret = ret};

    *ret = (struct rbe_deltapack_end){0};
    return rbe_wanted_fault(build(&p, e), "target package", e);
}
