/* Packages on their way in. */
#include "lib/patch/incoming.h"

#include <string.h>

#include "lib/base/quote.h"
#include "lib/patch/engine.h"
#include "lib/patch/rules.h"
#include "lib/wrap/file.h"

enum { ENTRIES_MAX = 1000000, MAGIC = 8 };

void rbe_incoming_release(struct rbe_incoming *in)
{
    rbe_manifest_release(&in->whole);
    rbe_manifest_release(&in->patches);
    rbe_arena_release(&in->arena);
    *in = (struct rbe_incoming){.fd = -1};
}

static enum rbe_code misfit_at(int line, const char *path, const char *what, struct rbe_err *e)
{
    return rbe_invalid_at(e, __FILE__, line, "changes.json", "fit", "%s %s", rbe_quote(path, strlen(path)).text, what);
}
#define misfit(path, what, e) rbe_failure(misfit_at(__LINE__, (path), (what), (e)))

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* ---- reading ---- */

static bool named(const struct rbe_changes *changes, enum rbe_change list, const char *path)
{
    return changes->list[list].n &&
           bsearch(&path, changes->list[list].v, changes->list[list].n, sizeof(*changes->list[list].v), by_text);
}

/* Patches of the package, each for one group; a sealed manifest has every path once. */
static enum rbe_code take_patches(struct rbe_incoming *in, const struct rbe_manifest *all, struct rbe_err *e)
{
    const struct rbe_delta *delta = &in->changes.delta;

    for (size_t i = 0; i < delta->n_groups; i++) {
        const struct rbe_entry *patch = rbe_manifest_find(all, delta->groups[i].patch);

        if (!patch || patch->kind != RBE_KIND_FILE)
            return misfit(delta->groups[i].patch, "is not in the package", e);
        rbe_manifest_add(&in->patches, patch);
    }
    return rbe_manifest_seal(&in->patches, e);
}

/* From all that the archive holds to what belongs to the tree. */
static enum rbe_code sort_out(struct rbe_incoming *in, const struct rbe_manifest *all, struct rbe_err *e)
{
    RBE_TRY(take_patches(in, all, e));
    for (size_t i = 0; i < all->n; i++) {
        const struct rbe_entry *entry = &all->entries[i], *patch = rbe_manifest_find(&in->patches, entry->path);

        if (!patch || (patch->kind == RBE_KIND_DIR && named(&in->changes, RBE_ADDED_DIR, entry->path)))
            rbe_manifest_add(&in->whole, entry);
    }
    return rbe_manifest_seal(&in->whole, e);
}

static enum rbe_code read_changes(struct rbe_incoming *in, const struct rbe_str *text, struct rbe_err *e)
{
    if (text->len == 0)
        return rbe_invalid(e, "file", "changes", "the package holds no changes.json");
    RBE_TRY(rbe_changes_parse(rbe_str_text(text), text->len, &in->arena, &in->changes, e));
    for (enum rbe_change i = 0; i < RBE_CHANGE_MAX; i++)
        if (in->changes.list[i].n)
            qsort(in->changes.list[i].v, in->changes.list[i].n, sizeof(*in->changes.list[i].v), by_text);
    if (in->changes.delta.format && !rbe_engine_find(in->changes.delta.format))
        return rbe_invalid(e, "changes.json", "format", "patches of format %s are not known",
                           rbe_quote(in->changes.delta.format, strlen(in->changes.delta.format)).text);
    return RBE_OK;
}

static enum rbe_code detect(int fd, enum rbe_arc_type *ret, struct rbe_err *e)
{
    unsigned char magic[MAGIC];
    size_t n;

    if (rbe_file_read_at(fd, magic, sizeof(magic), 0, &n, e) != RBE_OK)
        return rbe_err_prefix(e, "the package");
    *ret = rbe_arc_detect(magic, n);
    return RBE_OK;
}

enum rbe_code rbe_incoming_open(int fd, bool incremental, const struct rbe_incoming_limits *limits, struct rbe_incoming *ret,
                                struct rbe_err *e)
{
    rbe_auto(manifest) struct rbe_manifest all = {0};
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_inspect what = {.fd = fd, .rules = limits->rules, .limits = {ENTRIES_MAX, limits->bytes},
                               .changes = incremental ? &text : NULL, .stop = limits->stop, .arg = limits->arg};

