/* Surveys. */
#include "lib/patch/survey.h"

#include <fnmatch.h>
#include <string.h>

#include "lib/patch/digest.h"

enum { EXEC = 0111 };

const char *rbe_look_name(enum rbe_look look)
{
    static const char *const names[RBE_LOOK_MAX] = {
        [RBE_LOOK_SAME] = "same",       [RBE_LOOK_KEPT] = "kept",       [RBE_LOOK_MISSING] = "missing",
        [RBE_LOOK_KIND] = "kind",       [RBE_LOOK_CONTENT] = "content", [RBE_LOOK_MODE] = "mode",
    };

    return names[look];
}

/* path is a whole path or that of an ancestor. */
static bool matches(const struct rbe_keep *keep, const char *path)
{
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;

    for (size_t i = 0; i < keep->n; i++)
        if (fnmatch(keep->globs[i], path, FNM_PATHNAME) == 0 ||
            (!strchr(keep->globs[i], '/') && fnmatch(keep->globs[i], last, 0) == 0))
            return true;
    return false;
}

bool rbe_kept(const struct rbe_keep *keep, const char *path)
{
    if (keep->n == 0)
        return false;
    rbe_autofree char *at = rbe_strdup(path);
    for (;;) {
        char *slash;

        if (matches(keep, at))
            return true;
        slash = strrchr(at, '/');
        if (!slash)
            return false;
        *slash = '\0';
    }
}

struct state {
    const struct rbe_survey *what;
    struct rbe_digest *digest;
    uint64_t done;               /* bytes of entries looked at */
    size_t of;                   /* where the entry may stand in the installed manifest */
};

static enum rbe_code tick(void *arg, uint64_t more, struct rbe_err *e)
{
    struct state *s = arg;

    s->done += more;
    return s->what->tick ? s->what->tick(s->what->arg, s->done, s->what->tree->bytes, e) : RBE_OK;
}

/* The stamp of an entry and the content it speaks of; NULL when there is none. Entries come sorted, in both manifests. */
static const struct rbe_entry *stamped(struct state *s, const char *path, const struct rbe_stamp **ret)
{
    const struct rbe_manifest *m = &s->what->installed->manifest;

    while (s->of < m->n && strcmp(m->entries[s->of].path, path) < 0)
        s->of++;
    if (s->of == m->n || strcmp(m->entries[s->of].path, path) != 0)
        return NULL;
    *ret = &s->what->stamps->v[s->of];
    return &m->entries[s->of];
}

static bool same_content(const struct rbe_entry *a, const struct rbe_entry *b)
{
    return a->kind == b->kind && a->size == b->size && memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0;
}

static enum rbe_look judge_mode(const struct state *s, const struct rbe_entry *entry, const struct stat *st)
{
    const struct rbe_entry *before;

    if (!s->what->home->modes || (st->st_mode & 0777) == entry->mode)
        return RBE_LOOK_SAME;
    /* Bits that the user changed on a file whose bits are those of before stay as they are, as long as it can be run. */
    before = s->what->installed ? rbe_manifest_find(&s->what->installed->manifest, entry->path) : NULL;
    if (before && before->mode == entry->mode && !(st->st_mode & EXEC) == !(entry->mode & EXEC))
        return RBE_LOOK_SAME;
    return RBE_LOOK_MODE;
}

static enum rbe_code look_file(struct state *s, const struct rbe_entry *entry, const struct stat *st, enum rbe_look *ret,
                               struct rbe_stamp *ret_stamp, struct rbe_err *e)
{
    struct rbe_place *tree = &s->what->home->tree;
    struct rbe_stamp now = rbe_stamp_of(st);
    const struct rbe_stamp *stamp = NULL;
    const struct rbe_entry *before = s->what->stamps ? stamped(s, entry->path, &stamp) : NULL;
    unsigned char sum[RBE_SHA256_SIZE];
    rbe_autoclose int fd = -1;
    uint64_t size;

