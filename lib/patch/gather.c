/* Gathering. A file of the set is written by one `struct out` at a time: it hashes, counts and compares. */
#include "lib/patch/gather.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/patch/engine.h"
#include "lib/patch/extract.h"
#include "lib/patch/rules.h"
#include "lib/wrap/file.h"
#include "lib/wrap/zip.h"

/* Beyond this many files one sync of the whole file system is cheaper than one of each. */
enum { BUFFER = 128 * 1024, SYNC_EACH = 256, NUMBER = 16 };

struct out {
    struct rbe_need *need;
    int fd;
    uint64_t size;
};

/* A hard link of a tar: the file at `from` of the same archive. */
struct alias {
    struct rbe_need *need;
    const char *from;
};

struct state {
    const struct rbe_gather *what;
    struct rbe_sha256 *hash;
    unsigned char *buffer;
    struct out out;
    uint64_t done;
    struct alias *aliases;
    size_t n_aliases, cap_aliases;
    const struct rbe_zip_entry **patches;    /* those of in->patches, by index */
    struct rbe_arena arena;
};

static void name_of(const struct rbe_need *need, char ret[static NUMBER])
{
    (void)snprintf(ret, NUMBER, "%u", (unsigned)need->number);
}

/* ---- one file being written ---- */

static enum rbe_code out_begin(struct state *s, struct rbe_need *need, struct rbe_err *e)
{
    char name[NUMBER];

    name_of(need, name);
    s->out = (struct out){.need = need};
    s->out.fd = openat(s->what->set->new, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    return s->out.fd >= 0 ? RBE_OK : rbe_fail_errno(e, "cannot make a file for %s", need->entry->path);
}

static void out_drop(struct state *s)
{
    unsigned char ignored[RBE_SHA256_SIZE];

    rbe_cleanup_close(&s->out.fd);
    s->done -= s->out.size;
    s->out = (struct out){.fd = -1};
    rbe_sha256_end(s->hash, ignored);
}

static enum rbe_code tick(struct state *s, uint64_t more, struct rbe_err *e)
{
    const struct rbe_gather *g = s->what;

    s->done += more;
    return g->tick ? g->tick(g->arg, s->done, g->needs->bytes, e) : RBE_OK;
}

static enum rbe_code out_put(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    struct state *s = arg;

    s->out.size += n;
    if (s->out.size > s->out.need->entry->size)
        return rbe_invalid(e, "file", "size", "%s is larger than it should be", s->out.need->entry->path);
    RBE_TRY(rbe_file_write(s->out.fd, p, n, e));
    rbe_sha256_put(s->hash, p, n);
    return tick(s, n, e);
}

static enum rbe_code out_end(struct state *s, struct rbe_err *e)
{
    const struct rbe_entry *entry = s->out.need->entry;
    unsigned char sum[RBE_SHA256_SIZE];

    rbe_sha256_end(s->hash, sum);
    if (s->out.size != entry->size || memcmp(sum, entry->sha256, sizeof(sum)) != 0)
        return rbe_invalid(e, "file", "hash", "%s is not what it should be", entry->path);
    /* Where the file system keeps no modes there is none to set. */
    if (s->what->home->modes && fchmod(s->out.fd, entry->mode) != 0)
        return rbe_fail_errno(e, "cannot set the mode of %s", entry->path);
    if (s->what->needs->n <= SYNC_EACH && fsync(s->out.fd) != 0)
        return rbe_fail_errno(e, "cannot sync %s", entry->path);
    if (close(rbe_steal_fd(s->out.fd)) != 0)
        return rbe_fail_errno(e, "cannot write %s", entry->path);
    s->out.need->done = true;
    s->out = (struct out){.fd = -1};
    return RBE_OK;
}

/* n bytes of fd from an offset on into the file being written. */
static enum rbe_code out_copy(struct state *s, int fd, uint64_t offset, uint64_t n, struct rbe_err *e)
{
    for (size_t got = 1; n > 0 && got > 0; offset += got, n -= got) {
        RBE_TRY(rbe_file_read_at(fd, s->buffer, n < BUFFER ? (size_t)n : BUFFER, offset, &got, e));
        RBE_TRY(out_put(s, s->buffer, got, e));
    }
    return RBE_OK;
}

static enum rbe_code out_whole(struct state *s, struct rbe_need *need, int fd, uint64_t offset, struct rbe_err *e)
{
    RBE_TRY(out_begin(s, need, e));
    RBE_TRY(out_copy(s, fd, offset, need->entry->size, e));
    return out_end(s, e);
}

static enum rbe_code make_link(struct state *s, struct rbe_need *need, struct rbe_err *e)
{
    char name[NUMBER];

