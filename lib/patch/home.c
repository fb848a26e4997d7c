/* The directory .rbe. */
#include "lib/patch/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/wrap/file.h"

static const char NAME[] = ".rbe";
enum { DIR_MODE = 0755, FILE_MODE = 0644 };
enum { OPEN_DIR = O_RDONLY | O_DIRECTORY | O_CLOEXEC };

static int open_own(int dir)
{
    return openat(dir, NAME, OPEN_DIR | O_NOFOLLOW);
}

enum rbe_code rbe_home_open(const char *dir, struct rbe_home *ret, struct rbe_err *e)
{
    *ret = (struct rbe_home){.dir = -1, .fd = -1, .lock = -1, .modes = true};
    rbe_place_init(&ret->tree, -1);
    ret->dir = open(dir, OPEN_DIR);
    if (ret->dir < 0)
        return errno == ENOENT ? RBE_OK : rbe_fail_errno(e, "cannot open %s", dir);
    ret->tree.root = ret->dir;
    ret->fd = open_own(ret->dir);
    if (ret->fd < 0 && errno != ENOENT)
        return rbe_fail_errno(e, "cannot open %s/%s", dir, NAME);
    return RBE_OK;
}

void rbe_home_release(struct rbe_home *h)
{
    rbe_place_release(&h->tree);
    rbe_cleanup_close(&h->lock);
    rbe_cleanup_close(&h->fd);
    rbe_cleanup_close(&h->dir);
    h->lock = h->fd = h->dir = -1;
}

static enum rbe_code make(struct rbe_home *h, const char *dir, struct rbe_err *e)
{
    if (h->dir < 0) {
        RBE_TRY(rbe_dir_make(dir, DIR_MODE, e));
        h->dir = open(dir, OPEN_DIR);
        if (h->dir < 0)
            return rbe_fail_errno(e, "cannot open %s", dir);
        h->tree.root = h->dir;
    }
    if (h->fd < 0) {
        /* Synced, or a power cut could take it away with all that was moved into it. */
        if (mkdirat(h->dir, NAME, DIR_MODE) == 0 ? fsync(h->dir) != 0 && errno != EINVAL : errno != EEXIST)
            return rbe_fail_errno(e, "cannot make %s/%s", dir, NAME);
        h->fd = open_own(h->dir);
        if (h->fd < 0)
            return rbe_fail_errno(e, "cannot open %s/%s", dir, NAME);
    }
    return RBE_OK;
}

/* Whether a file has the mode it was given; not where modes are unknown, or part of how the file system is mounted. */
static enum rbe_code probe_mode(int fd, mode_t mode, bool *ret, struct rbe_err *e)
{
    struct stat st;

    if (fchmod(fd, mode) != 0 && errno != EPERM && errno != EOPNOTSUPP && errno != EINVAL)
        return rbe_fail_errno(e, "cannot set a mode in %s", NAME);
    if (fstat(fd, &st) != 0)
        return rbe_fail_errno(e, "cannot look at a file in %s", NAME);
    *ret = (st.st_mode & 0777) == mode;
    return RBE_OK;
}

