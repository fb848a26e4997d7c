#include "lib/patch/inspect.h"

#include <string.h>
#include <sys/stat.h>

#include "lib/base/quote.h"
#include "lib/patch/rules.h"
#include "lib/wrap/zip.h"

enum { CHUNK = 64 * 1024, DEFAULT_MODE = 0644, CHANGES_MAX = 256 << 20 };
static const char CHANGES[] = "changes.json";

/* An inspection under way. Ids in the tree of rules are indexes of the manifest's entries. */
struct state {
    const struct rbe_inspect *what;
    struct rbe_manifest *manifest;
    struct rbe_rules_tree *tree;
    struct rbe_sha256 *hash;
    uint64_t bytes;                  /* unpacked so far, of all entries */
    uint64_t size;                   /* unpacked so far, of the present one */
    bool root;                       /* the entry of the root itself was seen */
    bool changes;                    /* so was changes.json */
    unsigned char chunk[CHUNK];
};

static enum rbe_code refuse_at(struct rbe_err *e, int line, struct rbe_rules_span path, const char *rule, const char *what)
{
    return rbe_invalid_at(e, __FILE__, line, "file", rule, "entry %s: %s", rbe_quote(path.s, path.len).text, what);
}
#define refuse(e, path, rule, what) refuse_at((e), __LINE__, (path), (rule), (what))

static struct rbe_rules_span span(const char *s)
{
    return (struct rbe_rules_span){s, strlen(s)};
}

static enum rbe_code go_on(const struct state *s, struct rbe_err *e)
{
    return s->what->stop && s->what->stop(s->what->arg) ? rbe_fail(e, RBE_UNAVAILABLE, "cancelled") : RBE_OK;
}

static enum rbe_code spend(struct state *s, uint64_t n, struct rbe_err *e)
{
    if (n > s->what->limits.bytes - s->bytes)
        return rbe_invalid(e, "file", "limit_bytes", "the archive unpacks to more than the limit of %llu bytes",
                           (unsigned long long)s->what->limits.bytes);
    s->bytes += n;
    return go_on(s, e);
}

static enum rbe_code put_data(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    struct state *s = arg;

    RBE_TRY(spend(s, n, e));
    s->size += n;
    rbe_sha256_put(s->hash, p, n);
    return RBE_OK;
}

/* Whether this entry is the changes.json that was asked for. */
static bool is_changes(const struct state *s, struct rbe_rules_span path)
{
    return s->what->changes && path.len == sizeof(CHANGES) - 1 && memcmp(path.s, CHANGES, path.len) == 0;
}

static enum rbe_code begin_changes(struct state *s, struct rbe_rules_span path, struct rbe_err *e)
{
    if (s->changes)
        return refuse(e, path, "duplicate", "the archive holds it twice");
    s->changes = true;
    rbe_str_reset(s->what->changes);
    return RBE_OK;
}

static enum rbe_code put_changes(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    struct state *s = arg;

    RBE_TRY(spend(s, n, e));
    if (n > CHANGES_MAX - s->what->changes->len)
        return rbe_invalid(e, "file", "length", "changes.json is too long");
    rbe_str_put(s->what->changes, p, n);
    return RBE_OK;
}

/* The root's own entry stands for nothing; *ret_skip says that there is no more to do with this one. */
static enum rbe_code judge_root(struct state *s, struct rbe_rules_span path, struct rbe_rules_span name, bool dir, bool *ret_skip,
                                struct rbe_err *e)
{
    *ret_skip = dir && path.len == 0 && name.len > 0;
    if (!*ret_skip)
        return RBE_OK;
    if (s->root)
        return refuse(e, name, "duplicate", "the archive holds it twice");
    s->root = true;
    return RBE_OK;
}

/* Judges an entry's name and place before its data is read. */
static enum rbe_code put_entry(struct state *s, struct rbe_rules_span path, enum rbe_kind kind, const char *target,
                               struct rbe_err *e)
{
    return rbe_rules_put(s->tree, path, kind, target ? span(target) : (struct rbe_rules_span){0}, s->manifest->n, e);
}

static void add_entry(struct state *s, struct rbe_rules_span path, struct rbe_entry *entry)
{
    rbe_autofree char *text = rbe_strndup(path.s, path.len);

    entry->path = text;
    rbe_manifest_add(s->manifest, entry);
}

enum { LINK_MAX_BYTES = RBE_RULES_PATH_MAX };

static enum rbe_code put_target(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    struct rbe_str *to = arg;

    if (n > LINK_MAX_BYTES - to->len)
        return rbe_invalid(e, "file", "length", "a link's target must not be longer than 4096 bytes");
    rbe_str_put(to, p, n);
    return RBE_OK;
}

