#include "lib/patch/extract.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/base/codec.h"
#include "lib/patch/wanted.h"
#include "lib/wrap/file.h"
#include "lib/wrap/zip.h"

enum { BUFFER = 256 * 1024, WHOLE_MOST = 256 << 20 };

struct picking {
    const struct rbe_manifest *manifest;
    struct rbe_pick **order;         /* by content */
    size_t n, left;                  /* picks, and those not done */
    uint64_t memory_bytes;
    struct rbe_arena names;          /* reset for each entry */
    struct rbe_sha256 *hash;
    /* Of the present entry: */
    const struct rbe_entry *entry;
    struct rbe_pick **first;         /* picks that want it */
    size_t n_first;
    uint64_t at;
};

static int by_content(const void *a, const void *b)
{
    const struct rbe_pick *const *x = a, *const *y = b;

    return memcmp((*x)->entry->sha256, (*y)->entry->sha256, RBE_SHA256_SIZE);
}

/* Makes the entry that stands under this name the present one; false when nobody wants what it holds. */
static bool begin(struct picking *p, const char *name)
{
    rbe_arena_reset(&p->names);
    p->entry = rbe_manifest_find(p->manifest, rbe_wanted_path(&p->names, name));
    if (!p->entry || p->entry->kind != RBE_KIND_FILE || p->left == 0)
        return false;
    const struct rbe_pick like = {.entry = p->entry}, *key = &like;
    struct rbe_pick **found = bsearch(&key, p->order, p->n, sizeof(*p->order), by_content);

    if (!found || (*found)->done)
        return false;
    while (found > p->order && by_content(found - 1, &key) == 0)
        found--;
    p->first = found;
    for (p->n_first = 1; found + p->n_first < p->order + p->n && by_content(found + p->n_first, &key) == 0;)
        p->n_first++;
    p->at = 0;
    return true;
}

static enum rbe_code put(void *arg, const void *data, size_t n, struct rbe_err *e)
{
    struct picking *p = arg;

    rbe_sha256_put(p->hash, data, n);
    if (n > p->entry->size - p->at)
        return rbe_fail(e, RBE_FAULT, "%s is larger than its manifest says", p->entry->path);
    for (size_t i = 0; i < p->n_first; i++)
        RBE_TRY(rbe_file_write_at(p->first[i]->fd, data, n, p->first[i]->offset + p->at, e));
    p->at += n;
    return RBE_OK;
}

static enum rbe_code end(struct picking *p, struct rbe_err *e)
{
    unsigned char sum[RBE_SHA256_SIZE];
    char want[RBE_SHA256_TEXT], got[RBE_SHA256_TEXT];

    rbe_sha256_end(p->hash, sum);
    if (memcmp(sum, p->entry->sha256, sizeof(sum)) != 0) {
        rbe_hex_encode(p->entry->sha256, sizeof(sum), want);
        rbe_hex_encode(sum, sizeof(sum), got);
        return rbe_fail(e, RBE_FAULT, "%s should be sha256:%s, is sha256:%s", p->entry->path, want, got);
    }
    for (size_t i = 0; i < p->n_first; i++)
        p->first[i]->done = true;
    p->left -= p->n_first;
    return RBE_OK;
}

static enum rbe_code read_zip(struct picking *p, int fd, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_zip zip;

    RBE_TRY(rbe_zip_open(fd, p->manifest->n + 1, &arena, &zip, e));
    for (size_t i = 0; i < zip.n && p->left > 0; i++) {
        if (S_ISLNK(zip.entries[i].unix_mode) || !begin(p, zip.entries[i].name))
            continue;
        RBE_TRY(rbe_zip_read_whole(fd, &zip.entries[i], put, p, e));
        RBE_TRY(end(p, e));
    }
    return RBE_OK;
}

static enum rbe_code read_tar(struct picking *p, int fd, enum rbe_arc_type type, struct rbe_err *e)
{
    rbe_autoptr(arc) struct rbe_arc *in = NULL;
    rbe_autofree unsigned char *buffer = rbe_alloc(BUFFER);

    RBE_TRY(rbe_arc_open_whole(fd, type, p->memory_bytes < WHOLE_MOST ? p->memory_bytes : WHOLE_MOST, &in, e));
    while (p->left > 0) {
        struct rbe_arc_entry entry;
        bool over;
        size_t n;

        RBE_TRY(rbe_arc_next(in, &entry, &over, e));
        if (over)
            break;
        if (entry.kind != RBE_ARC_FILE || !begin(p, entry.name))
            continue;
        do {
            RBE_TRY(rbe_arc_read(in, buffer, BUFFER, &n, e));
            RBE_TRY(put(p, buffer, n, e));
        } while (n > 0);
        RBE_TRY(end(p, e));
    }
    return RBE_OK;
}

static void rbe_picking_release(struct picking *p)
{
    free(p->order);
    rbe_sha256_free(p->hash);
    rbe_arena_release(&p->names);
}

static enum rbe_code pick_all(struct picking *p, int fd, enum rbe_arc_type type, struct rbe_err *e)
{
    if (type == RBE_ARC_ZIP)
        RBE_TRY(read_zip(p, fd, e));
    else
        RBE_TRY(read_tar(p, fd, type, e));
    for (size_t i = 0; i < p->n; i++)
        if (!p->order[i]->done)
            return rbe_fail(e, RBE_FAULT, "lacks what %s holds", p->order[i]->entry->path);
    return RBE_OK;
}

enum rbe_code rbe_extract(int archive_fd, enum rbe_arc_type type, const struct rbe_manifest *manifest,
                          struct rbe_pick *picks, size_t n, uint64_t memory_bytes, const char *what, struct rbe_err *e)
{
    rbe_auto(picking) struct picking p = {.manifest = manifest, .n = n, .left = n, .memory_bytes = memory_bytes};
    struct rbe_err inner = {0};

    p.order = rbe_alloc_array(n, sizeof(*p.order));
    p.hash = rbe_sha256_new();
    for (size_t i = 0; i < n; i++)
        p.order[i] = &picks[i];
    if (n)
        qsort(p.order, n, sizeof(*p.order), by_content);
    enum rbe_code code = pick_all(&p, archive_fd, type, &inner);

    if (code == RBE_OK)
        return RBE_OK;
    return rbe_fail(e, code == RBE_INVALID ? RBE_FAULT : code, "%s: %.440s", what, inner.text);
}
