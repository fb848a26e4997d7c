/* Looks at a tree on disk: where does it differ from a manifest?
 *
 * A file is read and hashed unless its stamp says that it was not touched since its content was known. Paths of the user's own
 * (`keep`) are not looked at: whatever stands there is right.
 */
#ifndef RBE_PATCH_SURVEY_H
#define RBE_PATCH_SURVEY_H

#include "lib/patch/stamps.h"

enum rbe_look {
    RBE_LOOK_SAME,
    RBE_LOOK_KEPT,               /* the user's own, or below a link or file that is */
    RBE_LOOK_MISSING,            /* nothing stands there */
    RBE_LOOK_KIND,               /* a file, link or directory where another kind should be */
    RBE_LOOK_CONTENT,            /* another content or link target */
    RBE_LOOK_MODE,               /* the right content, other permission bits */
    RBE_LOOK_MAX
};
/* "same", "kept", "missing", "kind", "content", "mode" */
const char *rbe_look_name(enum rbe_look look);

/* Globs as fnmatch(3) with FNM_PATHNAME on the whole path; one without a '/' is matched with each part of the path. What lies
 * below a directory that matches is kept as well. */
struct rbe_keep {
    const char *const *globs;
    size_t n;
};
bool rbe_kept(const struct rbe_keep *keep, const char *path);

struct rbe_survey {
    struct rbe_home *home;
    const struct rbe_manifest *tree;         /* what should stand there */
    const struct rbe_installed *installed;   /* what `stamps` is about */
    const struct rbe_stamps *stamps;         /* NULL: every file is read */
    struct rbe_keep keep;
    /* Called now and then; other than RBE_OK stops the survey with that code. May be NULL. */
    enum rbe_code (*tick)(void *arg, uint64_t done, uint64_t total, struct rbe_err *e);
    void *arg;
};
/* ret_looks: one for each entry of tree. ret_stamps, where not NULL, becomes what can be trusted next time. Only what cannot be
 * read fails; what differs does not. */
enum rbe_code rbe_survey(const struct rbe_survey *s, enum rbe_look *ret_looks, struct rbe_stamps *ret_stamps, struct rbe_err *e)
    RBE_MUST_USE;

#endif
