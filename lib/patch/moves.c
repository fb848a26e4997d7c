/* Plans of moves. Steps come in the order: what goes (links and files, then directories from the deepest up), what comes
 * (directories from the root down, then links and files).
 *
 * On a file system that takes "Readme" and "README" for one, the file that goes and the one that comes may be the same: then the
 * old one is taken away first, and the new one put where nothing stands.
 */
#include "lib/patch/moves.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/quote.h"
#include "lib/wrap/text.h"

void rbe_needs_release(struct rbe_needs *n)
{
    free(n->v);
    *n = (struct rbe_needs){0};
}

struct rbe_need *rbe_needs_find(const struct rbe_needs *n, const char *path)
{
    size_t low = 0, high = n->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(path, n->v[mid].entry->path);

        if (order == 0)
            return &n->v[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

struct names {
    const char **v;
    size_t n, cap;
};

struct state {
    const struct rbe_moves *what;
    struct rbe_journal *journal;
    struct rbe_needs *needs;
    struct rbe_arena arena;
    struct names folds;          /* of what goes, sorted; only where the file system folds names */
    struct names dirs;           /* directories that go, sorted */
    uint32_t number;
};

static void names_put(struct names *names, const char *name)
{
    names->v = rbe_grow(names->v, names->n, &names->cap, sizeof(*names->v));
    names->v[names->n++] = name;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool names_have(const struct names *names, const char *name)
{
    return names->n && bsearch(&name, names->v, names->n, sizeof(*names->v), by_name);
}

static const char *fold_of(struct rbe_arena *arena, const char *path)
{
    rbe_auto(str) struct rbe_str fold = {0};

    for (const char *part = path;; part++) {
        size_t len = strcspn(part, "/");

        rbe_text_fold(part, len, &fold);
        part += len;
        if (!*part)
            return rbe_arena_strndup(arena, rbe_str_text(&fold), fold.len);
        rbe_str_putc(&fold, '/');
    }
}

static bool is_dir(mode_t mode)
{
    return S_ISDIR(mode);
}

static void step(struct state *s, enum rbe_step step, const char *path)
{
    rbe_journal_add(s->journal, step, s->number++, path);
}

/* ---- what goes ---- */

/* An entry of the old tree whose path has no, or another kind of, successor. */
static bool goes(const struct state *s, const struct rbe_entry *old)
{
    const struct rbe_entry *next = rbe_manifest_find(s->what->target, old->path);

    return !next || (old->kind == RBE_KIND_DIR && next->kind != RBE_KIND_DIR);
}

static enum rbe_code take_old(struct state *s, const struct rbe_entry *old, struct rbe_err *e)
{
    struct stat st;

    if (!goes(s, old) || rbe_kept(&s->what->keep, old->path))
        return RBE_OK;
    RBE_TRY(rbe_place_look(&s->what->home->tree, old->path, &st, e));
    if (st.st_mode == 0 || is_dir(st.st_mode) != (old->kind == RBE_KIND_DIR))
        return RBE_OK;
    if (s->what->home->folds)
        names_put(&s->folds, fold_of(&s->arena, old->path));
    if (old->kind == RBE_KIND_DIR)
        names_put(&s->dirs, old->path);
    else
        step(s, RBE_STEP_DEL, old->path);
    return RBE_OK;
}

/* A link or file that stands where a directory belongs. */
static enum rbe_code take_blocking(struct state *s, size_t i, struct rbe_err *e)
{
    const struct rbe_entry *entry = &s->what->target->entries[i];
    struct stat st;

    if (entry->kind != RBE_KIND_DIR || s->what->looks[i] != RBE_LOOK_KIND)
        return RBE_OK;
    RBE_TRY(rbe_place_look(&s->what->home->tree, entry->path, &st, e));
    if (st.st_mode != 0 && !is_dir(st.st_mode))
        step(s, RBE_STEP_DEL, entry->path);
    return RBE_OK;
}

static enum rbe_code what_goes(struct state *s, struct rbe_err *e)
{
    const struct rbe_manifest *old = s->what->old, *target = s->what->target;

    for (size_t i = 0; i < old->n; i++)
        RBE_TRY(take_old(s, &old->entries[i], e));
    for (size_t i = 0; i < target->n; i++)
        RBE_TRY(take_blocking(s, i, e));
    for (size_t i = s->dirs.n; i-- > 0;) {
        struct stat st;

        RBE_TRY(rbe_place_look(&s->what->home->tree, s->dirs.v[i], &st, e));
        rbe_journal_add(s->journal, RBE_STEP_RMDIR, st.st_mode & 07777, s->dirs.v[i]);
    }
    if (s->folds.n)
        qsort(s->folds.v, s->folds.n, sizeof(*s->folds.v), by_name);
    return RBE_OK;
}

/* ---- what comes ---- */

static enum rbe_code refuse_way(const char *path, const char *other, struct rbe_err *e)
{
    return rbe_fail(e, RBE_REFUSED, "%s should become a file, but it is a directory that holds %s",
                    rbe_quote_within(path, strlen(path), 120).text, rbe_quote_within(other, strlen(other), 120).text);
}

/* Whether everything in a directory goes. */
static enum rbe_code must_empty(struct state *s, const char *path, const char *top, struct rbe_err *e)
{
    int fd;
    const struct dirent *d;
    enum rbe_code code = RBE_OK;

    RBE_TRY(rbe_place_list(&s->what->home->tree, path, &fd, e));
    DIR *dir = fdopendir(fd);
    if (!dir) {
        (void)close(fd);
        return rbe_fail(e, RBE_FAULT, "cannot read directory %s", path);
    }
    while (code == RBE_OK && (d = readdir(dir))) {
        if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
            continue;
        rbe_autofree char *below = rbe_strfmt("%s/%s", path, d->d_name);
        const struct rbe_entry *old = rbe_manifest_find(s->what->old, below);

        if (!old || rbe_kept(&s->what->keep, below))
            code = refuse_way(top, below, e);
        else if (old->kind == RBE_KIND_DIR && names_have(&s->dirs, below))
            code = must_empty(s, below, top, e);
    }
    (void)closedir(dir);
    return code;
}

/* A path that is the successor of one that goes and has another spelling. */
static bool is_twin(struct state *s, const char *path)
{
    return s->folds.n && !rbe_manifest_find(s->what->old, path) && names_have(&s->folds, fold_of(&s->arena, path));
}

static void need(struct state *s, const struct rbe_entry *entry, bool here)
{
    s->needs->v[s->needs->n++] = (struct rbe_need){.entry = entry, .number = s->number, .here = here};
    s->needs->bytes += entry->size;
    step(s, RBE_STEP_PUT, entry->path);
}

static enum rbe_code bring(struct state *s, size_t i, struct rbe_err *e)
{
    const struct rbe_entry *entry = &s->what->target->entries[i];
    enum rbe_look look = s->what->looks[i];
    bool twin = is_twin(s, entry->path);

    if (look == RBE_LOOK_KEPT || (look == RBE_LOOK_SAME && !twin))
        return RBE_OK;
    if (look == RBE_LOOK_KIND && !twin) {
        struct stat st;

        RBE_TRY(rbe_place_look(&s->what->home->tree, entry->path, &st, e));
        if (is_dir(st.st_mode))
            RBE_TRY(must_empty(s, entry->path, entry->path, e));
        /* An empty directory that nobody named. */
        if (is_dir(st.st_mode) && !names_have(&s->dirs, entry->path))
            rbe_journal_add(s->journal, RBE_STEP_RMDIR, st.st_mode & 07777, entry->path);
    }
    need(s, entry, look == RBE_LOOK_MODE && !twin);
    return RBE_OK;
}

static enum rbe_code what_comes(struct state *s, struct rbe_err *e)
{
    const struct rbe_manifest *target = s->what->target;

    for (size_t i = 0; i < target->n; i++) {
        const struct rbe_entry *entry = &target->entries[i];
        enum rbe_look look = s->what->looks[i];

        if (entry->kind == RBE_KIND_DIR &&
            (look == RBE_LOOK_MISSING || look == RBE_LOOK_KIND || (look == RBE_LOOK_SAME && is_twin(s, entry->path))))
            rbe_journal_add(s->journal, RBE_STEP_MKDIR, entry->mode, entry->path);
    }
    for (size_t i = 0; i < target->n; i++)
        if (target->entries[i].kind != RBE_KIND_DIR)
            RBE_TRY(bring(s, i, e));
    return RBE_OK;
}

enum rbe_code rbe_moves_plan(const struct rbe_moves *m, struct rbe_journal *j, struct rbe_needs *ret, struct rbe_err *e)
{
    struct state s = {.what = m, .journal = j, .needs = ret};
    enum rbe_code code;

    *ret = (struct rbe_needs){.v = rbe_alloc_array(m->target->n, sizeof(*ret->v))};
    code = what_goes(&s, e);
    if (code == RBE_OK)
        code = what_comes(&s, e);
    free(s.folds.v);
    free(s.dirs.v);
    rbe_arena_release(&s.arena);
    return code;
}