    name_of(need, name);
    if (symlinkat(need->entry->target, s->what->set->new, name) != 0)
        return rbe_fail_errno(e, "cannot make link %s", need->entry->path);
    need->done = true;
    return RBE_OK;
}

/* ---- from the tree ---- */

/* A file of the tree that has to have a certain content: what is wrong with it is no fault of the package. */
static enum rbe_code from_tree(struct state *s, struct rbe_need *need, const char *path, struct rbe_err *e)
{
    rbe_autoclose int fd = -1;
    struct rbe_err why = {0};
    enum rbe_code code = rbe_place_open(&s->what->home->tree, path, &fd, &why);

    if (code == RBE_OK)
        code = out_whole(s, need, fd, 0, &why);
    if (code == RBE_INVALID || code == RBE_NOTFOUND) {
        out_drop(s);
        return rbe_fail(e, RBE_REFUSED, "%s is damaged", path);
    }
    if (code != RBE_OK)
        *e = why;
    return code;
}

/* A file of the new tree: one that was gathered, or one that stands there. */
static enum rbe_code from_new(struct state *s, struct rbe_need *need, const char *path, struct rbe_err *e)
{
    const struct rbe_need *other = rbe_needs_find(s->what->needs, path);
    char name[NUMBER];

    if (!other)
        return from_tree(s, need, path, e);
    if (!other->done)
        return rbe_fail(e, RBE_NOTFOUND, "%s is not there to be copied", path);
    name_of(other, name);
    rbe_autoclose int fd = openat(s->what->set->new, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return rbe_fail_errno(e, "cannot open %s", path);
    return out_whole(s, need, fd, 0, e);
}

static enum rbe_code gather_here(struct state *s, struct rbe_err *e)
{
    const struct rbe_needs *needs = s->what->needs;

    for (size_t i = 0; i < needs->n; i++) {
        struct rbe_need *need = &needs->v[i];

        if (need->done)
            continue;
        if (need->entry->kind == RBE_KIND_LINK)
            RBE_TRY(make_link(s, need, e));
        else if (need->here)
            RBE_TRY(from_tree(s, need, need->entry->path, e));
    }
    return RBE_OK;
}

/* ---- out of the package ---- */

/* The file that an entry of the archive is needed for; NULL when it is not. */
static struct rbe_need *wants(const struct state *s, const char *path)
{
    struct rbe_need *need = rbe_needs_find(s->what->needs, path);

    return need && !need->done && need->entry->kind == RBE_KIND_FILE ? need : NULL;
}

static char *path_of(const char *name)
{
    struct rbe_rules_span span = rbe_rules_path(name, strlen(name), false);

    return rbe_strndup(span.s, span.len);
}

/* Whole files are written, patches noted. */
static enum rbe_code unpack_zip(struct state *s, const struct rbe_zip *zip, struct rbe_err *e)
{
    const struct rbe_incoming *in = s->what->in;

