#include "lib/core/depot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/codec.h"
#include "lib/wrap/file.h"

enum {
    KEY_BYTES = 16,
    KEY_TEXT = 2 * KEY_BYTES,
    NAME_MAX_BYTES = 255,
    MANIFEST_MAX = 1 << 30,
    /* whatever the umask: a web server of another user sends these files */
    FILE_MODE = 0644,
    DIR_MODE = 0755,
};

/* ---- names ---- */

static void put_plain(struct rbe_str *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
                     c == '_' || c == '-';

        rbe_str_putc(out, plain ? c : '_');
    }
}

/* Cuts two lengths so that together they are at most room, the longer one first. */
static void share_room(size_t room, size_t *a, size_t *b)
{
    size_t half = room / 2;

    if (*a + *b <= room)
        return;
    if (*a <= half)
        *b = room - *a;
    else if (*b <= half)
        *a = room - *b;
    else
        *a = *b = half;
}

const char *rbe_depot_file_name(struct rbe_arena *arena, const char *rid, const char *version, enum rbe_system system,
                                enum rbe_arch arch, const char *old, const char *file_type)
{
    rbe_auto(str) struct rbe_str name = {0};
    rbe_autofree char *platform = rbe_strfmt("-%s-%s", rbe_system_name(system), rbe_arch_name(arch));
    const char *from = old ? "-from-" : "";
    size_t taken = strlen(rid) + 1 + strlen(platform) + strlen(from) + 1 + strlen(file_type);
    size_t version_len = strlen(version), old_len = old ? strlen(old) : 0;

    share_room(taken < NAME_MAX_BYTES ? NAME_MAX_BYTES - taken : 0, &version_len, &old_len);
    put_plain(&name, rid, strlen(rid));
    rbe_str_putc(&name, '-');
    put_plain(&name, version, version_len);
    rbe_str_puts(&name, platform);
    rbe_str_puts(&name, from);
    put_plain(&name, old ? old : "", old_len);
    rbe_str_putc(&name, '.');
    put_plain(&name, file_type, strlen(file_type));
    return rbe_arena_strdup(arena, rbe_str_text(&name));
}

const char *rbe_depot_path(const struct rbe_app *app, struct rbe_arena *arena, const char *path)
{
    return rbe_arena_strfmt(arena, "%s/packages/%s", app->settings->instance.data_dir, path);
}

/* The length of "p/<key>" in a package's path, 0 when the path is not of that form. */
static size_t dir_part(const char *path)
{
    unsigned char key[KEY_BYTES];
    size_t len = 2 + KEY_TEXT;

    if (strlen(path) <= len + 1 || memcmp(path, "p/", 2) != 0 || path[len] != '/' || strchr(path + len + 1, '/') ||
        !rbe_hex_decode(path + 2, KEY_TEXT, key, sizeof(key)))
        return 0;
    return len;
}

/* ---- in ---- */

/* A package on its way: its directory, and where its file is at the moment. */
struct parcel {
    char *file;                  /* the owner's path */
    char *dir;                   /* its directory now: tmp/<key>, then packages/p/<key>; NULL while there is none */
    char *name;
    bool moved;                  /* the file is in dir */
};

static void rbe_parcel_release(struct parcel *p)
{
    free(p->file);
    free(p->dir);
    free(p->name);
}

static enum rbe_code sync_file(const char *path, struct rbe_err *e)
{
    rbe_autoclose int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return rbe_fail_errno(e, "cannot open %s", path);
    if (fchmod(fd, FILE_MODE) < 0 || fsync(fd) < 0)
        return rbe_fail_errno(e, "cannot sync %s", path);
    return RBE_OK;
}

static enum rbe_code put_manifest(const char *dir, const struct rbe_manifest *manifest, struct rbe_err *e)
{
    rbe_autofree char *path = rbe_strfmt("%s/manifest", dir);
    rbe_auto(str) struct rbe_str text = {0};
    rbe_autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);

    if (fd < 0)
        return rbe_fail_errno(e, "cannot make %s", path);
    rbe_manifest_format(manifest, &text);
    if (rbe_file_write(fd, rbe_str_text(&text), text.len, e) != RBE_OK)
        return rbe_err_prefix(e, "%s", path);
    if (fchmod(fd, FILE_MODE) < 0 || fsync(fd) < 0)
        return rbe_fail_errno(e, "cannot sync %s", path);
    return RBE_OK;
}

/* Puts all of it together in tmp/<key>/ and on the disk. */
static enum rbe_code pack(struct parcel *p, char *dir, const struct rbe_manifest *manifest, struct rbe_err *e)
{
    rbe_autofree char *file = rbe_strfmt("%s/%s", dir, p->name);
    rbe_autofree char *owned = dir;

    RBE_TRY(sync_file(p->file, e));
    if (mkdir(dir, DIR_MODE) < 0)
        return rbe_fail_errno(e, "cannot make %s", dir);
    p->dir = rbe_steal(owned);
    if (chmod(dir, DIR_MODE) < 0)
        return rbe_fail_errno(e, "cannot change %s", dir);
    if (manifest)
        RBE_TRY(put_manifest(dir, manifest, e));
    if (rename(p->file, file) < 0)
        return rbe_fail_errno(e, "cannot move %s", p->file);
    p->moved = true;
    return rbe_dir_sync(dir, e);
}

