#include "lib/core/sweep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/wrap/file.h"

/* How long what nobody holds may lie there: a moment between making and holding it, or between the last write and the
 * move into place. */
static const struct {
    const char *prefix;
    int64_t seconds;
} ages[] = {
    {"patch-", 60},
    {"upload-", 2 * 60 * 60},
    {"", 24 * 60 * 60},
};

void rbe_sweep_hold(int fd)
{
    while (flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EINTR)
        ;
}

static int64_t age_of(const char *name)
{
    size_t i = 0;

    while (strncmp(name, ages[i].prefix, strlen(ages[i].prefix)) != 0)
        i++;
    return ages[i].seconds;
}

/* Whether somebody is at work on it. What is no file and no directory cannot be held. */
static bool held(int dir_fd, const char *name)
{
    rbe_autoclose int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

static void sweep_one(int dir_fd, const char *dir, const char *name, int64_t now)
{
    struct rbe_err ignored = {0};
    struct stat st;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || now - (int64_t)st.st_mtime < age_of(name) ||
        held(dir_fd, name))
        return;
    if (!S_ISDIR(st.st_mode)) {
        (void)unlinkat(dir_fd, name, 0);
        return;
    }
    rbe_autofree char *path = rbe_strfmt("%s/%s", dir, name);
    if (rbe_dir_remove(path, &ignored) != RBE_OK)
        return;
}

enum rbe_code rbe_sweep_tmp(struct rbe_app *app, int64_t now, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    const char *dir = rbe_app_path(app, &arena, "tmp");
    DIR *d = opendir(dir);
    const struct dirent *entry;

    if (!d)
        return rbe_fail_errno(e, "cannot read %s", dir);
    while ((entry = readdir(d)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            sweep_one(dirfd(d), dir, entry->d_name, now);
    (void)closedir(d);
    return RBE_OK;
}
