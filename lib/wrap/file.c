/* Files and directories. What must survive a power cut is synced here, so that callers cannot forget the directory. */
#include "lib/wrap/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 64 * 1024 };

/* From *offset on, or where the descriptor stands for NULL. */
static enum rbe_code write_all(int fd, const char *p, size_t n, const uint64_t *offset, struct rbe_err *e)
{
    for (size_t done = 0; done < n;) {
        ssize_t put = offset ? pwrite(fd, p + done, n - done, (off_t)(*offset + done)) : write(fd, p + done, n - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return rbe_fail_errno(e, "cannot write");
        done += (size_t)put;
    }
    return RBE_OK;
}

enum rbe_code rbe_file_write(int fd, const void *p, size_t n, struct rbe_err *e)
{
    return write_all(fd, p, n, NULL, e);
}

enum rbe_code rbe_file_write_at(int fd, const void *p, size_t n, uint64_t offset, struct rbe_err *e)
{
    return write_all(fd, p, n, &offset, e);
}

enum rbe_code rbe_file_read_at(int fd, void *p, size_t n, uint64_t offset, size_t *ret_n, struct rbe_err *e)
{
    char *to = p;

    for (*ret_n = 0; *ret_n < n;) {
        ssize_t got = pread(fd, to + *ret_n, n - *ret_n, (off_t)(offset + *ret_n));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rbe_fail_errno(e, "cannot read");
        if (got == 0)
            break;
        *ret_n += (size_t)got;
    }
    return RBE_OK;
}

enum rbe_code rbe_file_read_all(int fd, const char *name, size_t max, struct rbe_str *ret, struct rbe_err *e)
{
    for (;;) {
        ssize_t got = read(fd, rbe_str_reserve(ret, READ_STEP), READ_STEP);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return rbe_fail_errno(e, "cannot read %s", name);
        ret->len += (size_t)got;
        ret->s[ret->len] = '\0';
        if (ret->len > max)
            return rbe_fail(e, RBE_TOOLARGE, "%s is larger than %zu bytes", name, max);
        if (got == 0)
            return RBE_OK;
    }
}

static enum rbe_code open_failed(const char *path, struct rbe_err *e)
{
    if (errno == ENOENT || errno == ENOTDIR)
        return rbe_fail(e, RBE_NOTFOUND, "%s: %s", path, strerror(errno));
    return rbe_fail_errno(e, "cannot open %s", path);
}

enum rbe_code rbe_file_get(const char *path, size_t max, struct rbe_str *ret, struct rbe_err *e)
{
    /* O_NONBLOCK: a FIFO in the place of a file is refused below instead of being waited for. */
    rbe_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    rbe_str_reset(ret);
    if (fd < 0)
        return open_failed(path, e);
    if (fstat(fd, &st) < 0)
        return rbe_fail_errno(e, "cannot read %s", path);
    if (!S_ISREG(st.st_mode))
        return rbe_fail(e, RBE_FAULT, "%s is not a regular file", path);
    if ((uint64_t)st.st_size > max)
        return rbe_fail(e, RBE_TOOLARGE, "%s is larger than %zu bytes", path, max);
    return rbe_file_read_all(fd, path, max, ret, e);
}

enum rbe_code rbe_file_open(const char *path, int *ret_fd, struct rbe_err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return open_failed(path, e);
    *ret_fd = fd;
    return RBE_OK;
}

enum rbe_code rbe_file_temp(int dir_fd, int *ret_fd, struct rbe_err *e)
{
    int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    /* Not every file system has nameless files: there the name is taken away at once. */
    for (unsigned i = 0; fd < 0 && i < 1000; i++) {
        char name[64];

        (void)snprintf(name, sizeof(name), ".temp-%ld-%u", (long)getpid(), i);
        fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd >= 0)
            (void)unlinkat(dir_fd, name, 0);
        else if (errno != EEXIST)
            break;
    }
    if (fd < 0)
        return rbe_fail_errno(e, "cannot make a temporary file");
    *ret_fd = fd;
    return RBE_OK;
}

