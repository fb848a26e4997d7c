/* What the updater keeps in the tree it looks after: the directory .rbe, one updater at a time.
 *
 *     .rbe/lock                 flock(2)
 *     .rbe/state.json           the version that is installed (installed.h)
 *     .rbe/manifest-<sha256>    manifests that a state names
 *     .rbe/stamps               what the files looked like when they were last known to be right (stamps.h)
 *     .rbe/journal              a change under way (journal.h)
 *     .rbe/undo                 the journal of the last change, the way back to the version before
 *     .rbe/set-<16 hex>/        of one change: new/ and old/ with numbered files, state.old, state.new
 *     .rbe/package, package.json    a download (fetch.h)
 * Files are replaced as a whole and synced. Whatever else is found in .rbe was left by a run that was cut off.
 */
#ifndef RBE_PATCH_HOME_H
#define RBE_PATCH_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/str.h"
#include "lib/patch/place.h"

#define RBE_HOME_STATE "state.json"
#define RBE_HOME_STAMPS "stamps"
#define RBE_HOME_JOURNAL "journal"
#define RBE_HOME_UNDO "undo"
#define RBE_HOME_PACKAGE "package"
#define RBE_HOME_PACKAGE_STATE "package.json"

struct rbe_home {
    int dir;                     /* the tree, -1 when it is not there */
    int fd;                      /* its .rbe, -1 when it is not there */
    int lock;                    /* -1 when not held */
    struct rbe_place tree;
    bool folds;                  /* the file system takes names for one that differ by case or normal form */
    bool modes;                  /* it keeps permission bits */
};

/* A change's directory, open. */
struct rbe_home_set {
    int fd, new, old;
};

/* Opens what is there of the tree and its .rbe, making neither. A home is released in any case. */
enum rbe_code rbe_home_open(const char *dir, struct rbe_home *ret, struct rbe_err *e) RBE_MUST_USE;
void rbe_home_release(struct rbe_home *h);
/* Makes the tree's directory and .rbe where they are missing, takes the lock, learns what the file system is like. While another
 * holds the lock, *ret_busy is set and nothing else is done. */
enum rbe_code rbe_home_lock(struct rbe_home *h, const char *dir, bool *ret_busy, struct rbe_err *e) RBE_MUST_USE;

/* A file of .rbe. Missing: RBE_NOTFOUND. */
enum rbe_code rbe_home_get(const struct rbe_home *h, const char *name, size_t max, struct rbe_str *ret, struct rbe_err *e)
    RBE_MUST_USE;
/* Replaces it: synced, and its directory too. */
enum rbe_code rbe_home_put(const struct rbe_home *h, const char *name, const struct rbe_str *bytes, struct rbe_err *e)
    RBE_MUST_USE;
/* Missing is no error. */
enum rbe_code rbe_home_drop(const struct rbe_home *h, const char *name, struct rbe_err *e) RBE_MUST_USE;
/* The same two for the directory at. */
enum rbe_code rbe_home_get_at(int at, const char *name, size_t max, struct rbe_str *ret, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_home_put_at(int at, const char *name, const struct rbe_str *bytes, struct rbe_err *e) RBE_MUST_USE;

/* Makes a set with a name of its own, or opens one that is there (RBE_NOTFOUND when it is not whole). */
enum rbe_code rbe_home_set_make(const struct rbe_home *h, const char *set, struct rbe_home_set *ret, struct rbe_err *e)
    RBE_MUST_USE;
enum rbe_code rbe_home_set_open(const struct rbe_home *h, const char *set, struct rbe_home_set *ret, struct rbe_err *e)
    RBE_MUST_USE;
void rbe_home_set_release(struct rbe_home_set *s);

/* Removes everything that is not one of the names above and not among `keep` (n names). */
enum rbe_code rbe_home_sweep(const struct rbe_home *h, const char *const *keep, size_t n, struct rbe_err *e) RBE_MUST_USE;
/* Bytes that this user may still write on the tree's file system, and its whole size. */
enum rbe_code rbe_home_space(const struct rbe_home *h, uint64_t *ret_free, uint64_t *ret_total, struct rbe_err *e) RBE_MUST_USE;

#endif
