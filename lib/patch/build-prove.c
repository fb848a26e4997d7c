/* The proof of a built package. It trusts nothing that the building left behind: the package is read back from its
 * file, every entry is unpacked and hashed, and the new tree is put together from the old manifest and what was read,
 * as a client would.
 */
#include "lib/patch/build.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/codec.h"
#include "lib/patch/changes.h"
#include "lib/patch/wanted.h"
#include "lib/wrap/arc.h"
#include "lib/wrap/zip.h"

enum { BUFFER = 256 * 1024, LINK_MAX_BYTES = 64 * 1024, TEXT_MAX = 256 };

struct proof {
    const struct rbe_build *build;
    struct rbe_wanted want;
    struct rbe_arena arena;
    struct rbe_str changes;          /* what changes.json must be */
    struct rbe_sha256 *hash;
    struct rbe_str content;          /* of a link */
    struct rbe_manifest tree;        /* the tree that a client gets */
    size_t seen;                     /* entries read */
};

static void rbe_proof_release(struct proof *p)
{
    rbe_arena_release(&p->arena);
    rbe_str_release(&p->changes);
    rbe_str_release(&p->content);
    rbe_manifest_release(&p->tree);
    rbe_sha256_free(p->hash);
}

/* An entry in words, for the reason of a failed job. */
static const char *describe(const struct rbe_entry *entry, char ret_text[static TEXT_MAX])
{
    char sum[RBE_SHA256_TEXT];

    rbe_hex_encode(entry->sha256, sizeof(entry->sha256), sum);
    if (entry->kind == RBE_KIND_FILE)
        (void)snprintf(ret_text, TEXT_MAX, "a file %04o of %llu bytes sha256:%s", (unsigned)entry->mode,
                       (unsigned long long)entry->size, sum);
    else if (entry->kind == RBE_KIND_LINK)
        (void)snprintf(ret_text, TEXT_MAX, "a link to %.200s", entry->target);
    else
        (void)snprintf(ret_text, TEXT_MAX, "a directory %04o", (unsigned)entry->mode);
    return ret_text;
}

static enum rbe_code differ(const char *where, const struct rbe_entry *want, const struct rbe_entry *got,
                            struct rbe_err *e)
{
    char a[TEXT_MAX], b[TEXT_MAX];

    return rbe_fail(e, RBE_FAULT, "%s: %.160s should be %s, is %s", where, want->path, describe(want, a),
                    describe(got, b));
}

/* Ticks off what was read and puts it into the tree. */
static enum rbe_code take(struct proof *p, const struct rbe_entry *got, struct rbe_err *e)
{
    struct rbe_want *want = rbe_wanted_find(&p->want, got->path);

    if (!want)
        return rbe_fail(e, RBE_FAULT, "package: %s does not belong in it", got->path);
    if (want->done)
        return rbe_fail(e, RBE_FAULT, "package: %s stands twice in it", got->path);
    if (!rbe_entry_equal(want->entry, got))
        return differ("package", want->entry, got, e);
    want->done = true;
    rbe_manifest_add(&p->tree, got);
    return RBE_OK;
}

static enum rbe_code take_changes(struct proof *p, const struct rbe_entry *got, struct rbe_err *e)
{
    char a[RBE_SHA256_TEXT], b[RBE_SHA256_TEXT];
    unsigned char sum[RBE_SHA256_SIZE];

    if (got->kind != RBE_KIND_FILE || got->mode != RBE_CHANGES_MODE || strcmp(got->path, RBE_CHANGES_NAME) != 0)
        return rbe_fail(e, RBE_FAULT, "package: begins with %s, not with %s", got->path, RBE_CHANGES_NAME);
    rbe_sha256_of(p->changes.s, p->changes.len, sum);
    if (memcmp(sum, got->sha256, sizeof(sum)) == 0)
        return RBE_OK;
    rbe_hex_encode(sum, sizeof(sum), a);
    rbe_hex_encode(got->sha256, sizeof(got->sha256), b);
    return rbe_fail(e, RBE_FAULT, "package: %s should be sha256:%s, is sha256:%s", RBE_CHANGES_NAME, a, b);
}

