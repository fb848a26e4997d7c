/* The proof of a package of format "files". It trusts nothing that the building left behind: the package is read back from
 * its file, and every entry is unpacked and hashed.
 */
#include "lib/patch/build.h"

#include <string.h>

#include "lib/patch/changes.h"
#include "lib/patch/proof.h"
#include "lib/wrap/arc.h"

enum { BUFFER = 256 * 1024 };

struct reading {
    const struct rbe_build *build;
    struct rbe_proof proof;
    struct rbe_str changes;          /* what changes.json must be */
    unsigned char *buffer;
    size_t seen;                     /* entries read */
};

static void rbe_reading_release(struct reading *p)
{
    rbe_proof_release(&p->proof);
    rbe_str_release(&p->changes);
    free(p->buffer);
}

static enum rbe_code take(struct reading *p, const struct rbe_entry *got, struct rbe_err *e)
{
    return p->seen++ == 0 ? rbe_proof_changes(got, &p->changes, e) : rbe_proof_take(&p->proof, got, e);
}

static enum rbe_code read_zip(struct reading *p, struct rbe_err *e)
{
    struct rbe_entry got;
    struct rbe_zip zip;

    RBE_TRY(rbe_zip_open(p->build->out_fd, p->proof.want.n + 1, &p->proof.arena, &zip, e));
    for (size_t i = 0; i < zip.n; i++) {
        RBE_TRY(rbe_proof_read(&p->proof, p->build->out_fd, &zip.entries[i], &got, e));
        RBE_TRY(take(p, &got, e));
    }
    return RBE_OK;
}

static enum rbe_code hash_tar_data(struct reading *p, struct rbe_arc *in, struct rbe_entry *got, struct rbe_err *e)
{
    for (;;) {
        size_t n;

        RBE_TRY(rbe_arc_read(in, p->buffer, BUFFER, &n, e));
        if (n == 0)
            break;
        rbe_sha256_put(p->proof.hash, p->buffer, n);
        got->size += n;
    }
    rbe_sha256_end(p->proof.hash, got->sha256);
    return RBE_OK;
}

static enum rbe_code read_tar_entry(struct reading *p, struct rbe_arc *in, const struct rbe_arc_entry *entry,
                                    struct rbe_err *e)
{
    size_t len = strlen(entry->name);
    bool dir = entry->kind == RBE_ARC_DIR, link = entry->kind == RBE_ARC_LINK;
    struct rbe_entry got = {.mode = entry->mode & 0777};

    if (!dir && !link && entry->kind != RBE_ARC_FILE)
        return rbe_fail(e, RBE_FAULT, "package: %s is no file, directory or link", entry->name);
    got.kind = dir ? RBE_KIND_DIR : link ? RBE_KIND_LINK : RBE_KIND_FILE;
    got.path = rbe_arena_strndup(&p->proof.arena, entry->name, len - (dir && len > 0 && entry->name[len - 1] == '/'));
    if (link)
        got.target = rbe_arena_strdup(&p->proof.arena, entry->target);
    else if (!dir)
        RBE_TRY(hash_tar_data(p, in, &got, e));
    return take(p, &got, e);
}

static enum rbe_code read_tar(struct reading *p, struct rbe_err *e)
{
    rbe_autoptr(arc) struct rbe_arc *in = NULL;

    p->buffer = rbe_realloc(NULL, BUFFER);
    RBE_TRY(rbe_arc_open_whole(p->build->out_fd, rbe_build_type(p->build->target_type), p->build->memory_bytes, &in, e));
    for (;;) {
        struct rbe_arc_entry entry;
        bool end;

        RBE_TRY(rbe_arc_next(in, &entry, &end, e));
        if (end)
            return RBE_OK;
        RBE_TRY(read_tar_entry(p, in, &entry, e));
    }
}

static enum rbe_code prove(struct reading *p, struct rbe_err *e)
{
    if (rbe_build_type(p->build->target_type) == RBE_ARC_ZIP)
        RBE_TRY(read_zip(p, e));
    else
        RBE_TRY(read_tar(p, e));
    if (p->seen == 0)
        return rbe_fail(e, RBE_FAULT, "package: holds nothing");
    return rbe_proof_end(&p->proof, e);
}

enum rbe_code rbe_build_prove(const struct rbe_build *b, struct rbe_err *e)
{
    rbe_auto(reading) struct reading p = {.build = b};

    rbe_proof_init(&p.proof, b->from, b->to, b->plan);
    rbe_changes_format(b->plan, NULL, &p.changes);
    return rbe_wanted_fault(prove(&p, e), "package", e);
}
