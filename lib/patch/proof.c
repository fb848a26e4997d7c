#include "lib/patch/proof.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/codec.h"

enum { LINK_MAX_BYTES = 64 * 1024, TEXT_MAX = 256 };

void rbe_proof_init(struct rbe_proof *p, const struct rbe_manifest *from, const struct rbe_manifest *to,
                    const struct rbe_plan *plan)
{
    *p = (struct rbe_proof){.from = from, .to = to, .plan = plan, .hash = rbe_sha256_new()};
    rbe_wanted_make(plan, &p->arena, &p->want);
}

void rbe_proof_release(struct rbe_proof *p)
{
    rbe_arena_release(&p->arena);
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

enum rbe_code rbe_proof_take(struct rbe_proof *p, const struct rbe_entry *got, struct rbe_err *e)
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

enum rbe_code rbe_proof_changes(const struct rbe_entry *got, const struct rbe_str *changes, struct rbe_err *e)
{
    char a[RBE_SHA256_TEXT], b[RBE_SHA256_TEXT];
    unsigned char sum[RBE_SHA256_SIZE];

    if (got->kind != RBE_KIND_FILE || got->mode != RBE_CHANGES_MODE || strcmp(got->path, RBE_CHANGES_NAME) != 0)
        return rbe_fail(e, RBE_FAULT, "package: begins with %s, not with %s", got->path, RBE_CHANGES_NAME);
    rbe_sha256_of(changes->s, changes->len, sum);
    if (memcmp(sum, got->sha256, sizeof(sum)) == 0)
        return RBE_OK;
    rbe_hex_encode(sum, sizeof(sum), a);
    rbe_hex_encode(got->sha256, sizeof(got->sha256), b);
    return rbe_fail(e, RBE_FAULT, "package: %s should be sha256:%s, is sha256:%s", RBE_CHANGES_NAME, a, b);
}

static enum rbe_code hash_sink(void *arg, const void *data, size_t n, struct rbe_err *e)
{
    struct rbe_proof *p = arg;

    (void)e;
    rbe_sha256_put(p->hash, data, n);
    return RBE_OK;
}

static enum rbe_code keep_sink(void *arg, const void *data, size_t n, struct rbe_err *e)
{
    struct rbe_proof *p = arg;

    if (n > LINK_MAX_BYTES - p->content.len)
        return rbe_fail(e, RBE_FAULT, "package: a link's target is too long");
    rbe_str_put(&p->content, data, n);
    return RBE_OK;
}

enum rbe_code rbe_proof_read(struct rbe_proof *p, int fd, const struct rbe_zip_entry *entry, struct rbe_entry *ret,
                             struct rbe_err *e)
{
    size_t len = strlen(entry->name);
    bool dir = len > 0 && entry->name[len - 1] == '/', link = S_ISLNK(entry->unix_mode);

    if (!dir && !link && !S_ISREG(entry->unix_mode))
        return rbe_fail(e, RBE_FAULT, "package: %s is no file, directory or link", entry->name);
    *ret = (struct rbe_entry){
        .path = rbe_arena_strndup(&p->arena, entry->name, len - dir),
        .kind = dir ? RBE_KIND_DIR : link ? RBE_KIND_LINK : RBE_KIND_FILE,
        .mode = entry->unix_mode & 0777,
    };
    if (link) {
        rbe_str_reset(&p->content);
        RBE_TRY(rbe_zip_read_whole(fd, entry, keep_sink, p, e));
        ret->target = rbe_str_text(&p->content);
        if (strlen(ret->target) != p->content.len)
            return rbe_fail(e, RBE_FAULT, "package: the target of link %s holds a zero byte", ret->path);
    } else if (!dir) {
        ret->size = entry->size;
        RBE_TRY(rbe_zip_read_whole(fd, entry, hash_sink, p, e));
        rbe_sha256_end(p->hash, ret->sha256);
    }
    return RBE_OK;
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
static void keep_old(struct rbe_proof *p)
{
    const struct rbe_plan *plan = p->plan;

    for (size_t i = 0; i < p->from->n; i++) {
        const struct rbe_entry *old = &p->from->entries[i];
        enum rbe_change gone = old->kind == RBE_KIND_DIR ? RBE_DELETED_DIR : RBE_DELETED;

        if (!listed(&plan->change[gone], old->path) && !rbe_wanted_find(&p->want, old->path))
            rbe_manifest_add(&p->tree, old);
    }
}

static enum rbe_code compare_trees(struct rbe_proof *p, struct rbe_err *e)
{
    const struct rbe_manifest *to = p->to, *tree = &p->tree;
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

enum rbe_code rbe_proof_end(struct rbe_proof *p, struct rbe_err *e)
{
    const struct rbe_entry *missing = rbe_wanted_missing(&p->want);

    if (missing)
        return rbe_fail(e, RBE_FAULT, "package: %s is missing", missing->path);
    keep_old(p);
    return compare_trees(p, e);
}