    *ret = (struct rbe_incoming){.fd = fd, .incremental = incremental};
    RBE_TRY(detect(fd, &ret->type, e));
    what.type = ret->type;
    RBE_TRY(rbe_inspect(&what, incremental ? &all : &ret->whole, e));
    if (!incremental)
        return RBE_OK;
    RBE_TRY(read_changes(ret, &text, e));
    return sort_out(ret, &all, e);
}

/* ---- the tree it leads to ---- */

struct merge {
    const struct rbe_incoming *in;
    const struct rbe_manifest *old;
    struct rbe_manifest *out;
};

/* Paths that copies and patches make, sorted. */
static const char **made_paths(const struct rbe_delta *delta, struct rbe_arena *arena, size_t *ret_n)
{
    size_t n = delta->n_copies;
    const char **v;

    for (size_t i = 0; i < delta->n_groups; i++)
        n += delta->groups[i].n_target;
    v = rbe_arena_alloc_array(arena, n, sizeof(*v));
    *ret_n = 0;
    for (size_t i = 0; i < delta->n_copies; i++)
        v[(*ret_n)++] = delta->copies[i].path;
    for (size_t i = 0; i < delta->n_groups; i++)
        for (size_t k = 0; k < delta->groups[i].n_target; k++)
            v[(*ret_n)++] = delta->groups[i].target[k].path;
    if (n)
        qsort(v, n, sizeof(*v), by_text);
    return v;
}

static void put_old(struct merge *m)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    const struct rbe_changes *changes = &m->in->changes;
    size_t n;
    const char **made = made_paths(&changes->delta, &arena, &n);

    for (size_t i = 0; i < m->old->n; i++) {
        const struct rbe_entry *old = &m->old->entries[i];

        if (!named(changes, RBE_DELETED, old->path) && !named(changes, RBE_DELETED_DIR, old->path) &&
            !rbe_manifest_find(&m->in->whole, old->path) &&
            !(n && bsearch(&old->path, made, n, sizeof(*made), by_text)))
            rbe_manifest_add(m->out, old);
    }
}

/* No old file is the source of two patches. */
static enum rbe_code judge_sources(const struct rbe_delta *delta, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    size_t n = 0, most = 0;
    const char **v;

    for (size_t i = 0; i < delta->n_groups; i++)
        most += delta->groups[i].n_source;
    v = rbe_arena_alloc_array(&arena, most, sizeof(*v));
    for (size_t i = 0; i < delta->n_groups; i++)
        for (size_t k = 0; k < delta->groups[i].n_source; k++)
            v[n++] = delta->groups[i].source[k].path;
    if (n)
        qsort(v, n, sizeof(*v), by_text);
    for (size_t i = 1; i < n; i++)
        if (strcmp(v[i - 1], v[i]) == 0)
            return misfit(v[i], "is what two patches start from", e);
    return RBE_OK;
}

static enum rbe_code put_group(struct merge *m, const struct rbe_group *group, struct rbe_err *e)
{
    for (size_t i = 0; i < group->n_source; i++) {
        const struct rbe_piece *piece = &group->source[i];
        const struct rbe_entry *old = rbe_manifest_find(m->old, piece->path);

        if (!old || old->kind != RBE_KIND_FILE || old->size != piece->size ||
            memcmp(old->sha256, piece->sha256, sizeof(piece->sha256)) != 0)
            return misfit(piece->path, "is not the file that a patch starts from", e);
    }
    for (size_t i = 0; i < group->n_target; i++) {
        const struct rbe_piece *piece = &group->target[i];
        struct rbe_entry entry = {.path = piece->path, .size = piece->size, .mode = piece->mode};

        memcpy(entry.sha256, piece->sha256, sizeof(entry.sha256));
        rbe_manifest_add(m->out, &entry);
    }
    return RBE_OK;
}

static enum rbe_code put_copies(struct merge *m, bool of_new, const struct rbe_manifest *from, struct rbe_err *e)
{
    const struct rbe_delta *delta = &m->in->changes.delta;

