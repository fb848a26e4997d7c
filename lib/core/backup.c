#include "lib/core/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/jsonw.h"
#include "lib/core/deed.h"
#include "lib/core/depot.h"
#include "lib/core/purge.h"
#include "lib/core/sweep.h"
#include "lib/store/package.h"
#include "lib/wrap/arc.h"
#include "lib/wrap/file.h"
#include "lib/wrap/tarw.h"

enum { PIECE = 256 * 1024 };

/* A backup while it is made. */
struct making {
    struct rbe_app *app;
    const struct rbe_backup *b;
    struct rbe_backed_up *sum;
    struct rbe_tarw *tar;
    struct rbe_sha256 *hash;
    char *dir;                   /* tmp/backup-<hex>: the copies of the databases */
    int dir_fd;
    int sums;                    /* a nameless file: what SHA256SUMS will be */
    uint64_t sums_len;
    uint64_t done, total;
    int64_t now;
    unsigned char piece[PIECE];
};

static void making_free(struct making *m)
{
    struct rbe_err ignored = {0};

    rbe_tarw_free(m->tar);
    rbe_sha256_free(m->hash);
    /* what stays is swept */
    if (m->dir && rbe_dir_remove(m->dir, &ignored) != RBE_OK)
        ignored.code = RBE_OK;
    if (m->dir_fd >= 0)
        (void)close(m->dir_fd);
    if (m->sums >= 0)
        (void)close(m->sums);
    free(m->dir);
    free(m);
}
static inline void rbe_making_cleanup(struct making **m)
{
    if (*m)
        making_free(*m);
}

static void step(struct making *m, uint64_t n)
{
    m->done += n;
    if (m->b->progress)
        m->b->progress(m->b->arg, m->done, m->total > m->done ? m->total : m->done);
}

/* ---- entries ---- */

static enum rbe_code note_sum(struct making *m, const char *line, struct rbe_err *e)
{
    m->sums_len += strlen(line);
    return rbe_file_write(m->sums, line, strlen(line), e);
}

static enum rbe_code end_entry(struct making *m, const char *name, unsigned char ret_sum[static RBE_SHA256_SIZE],
                               struct rbe_err *e)
{
    char hex[RBE_SHA256_TEXT];

    rbe_sha256_end(m->hash, ret_sum);
    rbe_hex_encode(ret_sum, RBE_SHA256_SIZE, hex);
    rbe_autofree char *line = rbe_strfmt("%s  %s\n", hex, name);
    return note_sum(m, line, e);
}

static enum rbe_code put_bytes(struct making *m, const char *name, const char *text, size_t len, struct rbe_err *e)
{
    const struct rbe_arc_entry entry = {.kind = RBE_ARC_FILE, .name = name, .mode = 0600, .size = len,
                                        .mtime = m->now};
    unsigned char sum[RBE_SHA256_SIZE];

    RBE_TRY(rbe_tarw_add(m->tar, &entry, e));
    if (len)
        RBE_TRY(rbe_tarw_write(m->tar, text, len, e));
    rbe_sha256_put(m->hash, text, len);
    return end_entry(m, name, sum, e);
}

/* Copies size bytes of fd behind an entry's header. */
static enum rbe_code pour(struct making *m, int fd, uint64_t size, const char *name, struct rbe_err *e)
{
    size_t n, got;

    for (uint64_t at = 0; at < size; at += n) {
        n = size - at < PIECE ? (size_t)(size - at) : PIECE;
        if (rbe_file_read_at(fd, m->piece, n, at, &got, e) != RBE_OK)
            return rbe_err_prefix(e, "%s", name);
        if (got < n)
            return rbe_fail(e, RBE_FAULT, "%s became shorter while it was read", name);
        RBE_TRY(rbe_tarw_write(m->tar, m->piece, n, e));
        rbe_sha256_put(m->hash, m->piece, n);
        step(m, n);
    }
    return RBE_OK;
}

static enum rbe_code put_open(struct making *m, const char *name, int fd, const struct stat *st,
                              unsigned char ret_sum[static RBE_SHA256_SIZE], struct rbe_err *e)
{
    const struct rbe_arc_entry entry = {.kind = RBE_ARC_FILE, .name = name, .mode = st->st_mode & 0777,
                                        .size = (uint64_t)st->st_size, .mtime = (int64_t)st->st_mtime};

    RBE_TRY(rbe_tarw_add(m->tar, &entry, e));
    RBE_TRY(pour(m, fd, entry.size, name, e));
    return end_entry(m, name, ret_sum, e);
}