/* The directory part of path, on the heap: "." when it has none. */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return rbe_strdup(".");
    return slash == path ? rbe_strdup("/") : rbe_strndup(path, (size_t)(slash - path));
}

enum rbe_code rbe_dir_sync(const char *path, struct rbe_err *e)
{
    rbe_autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* EINVAL: a file system that has nothing to sync for directories. */
    if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
        return rbe_fail_errno(e, "cannot sync directory %s", path);
    return RBE_OK;
}

static enum rbe_code fill_temp(int fd, const void *p, size_t n, mode_t mode, struct rbe_err *e)
{
    RBE_TRY(rbe_file_write(fd, p, n, e));
    if (fchmod(fd, mode) < 0 || fsync(fd) < 0)
        return rbe_fail_errno(e, "cannot sync");
    return RBE_OK;
}

enum rbe_code rbe_file_put(const char *path, const void *p, size_t n, mode_t mode, struct rbe_err *e)
{
    rbe_autofree char *parent = parent_of(path);
    rbe_autofree char *temp = rbe_strfmt("%s.XXXXXX", path);
    rbe_autoclose int fd = mkostemp(temp, O_CLOEXEC);

    if (fd < 0)
        return rbe_fail_errno(e, "cannot make a file beside %s", path);
    if (fill_temp(fd, p, n, mode, e) != RBE_OK) {
        (void)unlink(temp);
        return rbe_err_prefix(e, "%s", path);
    }
    if (rename(temp, path) < 0) {
        enum rbe_code code = rbe_fail_errno(e, "cannot replace %s", path);

        (void)unlink(temp);
        return code;
    }
    return rbe_dir_sync(parent, e);
}

static bool is_dir(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum rbe_code rbe_dir_make(const char *path, mode_t mode, struct rbe_err *e)
{
    rbe_autofree char *part = rbe_strdup(path);
    size_t len = strlen(part);

    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, mode) < 0) {
            int why = errno;

            /* A parent may be there without our right to write beside it, so only what is no directory is a failure. */
            if (!is_dir(part)) {
                errno = why;
                return rbe_fail_errno(e, "cannot make directory %s", part);
            }
        }
        if (i < len)
            part[i] = '/';
    }
    return RBE_OK;
}

static enum rbe_code remove_below(int fd, struct rbe_err *e)
{
    DIR *dir = fdopendir(fd);
    enum rbe_code code = RBE_OK;

    if (!dir) {
        code = rbe_fail_errno(e, "cannot read a directory");
        (void)close(fd);
        return code;
    }
    while (code == RBE_OK) {
        errno = 0;
        const struct dirent *d = readdir(dir);

        if (!d) {
            if (errno)
                code = rbe_fail_errno(e, "cannot read a directory");
            break;
        }
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            code = rbe_dir_remove_at(dirfd(dir), d->d_name, e);
    }
    (void)closedir(dir);
    return code;
}

/* Tries unlink first: it never follows a link and cannot take a directory, so no look beforehand can be outdated. */
enum rbe_code rbe_dir_remove_at(int dir_fd, const char *name, struct rbe_err *e)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return RBE_OK;
    if (errno != EISDIR && errno != EPERM)
        return rbe_fail_errno(e, "cannot remove %s", name);

    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return errno == ENOENT ? RBE_OK : rbe_fail_errno(e, "cannot remove %s", name);
    RBE_TRY(remove_below(fd, e));
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return rbe_fail_errno(e, "cannot remove %s", name);
    return RBE_OK;
}

enum rbe_code rbe_dir_remove(const char *path, struct rbe_err *e)
{
    rbe_autofree char *trimmed = rbe_strdup(path);
    size_t len = strlen(trimmed);

    /* With a slash behind it, a link would be followed. */
    while (len > 1 && trimmed[len - 1] == '/')
        trimmed[--len] = '\0';
    return rbe_dir_remove_at(AT_FDCWD, trimmed, e);
}