    for (size_t i = 0; i < delta->n_copies; i++) {
        const struct rbe_copy *copy = &delta->copies[i];
        const struct rbe_entry *source;

        if (copy->of_new != of_new)
            continue;
        source = rbe_manifest_find(from, copy->from);
        if (!source || source->kind != RBE_KIND_FILE || memcmp(source->sha256, copy->sha256, sizeof(copy->sha256)) != 0)
            return misfit(copy->from, "is not the file that is to be copied", e);
        struct rbe_entry entry = *source;
        entry.path = copy->path;
        entry.mode = copy->mode;
        rbe_manifest_add(m->out, &entry);
    }
    return RBE_OK;
}

static bool copies_new(const struct rbe_delta *delta)
{
    for (size_t i = 0; i < delta->n_copies; i++)
        if (delta->copies[i].of_new)
            return true;
    return false;
}

static enum rbe_code put_delta(struct merge *m, struct rbe_err *e)
{
    const struct rbe_delta *delta = &m->in->changes.delta;

    RBE_TRY(judge_sources(delta, e));
    for (size_t i = 0; i < delta->n_groups; i++)
        RBE_TRY(put_group(m, &delta->groups[i], e));
    return put_copies(m, false, m->old, e);
}

/* What the lists say is added or modified has to come from somewhere: what the old tree has there is not it. */
static enum rbe_code judge_lists(const struct merge *m, struct rbe_err *e)
{
    static const enum rbe_change come[] = {RBE_ADDED, RBE_MODIFIED, RBE_ADDED_DIR};
    rbe_auto(arena) struct rbe_arena arena = {0};
    const struct rbe_changes *changes = &m->in->changes;
    size_t n;
    const char **made = made_paths(&changes->delta, &arena, &n);

    for (size_t i = 0; i < RBE_COUNT(come); i++)
        for (size_t k = 0; k < changes->list[come[i]].n; k++) {
            const char *path = changes->list[come[i]].v[k];

            if (!rbe_manifest_find(&m->in->whole, path) && !(n && bsearch(&path, made, n, sizeof(*made), by_text)) &&
                !(come[i] == RBE_ADDED_DIR && rbe_manifest_find(m->out, path)))
                return misfit(path, "should come, but the package does not hold it", e);
        }
    return RBE_OK;
}

/* The rules on the tree as a whole. */
static enum rbe_code judge_tree(const struct rbe_manifest *tree, unsigned rules, struct rbe_err *e)
{
    rbe_autoptr(rules_tree) struct rbe_rules_tree *t = rbe_rules_tree_new(rules, 2 * (uint64_t)ENTRIES_MAX);

    for (size_t i = 0; i < tree->n; i++) {
        const struct rbe_entry *entry = &tree->entries[i];
        struct rbe_rules_span target = {entry->target, entry->target ? strlen(entry->target) : 0};

        RBE_TRY(rbe_rules_put(t, (struct rbe_rules_span){entry->path, strlen(entry->path)}, entry->kind, target, i, e));
    }
    return rbe_rules_end(t, e);
}

static void put_all(struct rbe_manifest *out, const struct rbe_manifest *in)
{
    for (size_t i = 0; i < in->n; i++)
        rbe_manifest_add(out, &in->entries[i]);
}

static enum rbe_code merge(struct merge *m, struct rbe_err *e)
{
    put_old(m);
    put_all(m->out, &m->in->whole);
    RBE_TRY(put_delta(m, e));
    RBE_TRY(rbe_manifest_seal(m->out, e));
    if (copies_new(&m->in->changes.delta)) {
        rbe_auto(manifest) struct rbe_manifest so_far = {0};

        put_all(&so_far, m->out);
        RBE_TRY(rbe_manifest_seal(&so_far, e));
        RBE_TRY(put_copies(m, true, &so_far, e));
        RBE_TRY(rbe_manifest_seal(m->out, e));
    }
    return judge_lists(m, e);
}

enum rbe_code rbe_incoming_target(const struct rbe_incoming *in, const struct rbe_manifest *old, unsigned rules,
                                  struct rbe_manifest *ret, struct rbe_err *e)
{
    rbe_auto(manifest) struct rbe_manifest out = {0};
    struct merge m = {in, old, &out};

    if (in->incremental) {
        RBE_TRY(merge(&m, e));
    } else {
        put_all(&out, &in->whole);
        RBE_TRY(rbe_manifest_seal(&out, e));
    }
    RBE_TRY(judge_tree(&out, rules, e));
    *ret = out;
    out = (struct rbe_manifest){0};
    return RBE_OK;
}