/* A name with a letter, and one with an accent in normal form C, looked for as lower case and in normal form D. */
static enum rbe_code probe(struct rbe_home *h, struct rbe_err *e)
{
    static const char probe[] = "Probe-\u00c5", cased[] = "probe-\u00e5", decomposed[] = "Probe-A\u030a";
    rbe_autoclose int fd = openat(h->fd, probe, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    struct stat st;

    if (fd < 0)
        return rbe_fail_errno(e, "cannot make a file in %s", NAME);
    h->folds = fstatat(h->fd, cased, &st, AT_SYMLINK_NOFOLLOW) == 0 || fstatat(h->fd, decomposed, &st, AT_SYMLINK_NOFOLLOW) == 0;
    RBE_TRY(probe_mode(fd, 0700, &h->modes, e));
    if (h->modes)
        RBE_TRY(probe_mode(fd, 0600, &h->modes, e));
    return rbe_home_drop(h, probe, e);
}

enum rbe_code rbe_home_lock(struct rbe_home *h, const char *dir, bool *ret_busy, struct rbe_err *e)
{
    *ret_busy = false;
    if (h->lock >= 0)
        return RBE_OK;
    RBE_TRY(make(h, dir, e));
    rbe_autoclose int fd = openat(h->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (fd < 0)
        return rbe_fail_errno(e, "cannot open %s/%s/lock", dir, NAME);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        *ret_busy = errno == EWOULDBLOCK;
        return *ret_busy ? RBE_OK : rbe_fail_errno(e, "cannot lock %s/%s/lock", dir, NAME);
    }
    RBE_TRY(probe(h, e));
    h->lock = rbe_steal_fd(fd);
    return RBE_OK;
}

/* ---- files ---- */

enum rbe_code rbe_home_get_at(int at, const char *name, size_t max, struct rbe_str *ret, struct rbe_err *e)
{
    rbe_autoclose int fd = at < 0 ? -1 : openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    rbe_str_reset(ret);
    if (at < 0 || (fd < 0 && errno == ENOENT))
        return rbe_fail(e, RBE_NOTFOUND, "%s is not there", name);
    if (fd < 0)
        return rbe_fail_errno(e, "cannot open %s", name);
    return rbe_file_read_all(fd, name, max, ret, e);
}

enum rbe_code rbe_home_put_at(int at, const char *name, const struct rbe_str *bytes, struct rbe_err *e)
{
    rbe_autofree char *temp = rbe_strfmt("%s.tmp", name);
    rbe_autoclose int fd = openat(at, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

    if (fd < 0)
        return rbe_fail_errno(e, "cannot make %s", temp);
    RBE_TRY(rbe_file_write(fd, rbe_str_text(bytes), bytes->len, e));
    if (fsync(fd) != 0)
        return rbe_fail_errno(e, "cannot sync %s", temp);
    if (renameat(at, temp, at, name) != 0)
        return rbe_fail_errno(e, "cannot replace %s", name);
    return fsync(at) == 0 || errno == EINVAL ? RBE_OK : rbe_fail_errno(e, "cannot sync the directory of %s", name);
}

enum rbe_code rbe_home_get(const struct rbe_home *h, const char *name, size_t max, struct rbe_str *ret, struct rbe_err *e)
{
    return rbe_home_get_at(h->fd, name, max, ret, e);
}

enum rbe_code rbe_home_put(const struct rbe_home *h, const char *name, const struct rbe_str *bytes, struct rbe_err *e)
{
    return rbe_home_put_at(h->fd, name, bytes, e);
}

enum rbe_code rbe_home_drop(const struct rbe_home *h, const char *name, struct rbe_err *e)
{
    return rbe_dir_remove_at(h->fd, name, e);
}

/* ---- sets ---- */

static char *set_name(const char *set)
{
    return rbe_strfmt("set-%s", set);
}

void rbe_home_set_release(struct rbe_home_set *s)
{
    rbe_cleanup_close(&s->new);
    rbe_cleanup_close(&s->old);
    rbe_cleanup_close(&s->fd);
}

enum rbe_code rbe_home_set_open(const struct rbe_home *h, const char *set, struct rbe_home_set *ret, struct rbe_err *e)
{
    rbe_autofree char *name = set_name(set);
    struct rbe_home_set s = {openat(h->fd, name, OPEN_DIR | O_NOFOLLOW), -1, -1};

    if (s.fd >= 0) {
        s.new = openat(s.fd, "new", OPEN_DIR | O_NOFOLLOW);
        s.old = openat(s.fd, "old", OPEN_DIR | O_NOFOLLOW);
    }
    if (s.new < 0 || s.old < 0) {
        enum rbe_code code = errno == ENOENT ? rbe_fail(e, RBE_NOTFOUND, "%s is not there", name)
                                             : rbe_fail_errno(e, "cannot open %s", name);

        rbe_home_set_release(&s);
        return code;
    }
    *ret = s;
    return RBE_OK;
}

enum rbe_code rbe_home_set_make(const struct rbe_home *h, const char *set, struct rbe_home_set *ret, struct rbe_err *e)
{
    rbe_autofree char *name = set_name(set);
    rbe_autofree char *new = rbe_strfmt("%s/new", name);
    rbe_autofree char *old = rbe_strfmt("%s/old", name);

    if (mkdirat(h->fd, name, DIR_MODE) != 0 || mkdirat(h->fd, new, DIR_MODE) != 0 || mkdirat(h->fd, old, DIR_MODE) != 0)
        return rbe_fail_errno(e, "cannot make %s", name);
    return rbe_home_set_open(h, set, ret, e);
}

/* ---- the rest ---- */

static bool wanted(const char *name, const char *const *keep, size_t n)
{
    static const char *const always[] = {".", "..", "lock", RBE_HOME_STATE, RBE_HOME_STAMPS, RBE_HOME_JOURNAL, RBE_HOME_UNDO,
                                         RBE_HOME_PACKAGE, RBE_HOME_PACKAGE_STATE};

    for (size_t i = 0; i < RBE_COUNT(always); i++)
        if (strcmp(name, always[i]) == 0)
            return true;
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, keep[i]) == 0)
            return true;
    return false;
}

enum rbe_code rbe_home_sweep(const struct rbe_home *h, const char *const *keep, size_t n, struct rbe_err *e)
{
    rbe_autoclose int fd = openat(h->fd, ".", OPEN_DIR);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *d;
    enum rbe_code code = RBE_OK;

    if (!dir)
        return rbe_fail_errno(e, "cannot read %s", NAME);
    (void)rbe_steal_fd(fd);
    while (code == RBE_OK && (d = readdir(dir)))
        if (!wanted(d->d_name, keep, n))
            code = rbe_home_drop(h, d->d_name, e);
    (void)closedir(dir);
    return code;
}

enum rbe_code rbe_home_space(const struct rbe_home *h, uint64_t *ret_free, uint64_t *ret_total, struct rbe_err *e)
{
    struct statvfs st;

    if (fstatvfs(h->fd, &st) != 0)
        return rbe_fail_errno(e, "cannot ask for the free space");
    *ret_free = (uint64_t)st.f_bavail * st.f_frsize;
    *ret_total = (uint64_t)st.f_blocks * st.f_frsize;
    return RBE_OK;
}
