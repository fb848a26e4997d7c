/* Putting a backup back. It is unpacked into tmp/restore-<hex>, which becomes a whole installation there: its hashes are
 * compared with those it brings, its schema is brought up to date, and rbe-admin verify's own check goes over it. Only then are
 * its parts renamed into place.
 */
#include "lib/core/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/codec.h"
#include "lib/base/quote.h"
#include "lib/core/deed.h"
#include "lib/core/sweep.h"
#include "lib/core/verify.h"
#include "lib/store/mirror.h"
#include "lib/wrap/arc.h"
#include "lib/wrap/file.h"
#include "lib/wrap/json.h"

enum { PIECE = 256 * 1024, KEY_TEXT = 32, ABOUT_MAX = 64 << 10, LINE_MAX_BYTES = 4096 };

/* A restore on its way. */
struct restoring {
    const struct rbe_settings *settings;     /* of the installation */
    const struct rbe_backup *b;
    struct rbe_backed_up *sum;
    struct rbe_arc *tar;
    struct rbe_sha256 *hash;                 /* of the present entry */
    struct rbe_sha256 *ours, *theirs;        /* of the lines of SHA256SUMS: made here, and as they came */
    char *dir;                               /* tmp/restore-<hex> */
    int dir_fd;
    char *made;                              /* the directory of packages made last */
    uint64_t total;
    bool about, sums;                        /* seen */
    struct rbe_str line;                     /* of SHA256SUMS, while it is read */
    struct rbe_arena arena;
    const char **left_out;                   /* paths below packages/ */
    size_t n_left_out, cap;
    struct rbe_err unexpected;               /* the first finding that the backup did not announce */
    unsigned char piece[PIECE];
};

static void restoring_free(struct restoring *r)
{
    struct rbe_err ignored = {0};

    rbe_arc_close(r->tar);
    rbe_sha256_free(r->hash);
    rbe_sha256_free(r->ours);
    rbe_sha256_free(r->theirs);
    /* what stays is swept */
    if (r->dir && rbe_dir_remove(r->dir, &ignored) != RBE_OK)
        ignored.code = RBE_OK;
    if (r->dir_fd >= 0)
        (void)close(r->dir_fd);
    rbe_str_release(&r->line);
    rbe_arena_release(&r->arena);
    free(r->left_out);
    free(r->made);
    free(r->dir);
    free(r);
}
static inline void rbe_restoring_cleanup(struct restoring **r)
{
    if (*r)
        restoring_free(*r);
}

static enum rbe_code no_backup(struct rbe_err *e, const char *why)
{
    return rbe_fail(e, RBE_REFUSED, "this is no whole backup: %s", why);
}

/* ---- what is there ---- */

static enum rbe_code look_at_packages(const struct rbe_settings *settings, struct rbe_arena *arena, struct rbe_err *e)
{
    const char *dir = rbe_arena_strfmt(arena, "%s/packages/p", settings->instance.data_dir);

    /* a directory that has nothing in it, and only that, can be removed */
    if (rmdir(dir) == 0 || errno == ENOENT)
        return rbe_app_make_dirs(settings, e);
    if (errno == ENOTEMPTY || errno == EEXIST)
        return rbe_fail(e, RBE_REFUSED, "there are packages in %s: move them away, or name another data directory", dir);
    return rbe_fail_errno(e, "%s", dir);
}

/* An installation that was only just made may be replaced when nobody has it open: closing its log in the end shows that. */
static enum rbe_code look_at_databases(const struct rbe_settings *settings, struct rbe_arena *arena, struct rbe_err *e)
{
    const char *dir = rbe_arena_strfmt(arena, "%s/db", settings->instance.data_dir);
    const char *db = rbe_arena_strfmt(arena, "%s/rbe.db", dir);
    const struct rbe_store_options options = {.dir = dir};
    rbe_autoptr(store) struct rbe_store *s = NULL;
    bool empty;

    if (access(db, F_OK) < 0 && errno == ENOENT)
        return RBE_OK;
    RBE_TRY(rbe_store_open(&options, &s, e));
    RBE_TRY(rbe_store_is_empty(s, &empty, e));
    if (!empty)
        return rbe_fail(e, RBE_REFUSED, "%s is not empty: a backup is only put back where there is nothing to lose", db);
    enum rbe_code code = rbe_store_settle(s, e);
    return code == RBE_UNAVAILABLE ? rbe_fail(e, RBE_REFUSED, "%s is in use: stop the programs first", db) : code;
}

