/* Building a tar.gz. A hard link's data are found by their hash: the manifest knows it for the link's own name, and
 * some entry of the archive with data has the same one, so that names in the archive need not be resolved again.
 */
#include "lib/patch/build-tar.h"

#include <string.h>

#include "lib/wrap/arc.h"
#include "lib/wrap/file.h"
#include "lib/wrap/tarw.h"

enum { BUFFER = 256 * 1024 };

/* A wanted file that the archive has as a hard link. */
struct late {
    const struct rbe_entry *entry;
    int64_t mtime;
    bool done;
};

struct tarring {
    const struct rbe_build *build;
    const struct rbe_wanted *want;
    struct rbe_arena *arena;
    struct rbe_arena names;          /* reset for each entry */
    struct rbe_tarw *out;
    struct rbe_arc *in;              /* the target, open until all is packed */
    unsigned char *buffer;
    struct late *late;
    size_t n_late;
    uint64_t memory_bytes;           /* what the target may take in memory */
};

static void rbe_tarring_release(struct tarring *w)
{
    rbe_arena_release(&w->names);
    rbe_tarw_free(w->out);
    rbe_arc_close(w->in);
    free(w->buffer);
}

/* Begins an entry as the manifest has it; links and directories are complete with that. */
static enum rbe_code put_head(struct tarring *w, const struct rbe_entry *entry, int64_t mtime, struct rbe_err *e)
{
    static const enum rbe_arc_kind kinds[RBE_KIND_MAX] = {
        [RBE_KIND_FILE] = RBE_ARC_FILE,
        [RBE_KIND_DIR] = RBE_ARC_DIR,
        [RBE_KIND_LINK] = RBE_ARC_LINK,
    };
    const struct rbe_arc_entry head = {
        .kind = kinds[entry->kind],
        .name = entry->path,
        .target = entry->target,
        .mode = entry->mode,
        .size = entry->size,
        .mtime = mtime,
    };

    return rbe_tarw_add(w->out, &head, e);
}

static enum rbe_code put_changes(struct tarring *w, const struct rbe_str *changes, struct rbe_err *e)
{
    const struct rbe_entry entry = {
        .path = RBE_CHANGES_NAME,
        .kind = RBE_KIND_FILE,
        .mode = RBE_CHANGES_MODE,
        .size = changes->len,
    };

    RBE_TRY(put_head(w, &entry, RBE_EPOCH_UNIX, e));
    return rbe_tarw_write(w->out, changes->s, changes->len, e);
}

static enum rbe_code put_dirs(struct tarring *w, struct rbe_err *e)
{
    for (size_t i = 0; i < w->want->n; i++) {
        struct rbe_want *want = &w->want->v[i];

        if (want->entry->kind != RBE_KIND_DIR)
            continue;
        RBE_TRY(put_head(w, want->entry, RBE_EPOCH_UNIX, e));
        want->done = true;
    }
    return RBE_OK;
}

static enum rbe_code put_late(struct tarring *w, struct rbe_want *want, int64_t mtime, struct rbe_err *e)
{
    if (want->entry->kind != RBE_KIND_FILE)
        return rbe_fail(e, RBE_FAULT, "target package: %s is another kind than its manifest says", want->entry->path);
    if (!w->late)
        w->late = rbe_arena_alloc_array(w->arena, w->want->n, sizeof(*w->late));
    w->late[w->n_late++] = (struct late){.entry = want->entry, .mtime = mtime};
    want->done = true;
    return RBE_OK;
}

static enum rbe_code take_entry(struct tarring *w, struct rbe_arc *in, const struct rbe_arc_entry *entry,
                                struct rbe_err *e)
{
    struct rbe_want *want = rbe_wanted_find(w->want, rbe_wanted_path(&w->names, entry->name));

    if (!want || want->done)
        return RBE_OK;
    if (entry->kind == RBE_ARC_HARDLINK && want->entry->kind != RBE_KIND_LINK)
        return put_late(w, want, entry->mtime, e);
    /* one to a symbolic link is another such link */
    enum rbe_arc_kind kind = want->entry->kind == RBE_KIND_LINK ? RBE_ARC_LINK : RBE_ARC_FILE;
    if ((entry->kind != kind && entry->kind != RBE_ARC_HARDLINK) ||
        (entry->kind == RBE_ARC_FILE && entry->size != want->entry->size))
        return rbe_fail(e, RBE_FAULT, "target package: %s is another than its manifest says", want->entry->path);
    RBE_TRY(put_head(w, want->entry, entry->mtime, e));
    want->done = true;
    return entry->kind == RBE_ARC_FILE ? rbe_tarw_copy(w->out, in, e) : RBE_OK;
}

typedef enum rbe_code (*visitor)(struct tarring *w, struct rbe_arc *in, const struct rbe_arc_entry *entry,
                                 struct rbe_err *e);

static enum rbe_code stream(struct tarring *w, struct rbe_arc *in, visitor visit, struct rbe_err *e)
{
    for (;;) {
        struct rbe_arc_entry entry;
        bool end;

        RBE_TRY(rbe_arc_next(in, &entry, &end, e));
        if (end)
            return RBE_OK;
        RBE_TRY(visit(w, in, &entry, e));
        rbe_arena_reset(&w->names);
    }
}

static int late_by_content(const void *a, const void *b)
{
    const struct late *x = a, *y = b;

    return memcmp(x->entry->sha256, y->entry->sha256, sizeof(x->entry->sha256));
}