    s->patches = rbe_arena_alloc_array(&s->arena, in->patches.n, sizeof(*s->patches));
    for (size_t i = 0; i < zip->n; i++) {
        const struct rbe_zip_entry *entry = &zip->entries[i];
        rbe_autofree char *path = path_of(entry->name);
        const struct rbe_entry *patch = rbe_manifest_find(&in->patches, path);
        struct rbe_need *need = wants(s, path);

        if (patch)
            s->patches[patch - in->patches.entries] = entry;
        if (!need || !rbe_manifest_find(&in->whole, path))
            continue;
        RBE_TRY(out_begin(s, need, e));
        RBE_TRY(rbe_zip_read(s->what->in->fd, entry, out_put, s, e));
        RBE_TRY(out_end(s, e));
    }
    return RBE_OK;
}

static void put_alias(struct state *s, struct rbe_need *need, const char *target)
{
    rbe_autofree char *from = path_of(target);

    s->aliases = rbe_grow(s->aliases, s->n_aliases, &s->cap_aliases, sizeof(*s->aliases));
    s->aliases[s->n_aliases++] = (struct alias){need, rbe_arena_strdup(&s->arena, from)};
}

static enum rbe_code unpack_tar_file(struct state *s, struct rbe_arc *arc, struct rbe_need *need, struct rbe_err *e)
{
    RBE_TRY(out_begin(s, need, e));
    for (;;) {
        size_t n;

        RBE_TRY(rbe_arc_read(arc, s->buffer, BUFFER, &n, e));
        if (n == 0)
            return out_end(s, e);
        RBE_TRY(out_put(s, s->buffer, n, e));
    }
}

/* Content that stands in the tree no more is read out of the archive again, by way of one file. */
static enum rbe_code pick(struct state *s, const struct alias *aliases, size_t n, struct rbe_err *e)
{
    const struct rbe_incoming *in = s->what->in;
    rbe_autofree struct rbe_pick *picks = rbe_alloc_array(n, sizeof(*picks));
    rbe_autoclose int fd = -1;
    uint64_t offset = 0;

    RBE_TRY(rbe_file_temp(s->what->set->fd, &fd, e));
    for (size_t i = 0; i < n; i++) {
        picks[i] = (struct rbe_pick){.entry = aliases[i].need->entry, .fd = fd, .offset = offset};
        offset += picks[i].entry->size;
    }
    RBE_TRY(rbe_extract(in->fd, in->type, &in->whole, picks, n, 0, "package", e));
    for (size_t i = 0; i < n; i++)
        RBE_TRY(out_whole(s, aliases[i].need, fd, picks[i].offset, e));
    return RBE_OK;
}

/* What a hard link names may be the user's own by now. */
static enum rbe_code link_up(struct state *s, struct rbe_err *e)
{
    size_t left = 0;

    for (size_t i = 0; i < s->n_aliases; i++) {
        enum rbe_code code = from_new(s, s->aliases[i].need, s->aliases[i].from, e);

        if (code == RBE_REFUSED || code == RBE_NOTFOUND)
            s->aliases[left++] = s->aliases[i];
        else if (code != RBE_OK)
            return code;
    }
    return left ? pick(s, s->aliases, left, e) : RBE_OK;
}

static enum rbe_code unpack_tar(struct state *s, struct rbe_err *e)
{
    rbe_autoptr(arc) struct rbe_arc *arc = NULL;

    RBE_TRY(rbe_arc_open(s->what->in->fd, s->what->in->type, &arc, e));
    for (;;) {
        struct rbe_arc_entry entry;
        bool end;

        RBE_TRY(rbe_arc_next(arc, &entry, &end, e));
        if (end)
            break;
        rbe_autofree char *path = path_of(entry.name);
        struct rbe_need *need = entry.kind == RBE_ARC_FILE || entry.kind == RBE_ARC_HARDLINK ? wants(s, path) : NULL;
        if (need && entry.kind == RBE_ARC_FILE)
            RBE_TRY(unpack_tar_file(s, arc, need, e));
        else if (need)
            put_alias(s, need, entry.target);
    }
    return link_up(s, e);
}

/* ---- by patches ---- */

static bool group_needed(const struct state *s, const struct rbe_group *group)
{
    for (size_t i = 0; i < group->n_target; i++) {
        const struct rbe_need *need = rbe_needs_find(s->what->needs, group->target[i].path);

        if (need && !need->done)
            return true;
    }
    return false;
}

static enum rbe_code copy_source(struct state *s, const struct rbe_piece *piece, int to, struct rbe_err *e)
{
    unsigned char sum[RBE_SHA256_SIZE];
    rbe_autoclose int fd = -1;
    uint64_t size = 0;
    ssize_t n;