/* *ret_there false when there is no such file. */
static enum rbe_code put_file(struct making *m, const char *name, const char *path, bool *ret_there,
                              unsigned char ret_sum[static RBE_SHA256_SIZE], struct rbe_err *e)
{
    rbe_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    *ret_there = fd >= 0;
    if (fd < 0)
        return errno == ENOENT ? RBE_OK : rbe_fail_errno(e, "cannot open %s", path);
    if (fstat(fd, &st) < 0)
        return rbe_fail_errno(e, "%s", path);
    return put_open(m, name, fd, &st, ret_sum, e);
}

/* ---- packages ---- */

static enum rbe_code leave_out(struct making *m, const struct rbe_package *p, const char *why, struct rbe_err *e)
{
    rbe_autofree char *line = rbe_strfmt(RBE_BACKUP_LEFT_OUT "packages/%s\n", p->path);

    m->sum->left_out++;
    if (m->b->left_out)
        m->b->left_out(m->b->arg, p->path, why);
    return note_sum(m, line, e);
}

static enum rbe_code put_manifest(struct making *m, const struct rbe_package *p, struct rbe_err *e)
{
    static const unsigned char none[sizeof(p->tree)];
    rbe_auto(arena) struct rbe_arena arena = {0};
    unsigned char sum[RBE_SHA256_SIZE];
    bool there;

    if (memcmp(p->tree, none, sizeof(none)) == 0)
        return RBE_OK;
    const char *below = rbe_arena_strndup(&arena, p->path, (size_t)(strrchr(p->path, '/') - p->path));
    const char *name = rbe_arena_strfmt(&arena, "packages/%s/manifest", below);
    const char *path = rbe_app_path(m->app, &arena, name);
    RBE_TRY(put_file(m, name, path, &there, sum, e));
    return there ? RBE_OK : leave_out(m, p, "its manifest is missing", e);
}

static enum rbe_code put_package(void *arg, const struct rbe_package *p, struct rbe_err *e)
{
    struct making *m = arg;
    rbe_auto(arena) struct rbe_arena arena = {0};
    const char *name = rbe_arena_strfmt(&arena, "packages/%s", p->path);
    unsigned char sum[RBE_SHA256_SIZE];
    bool there;

    if (p->purged_at)
        return RBE_OK;
    RBE_TRY(put_file(m, name, rbe_depot_path(m->app, &arena, p->path), &there, sum, e));
    if (!there)
        return leave_out(m, p, "it is missing", e);
    if (memcmp(sum, p->sha256, sizeof(sum)) != 0)
        return leave_out(m, p, "it is damaged", e);
    m->sum->packages++;
    return put_manifest(m, p, e);
}

static enum rbe_code count_package(void *arg, const struct rbe_package *p, struct rbe_err *e)
{
    struct making *m = arg;

    (void)e;
    m->total += p->purged_at ? 0 : (uint64_t)p->size;
    return RBE_OK;
}

/* ---- all of it ---- */

static const struct {
    enum rbe_base base;
    const char *name;
} bases[] = {
    /* jobs first: one for a package that the copy of rbe.db does not have would be in the way of a later package */
    {RBE_BASE_USAGE, "usage.db"},
    {RBE_BASE_RELEASES, "rbe.db"},
};

static enum rbe_code copy_databases(struct making *m, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    unsigned char random[8];
    char hex[2 * sizeof(random) + 1];

    rbe_random(random, sizeof(random));
    rbe_hex_encode(random, sizeof(random), hex);
    m->dir = rbe_strdup(rbe_app_path(m->app, &arena, rbe_arena_strfmt(&arena, "tmp/backup-%s", hex)));
    RBE_TRY(rbe_dir_make(m->dir, 0700, e));
    m->dir_fd = open(m->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->dir_fd < 0)
        return rbe_fail_errno(e, "cannot open %s", m->dir);
    rbe_sweep_hold(m->dir_fd);
    for (size_t i = 0; i < RBE_COUNT(bases); i++) {
        const char *path = rbe_arena_strfmt(&arena, "%s/%s", m->dir, bases[i].name);
        struct stat st;

        RBE_TRY(rbe_store_copy(m->app->store, bases[i].base, path, e));
        if (stat(path, &st) < 0)
            return rbe_fail_errno(e, "%s", path);
        m->total += (uint64_t)st.st_size;
    }
    return rbe_file_temp(m->dir_fd, &m->sums, e);
}