static int late_by_content_and_path(const void *a, const void *b)
{
    int order = late_by_content(a, b);

    return order ? order : strcmp(((const struct late *)a)->entry->path, ((const struct late *)b)->entry->path);
}

static enum rbe_code put_spooled(struct tarring *w, int fd, uint64_t size, struct rbe_err *e)
{
    size_t n, got;

    for (uint64_t at = 0; at < size; at += n) {
        n = size - at < BUFFER ? (size_t)(size - at) : BUFFER;
        if (rbe_file_read_at(fd, w->buffer, n, at, &got, e) != RBE_OK)
            return rbe_err_prefix(e, "a temporary file");
        if (got < n)
            return rbe_fail(e, RBE_FAULT, "a temporary file ends early");
        RBE_TRY(rbe_tarw_write(w->out, w->buffer, n, e));
    }
    return RBE_OK;
}

static enum rbe_code spool(struct tarring *w, struct rbe_arc *in, int fd, struct rbe_err *e)
{
    for (;;) {
        size_t n;

        RBE_TRY(rbe_arc_read(in, w->buffer, BUFFER, &n, e));
        if (n == 0)
            return RBE_OK;
        RBE_TRY(rbe_file_write(fd, w->buffer, n, e));
    }
}

/* Data that are wanted under several names are read once into a temporary file. */
static enum rbe_code put_group(struct tarring *w, struct rbe_arc *in, struct late *first, size_t n, struct rbe_err *e)
{
    rbe_autoclose int fd = -1;

    if (n > 1) {
        RBE_TRY(rbe_file_temp(w->build->tmp_dir_fd, &fd, e));
        RBE_TRY(spool(w, in, fd, e));
    }
    for (size_t i = 0; i < n; i++) {
        RBE_TRY(put_head(w, first[i].entry, first[i].mtime, e));
        if (fd >= 0)
            RBE_TRY(put_spooled(w, fd, first[i].entry->size, e));
        else
            RBE_TRY(rbe_tarw_copy(w->out, in, e));
        first[i].done = true;
    }
    return RBE_OK;
}

static enum rbe_code take_late(struct tarring *w, struct rbe_arc *in, const struct rbe_arc_entry *entry,
                               struct rbe_err *e)
{
    if (entry->kind != RBE_ARC_FILE)
        return RBE_OK;
    const struct rbe_entry *known = rbe_manifest_find(w->build->to, rbe_wanted_path(&w->names, entry->name));

    if (!known || known->kind != RBE_KIND_FILE || known->size != entry->size)
        return RBE_OK;
    const struct late key = {.entry = known};
    struct late *first = bsearch(&key, w->late, w->n_late, sizeof(*w->late), late_by_content);

    if (!first || first->done)
        return RBE_OK;
    while (first > w->late && late_by_content(first - 1, &key) == 0)
        first--;
    size_t n = 1;

    while (first + n < w->late + w->n_late && late_by_content(first + n, &key) == 0)
        n++;
    return put_group(w, in, first, n, e);
}

static enum rbe_code put_lates(struct tarring *w, struct rbe_err *e)
{
    rbe_autoptr(arc) struct rbe_arc *again = NULL;

    if (w->n_late == 0)
        return RBE_OK;
    qsort(w->late, w->n_late, sizeof(*w->late), late_by_content_and_path);
    RBE_TRY(rbe_arc_open(w->build->target_fd, w->build->target_type, &again, e));
    RBE_TRY(stream(w, again, take_late, e));
    for (size_t i = 0; i < w->n_late; i++)
        if (!w->late[i].done)
            return rbe_fail(e, RBE_FAULT, "target package lacks the data of %s", w->late[i].entry->path);
    return RBE_OK;
}

/* The whole package is gathered and packed at once where that fits into half the memory; the target gets the rest. */
static void open_out(struct tarring *w, const struct rbe_str *changes)
{
    const struct rbe_arc_entry own = {.name = RBE_CHANGES_NAME, .size = changes->len};
    uint64_t most = rbe_tarw_most(&own), memory = w->build->memory_bytes;

    for (size_t i = 0; i < w->want->n && most <= memory; i++) {
        const struct rbe_entry *entry = w->want->v[i].entry;
        const struct rbe_arc_entry head = {.name = entry->path, .target = entry->target, .size = entry->size};

        most += rbe_tarw_most(&head);
    }
    w->memory_bytes = memory;
    if (most <= memory / 4) {
        w->out = rbe_tarw_new_whole(w->build->out_fd, most);
        w->memory_bytes = memory - 2 * most;
    } else {
        w->out = rbe_tarw_new(w->build->out_fd);
    }
}

enum rbe_code rbe_build_tar(const struct rbe_build *b, const struct rbe_wanted *want, const struct rbe_str *changes,
                            struct rbe_arena *arena, struct rbe_err *e)
{
    rbe_auto(tarring) struct tarring w = {.build = b, .want = want, .arena = arena};

    open_out(&w, changes);
    w.buffer = rbe_alloc(BUFFER);
    RBE_TRY(put_changes(&w, changes, e));
    RBE_TRY(put_dirs(&w, e));
    RBE_TRY(rbe_arc_open_whole(b->target_fd, b->target_type, w.memory_bytes, &w.in, e));
    RBE_TRY(stream(&w, w.in, take_entry, e));
    RBE_TRY(put_lates(&w, e));
    const struct rbe_entry *missing = rbe_wanted_missing(want);

    if (missing)
        return rbe_fail(e, RBE_FAULT, "target package lacks %s", missing->path);
    return rbe_tarw_finish(w.out, e);
}