    *ret = RBE_LOOK_CONTENT;
    if (now.size != entry->size)
        return tick(s, entry->size, e);
    if (before && rbe_stamp_equal(stamp, &now)) {
        RBE_TRY(tick(s, entry->size, e));
        if (!same_content(before, entry))
            return RBE_OK;
    } else {
        enum rbe_code code = rbe_place_open(tree, entry->path, &fd, e);
        /* what cannot be read is replaced like what is wrong */
        if (code == RBE_NOTFOUND)
            return tick(s, entry->size, e);
        RBE_TRY(code);
        if (rbe_digest_file(s->digest, fd, sum, &size, e) != RBE_OK)
            return rbe_err_prefix(e, "%s", entry->path);
        if (size != entry->size || memcmp(sum, entry->sha256, sizeof(sum)) != 0)
            return RBE_OK;
    }
    *ret_stamp = now;
    *ret = judge_mode(s, entry, st);
    return RBE_OK;
}

static enum rbe_code look_link(struct state *s, const struct rbe_entry *entry, enum rbe_look *ret, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str target = {0};

    RBE_TRY(rbe_place_link(&s->what->home->tree, entry->path, &target, e));
    *ret = strcmp(rbe_str_text(&target), entry->target) == 0 ? RBE_LOOK_SAME : RBE_LOOK_CONTENT;
    return RBE_OK;
}

/* Whether a link or file of the user's own stands where a directory on the way should be: nothing can be installed below it. */
static enum rbe_code is_blocked(struct state *s, const char *path, bool *ret, struct rbe_err *e)
{
    rbe_autofree char *at = rbe_strdup(path);
    struct stat st;

    *ret = false;
    for (char *slash = strchr(at, '/'); slash && !*ret; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (rbe_kept(&s->what->keep, at)) {
            RBE_TRY(rbe_place_look(&s->what->home->tree, at, &st, e));
            *ret = st.st_mode != 0 && !S_ISDIR(st.st_mode);
        }
        *slash = '/';
    }
    return RBE_OK;
}

static enum rbe_code look(struct state *s, const struct rbe_entry *entry, enum rbe_look *ret, struct rbe_stamp *ret_stamp,
                          struct rbe_err *e)
{
    static const mode_t types[RBE_KIND_MAX] = {
        [RBE_KIND_FILE] = S_IFREG, [RBE_KIND_DIR] = S_IFDIR, [RBE_KIND_LINK] = S_IFLNK,
    };
    struct stat st;
    bool kept;

    *ret = RBE_LOOK_KEPT;
    RBE_TRY(rbe_place_look(&s->what->home->tree, entry->path, &st, e));
    kept = rbe_kept(&s->what->keep, entry->path);
    if (kept && st.st_mode == 0)
        RBE_TRY(is_blocked(s, entry->path, &kept, e));
    if (kept)
        return RBE_OK;
    *ret = st.st_mode == 0 ? RBE_LOOK_MISSING : RBE_LOOK_KIND;
    if ((st.st_mode & S_IFMT) != types[entry->kind])
        return tick(s, entry->size, e);
    if (entry->kind == RBE_KIND_FILE)
        return look_file(s, entry, &st, ret, ret_stamp, e);
    if (entry->kind == RBE_KIND_LINK)
        return look_link(s, entry, ret, e);
    *ret = RBE_LOOK_SAME;
    return RBE_OK;
}

enum rbe_code rbe_survey(const struct rbe_survey *what, enum rbe_look *ret_looks, struct rbe_stamps *ret_stamps,
                         struct rbe_err *e)
{
    rbe_auto(digest) struct rbe_digest digest = {.step = tick};
    struct state s = {.what = what, .digest = &digest};
    size_t n = what->tree->n;
    struct rbe_stamp ignored;

    digest.arg = &s;
    if (ret_stamps)
        *ret_stamps = (struct rbe_stamps){rbe_alloc_array(n, sizeof(*ret_stamps->v)), n};
    for (size_t i = 0; i < n; i++) {
        struct rbe_stamp *stamp = ret_stamps ? &ret_stamps->v[i] : &ignored;

        RBE_TRY(look(&s, &what->tree->entries[i], &ret_looks[i], stamp, e));
    }
    return tick(&s, 0, e);
}