static enum rbe_code take_any(struct proof *p, const struct rbe_entry *got, struct rbe_err *e)
{
    return p->seen++ == 0 ? take_changes(p, got, e) : take(p, got, e);
}

static enum rbe_code hash_sink(void *arg, const void *data, size_t n, struct rbe_err *e)
{
    struct proof *p = arg;

    (void)e;
    rbe_sha256_put(p->hash, data, n);
    return RBE_OK;
}

static enum rbe_code keep_sink(void *arg, const void *data, size_t n, struct rbe_err *e)
{
    struct proof *p = arg;

    if (n > LINK_MAX_BYTES - p->content.len)
        return rbe_fail(e, RBE_FAULT, "package: a link's target is too long");
    rbe_str_put(&p->content, data, n);
    return RBE_OK;
}

static enum rbe_code read_zip_entry(struct proof *p, const struct rbe_zip_entry *entry, struct rbe_err *e)
{
    size_t len = strlen(entry->name);
    bool dir = len > 0 && entry->name[len - 1] == '/', link = S_ISLNK(entry->unix_mode);
    struct rbe_entry got = {.path = rbe_arena_strndup(&p->arena, entry->name, len - dir)};

    if (!dir && !link && !S_ISREG(entry->unix_mode))
        return rbe_fail(e, RBE_FAULT, "package: %s is no file, directory or link", entry->name);
    got.kind = dir ? RBE_KIND_DIR : link ? RBE_KIND_LINK : RBE_KIND_FILE;
    got.mode = entry->unix_mode & 0777;
    if (link) {
        rbe_str_reset(&p->content);
        RBE_TRY(rbe_zip_read(p->build->out_fd, entry, keep_sink, p, e));
        got.target = rbe_str_text(&p->content);
        if (strlen(got.target) != p->content.len)
            return rbe_fail(e, RBE_FAULT, "package: the target of link %s holds a zero byte", got.path);
    } else if (!dir) {
        got.size = entry->size;
        RBE_TRY(rbe_zip_read(p->build->out_fd, entry, hash_sink, p, e));
        rbe_sha256_end(p->hash, got.sha256);
    }
    return take_any(p, &got, e);
}

static enum rbe_code read_zip(struct proof *p, struct rbe_err *e)
{
    struct rbe_zip zip;

    RBE_TRY(rbe_zip_open(p->build->out_fd, p->want.n + 1, &p->arena, &zip, e));
    for (size_t i = 0; i < zip.n; i++)
        RBE_TRY(read_zip_entry(p, &zip.entries[i], e));
    return RBE_OK;
}

static enum rbe_code hash_tar_data(struct proof *p, struct rbe_arc *in, struct rbe_entry *got, struct rbe_err *e)
{
    rbe_autofree unsigned char *buffer = rbe_alloc(BUFFER);

    for (;;) {
        size_t n;

        RBE_TRY(rbe_arc_read(in, buffer, BUFFER, &n, e));
        if (n == 0)
            break;
        rbe_sha256_put(p->hash, buffer, n);
        got->size += n;
    }
    rbe_sha256_end(p->hash, got->sha256);
    return RBE_OK;
}

static enum rbe_code read_tar_entry(struct proof *p, struct rbe_arc *in, const struct rbe_arc_entry *entry,
                                    struct rbe_err *e)
{
    size_t len = strlen(entry->name);
    bool dir = entry->kind == RBE_ARC_DIR, link = entry->kind == RBE_ARC_LINK;
    struct rbe_entry got = {.mode = entry->mode & 0777};

    if (!dir && !link && entry->kind != RBE_ARC_FILE)
        return rbe_fail(e, RBE_FAULT, "package: %s is no file, directory or link", entry->name);
    got.kind = dir ? RBE_KIND_DIR : link ? RBE_KIND_LINK : RBE_KIND_FILE;
    got.path = rbe_arena_strndup(&p->arena, entry->name, len - (dir && len > 0 && entry->name[len - 1] == '/'));
    if (link)
        got.target = rbe_arena_strdup(&p->arena, entry->target);
    else if (!dir)
        RBE_TRY(hash_tar_data(p, in, &got, e));
    return take_any(p, &got, e);
}

