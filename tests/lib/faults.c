/* Loaded before libc: counts the calls by which a program changes files, and at the n-th of them fails it or kills the process.
 *
 * RBE_FAULT_AT=n           which call, from 1
 * RBE_FAULT_HOW=           kill: half of a write is done, then SIGKILL; eio, enospc, erofs: that call alone fails;
 *                          eio+, enospc+, erofs+: that one and all that follow
 * RBE_FAULT_COUNT=FILE     at the end the number of calls is written there
 * Writes count where they go to a regular file that is no standard stream.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long calls;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static long number_of(const char *name)
{
    const char *text = getenv(name);

    return text ? strtol(text, NULL, 10) : 0;
}

/* The errno that this call has to fail with, 0 for none, -1 to be killed. */
static int fault(void)
{
    static const struct {
        const char *how;
        int why;
    } hows[] = {{"kill", -1}, {"eio", EIO}, {"enospc", ENOSPC}, {"erofs", EROFS}};
    const char *how = getenv("RBE_FAULT_HOW");
    long at = number_of("RBE_FAULT_AT"), now = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);

    if (!how || at == 0 || now < at || (now > at && !strchr(how, '+')))
        return 0;
    for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++)
        if (strncmp(how, hows[i].how, strlen(hows[i].how)) == 0)
            return hows[i].why;
    return 0;
}

static int fails(void)
{
    int why = fault();

    if (why < 0)
        (void)kill(getpid(), SIGKILL);
    if (why > 0)
        errno = why;
    return why;
}

static int is_file(int fd)
{
    struct stat st;

    return fd > 2 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

ssize_t write(int fd, const void *p, size_t n)
{
    int why = is_file(fd) ? fault() : 0;

    if (why < 0) {
        (void)!REAL(write)(fd, p, n / 2);
        (void)kill(getpid(), SIGKILL);
    }
    if (why == 0)
        return REAL(write)(fd, p, n);
    errno = why;
    return -1;
}

/* Both names of it are hooked: a library may be built with either. */
#define HOOK_PWRITE(name)                                   \
    ssize_t name(int fd, const void *p, size_t n, off_t at) \
    {                                                       \
        int why = is_file(fd) ? fault() : 0;                \
                                                            \
        if (why < 0) {                                      \
            (void)!REAL(name)(fd, p, n / 2, at);            \
            (void)kill(getpid(), SIGKILL);                  \
        }                                                   \
        if (why == 0)                                       \
            return REAL(name)(fd, p, n, at);                \
        errno = why;                                        \
        return -1;                                          \
    }

HOOK_PWRITE(pwrite)
HOOK_PWRITE(pwrite64)

#define HOOK(type, name, params, args)      \
    type name params                        \
    {                                       \
        return fails() ? -1 : REAL(name) args; \
    }

HOOK(int, rename, (const char *a, const char *b), (a, b))
HOOK(int, renameat, (int d, const char *a, int f, const char *b), (d, a, f, b))
HOOK(int, unlink, (const char *a), (a))
HOOK(int, unlinkat, (int d, const char *a, int flags), (d, a, flags))
HOOK(int, fsync, (int fd), (fd))
HOOK(int, fdatasync, (int fd), (fd))
HOOK(int, syncfs, (int fd), (fd))
HOOK(int, link, (const char *a, const char *b), (a, b))
HOOK(int, linkat, (int d, const char *a, int f, const char *b, int flags), (d, a, f, b, flags))
HOOK(int, symlinkat, (const char *a, int d, const char *b), (a, d, b))
HOOK(int, mkdir, (const char *a, mode_t mode), (a, mode))
HOOK(int, mkdirat, (int d, const char *a, mode_t mode), (d, a, mode))
HOOK(int, rmdir, (const char *a), (a))
HOOK(int, ftruncate, (int fd, off_t n), (fd, n))
HOOK(int, fchmod, (int fd, mode_t mode), (fd, mode))
HOOK(int, fchmodat, (int d, const char *a, mode_t mode, int flags), (d, a, mode, flags))
HOOK(int, fallocate, (int fd, int mode, off_t at, off_t n), (fd, mode, at, n))

/* posix_fallocate says its error itself. */
int posix_fallocate(int fd, off_t at, off_t n)
{
    return fails() ? errno : REAL(posix_fallocate)(fd, at, n);
}

/* Opening counts where it may make a file. */
int openat(int d, const char *name, int flags, ...)
{
    va_list rest;
    mode_t mode;

    va_start(rest, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if ((flags & O_CREAT) && fails())
        return -1;
    return REAL(openat)(d, name, flags, mode);
}

__attribute__((destructor)) static void tell(void)
{
    const char *file = getenv("RBE_FAULT_COUNT");
    FILE *f = file ? fopen(file, "w") : NULL;

    if (!f)
        return;
    (void)fprintf(f, "%ld\n", calls);
    (void)fclose(f);
}