static enum rbe_code zip_link(struct state *s, const struct rbe_zip_entry *from, struct rbe_rules_span path, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str target = {0};
    struct rbe_entry entry = {.kind = RBE_KIND_LINK};

    if (from->size > LINK_MAX_BYTES)
        return refuse(e, path, "length", "a link's target must not be longer than 4096 bytes");
    RBE_TRY(rbe_zip_read(s->what->fd, from, put_target, &target, e));
    if (target.len > 0 && memchr(target.s, '\0', target.len))
        return refuse(e, path, "control", "a link's target must not hold control characters");
    entry.target = rbe_str_text(&target);
    RBE_TRY(put_entry(s, path, RBE_KIND_LINK, entry.target, e));
    add_entry(s, path, &entry);
    return RBE_OK;
}

static enum rbe_code zip_file(struct state *s, const struct rbe_zip_entry *from, struct rbe_rules_span path, struct rbe_err *e)
{
    struct rbe_entry entry = {.kind = RBE_KIND_FILE, .mode = from->unix_mode & 0777};

    if (entry.mode == 0)
        entry.mode = DEFAULT_MODE;
    if (is_changes(s, path)) {
        RBE_TRY(begin_changes(s, path, e));
        return rbe_zip_read(s->what->fd, from, put_changes, s, e);
    }
    RBE_TRY(put_entry(s, path, RBE_KIND_FILE, NULL, e));
    s->size = 0;
    RBE_TRY(rbe_zip_read(s->what->fd, from, put_data, s, e));
    rbe_sha256_end(s->hash, entry.sha256);
    entry.size = s->size;
    add_entry(s, path, &entry);
    return RBE_OK;
}

static enum rbe_code zip_dir(struct state *s, const struct rbe_zip_entry *from, struct rbe_rules_span path, struct rbe_err *e)
{
    struct rbe_entry entry = {.kind = RBE_KIND_DIR};

    if (from->size != 0)
        return refuse(e, path, "kind", "a directory must not hold data");
    RBE_TRY(rbe_zip_read(s->what->fd, from, put_data, s, e));
    RBE_TRY(put_entry(s, path, RBE_KIND_DIR, NULL, e));
    add_entry(s, path, &entry);
    return RBE_OK;
}

/* A zip says twice what an entry is: by a slash at the end of its name, and by the type bits of its Unix mode if it has any. */
static enum rbe_code zip_entry(struct state *s, const struct rbe_zip_entry *from, struct rbe_err *e)
{
    struct rbe_rules_span name = span(from->name);
    bool dir = name.len > 0 && name.s[name.len - 1] == '/', skip;
    struct rbe_rules_span path = rbe_rules_path(name.s, name.len, dir);
    mode_t type = from->unix_mode & S_IFMT;

    if (type != 0 && type != S_IFREG && type != S_IFDIR && type != S_IFLNK)
        return refuse(e, name, "special", "devices, pipes and sockets are not taken");
    if (type != 0 && (type == S_IFDIR) != dir)
        return refuse(e, name, "kind", "its name and its mode disagree on whether it is a directory");
    RBE_TRY(judge_root(s, path, name, dir, &skip, e));
    if (skip)
        return RBE_OK;
    if (dir)
        return zip_dir(s, from, path, e);
    return type == S_IFLNK ? zip_link(s, from, path, e) : zip_file(s, from, path, e);
}

static enum rbe_code inspect_zip(struct state *s, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_zip zip = {0};

    RBE_TRY(rbe_zip_open(s->what->fd, (size_t)s->what->limits.entries, &arena, &zip, e));
    for (size_t i = 0; i < zip.n; i++) {
        RBE_TRY(go_on(s, e));
        RBE_TRY(zip_entry(s, &zip.entries[i], e));
    }
    return RBE_OK;
}

static enum rbe_code tar_file(struct state *s, struct rbe_arc *a, const struct rbe_arc_entry *from, struct rbe_rules_span path,
                              struct rbe_err *e)
{
    struct rbe_entry entry = {.kind = RBE_KIND_FILE, .mode = from->mode & 0777};
    bool changes = is_changes(s, path);
    size_t n;

    RBE_TRY(changes ? begin_changes(s, path, e) : put_entry(s, path, RBE_KIND_FILE, NULL, e));
    s->size = 0;
    for (;;) {
        RBE_TRY(rbe_arc_read(a, s->chunk, CHUNK, &n, e));
        if (n == 0)
            break;
        RBE_TRY(changes ? put_changes(s, s->chunk, n, e) : put_data(s, s->chunk, n, e));
    }
    if (changes)
        return RBE_OK;
    rbe_sha256_end(s->hash, entry.sha256);
    entry.size = s->size;
    add_entry(s, path, &entry);
    return RBE_OK;
}