static enum rbe_code put_about(struct making *m, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_jsonw w = {.out = &text};

    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_int(&w, "format", RBE_BACKUP_FORMAT);
    rbe_jsonw_str(&w, "rbe", RBE_VERSION);
    rbe_jsonw_time(&w, "created_at", m->now);
    rbe_jsonw_int(&w, "bytes", (int64_t)m->total);
    rbe_jsonw_obj_end(&w);
    rbe_str_putc(&text, '\n');
    return put_bytes(m, RBE_BACKUP_ABOUT, text.s, text.len, e);
}

static enum rbe_code put_databases(struct making *m, struct rbe_err *e)
{
    for (size_t i = 0; i < RBE_COUNT(bases); i++) {
        rbe_autofree char *path = rbe_strfmt("%s/%s", m->dir, bases[i].name);
        rbe_autofree char *name = rbe_strfmt("db/%s", bases[i].name);
        unsigned char sum[RBE_SHA256_SIZE];
        bool there;

        RBE_TRY(put_file(m, name, path, &there, sum, e));
        if (!there)
            return rbe_fail(e, RBE_FAULT, "%s went away", path);
    }
    return RBE_OK;
}

/* rbe.yaml and rbe.local.yaml, as they are called. */
static enum rbe_code put_config(struct making *m, struct rbe_err *e)
{
    const char *file = m->app->settings->file, *base = strrchr(file, '/') + 1;
    size_t stem = strlen(base) > 5 && strcmp(base + strlen(base) - 5, ".yaml") == 0 ? strlen(base) - 5 : strlen(base);
    rbe_autofree char *local = rbe_strfmt("%.*s/%.*s.local.yaml", (int)(base - 1 - file), file, (int)stem, base);
    const char *const files[] = {file, local};

    for (size_t i = 0; i < RBE_COUNT(files) && m->b->config; i++) {
        rbe_autofree char *name = rbe_strfmt("config/%s", strrchr(files[i], '/') + 1);
        unsigned char sum[RBE_SHA256_SIZE];
        bool there;

        RBE_TRY(put_file(m, name, files[i], &there, sum, e));
    }
    return RBE_OK;
}

static enum rbe_code put_sums(struct making *m, struct rbe_err *e)
{
    const struct rbe_arc_entry entry = {.kind = RBE_ARC_FILE, .name = RBE_BACKUP_SUMS, .mode = 0600,
                                        .size = m->sums_len, .mtime = m->now};

    RBE_TRY(rbe_tarw_add(m->tar, &entry, e));
    RBE_TRY(pour(m, m->sums, m->sums_len, RBE_BACKUP_SUMS, e));
    return rbe_tarw_finish(m->tar, e);
}

static enum rbe_code make(struct making *m, struct rbe_err *e)
{
    rbe_autoptr(store) struct rbe_store *copy = NULL;

    RBE_TRY(copy_databases(m, e));
    const struct rbe_store_options options = {.dir = m->dir, .read_only = true};
    RBE_TRY(rbe_store_open(&options, &copy, e));
    RBE_TRY(rbe_package_each(copy, 0, count_package, m, e));
    RBE_TRY(put_about(m, e));
    RBE_TRY(put_databases(m, e));
    RBE_TRY(put_config(m, e));
    RBE_TRY(rbe_package_each(copy, 0, put_package, m, e));
    return put_sums(m, e);
}

enum rbe_code rbe_backup_write(struct rbe_app *app, int fd, const struct rbe_backup *b, struct rbe_backed_up *ret,
                               struct rbe_err *e)
{
    rbe_autoptr(making) struct making *m = rbe_alloc(sizeof(*m));
    rbe_autoclose int lock = -1;

    *ret = (struct rbe_backed_up){0};
    m->app = app;
    m->b = b;
    m->sum = ret;
    m->dir_fd = m->sums = -1;
    m->now = rbe_clock_now();
    m->hash = rbe_sha256_new();
    m->tar = rbe_tarw_new_stored(fd);
    RBE_TRY(rbe_purge_hold_off(app, &lock, e));
    RBE_TRY(rbe_deed_record(app, &(struct rbe_deed){.action = "backup"}, e));
    RBE_TRY(make(m, e));
    ret->bytes = m->done;
    if (fsync(fd) < 0 && errno != EINVAL && errno != EROFS)
        return rbe_fail_errno(e, "cannot sync the backup");
    return RBE_OK;
}
