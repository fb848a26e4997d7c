/* Applying journals.
 *
 * A step's files tell how far it came: new/N is there until it was put into the tree, old/N as soon as it was taken out of it.
 */
#include "lib/patch/apply.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/patch/installed.h"

/* Beyond this many steps one sync of the whole file system is cheaper than one of each directory. */
enum { SYNC_EACH = 512, JOURNAL_MAX = 1 << 30, NUMBER = 16 };

struct walk {
    struct rbe_home *home;
    const struct rbe_journal *journal;
    struct rbe_home_set set;
};

static enum rbe_code there(int dir, const char *name, bool *ret, struct rbe_err *e)
{
    struct stat st;

    *ret = fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    return *ret || errno == ENOENT ? RBE_OK : rbe_fail_errno(e, "cannot look at %s", name);
}

/* What a step's files are, and what the tree has at its path. */
struct files {
    char name[NUMBER];
    bool new, old;
};

static enum rbe_code files_of(const struct walk *w, const struct rbe_journal_step *s, struct files *ret, struct rbe_err *e)
{
    (void)snprintf(ret->name, sizeof(ret->name), "%u", (unsigned)s->number);
    RBE_TRY(there(w->set.new, ret->name, &ret->new, e));
    return there(w->set.old, ret->name, &ret->old, e);
}

static enum rbe_code must_stand(struct walk *w, const char *path, struct rbe_err *e)
{
    struct stat st;

    RBE_TRY(rbe_place_look(&w->home->tree, path, &st, e));
    return st.st_mode ? RBE_OK : rbe_fail(e, RBE_FAULT, "what should become %s is lost", path);
}

/* Moves what stands at a step's path away. A directory that came to stand there since the steps were planned may hold what is its
 * user's own: it stays. */
static enum rbe_code take_away(struct walk *w, const struct rbe_journal_step *s, int to, const char *name, struct rbe_err *e)
{
    struct stat st;

    RBE_TRY(rbe_place_look(&w->home->tree, s->path, &st, e));
    if (!S_ISDIR(st.st_mode))
        return rbe_place_take(&w->home->tree, s->path, to, name, e);
    return s->step == RBE_STEP_DEL ? RBE_OK : rbe_fail(e, RBE_FAULT, "%s is a directory by now", s->path);
}

static enum rbe_code forward(struct walk *w, const struct rbe_journal_step *s, struct rbe_err *e)
{
    struct rbe_place *tree = &w->home->tree;
    struct files f;

    if (s->step == RBE_STEP_RMDIR)
        return rbe_place_rmdir(tree, s->path, e);
    if (s->step == RBE_STEP_MKDIR)
        return rbe_place_mkdir(tree, s->path, (mode_t)s->number, e);
    RBE_TRY(files_of(w, s, &f, e));
    if (!f.old && (s->step == RBE_STEP_DEL || f.new))
        RBE_TRY(take_away(w, s, w->set.old, f.name, e));
    if (s->step == RBE_STEP_DEL)
        return RBE_OK;
    return f.new ? rbe_place_give(tree, s->path, w->set.new, f.name, e) : must_stand(w, s->path, e);
}

static enum rbe_code backward(struct walk *w, const struct rbe_journal_step *s, struct rbe_err *e)
{
    struct rbe_place *tree = &w->home->tree;
    struct files f;

    if (s->step == RBE_STEP_RMDIR)
        return rbe_place_mkdir(tree, s->path, (mode_t)s->number, e);
    if (s->step == RBE_STEP_MKDIR)
        return rbe_place_rmdir(tree, s->path, e);
    RBE_TRY(files_of(w, s, &f, e));
    if (s->step != RBE_STEP_DEL && !f.new)
        RBE_TRY(take_away(w, s, w->set.new, f.name, e));
    return f.old ? rbe_place_give(tree, s->path, w->set.old, f.name, e) : RBE_OK;
}

static enum rbe_code steps(struct walk *w, bool back, struct rbe_err *e)
{
    const struct rbe_journal *j = w->journal;

    for (size_t i = 0; i < j->n; i++)
        RBE_TRY(back ? backward(w, &j->steps[j->n - 1 - i], e) : forward(w, &j->steps[i], e));
    return RBE_OK;
}

