#include "lib/wrap/map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* What a map of no bytes points to: mmap takes none. */
static unsigned char nothing[1];

void rbe_map_release(struct rbe_map *m)
{
    if (m->n)
        (void)munmap(m->p, m->n);
    *m = (struct rbe_map){0};
}

static enum rbe_code map(int fd, uint64_t n, int protection, struct rbe_map *ret, struct rbe_err *e)
{
    *ret = (struct rbe_map){.p = nothing};
    if (n == 0)
        return RBE_OK;
    if (n > SIZE_MAX / 2)
        return rbe_fail(e, RBE_FAULT, "cannot map a file: it is too large");
    void *p = mmap(NULL, (size_t)n, protection, MAP_SHARED, fd, 0);

    if (p == MAP_FAILED)
        return rbe_fail(e, RBE_FAULT, "cannot map a file of %llu bytes: %s", (unsigned long long)n,
                        errno == ENOMEM ? "it does not fit in the memory allowed" : "not possible here");
    *ret = (struct rbe_map){p, (size_t)n};
    return RBE_OK;
}

enum rbe_code rbe_map_read(int fd, struct rbe_map *ret, struct rbe_err *e)
{
    struct stat st;

    *ret = (struct rbe_map){0};
    if (fstat(fd, &st) != 0)
        return rbe_fail_errno(e, "cannot look at a file");
    if (!S_ISREG(st.st_mode))
        return rbe_fail(e, RBE_FAULT, "cannot map what is no regular file");
    return map(fd, (uint64_t)st.st_size, PROT_READ, ret, e);
}

enum rbe_code rbe_map_make(int fd, uint64_t n, struct rbe_map *ret, struct rbe_err *e)
{
    *ret = (struct rbe_map){0};
    if (n > INT64_MAX)
        return rbe_fail(e, RBE_FAULT, "cannot make a file: it is too large");
    if (ftruncate(fd, 0) != 0)
        return rbe_fail_errno(e, "cannot empty a file");
    int why = n ? posix_fallocate(fd, 0, (off_t)n) : 0;

    if (why) {
        errno = why;
        return rbe_fail_errno(e, "cannot make a file of %llu bytes", (unsigned long long)n);
    }
    return map(fd, n, PROT_READ | PROT_WRITE, ret, e);
}
