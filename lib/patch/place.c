/* Trees on disk. All calls go to a directory's descriptor and one name, so neither PATH_MAX nor a link can matter. */
#include "lib/patch/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/mem.h"
#include "lib/base/quote.h"

enum { LINK_MAX_BYTES = 4096 };

void rbe_place_init(struct rbe_place *p, int root)
{
    *p = (struct rbe_place){.root = root, .fd = -1};
}

void rbe_place_forget(struct rbe_place *p)
{
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
    rbe_str_reset(&p->dir);
}

void rbe_place_release(struct rbe_place *p)
{
    rbe_place_forget(p);
    rbe_str_release(&p->dir);
}

static struct rbe_quote quoted(const char *path)
{
    return rbe_quote(path, strlen(path));
}

/* Not there, as far as a walk without links goes. */
static bool absent(int why)
{
    return why == ENOENT || why == ENOTDIR || why == ELOOP;
}

/* Opens the directory dir[0..len) below at; -1 with errno when there is none. */
static int walk(int at, const char *dir, size_t len)
{
    enum { FLAGS = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
    int fd = openat(at, ".", FLAGS);

    while (fd >= 0 && len > 0) {
        const char *slash = memchr(dir, '/', len);
        size_t n = slash ? (size_t)(slash - dir) : len, step = slash ? n + 1 : n;
        rbe_autofree char *part = rbe_strndup(dir, n);
        int next = openat(fd, part, FLAGS), why = errno;

        (void)close(fd);
        errno = why;
        fd = next;
        dir += step;
        len -= step;
    }
    return fd;
}

/* The directory that holds path, kept open; -1 with errno when there is none. *ret_name is path's last part. */
static int parent(struct rbe_place *p, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    *ret_name = slash ? slash + 1 : path;
    if (p->fd >= 0 && p->dir.len == len && memcmp(rbe_str_text(&p->dir), path, len) == 0)
        return p->fd;
    rbe_place_forget(p);
    p->fd = walk(p->root, path, len);
    if (p->fd >= 0)
        rbe_str_put(&p->dir, path, len);
    return p->fd;
}

enum rbe_code rbe_place_look(struct rbe_place *p, const char *path, struct stat *ret, struct rbe_err *e)
{
    const char *name;
    int fd = parent(p, path, &name);

    if (fd >= 0 && fstatat(fd, name, ret, AT_SYMLINK_NOFOLLOW) == 0)
        return RBE_OK;
    if (!absent(errno))
        return rbe_fail_errno(e, "cannot look at %s", quoted(path).text);
    *ret = (struct stat){0};
    return RBE_OK;
}

static enum rbe_code not_there(const char *path, const char *what, struct rbe_err *e)
{
    return rbe_fail(e, RBE_NOTFOUND, "%s is no %s", quoted(path).text, what);
}

enum rbe_code rbe_place_open(struct rbe_place *p, const char *path, int *ret_fd, struct rbe_err *e)
{
    const char *name;
    int dir = parent(p, path, &name);
    /* O_NONBLOCK: a FIFO in the place of a file is not waited for. */
    rbe_autoclose int fd = dir < 0 ? -1 : openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    if (fd < 0)
        return absent(errno) || errno == ENXIO || errno == EACCES ? not_there(path, "file that can be read", e)
                                                                  : rbe_fail_errno(e, "cannot open %s", quoted(path).text);
    if (fstat(fd, &st) != 0)
        return rbe_fail_errno(e, "cannot look at %s", quoted(path).text);
    if (!S_ISREG(st.st_mode))
        return not_there(path, "file that can be read", e);
    *ret_fd = rbe_steal_fd(fd);
    return RBE_OK;
}

enum rbe_code rbe_place_list(struct rbe_place *p, const char *path, int *ret_fd, struct rbe_err *e)
{
    rbe_autoclose int dir = walk(p->root, path, strlen(path));
    int fd = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return absent(errno) ? not_there(path, "directory", e)
                             : rbe_fail_errno(e, "cannot open directory %s", quoted(path).text);
    *ret_fd = fd;
    return RBE_OK;
}

enum rbe_code rbe_place_link(struct rbe_place *p, const char *path, struct rbe_str *ret, struct rbe_err *e)
{
    const char *name;
    int dir = parent(p, path, &name);
    ssize_t n;

    rbe_str_reset(ret);
    n = dir < 0 ? -1 : readlinkat(dir, name, rbe_str_reserve(ret, LINK_MAX_BYTES + 1), LINK_MAX_BYTES + 1);
    if (n < 0)
        return absent(errno) || errno == EINVAL ? not_there(path, "link", e)
                                                : rbe_fail_errno(e, "cannot read link %s", quoted(path).text);
    if (n > LINK_MAX_BYTES)
        return rbe_fail(e, RBE_TOOLARGE, "link %s is too long", quoted(path).text);
    ret->len = (size_t)n;
    ret->s[n] = '\0';
    return RBE_OK;
}

/* One change of a directory's contents. */
struct change {
    int dir;
    const char *name;
    int other;                   /* the other side of a move */
    const char *other_name;
    mode_t mode;
};

static int do_take(const struct change *c)
{
    return renameat(c->dir, c->name, c->other, c->other_name);
}

static int do_give(const struct change *c)
{
    return renameat(c->other, c->other_name, c->dir, c->name);
}

static int do_mkdir(const struct change *c)
{
    return mkdirat(c->dir, c->name, c->mode);
}

static int do_rmdir(const struct change *c)
{
    return unlinkat(c->dir, c->name, AT_REMOVEDIR);
}

/* Where the file system keeps no modes, or only some, nothing is lost. */
static void put_mode(int dir, const char *name, mode_t mode, int flags)
{
    if (fchmodat(dir, name, mode, flags) != 0)
        errno = 0;
}

/* Does it; a directory that may not be written to is made writable meanwhile. */
static int attempt(int (*act)(const struct change *), const struct change *c)
{
    struct stat st;
    int done = act(c), why = errno;

    if (done == 0 || (why != EACCES && why != EPERM))
        return done;
    if (fstatat(c->dir, ".", &st, 0) != 0 || (st.st_mode & S_IRWXU) == S_IRWXU ||
        fchmodat(c->dir, ".", (st.st_mode & 07777) | S_IRWXU, 0) != 0) {
        errno = why;
        return -1;
    }
    done = act(c);
    why = errno;
    put_mode(c->dir, ".", st.st_mode & 07777, 0);
    errno = why;
    return done;
}

enum rbe_code rbe_place_take(struct rbe_place *p, const char *path, int to, const char *name, struct rbe_err *e)
{
    struct change c = {.other = to, .other_name = name};

    c.dir = parent(p, path, &c.name);
    if ((c.dir >= 0 && attempt(do_take, &c) == 0) || absent(errno))
        return RBE_OK;
    return rbe_fail_errno(e, "cannot move %s away", quoted(path).text);
}

enum rbe_code rbe_place_give(struct rbe_place *p, const char *path, int from, const char *name, struct rbe_err *e)
{
    struct change c = {.other = from, .other_name = name};

    c.dir = parent(p, path, &c.name);
    if (c.dir >= 0 && attempt(do_give, &c) == 0)
        return RBE_OK;
    return rbe_fail_errno(e, "cannot put %s in its place", quoted(path).text);
}

enum rbe_code rbe_place_mkdir(struct rbe_place *p, const char *path, mode_t mode, struct rbe_err *e)
{
    struct change c = {.mode = mode};
    struct stat st;

    c.dir = parent(p, path, &c.name);
    if (c.dir >= 0 && attempt(do_mkdir, &c) == 0) {
        /* Whatever the umask says. A link that came to stand there is not followed. */
        put_mode(c.dir, c.name, mode, AT_SYMLINK_NOFOLLOW);
        return RBE_OK;
    }
    if (c.dir >= 0 && errno == EEXIST && fstatat(c.dir, c.name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (S_ISDIR(st.st_mode))
            return RBE_OK;
        errno = EEXIST;
    }
    return rbe_fail_errno(e, "cannot make directory %s", quoted(path).text);
}

enum rbe_code rbe_place_rmdir(struct rbe_place *p, const char *path, struct rbe_err *e)
{
    struct change c = {0};

    c.dir = parent(p, path, &c.name);
    if ((c.dir >= 0 && attempt(do_rmdir, &c) == 0) || absent(errno)) {
        /* The directory kept open may be this one. */
        rbe_place_forget(p);
        return RBE_OK;
    }
    if (errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY)
        return RBE_OK;
    return rbe_fail_errno(e, "cannot remove directory %s", quoted(path).text);
}

enum rbe_code rbe_place_sync(struct rbe_place *p, const char *path, struct rbe_err *e)
{
    const char *name;
    int dir = parent(p, path, &name);
    rbe_autoclose int fd = dir < 0 ? -1 : openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        /* Without the right to read it there is no descriptor to sync. */
        return absent(errno) || errno == EACCES ? RBE_OK : rbe_fail_errno(e, "cannot sync %s", quoted(path).text);
    if (fsync(fd) < 0 && errno != EINVAL)
        return rbe_fail_errno(e, "cannot sync the directory of %s", quoted(path).text);
    return RBE_OK;
}
