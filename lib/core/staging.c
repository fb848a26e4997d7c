#include "lib/core/staging.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/core/sweep.h"
#include "lib/wrap/file.h"

enum { KEY_BYTES = 16, NAME_MAX_BYTES = 255 };

/* Some browsers and tools send the whole path, of their system's kind. */
static char *base_name(const char *name)
{
    const char *base = name;

    for (const char *p = name; *p; p++)
        if (*p == '/' || *p == '\\')
            base = p + 1;
    size_t len = strlen(base);
    return rbe_strndup(base, len > NAME_MAX_BYTES ? 0 : len);
}

enum rbe_code rbe_staging_new(struct rbe_app *app, const char *name, struct rbe_staging **ret, struct rbe_err *e)
{
    unsigned char random[KEY_BYTES];
    char key[2 * KEY_BYTES + 1];

    rbe_random(random, sizeof(random));
    rbe_hex_encode(random, sizeof(random), key);
    rbe_autofree char *path = rbe_strfmt("%s/tmp/upload-%s", app->settings->instance.data_dir, key);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return rbe_fail_errno(e, "cannot make %s", path);
    rbe_sweep_hold(fd);

    struct rbe_staging *s = rbe_alloc(sizeof(*s));
    s->fd = fd;
    s->path = rbe_steal(path);
    s->name = base_name(name ? name : "");
    s->hash = rbe_sha256_new();
    *ret = s;
    return RBE_OK;
}

enum rbe_code rbe_staging_put(struct rbe_staging *s, const void *p, size_t n, struct rbe_err *e)
{
    if (rbe_file_write(s->fd, p, n, e) != RBE_OK)
        return rbe_err_prefix(e, "%s", s->path);
    rbe_sha256_put(s->hash, p, n);
    s->size += n;
    return RBE_OK;
}

enum rbe_code rbe_staging_finish(struct rbe_staging *s, struct rbe_err *e)
{
    off_t end = lseek(s->fd, 0, SEEK_END);

    if (end < 0)
        return rbe_fail_errno(e, "%s", s->path);
    if ((uint64_t)end != s->size)
        return rbe_fail(e, RBE_FAULT, "%s holds %lld bytes in place of %llu", s->path, (long long)end,
                        (unsigned long long)s->size);
    rbe_sha256_end(s->hash, s->sha256);
    return RBE_OK;
}

void rbe_staging_free(struct rbe_staging *s)
{
    if (!s)
        return;
    if (s->path)
        (void)unlink(s->path);
    (void)close(s->fd);
    rbe_sha256_free(s->hash);
    free(s->path);
    free(s->name);
    free(s);
}
