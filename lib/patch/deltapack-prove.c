/* The proof of a delta package. It reads the package back from its file and believes only the manifests: changes.json is
 * parsed as a client would, patches are decoded, and each file that comes of it is hashed. Of what the building left behind
 * it uses the laid out sources, after hashing them against the old manifest.
 */
#include <fcntl.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/patch/deltapack.h"
#include "lib/patch/proof.h"
#include "lib/wrap/file.h"
#include "lib/wrap/map.h"

enum { CHANGES_MOST = 1 << 30 };

struct proving {
    const struct rbe_deltapack *d;
    struct rbe_proof proof;
    struct rbe_zip zip;
    struct rbe_str changes;          /* the text of changes.json */
    struct rbe_changes told;         /* and what it says */
    bool *used;                      /* groups whose patch was found */
};

static void rbe_proving_release(struct proving *p)
{
    rbe_proof_release(&p->proof);
    rbe_str_release(&p->changes);
}

static enum rbe_code disagree(const char *what, const char *path, const unsigned char *want, const unsigned char *got,
                              struct rbe_err *e)
{
    char a[RBE_SHA256_TEXT], b[RBE_SHA256_TEXT];

    rbe_hex_encode(want, RBE_SHA256_SIZE, a);
    rbe_hex_encode(got, RBE_SHA256_SIZE, b);
    return rbe_fail(e, RBE_FAULT, "%s: %.200s should be sha256:%s, is sha256:%s", what, path, a, b);
}

/* ---- changes.json ---- */

static enum rbe_code keep_text(void *arg, const void *data, size_t n, struct rbe_err *e)
{
    struct rbe_str *text = arg;

    if (n > CHANGES_MOST - text->len)
        return rbe_fail(e, RBE_FAULT, "package: changes.json is too large");
    rbe_str_put(text, data, n);
    return RBE_OK;
}

/* The lists must be the plan's, and the text must be the one way to say it. */
static enum rbe_code read_changes(struct proving *p, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str again = {0};
    struct rbe_entry got;

    if (p->zip.n == 0)
        return rbe_fail(e, RBE_FAULT, "package: holds nothing");
    RBE_TRY(rbe_proof_read(&p->proof, p->d->out_fd, &p->zip.entries[0], &got, e));
    RBE_TRY(rbe_zip_read_whole(p->d->out_fd, &p->zip.entries[0], keep_text, &p->changes, e));
    RBE_TRY(rbe_changes_parse(rbe_str_text(&p->changes), p->changes.len, &p->proof.arena, &p->told, e));
    rbe_changes_format(p->d->plan, &p->told.delta, &again);
    RBE_TRY(rbe_proof_changes(&got, &again, e));
    if (!p->told.delta.format || strcmp(p->told.delta.format, p->d->engine->name) != 0)
        return rbe_fail(e, RBE_FAULT, "package: is not of format %s", p->d->engine->name);
    return RBE_OK;
}

/* ---- groups ---- */

static enum rbe_code check_source(struct proving *p, const struct rbe_group *group, const struct rbe_map *source,
                                  struct rbe_err *e)
{
    uint64_t at = 0;

    for (size_t i = 0; i < group->n_source; i++) {
        const struct rbe_piece *piece = &group->source[i];
        const struct rbe_entry *old = rbe_manifest_find(p->d->from, piece->path);
        unsigned char sum[RBE_SHA256_SIZE];

        if (!old || old->kind != RBE_KIND_FILE || old->size != piece->size || piece->size > source->n - at)
            return rbe_fail(e, RBE_FAULT, "package: the old tree has no such file %s", piece->path);
        rbe_sha256_of(source->p + at, (size_t)piece->size, sum);
        if (memcmp(sum, old->sha256, sizeof(sum)) != 0)
            return disagree("source", piece->path, old->sha256, sum, e);
        if (memcmp(sum, piece->sha256, sizeof(sum)) != 0)
            return disagree("package: source", piece->path, sum, piece->sha256, e);
        at += piece->size;
    }
    return at == source->n ? RBE_OK : rbe_fail(e, RBE_FAULT, "package: a source is longer than its files");
}

static enum rbe_code take_targets(struct proving *p, const struct rbe_group *group, const struct rbe_map *out,
                                  struct rbe_err *e)
{
    uint64_t at = 0;

    for (size_t i = 0; i < group->n_target; i++) {
        const struct rbe_piece *piece = &group->target[i];
        struct rbe_entry got = {.path = piece->path, .size = piece->size, .kind = RBE_KIND_FILE, .mode = piece->mode};

        rbe_sha256_of(out->p + at, (size_t)piece->size, got.sha256);
        if (memcmp(got.sha256, piece->sha256, sizeof(got.sha256)) != 0)
            return disagree("package", piece->path, piece->sha256, got.sha256, e);
        RBE_TRY(rbe_proof_take(&p->proof, &got, e));
        at += piece->size;
    }
    return RBE_OK;
}