/* A hard link becomes a file of its own, and what it unpacks to counts; one to a symbolic link becomes such a link, which must
 * be good in its new place too. */
static enum rbe_code tar_hardlink(struct state *s, const struct rbe_arc_entry *from, struct rbe_rules_span path,
                                  struct rbe_err *e)
{
    struct rbe_rules_span target = rbe_rules_path(from->target, strlen(from->target), false);
    size_t id;

    if (from->size > 0)
        return refuse(e, path, "hardlink", "a hard link must not hold data");
    if (!rbe_rules_find(s->tree, target, &id) || s->manifest->entries[id].kind == RBE_KIND_DIR)
        return refuse(e, path, "hardlink", "a hard link must name a file or link that stands before it in the archive");
    struct rbe_entry entry = s->manifest->entries[id];
    RBE_TRY(put_entry(s, path, entry.kind, entry.target, e));
    RBE_TRY(spend(s, entry.size, e));
    add_entry(s, path, &entry);
    return RBE_OK;
}

static enum rbe_code tar_entry(struct state *s, struct rbe_arc *a, const struct rbe_arc_entry *from, struct rbe_err *e)
{
    struct rbe_rules_span name = span(from->name), path = rbe_rules_path(name.s, name.len, from->kind == RBE_ARC_DIR);
    struct rbe_entry entry = {.kind = from->kind == RBE_ARC_DIR ? RBE_KIND_DIR : RBE_KIND_LINK, .target = from->target};
    bool skip;

    RBE_TRY(judge_root(s, path, name, from->kind == RBE_ARC_DIR, &skip, e));
    if (skip)
        return RBE_OK;
    /* a file whose name ends in a slash is a directory to most readers */
    if (from->kind == RBE_ARC_DIR && from->size > 0)
        return refuse(e, path, "kind", "a directory must not hold data");
    switch (from->kind) {
    case RBE_ARC_FILE:
        return tar_file(s, a, from, path, e);
    case RBE_ARC_HARDLINK:
        return tar_hardlink(s, from, path, e);
    case RBE_ARC_DIR:
    case RBE_ARC_LINK:
        RBE_TRY(put_entry(s, path, entry.kind, entry.target, e));
        add_entry(s, path, &entry);
        return RBE_OK;
    case RBE_ARC_SPECIAL:
    default:
        return refuse(e, name, "special", "devices, pipes and sockets are not taken");
    }
}

static enum rbe_code inspect_tar(struct state *s, struct rbe_err *e)
{
    rbe_autoptr(arc) struct rbe_arc *a = NULL;
    struct rbe_arc_entry entry;
    bool end;

    RBE_TRY(rbe_arc_open(s->what->fd, s->what->type, &a, e));
    for (;;) {
        RBE_TRY(rbe_arc_next(a, &entry, &end, e));
        if (end)
            return RBE_OK;
        RBE_TRY(go_on(s, e));
        RBE_TRY(tar_entry(s, a, &entry, e));
    }
}

static enum rbe_code inspect_all(struct state *s, struct rbe_err *e)
{
    if (s->what->type == RBE_ARC_ZIP)
        RBE_TRY(inspect_zip(s, e));
    else
        RBE_TRY(inspect_tar(s, e));
    /* Nobody means to publish nothing, and it would take everything from clients. */
    if (s->manifest->n == 0 && !s->changes)
        return rbe_invalid(e, "file", "empty", "the archive holds no entries");
    RBE_TRY(rbe_rules_end(s->tree, e));
    return rbe_manifest_seal(s->manifest, e);
}

enum rbe_code rbe_inspect(const struct rbe_inspect *what, struct rbe_manifest *ret, struct rbe_err *e)
{
    rbe_autofree struct state *s = rbe_alloc(sizeof(*s));
    rbe_autoptr(rules_tree) struct rbe_rules_tree *tree = rbe_rules_tree_new(what->rules, what->limits.entries);
    rbe_autoptr(sha256) struct rbe_sha256 *hash = rbe_sha256_new();
    rbe_auto(manifest) struct rbe_manifest manifest = {0};

    if (what->type == RBE_ARC_NONE || what->type >= RBE_ARC_TYPE_MAX)
        return rbe_invalid(e, "file", "type", "the file is not a zip, tar.gz, tar.xz or tar.zst archive");
    s->what = what;
    s->tree = tree;
    s->hash = hash;
    s->manifest = &manifest;
    RBE_TRY(inspect_all(s, e));
    *ret = manifest;
    manifest = (struct rbe_manifest){0};
    return RBE_OK;
}