/* ---- entries ---- */

/* "packages/p/<32 hex>/<name>" */
static bool is_package(const char *name)
{
    static const char prefix[] = "packages/p/";
    size_t len = sizeof(prefix) - 1;
    unsigned char key[KEY_TEXT / 2];
    const char *file = name + len + KEY_TEXT + 1;

    return strncmp(name, prefix, len) == 0 && strlen(name) > len + KEY_TEXT + 1 &&
           rbe_hex_decode(name + len, KEY_TEXT, key, sizeof(key)) && file[-1] == '/' && *file && !strchr(file, '/') &&
           strcmp(file, ".") != 0 && strcmp(file, "..") != 0;
}

/* Where an entry goes below dir; NULL for one that is only looked at. *ret_good false: it has no place in a backup. */
static const char *place_of(struct restoring *r, const struct rbe_arc_entry *entry, bool *ret_good)
{
    const char *name = entry->name;

    *ret_good = entry->kind == RBE_ARC_FILE;
    if (strcmp(name, "db/rbe.db") == 0 || strcmp(name, "db/usage.db") == 0 || is_package(name))
        return rbe_arena_strfmt(&r->arena, "%s/%s", r->dir, name);
    if (strcmp(name, RBE_BACKUP_ABOUT) != 0 && strcmp(name, RBE_BACKUP_SUMS) != 0 && strncmp(name, "config/", 7) != 0)
        *ret_good = false;
    return NULL;
}

static enum rbe_code make_parent(struct restoring *r, const char *path, struct rbe_err *e)
{
    size_t len = (size_t)(strrchr(path, '/') - path);

    if (r->made && strncmp(r->made, path, len) == 0 && r->made[len] == '\0')
        return RBE_OK;
    free(r->made);
    r->made = rbe_strndup(path, len);
    return rbe_dir_make(r->made, 0755, e);
}

/* A line of SHA256SUMS, without its end. */
static void take_line(struct restoring *r)
{
    static const char mark[] = RBE_BACKUP_LEFT_OUT "packages/";
    const char *line = rbe_str_text(&r->line);

    if (strncmp(line, mark, sizeof(mark) - 1) == 0) {
        r->left_out = rbe_grow(r->left_out, r->n_left_out, &r->cap, sizeof(*r->left_out));
        r->left_out[r->n_left_out++] = rbe_arena_strdup(&r->arena, line + sizeof(mark) - 1);
    } else {
        rbe_sha256_put(r->theirs, line, r->line.len);
        rbe_sha256_put(r->theirs, "\n", 1);
    }
    rbe_str_reset(&r->line);
}

static enum rbe_code take_sums(struct restoring *r, const unsigned char *p, size_t n, struct rbe_err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\n')
            take_line(r);
        else
            rbe_str_putc(&r->line, (char)p[i]);
        if (r->line.len > LINE_MAX_BYTES)
            return no_backup(e, "a line of its hashes is too long");
    }
    return RBE_OK;
}

static enum rbe_code take_about(struct restoring *r, struct rbe_err *e)
{
    rbe_autoptr(json) struct rbe_json *doc = NULL;
    int64_t format = 0, bytes = 0;

    if (rbe_json_parse(rbe_str_text(&r->line), r->line.len, &doc, NULL) != RBE_OK ||
        !rbe_json_int(rbe_json_find(doc, "format"), &format) || !rbe_json_int(rbe_json_find(doc, "bytes"), &bytes))
        return no_backup(e, "it does not begin with " RBE_BACKUP_ABOUT);
    if (format != RBE_BACKUP_FORMAT)
        return rbe_fail(e, RBE_REFUSED, "a backup of format %lld, this program knows %d: install a newer rbe",
                        (long long)format, (int)RBE_BACKUP_FORMAT);
    r->total = bytes > 0 ? (uint64_t)bytes : 0;
    r->about = true;
    rbe_str_reset(&r->line);
    return RBE_OK;
}

/* The bytes of an entry: to its file, when it has one, into the hash, and to whoever reads them. */
static enum rbe_code take_bytes(struct restoring *r, const char *name, int fd, struct rbe_err *e)
{
    bool sums = strcmp(name, RBE_BACKUP_SUMS) == 0, about = !r->about;
    size_t n;