static bool same_parent(const char *a, const char *b)
{
    const char *slash_a = strrchr(a, '/'), *slash_b = strrchr(b, '/');
    size_t len_a = slash_a ? (size_t)(slash_a - a) : 0, len_b = slash_b ? (size_t)(slash_b - b) : 0;

    return len_a == len_b && memcmp(a, b, len_a) == 0;
}

/* Everything that moved is on disk. */
static enum rbe_code settle(struct walk *w, struct rbe_err *e)
{
    const struct rbe_journal *j = w->journal;

    if (j->n > SYNC_EACH)
        return syncfs(w->home->dir) == 0 ? RBE_OK : rbe_fail_errno(e, "cannot sync");
    for (size_t i = 0; i < j->n; i++)
        if (i == 0 || !same_parent(j->steps[i - 1].path, j->steps[i].path))
            RBE_TRY(rbe_place_sync(&w->home->tree, j->steps[i].path, e));
    if (fsync(w->set.new) != 0 || fsync(w->set.old) != 0)
        return rbe_fail_errno(e, "cannot sync");
    return RBE_OK;
}

static enum rbe_code put_state(struct walk *w, bool back, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str state = {0};
    enum rbe_code code = rbe_home_get_at(w->set.fd, back ? RBE_APPLY_STATE_OLD : RBE_APPLY_STATE_NEW, RBE_INSTALLED_STATE_MAX,
                                         &state, e);

    if (code == RBE_NOTFOUND && back)
        return rbe_home_drop(w->home, RBE_HOME_STATE, e);
    return code == RBE_OK ? rbe_home_put(w->home, RBE_HOME_STATE, &state, e) : code;
}

static enum rbe_code load(struct rbe_home *h, const char *name, struct rbe_journal *ret, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str text = {0};

    RBE_TRY(rbe_home_get(h, name, JOURNAL_MAX, &text, e));
    return rbe_journal_parse(rbe_str_text(&text), text.len, ret, e);
}

/* Where the version before is the one the journal came from, it is gone when that was gone back to. */
static enum rbe_code drop_undo(struct rbe_home *h, const char *set, struct rbe_err *e)
{
    rbe_auto(journal) struct rbe_journal undo = {0};
    enum rbe_code code = load(h, RBE_HOME_UNDO, &undo, NULL);

    if (code == RBE_OK && strcmp(undo.set, set) == 0)
        return rbe_home_drop(h, RBE_HOME_UNDO, e);
    return RBE_OK;
}

/* All steps are taken: the state follows, then the journal goes. */
static enum rbe_code finish(struct walk *w, bool back, struct rbe_err *e)
{
    struct rbe_home *h = w->home;

    RBE_TRY(settle(w, e));
    RBE_TRY(put_state(w, back, e));
    if (back)
        RBE_TRY(drop_undo(h, w->journal->set, e));
    if (back || !w->journal->undo)
        RBE_TRY(rbe_home_drop(h, RBE_HOME_JOURNAL, e));
    else if (renameat(h->fd, RBE_HOME_JOURNAL, h->fd, RBE_HOME_UNDO) != 0)
        return rbe_fail_errno(e, "cannot put the journal away");
    /* Without a journal there is no way back, nor need of one: should it come back, all its steps are taken. */
    if (fsync(h->fd) != 0)
        errno = 0;
    return RBE_OK;
}

static enum rbe_code go(struct walk *w, bool back, struct rbe_err *e)
{
    rbe_place_forget(&w->home->tree);
    RBE_TRY(steps(w, back, e));
    return finish(w, back, e);
}

/* One way or the other. */
static enum rbe_code go_either(struct rbe_home *h, const struct rbe_journal *j, enum rbe_applied *ret, struct rbe_err *e)
{
    struct walk w = {.home = h, .journal = j};
    struct rbe_err other = {0};

    RBE_TRY(rbe_home_set_open(h, j->set, &w.set, e));
    enum rbe_code code = go(&w, j->back, e);
    bool back = j->back;

    if (code != RBE_OK) {
        back = !back;
        if (go(&w, back, &other) != RBE_OK)
            code = rbe_fail(e, RBE_UNAVAILABLE, "the tree is between two versions, run again when this is mended: %.400s",
                            other.text);
    }
    rbe_home_set_release(&w.set);
    *ret = back ? RBE_APPLIED_BACK : RBE_APPLIED_FORWARD;
    return code;
}

