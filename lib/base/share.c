#include "lib/base/share.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Grows by one with every change of struct rbe_share or of what its numbers mean. */
enum { LAYOUT = 5 };

static enum rbe_code allocate(int fd, const char *path, struct rbe_err *e)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return rbe_fail_errno(e, "cannot look at %s", path);
    if (!S_ISREG(st.st_mode) || st.st_size > (off_t)sizeof(struct rbe_share))
        return rbe_fail(e, RBE_FAULT, "%s is not a shared file of layout %d", path, LAYOUT);
    if (st.st_size == (off_t)sizeof(struct rbe_share))
        return RBE_OK;
    /* Adds zeros behind what is there and never takes away, so processes that meet here do no harm to each other. */
    do
        errno = posix_fallocate(fd, 0, (off_t)sizeof(struct rbe_share));
    while (errno == EINTR);
    return errno ? rbe_fail_errno(e, "cannot allocate %s", path) : RBE_OK;
}

enum rbe_code rbe_share_open(const char *dir, struct rbe_share **ret, struct rbe_err *e)
{
    rbe_autofree char *path = rbe_strfmt("%s/shared.%d", dir, LAYOUT);
    rbe_autoclose int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

    if (fd < 0)
        return rbe_fail_errno(e, "cannot open %s", path);
    RBE_TRY(allocate(fd, path, e));
    void *p = mmap(NULL, sizeof(struct rbe_share), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return rbe_fail_errno(e, "cannot map %s", path);
    *ret = p;
    return RBE_OK;
}

void rbe_share_close(struct rbe_share *s)
{
    if (s)
        (void)munmap(s, sizeof(*s));
}