    if (rbe_place_open(&s->what->home->tree, piece->path, &fd, e) != RBE_OK)
        return rbe_fail(e, RBE_REFUSED, "%s is damaged", piece->path);
    while (size <= piece->size && (n = read(fd, s->buffer, BUFFER)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rbe_fail_errno(e, "cannot read %s", piece->path);
        rbe_sha256_put(s->hash, s->buffer, (size_t)n);
        RBE_TRY(rbe_file_write(to, s->buffer, (size_t)n, e));
        RBE_TRY(tick(s, 0, e));
        size += (uint64_t)n;
    }
    rbe_sha256_end(s->hash, sum);
    if (size != piece->size || memcmp(sum, piece->sha256, sizeof(sum)) != 0)
        return rbe_fail(e, RBE_REFUSED, "%s is damaged", piece->path);
    return RBE_OK;
}

static enum rbe_code write_sink(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    const int *fd = arg;

    return rbe_file_write(*fd, p, n, e);
}

static enum rbe_code take_patch(const struct state *s, const char *path, int to, struct rbe_err *e)
{
    const struct rbe_incoming *in = s->what->in;
    const struct rbe_entry *patch = rbe_manifest_find(&in->patches, path);
    const struct rbe_zip_entry *entry = patch ? s->patches[patch - in->patches.entries] : NULL;

    return entry ? rbe_zip_read(in->fd, entry, write_sink, &to, e)
                 : rbe_invalid(e, "file", "patch", "%s is not in the package", path);
}

static enum rbe_code split_target(struct state *s, const struct rbe_group *group, int fd, struct rbe_err *e)
{
    uint64_t offset = 0;

    for (size_t i = 0; i < group->n_target; i++) {
        struct rbe_need *need = rbe_needs_find(s->what->needs, group->target[i].path);

        if (need && !need->done)
            RBE_TRY(out_whole(s, need, fd, offset, e));
        offset += group->target[i].size;
    }
    return RBE_OK;
}

static enum rbe_code apply_group(struct state *s, const struct rbe_group *group, struct rbe_err *e)
{
    const struct rbe_engine *engine = rbe_engine_find(s->what->in->changes.delta.format);
    rbe_autoclose int source = -1, patch = -1, target = -1;
    uint64_t size = 0;

    RBE_TRY(rbe_file_temp(s->what->set->fd, &source, e));
    RBE_TRY(rbe_file_temp(s->what->set->fd, &patch, e));
    RBE_TRY(rbe_file_temp(s->what->set->fd, &target, e));
    for (size_t i = 0; i < group->n_source; i++)
        RBE_TRY(copy_source(s, &group->source[i], source, e));
    RBE_TRY(take_patch(s, group->patch, patch, e));
    for (size_t i = 0; i < group->n_target; i++)
        if (__builtin_add_overflow(size, group->target[i].size, &size))
            return rbe_invalid(e, "changes.json", "size", "a group is too large");
    const struct rbe_engine_decode decode = {source, patch, target, size};
    RBE_TRY(engine->decode(&decode, e));
    return split_target(s, group, target, e);
}

static enum rbe_code apply_delta(struct state *s, struct rbe_err *e)
{
    const struct rbe_delta *delta = &s->what->in->changes.delta;