static enum rbe_code ship(struct parcel *p, const char *shelf, const char *key, struct rbe_err *e)
{
    rbe_autofree char *dir = rbe_strfmt("%s/%s", shelf, key);

    if (rename(p->dir, dir) < 0)
        return rbe_fail_errno(e, "cannot move %s to %s", p->dir, shelf);
    free(p->dir);
    p->dir = rbe_steal(dir);
    return rbe_dir_sync(shelf, e);
}

/* What cannot be removed is named by no row, and is swept later. */
static void discard(const char *dir)
{
    if (rbe_dir_remove(dir, NULL) != RBE_OK)
        return;
}

/* Gives the file back to its owner. */
static void unpack(const struct parcel *p)
{
    if (p->moved) {
        rbe_autofree char *file = rbe_strfmt("%s/%s", p->dir, p->name);

        if (rename(file, p->file) < 0)
            return;
    }
    if (p->dir)
        discard(p->dir);
}

enum rbe_code rbe_depot_put(struct rbe_app *app, const char *tmp_path, const char *file_name,
                            const struct rbe_manifest *manifest, struct rbe_arena *arena, const char **ret_path,
                            struct rbe_err *e)
{
    const char *data = app->settings->instance.data_dir;
    unsigned char random[KEY_BYTES];
    char key[KEY_TEXT + 1];
    rbe_autofree char *shelf = rbe_strfmt("%s/packages/p", data);
    rbe_auto(parcel) struct parcel p = {.file = rbe_strdup(tmp_path), .name = rbe_strdup(file_name)};

    rbe_random(random, sizeof(random));
    rbe_hex_encode(random, sizeof(random), key);
    enum rbe_code code = pack(&p, rbe_strfmt("%s/tmp/%s", data, key), manifest, e);
    if (code == RBE_OK)
        code = ship(&p, shelf, key, e);
    if (code != RBE_OK) {
        unpack(&p);
        return code;
    }
    *ret_path = rbe_arena_strfmt(arena, "p/%s/%s", key, file_name);
    return RBE_OK;
}

enum rbe_code rbe_depot_remove(struct rbe_app *app, const char *path, struct rbe_err *e)
{
    const char *data = app->settings->instance.data_dir;
    size_t len = dir_part(path);

    if (!len)
        return rbe_fail(e, RBE_FAULT, "the database names a package at '%s'", path);
    rbe_autofree char *dir = rbe_strfmt("%s/packages/%.*s", data, (int)len, path);
    rbe_autofree char *away = rbe_strfmt("%s/tmp/%.*s", data, KEY_TEXT, path + 2);
    /* out of sight at once, and swept from tmp/ when this process dies half-way */
    if (rename(dir, away) < 0 && errno != ENOENT)
        return rbe_fail_errno(e, "cannot move %s to %s", dir, away);
    return rbe_dir_remove(away, e);
}

void rbe_depot_drop(struct rbe_app *app, const char *path)
{
    /* what stays is named by no row, and is an orphan to rbe-admin verify */
    if (rbe_depot_remove(app, path, NULL) != RBE_OK)
        return;
}

/* ---- out ---- */

static enum rbe_code missing(enum rbe_code code, const char *path, struct rbe_err *e)
{
    if (code != RBE_NOTFOUND)
        return code;
    return rbe_fail(e, RBE_FAULT, "%s is missing though the database names it", path);
}

enum rbe_code rbe_depot_open(struct rbe_app *app, const struct rbe_package *package, int *ret_fd, struct rbe_err *e)
{
    rbe_autofree char *file = rbe_strfmt("%s/packages/%s", app->settings->instance.data_dir, package->path);
    rbe_autoclose int fd = -1;
    struct stat st;

    if (!dir_part(package->path))
        return rbe_fail(e, RBE_FAULT, "the database names a package at '%s'", package->path);
    RBE_TRY(missing(rbe_file_open(file, &fd, e), file, e));
    if (fstat(fd, &st) < 0)
        return rbe_fail_errno(e, "%s", file);
    if ((int64_t)st.st_size != package->size)
        return rbe_fail(e, RBE_FAULT, "%s holds %lld bytes in place of %lld", file, (long long)st.st_size,
                        (long long)package->size);
    *ret_fd = rbe_steal_fd(fd);
    return RBE_OK;
}

enum rbe_code rbe_depot_manifest(struct rbe_app *app, const char *path, struct rbe_manifest *ret, struct rbe_err *e)
{
    size_t len = dir_part(path);
    rbe_auto(str) struct rbe_str text = {0};

    if (!len)
        return rbe_fail(e, RBE_FAULT, "the database names a package at '%s'", path);
    rbe_autofree char *file =
        rbe_strfmt("%s/packages/%.*s/manifest", app->settings->instance.data_dir, (int)len, path);
    RBE_TRY(missing(rbe_file_get(file, MANIFEST_MAX, &text, e), file, e));
    enum rbe_code code = rbe_manifest_parse(rbe_str_text(&text), text.len, ret, e);
    return code == RBE_OK ? RBE_OK : rbe_err_prefix(e, "%s", file);
}
