#include "lib/core/secrets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/base/codec.h"
#include "lib/wrap/file.h"
#include "lib/wrap/hash.h"

enum { SECRET_BYTES = 32, FILE_BYTES_MAX = 1024 * 1024 };
#define VARIABLE "RBE_AUTH_SIGN_SECRET"
_Static_assert(RBE_BASE64URL_LEN(SECRET_BYTES) + 1 == RBE_SECRET_TEXT, "a secret fills its buffer");

void rbe_secrets_make(char ret_text[static RBE_SECRET_TEXT])
{
    unsigned char secret[SECRET_BYTES];

    rbe_random(secret, sizeof(secret));
    (void)rbe_base64url_encode(secret, sizeof(secret), ret_text);
}

/* ---- the text ---- */

/* What is put at place->at; base64url needs no escapes within quotes. */
static void put_fresh(struct rbe_str *out, const struct rbe_conf_place *place, const char *text, const char *secret)
{
    int column = (int)place->column;
    bool line_ends = place->at == 0 || text[place->at - 1] == '\n';

    switch (place->shape) {
    case RBE_CONF_NO_SECTION:
        rbe_str_putf(out, "%sauth:\n  sign_secret: \"%s\"\n", line_ends ? "" : "\n", secret);
        break;
    case RBE_CONF_NO_KEY:
        if (column)
            rbe_str_putf(out, "sign_secret: \"%s\"\n%*s", secret, column, "");
        else
            rbe_str_putf(out, "\n  sign_secret: \"%s\"", secret);
        break;
    case RBE_CONF_EMPTY:
        rbe_str_putf(out, "%s\"%s\"", place->at && text[place->at - 1] == ' ' ? "" : " ", secret);
        break;
    case RBE_CONF_SCALAR:
        rbe_str_putf(out, "[\"%s\", ", secret);
        break;
    case RBE_CONF_FLOW:
        rbe_str_putf(out, "\"%s\"%s", secret, place->items ? ", " : "");
        break;
    case RBE_CONF_BLOCK:
        rbe_str_putf(out, "- \"%s\"\n%*s", secret, column, "");
        break;
    }
}

enum rbe_code rbe_secrets_edit(const char *text, size_t n, const char *secret, struct rbe_str *ret, size_t *ret_dropped,
                               struct rbe_err *e)
{
    rbe_autofree struct rbe_conf_place *place = rbe_alloc(sizeof(*place));
    size_t kept, from, to;

    RBE_TRY(rbe_conf_locate(text, n, "auth", "sign_secret", place, e));
    kept = place->items < RBE_SECRETS_MAX ? place->items : RBE_SECRETS_MAX - 1;
    *ret_dropped = place->items - kept;
    from = to = n;
    if (*ret_dropped) {
        from = place->item[kept - 1].end;
        to = place->item[place->items - 1].end;
    }
    /* the rest of a line that stays, and its comment, stay with it */
    while (place->shape == RBE_CONF_BLOCK && from < to && text[from] != '\n')
        from++;
    rbe_str_put(ret, text, place->at);
    put_fresh(ret, place, text, secret);
    size_t on = place->shape == RBE_CONF_EMPTY ? place->end : place->at;
    if (place->shape == RBE_CONF_SCALAR) {
        rbe_str_put(ret, text + on, place->end - on);
        rbe_str_putc(ret, ']');
        on = place->end;
    }
    rbe_str_put(ret, text + on, from - on);
    rbe_str_put(ret, text + to, n - to);
    return RBE_OK;
}

/* ---- the file ---- */

/* "rbe.yaml" -> "rbe.local.yaml" when that sets the key, else the file itself; through links. */
static enum rbe_code find_file(const struct rbe_settings *settings, struct rbe_arena *arena, const char **ret,
                               struct rbe_err *e)
{
    rbe_autofree struct rbe_conf_place *place = rbe_alloc(sizeof(*place));
    size_t len = strlen(settings->file), ending = strlen(".yaml");
    rbe_auto(str) struct rbe_str text = {0};
    const char *file = settings->file;

    if (len > ending && strcmp(file + len - ending, ".yaml") == 0) {
        const char *local = rbe_arena_strfmt(arena, "%.*s.local.yaml", (int)(len - ending), file);
        struct rbe_err missing = {0};
        enum rbe_code code = rbe_file_get(local, FILE_BYTES_MAX, &text, &missing);

        if (code != RBE_OK && code != RBE_NOTFOUND)
            return rbe_fail(e, code, "%s", missing.text);
        RBE_TRY(rbe_conf_locate(rbe_str_text(&text), text.len, "auth", "sign_secret", place, e));
        file = place->items ? local : file;
    }
    rbe_autofree char *real = realpath(file, NULL);
    if (!real)
        return rbe_fail_errno(e, "%s", file);
    *ret = rbe_arena_strdup(arena, real);
    return RBE_OK;
}