    for (size_t i = 0; i < delta->n_copies; i++) {
        struct rbe_need *need = delta->copies[i].of_new ? NULL : rbe_needs_find(s->what->needs, delta->copies[i].path);

        if (need && !need->done)
            RBE_TRY(from_tree(s, need, delta->copies[i].from, e));
    }
    for (size_t i = 0; i < delta->n_groups; i++)
        if (group_needed(s, &delta->groups[i]))
            RBE_TRY(apply_group(s, &delta->groups[i], e));
    return RBE_OK;
}

static enum rbe_code copy_new(struct state *s, struct rbe_err *e)
{
    const struct rbe_delta *delta = &s->what->in->changes.delta;

    for (size_t i = 0; i < delta->n_copies; i++) {
        struct rbe_need *need = delta->copies[i].of_new ? rbe_needs_find(s->what->needs, delta->copies[i].path) : NULL;

        if (need && !need->done)
            RBE_TRY(from_new(s, need, delta->copies[i].from, e));
    }
    return RBE_OK;
}

/* ---- all of it ---- */

static enum rbe_code unpack(struct state *s, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    const struct rbe_incoming *in = s->what->in;
    struct rbe_zip zip = {0};

    if (in->type != RBE_ARC_ZIP)
        return in->changes.delta.format ? rbe_invalid(e, "file", "type", "a package of patches has to be a zip")
                                        : unpack_tar(s, e);
    RBE_TRY(rbe_zip_open(in->fd, SIZE_MAX, &arena, &zip, e));
    RBE_TRY(unpack_zip(s, &zip, e));
    RBE_TRY(apply_delta(s, e));
    return copy_new(s, e);
}

static enum rbe_code settle(const struct state *s, struct rbe_err *e)
{
    const struct rbe_home_set *set = s->what->set;

    if (s->what->needs->n > SYNC_EACH && syncfs(set->fd) != 0)
        return rbe_fail_errno(e, "cannot sync");
    if (fsync(set->new) != 0 || fsync(set->old) != 0 || fsync(set->fd) != 0 || fsync(s->what->home->fd) != 0)
        return rbe_fail_errno(e, "cannot sync");
    return RBE_OK;
}

static enum rbe_code gather(struct state *s, struct rbe_err *e)
{
    const struct rbe_needs *needs = s->what->needs;

    RBE_TRY(gather_here(s, e));
    if (s->what->in)
        RBE_TRY(unpack(s, e));
    for (size_t i = 0; i < needs->n; i++)
        if (!needs->v[i].done)
            return rbe_fail(e, RBE_NOTFOUND, "%s is damaged or missing, and the package does not hold it",
                            needs->v[i].entry->path);
    return settle(s, e);
}

enum rbe_code rbe_gather(const struct rbe_gather *g, struct rbe_err *e)
{
    rbe_autofree unsigned char *buffer = rbe_alloc(BUFFER);
    rbe_autoptr(sha256) struct rbe_sha256 *hash = rbe_sha256_new();
    struct state s = {.what = g, .hash = hash, .buffer = buffer, .out = {.fd = -1}};
    enum rbe_code code = gather(&s, e);

    rbe_cleanup_close(&s.out.fd);
    free(s.aliases);
    rbe_arena_release(&s.arena);
    return code;
}

uint64_t rbe_gather_space(const struct rbe_gather *g)
{
    const struct rbe_delta *delta = g->in ? &g->in->changes.delta : NULL;
    uint64_t most = 0;

    for (size_t i = 0; delta && i < delta->n_groups; i++) {
        const struct rbe_group *group = &delta->groups[i];
        uint64_t size = 0;

        for (size_t k = 0; k < group->n_source; k++)
            size += group->source[k].size;
        for (size_t k = 0; k < group->n_target; k++)
            size += group->target[k].size;
        most = size > most ? size : most;
    }
    return g->needs->bytes + most;
}
