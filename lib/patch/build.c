/* Building: what is common, and zip. A zip's directory names all entries beforehand, so they go out sorted whatever the
 * target's order; tar is in build-tar.c and the proof in build-prove.c.
 */
#include "lib/patch/build.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/patch/build-tar.h"
#include "lib/patch/changes.h"

enum rbe_arc_type rbe_build_type(enum rbe_arc_type target_type)
{
    return target_type == RBE_ARC_ZIP ? RBE_ARC_ZIP : RBE_ARC_TAR_GZ;
}

/* A zip entry of the target under its name in the manifest. */
struct source {
    const char *path;
    const struct rbe_zip_entry *entry;
};

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct source *)a)->path, ((const struct source *)b)->path);
}

static struct source *sources_make(const struct rbe_zip *zip, struct rbe_arena *arena)
{
    struct source *v = rbe_arena_alloc_array(arena, zip->n, sizeof(*v));

    for (size_t i = 0; i < zip->n; i++)
        v[i] = (struct source){rbe_wanted_path(arena, zip->entries[i].name), &zip->entries[i]};
    qsort(v, zip->n, sizeof(*v), by_path);
    return v;
}

/* Directories have no data worth copying: some packers deflate even their nothing. */
static enum rbe_code put_dir(struct rbe_zipw *out, const char *path, const struct rbe_zip_entry *from,
                             struct rbe_err *e)
{
    rbe_autofree char *name = rbe_strfmt("%s/", path);

    return rbe_zipw_add(out, name, S_IFDIR | 0755, from ? from->dos_time : (uint32_t)RBE_EPOCH_DOS, NULL, 0, e);
}

static enum rbe_code put_entry(int target_fd, struct rbe_zipw *out, const struct rbe_entry *entry,
                               const struct source *source, struct rbe_err *e)
{
    if (entry->kind == RBE_KIND_DIR)
        return put_dir(out, entry->path, source ? source->entry : NULL, e);
    if (!source)
        return rbe_fail(e, RBE_FAULT, "target package lacks %s", entry->path);
    struct rbe_zip_entry copy = *source->entry;

    copy.name = entry->path;
    copy.unix_mode = (uint16_t)((entry->kind == RBE_KIND_LINK ? S_IFLNK : S_IFREG) | entry->mode);
    return rbe_zipw_copy(out, target_fd, &copy, e);
}

enum rbe_code rbe_build_copy(int target_fd, size_t max_entries, const struct rbe_wanted *want, struct rbe_zipw *out,
                             struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_zip zip;

    RBE_TRY(rbe_zip_open(target_fd, max_entries, &arena, &zip, e));
    const struct source *sources = sources_make(&zip, &arena);

    for (size_t i = 0; i < want->n; i++) {
        const struct rbe_entry *entry = want->v[i].entry;
        const struct source key = {.path = entry->path};

        RBE_TRY(put_entry(target_fd, out, entry, bsearch(&key, sources, zip.n, sizeof(*sources), by_path), e));
    }
    return RBE_OK;
}

static enum rbe_code build_zip(const struct rbe_build *b, const struct rbe_wanted *want, const struct rbe_str *changes,
                               struct rbe_err *e)
{
    rbe_autoptr(zipw) struct rbe_zipw *out = rbe_zipw_new(b->out_fd);

    RBE_TRY(rbe_zipw_add(out, RBE_CHANGES_NAME, S_IFREG | RBE_CHANGES_MODE, RBE_EPOCH_DOS, changes->s,
                         changes->len, e));
    /* One more than the tree has, for an entry of the root itself. */
    RBE_TRY(rbe_build_copy(b->target_fd, b->to->n + 1, want, out, e));
    return rbe_zipw_finish(out, e);
}

enum rbe_code rbe_build_files(const struct rbe_build *b, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_auto(str) struct rbe_str changes = {0};
    struct rbe_wanted want;
    enum rbe_code code;

    rbe_changes_format(b->plan, NULL, &changes);
    rbe_wanted_make(b->plan, &arena, &want);
    if (b->target_type == RBE_ARC_ZIP)
        code = build_zip(b, &want, &changes, e);
    else
        code = rbe_build_tar(b, &want, &changes, &arena, e);
    return rbe_wanted_fault(code, "target package", e);
}
