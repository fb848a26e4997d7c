/* Loaded before libc: lets a program see a file system that takes names for one which differ in the case of ASCII letters, or
 * in the normal form of a letter with a ring above: what is not there under its name is looked for under others.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

struct spelling {
    char text[NAME_MAX + 1];
};

/* With the ring composed; letter case is left to strcasecmp but for that of the letter under it. */
static void compose(const char *name, struct spelling *ret)
{
    size_t n = 0;

    while (*name && n + 2 < sizeof(ret->text)) {
        if ((*name == 'a' || *name == 'A') && strncmp(name + 1, "\xcc\x8a", 2) == 0) {
            memcpy(ret->text + n, "\xc3\xa5", 2);
            n += 2;
            name += 3;
        } else if (strncmp(name, "\xc3\x85", 2) == 0) {
            memcpy(ret->text + n, "\xc3\xa5", 2);
            n += 2;
            name += 2;
        } else {
            ret->text[n++] = *name++;
        }
    }
    ret->text[n] = '\0';
}

/* The name under which it is there, else the name itself. */
static const char *spelled(int dir, const char *name, struct spelling *found)
{
    struct spelling want, have;
    struct stat st;
    int fd;
    DIR *d;

    if (strchr(name, '/') || REAL(fstatat)(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return name;
    fd = REAL(openat)(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return name;
    compose(name, &want);
    for (const struct dirent *each; (each = readdir(d));) {
        compose(each->d_name, &have);
        if (strcasecmp(want.text, have.text) == 0) {
            (void)snprintf(found->text, sizeof(found->text), "%s", each->d_name);
            name = found->text;
            break;
        }
    }
    (void)closedir(d);
    return name;
}

#define HOOK(type, name, params, args)  \
    type name params                    \
    {                                   \
        struct spelling found;              \
        return REAL(name) args;         \
    }
HOOK(int, fstatat, (int d, const char *a, struct stat *st, int flags), (d, spelled(d, a, &found), st, flags))
HOOK(int, unlinkat, (int d, const char *a, int flags), (d, spelled(d, a, &found), flags))
HOOK(int, mkdirat, (int d, const char *a, mode_t mode), (d, spelled(d, a, &found), mode))
HOOK(int, symlinkat, (const char *to, int d, const char *a), (to, d, spelled(d, a, &found)))
HOOK(int, fchmodat, (int d, const char *a, mode_t mode, int flags), (d, spelled(d, a, &found), mode, flags))
HOOK(ssize_t, readlinkat, (int d, const char *a, char *p, size_t n), (d, spelled(d, a, &found), p, n))

int renameat(int d, const char *a, int f, const char *b)
{
    struct spelling from, to;

    return REAL(renameat)(d, spelled(d, a, &from), f, spelled(f, b, &to));
}

int openat(int d, const char *name, int flags, ...)
{
    struct spelling found;
    va_list rest;
    mode_t mode;

    va_start(rest, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return REAL(openat)(d, spelled(d, name, &found), flags, mode);
}