/* The names of the manifests and the set that are needed, then all others go. */
static enum rbe_code sweep(struct rbe_home *h, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str state = {0};
    rbe_auto(journal) struct rbe_journal undo = {0};
    rbe_autofree char *now = NULL, *before = NULL, *set = NULL;
    const char *keep[3];
    size_t n = 0;
    struct rbe_home_set open;

    if (rbe_home_get(h, RBE_HOME_STATE, RBE_INSTALLED_STATE_MAX, &state, NULL) == RBE_OK &&
        (now = rbe_installed_manifest_of(&state)))
        keep[n++] = now;
    if (load(h, RBE_HOME_UNDO, &undo, NULL) == RBE_OK && rbe_home_set_open(h, undo.set, &open, NULL) == RBE_OK) {
        set = rbe_strfmt("set-%s", undo.set);
        keep[n++] = set;
        if (rbe_home_get_at(open.fd, RBE_APPLY_STATE_OLD, RBE_INSTALLED_STATE_MAX, &state, NULL) == RBE_OK &&
            (before = rbe_installed_manifest_of(&state)))
            keep[n++] = before;
        rbe_home_set_release(&open);
    }
    return rbe_home_sweep(h, keep, n, e);
}

enum rbe_code rbe_apply(struct rbe_home *h, const struct rbe_journal *j, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str text = {0};
    enum rbe_applied applied;
    struct rbe_home_set set;

    /* Without its set a journal would lead nowhere. */
    RBE_TRY(rbe_home_set_open(h, j->set, &set, e));
    rbe_home_set_release(&set);
    rbe_journal_format(j, &text);
    enum rbe_code code = rbe_home_put(h, RBE_HOME_JOURNAL, &text, e);
    if (code != RBE_OK)
        return rbe_home_drop(h, RBE_HOME_JOURNAL, NULL) == RBE_OK ? code : RBE_UNAVAILABLE;
    code = go_either(h, j, &applied, e);
    /* What cannot be removed now is removed by the next run. */
    if (code != RBE_UNAVAILABLE && sweep(h, NULL) != RBE_OK)
        return code;
    return code;
}

/* A journal that cannot be followed says nothing about the tree: so nothing is remembered of it, and all of it is looked at. */
static enum rbe_code forget(struct rbe_home *h, struct rbe_err *e)
{
    RBE_TRY(rbe_home_drop(h, RBE_HOME_STATE, e));
    RBE_TRY(rbe_home_drop(h, RBE_HOME_STAMPS, e));
    RBE_TRY(rbe_home_drop(h, RBE_HOME_UNDO, e));
    return rbe_home_drop(h, RBE_HOME_JOURNAL, e);
}

enum rbe_code rbe_apply_recover(struct rbe_home *h, enum rbe_applied *ret, struct rbe_err *e)
{
    rbe_auto(journal) struct rbe_journal j = {0};
    struct rbe_err why = {0};
    enum rbe_code code = load(h, RBE_HOME_JOURNAL, &j, &why);

    *ret = RBE_APPLIED_NOTHING;
    if (code == RBE_OK) {
        code = go_either(h, &j, ret, &why);
        /* Whichever way was gone, the tree is whole; without its set there is none. */
        code = code == RBE_UNAVAILABLE ? code : code == RBE_NOTFOUND ? RBE_INVALID : RBE_OK;
    }
    if (code == RBE_INVALID || code == RBE_TOOLARGE)
        return forget(h, e);
    if (code != RBE_OK && code != RBE_NOTFOUND) {
        *e = why;
        return code;
    }
    return sweep(h, e);
}

enum rbe_code rbe_apply_undo(struct rbe_home *h, struct rbe_err *e)
{
    rbe_auto(journal) struct rbe_journal j = {0};
    enum rbe_code code = load(h, RBE_HOME_UNDO, &j, e);

    if (code == RBE_NOTFOUND || code == RBE_INVALID)
        return rbe_fail(e, RBE_NOTFOUND, "there is no version before this one to go back to");
    if (code != RBE_OK)
        return code;
    j.back = true;
    return rbe_apply(h, &j, e);
}