static enum rbe_code read_tar(struct proof *p, struct rbe_err *e)
{
    rbe_autoptr(arc) struct rbe_arc *in = NULL;

    RBE_TRY(rbe_arc_open(p->build->out_fd, rbe_build_type(p->build->target_type), &in, e));
    for (;;) {
        struct rbe_arc_entry entry;
        bool end;

        RBE_TRY(rbe_arc_next(in, &entry, &end, e));
        if (end)
            return RBE_OK;
        RBE_TRY(read_tar_entry(p, in, &entry, e));
    }
}

static bool listed(const struct rbe_plan_list *list, const char *path)
{
    size_t low = 0, high = list->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(path, list->v[mid]->path);

        if (order == 0)
            return true;
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}

/* What a client still has of the old tree after it deleted what it was told to and before it unpacks over it. */
static void keep_old(struct proof *p)
{
    const struct rbe_plan *plan = p->build->plan;

    for (size_t i = 0; i < p->build->from->n; i++) {
        const struct rbe_entry *old = &p->build->from->entries[i];
        enum rbe_change gone = old->kind == RBE_KIND_DIR ? RBE_DELETED_DIR : RBE_DELETED;

        if (!listed(&plan->change[gone], old->path) && !rbe_wanted_find(&p->want, old->path))
            rbe_manifest_add(&p->tree, old);
    }
}

static enum rbe_code compare_trees(struct proof *p, struct rbe_err *e)
{
    const struct rbe_manifest *to = p->build->to, *tree = &p->tree;
    size_t given = tree->n;

    RBE_TRY(rbe_manifest_seal(&p->tree, e));
    for (size_t i = 0; i < to->n && i < tree->n; i++) {
        const struct rbe_entry *want = &to->entries[i], *got = &tree->entries[i];
        int order = strcmp(want->path, got->path);

        if (order < 0)
            return rbe_fail(e, RBE_FAULT, "tree: %s is missing", want->path);
        if (order > 0)
            return rbe_fail(e, RBE_FAULT, "tree: %s should be gone", got->path);
        if (!rbe_entry_equal(want, got))
            return differ("tree", want, got, e);
    }
    if (to->n != tree->n)
        return to->n < tree->n ? rbe_fail(e, RBE_FAULT, "tree: %s should be gone", tree->entries[to->n].path)
                               : rbe_fail(e, RBE_FAULT, "tree: %s is missing", to->entries[tree->n].path);
    /* Sealing puts in the ancestors that nobody named; a package has to name them all. */
    if (given != tree->n)
        return rbe_fail(e, RBE_FAULT, "tree: %zu directories are not named in the package", tree->n - given);
    return RBE_OK;
}

static enum rbe_code prove(struct proof *p, struct rbe_err *e)
{
    if (rbe_build_type(p->build->target_type) == RBE_ARC_ZIP)
        RBE_TRY(read_zip(p, e));
    else
        RBE_TRY(read_tar(p, e));
    const struct rbe_entry *missing = rbe_wanted_missing(&p->want);

    if (p->seen == 0)
        return rbe_fail(e, RBE_FAULT, "package: holds nothing");
    if (missing)
        return rbe_fail(e, RBE_FAULT, "package: %s is missing", missing->path);
    keep_old(p);
    return compare_trees(p, e);
}

enum rbe_code rbe_build_prove(const struct rbe_build *b, struct rbe_err *e)
{
    rbe_auto(proof) struct proof p = {.build = b};

    p.hash = rbe_sha256_new();
    rbe_changes_format(b->plan, NULL, &p.changes);
    rbe_wanted_make(b->plan, &p.arena, &p.want);
    return rbe_wanted_fault(prove(&p, e), "package", e);
}