static enum rbe_code temporary(const struct proving *p, int *ret, struct rbe_err *e)
{
    rbe_autoclose int dir = open(p->d->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return dir < 0 ? rbe_fail_errno(e, "cannot open %s", p->d->dir) : rbe_file_temp(dir, ret, e);
}

static enum rbe_code put_file(void *arg, const void *data, size_t n, struct rbe_err *e)
{
    return rbe_file_write(*(int *)arg, data, n, e);
}

static enum rbe_code decode_group(struct proving *p, size_t i, const struct rbe_zip_entry *entry, struct rbe_err *e)
{
    const struct rbe_group *group = &p->told.delta.groups[i];
    rbe_autofree char *source_path = rbe_strfmt("%s/source-%zu", p->d->dir, i);
    rbe_auto(map) struct rbe_map source = {0}, out = {0};
    rbe_autoclose int source_fd = -1, patch_fd = -1, out_fd = -1;
    uint64_t size = 0;

    for (size_t k = 0; k < group->n_target; k++)
        size += group->target[k].size;
    RBE_TRY(rbe_file_open(source_path, &source_fd, e));
    RBE_TRY(rbe_map_read(source_fd, &source, e));
    RBE_TRY(check_source(p, group, &source, e));
    RBE_TRY(temporary(p, &patch_fd, e));
    RBE_TRY(rbe_zip_read_whole(p->d->out_fd, entry, put_file, &patch_fd, e));
    RBE_TRY(temporary(p, &out_fd, e));
    const struct rbe_engine_decode t = {
        .source_fd = source_fd, .patch_fd = patch_fd, .out_fd = out_fd, .target_size = size};

    RBE_TRY(p->d->engine->decode(&t, e));
    RBE_TRY(rbe_map_read(out_fd, &out, e));
    if (out.n != size)
        return rbe_fail(e, RBE_FAULT, "package: %s gives %zu bytes", group->patch, out.n);
    p->used[i] = true;
    return take_targets(p, group, &out, e);
}

/* ---- entries and copies ---- */

static enum rbe_code read_entry(struct proving *p, const struct rbe_zip_entry *entry, struct rbe_err *e)
{
    struct rbe_entry got;

    for (size_t i = 0; i < p->told.delta.n_groups; i++)
        if (!p->used[i] && strcmp(p->told.delta.groups[i].patch, entry->name) == 0) {
            if (rbe_manifest_find(p->d->to, entry->name))
                return rbe_fail(e, RBE_FAULT, "package: the patch %s has the name of a file", entry->name);
            return decode_group(p, i, entry, e);
        }
    RBE_TRY(rbe_proof_read(&p->proof, p->d->out_fd, entry, &got, e));
    return rbe_proof_take(&p->proof, &got, e);
}

/* What a copy is of: in the old tree any file, in the new one a file that stays or that was put there before. */
static const struct rbe_entry *origin_of(struct proving *p, const struct rbe_copy *copy)
{
    const struct rbe_want *want = rbe_wanted_find(&p->proof.want, copy->from);

    if (!copy->of_new)
        return rbe_manifest_find(p->d->from, copy->from);
    return want && !want->done ? NULL : rbe_manifest_find(p->d->to, copy->from);
}

static enum rbe_code take_copies(struct proving *p, bool of_new, struct rbe_err *e)
{
    for (size_t i = 0; i < p->told.delta.n_copies; i++) {
        const struct rbe_copy *copy = &p->told.delta.copies[i];
        const struct rbe_entry *origin = copy->of_new == of_new ? origin_of(p, copy) : NULL;

        if (copy->of_new != of_new)
            continue;
        if (!origin || origin->kind != RBE_KIND_FILE)
            return rbe_fail(e, RBE_FAULT, "package: %s is a copy of %s, which is not there", copy->path, copy->from);
        if (memcmp(origin->sha256, copy->sha256, sizeof(copy->sha256)) != 0)
            return disagree("package: copy", copy->path, origin->sha256, copy->sha256, e);
        struct rbe_entry got = *origin;

        got.path = copy->path;
        got.mode = copy->mode;
        RBE_TRY(rbe_proof_take(&p->proof, &got, e));
    }
    return RBE_OK;
}

static enum rbe_code prove(struct proving *p, struct rbe_err *e)
{
    /* changes.json, and a patch for each group: there are no more groups than files that are wanted. */
    RBE_TRY(rbe_zip_open(p->d->out_fd, 2 * p->proof.want.n + 1, &p->proof.arena, &p->zip, e));
    RBE_TRY(read_changes(p, e));
    p->used = rbe_arena_alloc_array(&p->proof.arena, p->told.delta.n_groups, sizeof(*p->used));
    RBE_TRY(take_copies(p, false, e));
    for (size_t i = 1; i < p->zip.n; i++)
        RBE_TRY(read_entry(p, &p->zip.entries[i], e));
    for (size_t i = 0; i < p->told.delta.n_groups; i++)
        if (!p->used[i])
            return rbe_fail(e, RBE_FAULT, "package: %s is missing", p->told.delta.groups[i].patch);
    RBE_TRY(take_copies(p, true, e));
    return rbe_proof_end(&p->proof, e);
}

enum rbe_code rbe_deltapack_prove(const struct rbe_deltapack *d, struct rbe_err *e)
{
    rbe_auto(proving) struct proving p = {.d = d};

    rbe_proof_init(&p.proof, d->from, d->to, d->plan);
    return rbe_wanted_fault(prove(&p, e), "package", e);
}