    for (;;) {
        RBE_TRY(rbe_arc_read(r->tar, r->piece, PIECE, &n, e));
        if (n == 0)
            return RBE_OK;
        if (fd >= 0 && rbe_file_write(fd, r->piece, n, e) != RBE_OK)
            return rbe_err_prefix(e, "%s", name);
        if (sums)
            RBE_TRY(take_sums(r, r->piece, n, e));
        if (about && r->line.len + n > ABOUT_MAX)
            return no_backup(e, "it does not begin with " RBE_BACKUP_ABOUT);
        if (about)
            rbe_str_put(&r->line, r->piece, n);
        rbe_sha256_put(r->hash, r->piece, n);
        r->sum->bytes += n;
        if (r->b->progress)
            r->b->progress(r->b->arg, r->sum->bytes, r->total > r->sum->bytes ? r->total : r->sum->bytes);
    }
}

static void note_sum(struct restoring *r, const char *name)
{
    unsigned char sum[RBE_SHA256_SIZE];
    char hex[RBE_SHA256_TEXT];

    rbe_sha256_end(r->hash, sum);
    rbe_hex_encode(sum, sizeof(sum), hex);
    rbe_autofree char *line = rbe_strfmt("%s  %s\n", hex, name);
    rbe_sha256_put(r->ours, line, strlen(line));
}

static enum rbe_code take_entry(struct restoring *r, const struct rbe_arc_entry *entry, struct rbe_err *e)
{
    rbe_autofree char *name = rbe_strdup(entry->name);
    rbe_autoclose int fd = -1;
    bool good;
    const char *path = place_of(r, entry, &good);

    if (!good || r->sums || r->about == (strcmp(name, RBE_BACKUP_ABOUT) == 0))
        return rbe_fail(e, RBE_REFUSED, "this is no whole backup: %s has no place there",
                        rbe_quote(name, strlen(name)).text);
    if (path) {
        RBE_TRY(make_parent(r, path, e));
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, is_package(name) ? 0644 : 0600);
        if (fd < 0)
            return rbe_fail_errno(e, "cannot make %s", path);
        if (is_package(name) && fchmod(fd, 0644) < 0)
            return rbe_fail_errno(e, "%s", path);
    }
    RBE_TRY(take_bytes(r, name, fd, e));
    if (!r->about)
        RBE_TRY(take_about(r, e));
    r->sums = strcmp(name, RBE_BACKUP_SUMS) == 0;
    if (!r->sums)
        note_sum(r, name);
    return RBE_OK;
}

static enum rbe_code unpack(struct restoring *r, int fd, struct rbe_err *e)
{
    unsigned char ours[RBE_SHA256_SIZE], theirs[RBE_SHA256_SIZE];
    struct rbe_arc_entry entry;
    bool end;

    RBE_TRY(rbe_arc_open(fd, RBE_ARC_TAR_GZ, &r->tar, e));
    for (;;) {
        RBE_TRY(rbe_arc_next(r->tar, &entry, &end, e));
        if (end)
            break;
        RBE_TRY(take_entry(r, &entry, e));
    }
    if (!r->sums)
        return no_backup(e, "its hashes are missing, so it was not finished");
    rbe_sha256_end(r->ours, ours);
    rbe_sha256_end(r->theirs, theirs);
    if (memcmp(ours, theirs, sizeof(ours)) != 0)
        return no_backup(e, "what is in it does not have the hashes it brings");
    return RBE_OK;
}

/* ---- checking it as an installation ---- */

/* What the backup itself says it left out is to be expected, and goes, so that nothing damaged is served. */
static void expect(void *arg, enum rbe_finding f, const char *path, const char *detail)
{
    struct restoring *r = arg;

    for (size_t i = 0; i < r->n_left_out; i++) {
        size_t dir = strlen("p/") + KEY_TEXT;

        if (strncmp(r->left_out[i], path, dir) != 0)
            continue;
        if (f != RBE_FINDING_MISSING) {
            const char *file = rbe_arena_strfmt(&r->arena, "%s/packages/%s", r->dir, path);

            if (unlink(file) < 0 && errno != ENOENT && r->unexpected.code == RBE_OK)
                (void)rbe_fail_errno(&r->unexpected, "cannot remove %s", file);
        }
        if (r->b->left_out)
            r->b->left_out(r->b->arg, path, rbe_finding_name(f));
        return;
    }
    if (r->unexpected.code == RBE_OK)
        (void)rbe_fail(&r->unexpected, RBE_REFUSED, "this is no whole backup: %s: %s: %s", path, rbe_finding_name(f),
                       detail);
}

static void verify_progress(void *arg, uint64_t done, uint64_t total)
{
    struct restoring *r = arg;

    if (r->b->progress)
        r->b->progress(r->b->arg, done, total);
}