/* Opens and locks a file that others may be about to replace: the one whose lock is had is the one that has the name. */
static enum rbe_code lock_file(const char *file, int *ret_fd, struct stat *ret_stat, struct rbe_err *e)
{
    for (;;) {
        rbe_autoclose int fd = open(file, O_RDONLY | O_CLOEXEC);
        struct stat named;

        if (fd < 0 || (flock(fd, LOCK_EX) != 0 && errno != ENOLCK) || fstat(fd, ret_stat) != 0)
            return rbe_fail_errno(e, "%s", file);
        if (stat(file, &named) == 0 && named.st_ino == ret_stat->st_ino && named.st_dev == ret_stat->st_dev) {
            *ret_fd = rbe_steal_fd(fd);
            return RBE_OK;
        }
    }
}

static enum rbe_code write_beside(const char *tmp, const struct rbe_str *text, const struct stat *like,
                                  struct rbe_err *e)
{
    rbe_autoclose int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool mine = fd >= 0 && like->st_uid == geteuid() && like->st_gid == getegid();

    if (fd < 0)
        return rbe_fail_errno(e, "cannot make %s", tmp);
    if (rbe_file_write(fd, text->s, text->len, e) != RBE_OK)
        return rbe_err_prefix(e, "%s", tmp);
    if ((!mine && fchown(fd, like->st_uid, like->st_gid) != 0) || fchmod(fd, like->st_mode & 07777) != 0)
        return rbe_fail_errno(e, "cannot give %s the owner and mode of the old one", tmp);
    return fsync(fd) == 0 ? RBE_OK : rbe_fail_errno(e, "cannot write %s", tmp);
}

static enum rbe_code replace(const char *file, const struct rbe_str *text, const struct stat *like, struct rbe_err *e)
{
    rbe_autofree char *tmp = rbe_strfmt("%s.%ld.tmp", file, (long)getpid());
    rbe_autofree char *dir = rbe_strndup(file, (size_t)(strrchr(file, '/') - file) + 1);
    enum rbe_code code = write_beside(tmp, text, like, e);

    if (code == RBE_OK && rename(tmp, file) != 0)
        code = rbe_fail_errno(e, "cannot replace %s", file);
    if (code == RBE_OK)
        return rbe_dir_sync(dir, e);
    (void)unlink(tmp);
    return code;
}

/* A second look before anything is written: the text must hold the secrets it should, and nothing else may have moved. */
static enum rbe_code prove(const struct rbe_str *text, const struct rbe_secrets_rotated *r, const char *secret,
                           struct rbe_err *e)
{
    rbe_autofree struct rbe_conf_place *place = rbe_alloc(sizeof(*place));

    RBE_TRY(rbe_conf_locate(text->s, text->len, "auth", "sign_secret", place, e));
    if (place->items != r->secrets || strncmp(text->s + place->item[0].at + 1, secret, strlen(secret)) != 0)
        return rbe_fail(e, RBE_REFUSED, "%s: its form is none that can be edited safely: put the secret in by hand", r->file);
    return RBE_OK;
}

enum rbe_code rbe_secrets_rotate(const struct rbe_settings *settings, struct rbe_arena *arena,
                                 struct rbe_secrets_rotated *ret, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str before = {0}, after = {0};
    rbe_autofree struct rbe_conf_place *place = rbe_alloc(sizeof(*place));
    rbe_autoclose int lock = -1;
    char secret[RBE_SECRET_TEXT];
    struct stat st;

    *ret = (struct rbe_secrets_rotated){0};
    if (getenv(VARIABLE))
        return rbe_fail(e, RBE_REFUSED, VARIABLE " overrides the configuration: change it there");
    RBE_TRY(find_file(settings, arena, &ret->file, e));
    RBE_TRY(lock_file(ret->file, &lock, &st, e));
    RBE_TRY(rbe_file_get(ret->file, FILE_BYTES_MAX, &before, e));
    RBE_TRY(rbe_conf_locate(rbe_str_text(&before), before.len, "auth", "sign_secret", place, e));
    rbe_secrets_make(secret);
    RBE_TRY(rbe_secrets_edit(rbe_str_text(&before), before.len, secret, &after, &ret->dropped, e));
    ret->secrets = place->items + 1 - ret->dropped;
    RBE_TRY(prove(&after, ret, secret, e));
    return replace(ret->file, &after, &st, e);
}
