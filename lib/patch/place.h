/* A directory tree on disk that may hold anything by now: walked part by part, never through a link.
 *
 * Paths are those of manifests: forward slashes, no ".." (the caller has judged them by patch/rules), of any length, since
 * each part is opened below the one before. Where a part on the way is a link or a file, what lies below it is not there.
 * The directory opened last is kept open, because paths come sorted.
 *
 * A directory without write permission that belongs to this user gets it for the one call that needs it.
 */
#ifndef RBE_PATCH_PLACE_H
#define RBE_PATCH_PLACE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

struct rbe_place {
    int root;                    /* the tree's own directory; not owned */
    int fd;                      /* of the directory opened last, -1 for none */
    struct rbe_str dir;          /* its path */
};

void rbe_place_init(struct rbe_place *p, int root);
void rbe_place_release(struct rbe_place *p);
/* Forgets the open directory; to be called when directories were moved by others. */
void rbe_place_forget(struct rbe_place *p);
/* What stands at path; st_mode of 0 when nothing does. */
enum rbe_code rbe_place_look(struct rbe_place *p, const char *path, struct stat *ret, struct rbe_err *e) RBE_MUST_USE;
/* Opens a regular file for reading. Not there, something else, or closed to this user: RBE_NOTFOUND. */
enum rbe_code rbe_place_open(struct rbe_place *p, const char *path, int *ret_fd, struct rbe_err *e) RBE_MUST_USE;
/* Opens a directory for listing, "" for the root. Not there, or something else: RBE_NOTFOUND. */
enum rbe_code rbe_place_list(struct rbe_place *p, const char *path, int *ret_fd, struct rbe_err *e) RBE_MUST_USE;
/* The target of a link in ret. Not there, or no link: RBE_NOTFOUND. */
enum rbe_code rbe_place_link(struct rbe_place *p, const char *path, struct rbe_str *ret, struct rbe_err *e) RBE_MUST_USE;
/* Moves what stands at path to name in the directory `to`; nothing there is no error. */
enum rbe_code rbe_place_take(struct rbe_place *p, const char *path, int to, const char *name, struct rbe_err *e) RBE_MUST_USE;
/* Moves name in the directory `from` to path, over a file or link that stands there. */
enum rbe_code rbe_place_give(struct rbe_place *p, const char *path, int from, const char *name, struct rbe_err *e) RBE_MUST_USE;
/* A directory that is there already is no error. */
enum rbe_code rbe_place_mkdir(struct rbe_place *p, const char *path, mode_t mode, struct rbe_err *e) RBE_MUST_USE;
/* A directory that is not empty stays; one that is not there, or is none, is no error. */
enum rbe_code rbe_place_rmdir(struct rbe_place *p, const char *path, struct rbe_err *e) RBE_MUST_USE;
/* Syncs the directory that holds path; one that is not there any more is no error. */
enum rbe_code rbe_place_sync(struct rbe_place *p, const char *path, struct rbe_err *e) RBE_MUST_USE;

#endif