/* What lies at the mirrors by now, the backup cannot know. */
static enum rbe_code forget_copies(struct rbe_app *app, struct rbe_err *e)
{
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
    enum rbe_code code = rbe_mirror_copy_clear(app->store, e);
    return rbe_store_end(app->store, RBE_BASE_RELEASES, code, e);
}

static enum rbe_code check(struct restoring *r, struct rbe_err *e)
{
    rbe_autoptr(app) struct rbe_app *app = NULL;
    struct rbe_settings there = *r->settings;
    struct rbe_verify v = {.found = expect, .progress = verify_progress, .arg = r};
    struct rbe_verified sum;

    there.instance.data_dir = r->dir;
    RBE_TRY(rbe_app_update(&there, NULL, e));
    RBE_TRY(rbe_app_open(&there, RBE_APP_WRITE, &app, e));
    RBE_TRY(rbe_verify_run(app, &v, &sum, e));
    if (r->unexpected.code != RBE_OK) {
        if (e)
            *e = r->unexpected;
        return r->unexpected.code;
    }
    r->sum->left_out = r->n_left_out < sum.packages ? r->n_left_out : sum.packages;
    r->sum->packages = sum.packages - r->sum->left_out;
    RBE_TRY(rbe_store_skip_ids(app->store, e));
    RBE_TRY(rbe_deed_record(app, &(struct rbe_deed){.action = "restore",
                                                    .facts = {{"packages", .number = (int64_t)r->sum->packages},
                                                              {"left_out", .number = (int64_t)r->sum->left_out}}}, e));
    RBE_TRY(forget_copies(app, e));
    return rbe_store_settle(app->store, e);
}

/* ---- into place ---- */

static enum rbe_code move_in(struct restoring *r, const char *name, struct rbe_err *e)
{
    const char *from = rbe_arena_strfmt(&r->arena, "%s/%s", r->dir, name);
    const char *to = rbe_arena_strfmt(&r->arena, "%s/%s", r->settings->instance.data_dir, name);
    const char *above = rbe_arena_strndup(&r->arena, to, (size_t)(strrchr(to, '/') - to));

    if (rename(from, to) < 0)
        return rbe_fail_errno(e, "cannot move %s to %s", from, to);
    return rbe_dir_sync(above, e);
}

static enum rbe_code put_in_place(struct restoring *r, struct rbe_err *e)
{
    /* an installation is there when its rbe.db is */
    static const char *const parts[] = {"packages/p", "db/usage.db", "db/rbe.db"};

    if (syncfs(r->dir_fd) < 0)
        return rbe_fail_errno(e, "cannot sync %s", r->dir);
    for (size_t i = 0; i < RBE_COUNT(parts); i++)
        RBE_TRY(move_in(r, parts[i], e));
    return rbe_app_update(r->settings, NULL, e);
}

static enum rbe_code make_dir(struct restoring *r, struct rbe_err *e)
{
    const char *data = r->settings->instance.data_dir;
    unsigned char random[8];
    char hex[2 * sizeof(random) + 1];

    rbe_random(random, sizeof(random));
    rbe_hex_encode(random, sizeof(random), hex);
    RBE_TRY(rbe_app_make_dirs(r->settings, e));
    r->dir = rbe_strfmt("%s/tmp/restore-%s", data, hex);
    RBE_TRY(rbe_dir_make(r->dir, 0700, e));
    r->dir_fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r->dir_fd < 0)
        return rbe_fail_errno(e, "cannot open %s", r->dir);
    rbe_sweep_hold(r->dir_fd);
    return RBE_OK;
}

enum rbe_code rbe_backup_restore(const struct rbe_settings *settings, int fd, const struct rbe_backup *b,
                                 struct rbe_backed_up *ret, struct rbe_err *e)
{
    rbe_autoptr(restoring) struct restoring *r = rbe_alloc(sizeof(*r));

    *ret = (struct rbe_backed_up){0};
    r->settings = settings;
    r->b = b;
    r->sum = ret;
    r->dir_fd = -1;
    r->hash = rbe_sha256_new();
    r->ours = rbe_sha256_new();
    r->theirs = rbe_sha256_new();
    RBE_TRY(make_dir(r, e));
    RBE_TRY(look_at_databases(settings, &r->arena, e));
    RBE_TRY(look_at_packages(settings, &r->arena, e));
    RBE_TRY(unpack(r, fd, e));
    RBE_TRY(check(r, e));
    return put_in_place(r, e);
}
