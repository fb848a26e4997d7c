#include "lib/core/mirroring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/core/depot.h"
#include "lib/patch/digest.h"
#include "lib/store/mark.h"
#include "lib/store/mirror.h"
#include "lib/store/package.h"
#include "lib/wrap/child.h"
#include "lib/wrap/file.h"

enum { PAGE = 256, PIECE = 64 * 1024, RSYNC_OUT_MAX = 64 * 1024, DIR_MODE = 0755, FILE_MODE = 0644, DAY = 86400,
       PART_SECONDS = 3600 };
#define PART ".part"
/* What was just published is wanted everywhere at once, before any patch to it; a new target is filled in quiet hours. */
#define WEIGHT_FRESH (INT64_C(1) << 60)
#define WEIGHT_OLD 1000

/* One copy on its way. */
struct copying {
    struct rbe_app *app;
    const struct rbe_mirror_target *target;
    const struct rbe_package *package;
    struct rbe_arena *arena;
    struct rbe_err *e;
};

static const struct rbe_mirror_target *find_target(const struct rbe_settings *s, const char *name, size_t len)
{
    const struct rbe_mirror_target *targets = s->mirror.targets.v;

    for (size_t i = 0; i < s->mirror.targets.n; i++)
        if (strlen(targets[i].name) == len && memcmp(targets[i].name, name, len) == 0)
            return &targets[i];
    return NULL;
}

/* "p/<key>" of a package's path. */
static const char *dir_of(struct rbe_arena *arena, const struct rbe_package *p)
{
    return rbe_arena_strndup(arena, p->path, (size_t)(strrchr(p->path, '/') - p->path));
}

/* ---- into a directory ---- */

static enum rbe_code check_sum(const struct copying *c, int fd, const char *what)
{
    unsigned char sum[RBE_SHA256_SIZE];
    uint64_t size;

    RBE_TRY(rbe_digest_of(fd, sum, &size, c->e));
    if (size != (uint64_t)c->package->size || !rbe_hash_equal(sum, c->package->sha256, sizeof(sum)))
        return rbe_fail(c->e, RBE_FAULT, "%s has not the bytes of the package", what);
    return RBE_OK;
}

static enum rbe_code copy_bytes(const struct copying *c, int from, int to)
{
    rbe_autofree char *piece = rbe_alloc(PIECE);
    uint64_t at = 0;
    size_t n;

    do {
        if (rbe_file_read_at(from, piece, PIECE, at, &n, c->e) != RBE_OK)
            return rbe_err_prefix(c->e, "%s", c->package->path);
        RBE_TRY(rbe_file_write(to, piece, n, c->e));
        at += n;
    } while (n == PIECE);
    return RBE_OK;
}

/* Web servers make tags of size and time, so that a download goes on at another mirror where all have the same. What is
 * read back comes from the disk, as far as the system can be told so. */
static enum rbe_code settle(const struct copying *c, int from, int fd, const char *file)
{
    struct stat st;

    if (fstat(from, &st) != 0 || futimens(fd, (const struct timespec[]){st.st_mtim, st.st_mtim}) != 0 ||
        fchmod(fd, FILE_MODE) != 0 || fsync(fd) != 0)
        return rbe_fail_errno(c->e, "cannot write %s", file);
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    return check_sum(c, fd, file);
}

static enum rbe_code fill(const struct copying *c, const char *tmp, const char *file)
{
    rbe_autoclose int from = -1;
    rbe_autoclose int to = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);

    if (to < 0)
        return rbe_fail_errno(c->e, "cannot make %s", tmp);
    RBE_TRY(rbe_depot_open(c->app, c->package, &from, c->e));
    RBE_TRY(copy_bytes(c, from, to));
    RBE_TRY(settle(c, from, to, file));
    if (rename(tmp, file) != 0)
        return rbe_fail_errno(c->e, "cannot make %s", file);
    return RBE_OK;
}

/* Whether a good copy is there already, left by somebody who could not say so. */
static bool is_there(const struct copying *c, const char *file)
{
    const struct copying silent = {.package = c->package};
    rbe_autoclose int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 && check_sum(&silent, fd, file) == RBE_OK;
}

/* What processes that were killed left; one that lives writes more often than that. */
static void clear_parts(const char *dir, int64_t now)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;
    struct stat st;

    while (d && (entry = readdir(d))) {
        size_t len = strlen(entry->d_name), tail = sizeof(PART) - 1;

        if (entry->d_name[0] != '.' || len <= tail || strcmp(entry->d_name + len - tail, PART) != 0 ||
            fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || now - st.st_mtim.tv_sec < PART_SECONDS)
            continue;
        (void)unlinkat(dirfd(d), entry->d_name, 0);
    }
    if (d)
        (void)closedir(d);
}

static enum rbe_code copy_to_path(const struct copying *c)
{
    const char *root = c->target->path;
    const char *dir = rbe_arena_strfmt(c->arena, "%s/%s", root, dir_of(c->arena, c->package));
    const char *file = rbe_arena_strfmt(c->arena, "%s/%s", root, c->package->path);
    unsigned char random[8];
    char hex[2 * sizeof(random) + 1];
    struct stat st;

    /* A volume that is not mounted is no empty mirror. */
    if (stat(root, &st) != 0 || !S_ISDIR(st.st_mode))
        return rbe_fail(c->e, RBE_UNAVAILABLE, "%s is not there", root);
    RBE_TRY(rbe_dir_make(dir, DIR_MODE, c->e));
    clear_parts(dir, rbe_clock_now());
    if (is_there(c, file))
        return RBE_OK;
    rbe_random(random, sizeof(random));
    rbe_hex_encode(random, sizeof(random), hex);
    const char *tmp = rbe_arena_strfmt(c->arena, "%s/.%s" PART, dir, hex);
    enum rbe_code code = fill(c, tmp, file);
    if (code != RBE_OK) {
        (void)unlink(tmp);
        return code;
    }
    RBE_TRY(rbe_dir_sync(dir, c->e));
    RBE_TRY(rbe_dir_sync(rbe_arena_strfmt(c->arena, "%s/p", root), c->e));
    return rbe_dir_sync(root, c->e);
}

static enum rbe_code remove_from_path(const struct copying *c)
{
    return rbe_dir_remove(rbe_arena_strfmt(c->arena, "%s/%s", c->target->path, dir_of(c->arena, c->package)), c->e);
}

/* ---- by rsync ---- */

enum { ARGUMENTS_MAX = 24 };

static enum rbe_code run_rsync(const struct copying *c, const char *const *options, const char *from, const char *to,
                               struct rbe_str *out)
{
    const char *argv[ARGUMENTS_MAX] = {"rsync", "--timeout=60", "-e", c->target->ssh};
    rbe_auto(str) struct rbe_str errors = {0};
    struct rbe_child_end end;
    size_t n = 4;

    for (; *options && n < ARGUMENTS_MAX - 4; options++)
        argv[n++] = *options;
    argv[n++] = "--";
    argv[n++] = from;
    argv[n++] = to;
    RBE_TRY(rbe_child_run(&(struct rbe_child){.argv = argv, .pass_fd = -1, .out_max = RSYNC_OUT_MAX}, out, &errors, &end,
                          c->e));
    if (end.exit == 0)
        return RBE_OK;
    return rbe_fail(c->e, RBE_UNAVAILABLE, "rsync ended with %s %d: %s", end.exit < 0 ? "signal" : "status",
                    end.exit < 0 ? end.signal : end.exit, rbe_str_text(&errors));
}

/* rsync writes under a temporary name, renames, and compares what it sent; that both sides have the same bytes on
 * disk is what a second run says that finds nothing to do, while this side's are those of the package. */
static enum rbe_code copy_by_rsync(const struct copying *c)
{
    static const char *const copy[] = {"--relative", "--checksum", "--times", "--chmod=D755,F644", "--omit-dir-times",
                                       NULL};
    static const char *const compare[] = {"--relative", "--checksum", "--dry-run", "--out-format=%i %n",
                                          "--omit-dir-times", NULL};
    const char *from = rbe_app_path(c->app, c->arena, rbe_arena_strfmt(c->arena, "packages/./%s", c->package->path));
    const char *to = rbe_arena_strfmt(c->arena, "%s/", c->target->rsync);
    rbe_auto(str) struct rbe_str out = {0};
    rbe_autoclose int fd = -1;

    RBE_TRY(rbe_depot_open(c->app, c->package, &fd, c->e));
    RBE_TRY(check_sum(c, fd, c->package->path));
    RBE_TRY(run_rsync(c, copy, from, to, &out));
    rbe_str_reset(&out);
    RBE_TRY(run_rsync(c, compare, from, to, &out));
    if (strstr(rbe_str_text(&out), strrchr(c->package->path, '/')))
        return rbe_fail(c->e, RBE_FAULT, "the copy at %s has not the bytes of the package", c->target->rsync);
    return RBE_OK;
}

/* Brings an empty directory over to where only this package's directory is looked at. */
static enum rbe_code remove_by_rsync(const struct copying *c)
{
    const char *key = strchr(dir_of(c->arena, c->package), '/') + 1;
    const char *only = rbe_arena_strfmt(c->arena, "--include=/%s/***", key);
    const char *const options[] = {"--recursive", "--delete", only, "--exclude=*", NULL};
    const char *empty = rbe_arena_strfmt(c->arena, "%s/tmp/empty-%ld/", c->app->settings->instance.data_dir,
                                         (long)getpid());
    rbe_auto(str) struct rbe_str out = {0};

    RBE_TRY(rbe_dir_make(empty, DIR_MODE, c->e));
    enum rbe_code code = run_rsync(c, options, empty, rbe_arena_strfmt(c->arena, "%s/p/", c->target->rsync), &out);
    (void)rmdir(empty);
    return code;
}

/* ---- one copy ---- */

static enum rbe_code copy(const struct copying *c)
{
    struct rbe_store *s = c->app->store;

    RBE_TRY(c->target->path[0] ? copy_to_path(c) : copy_by_rsync(c));
    RBE_TRY(rbe_store_begin(s, RBE_BASE_RELEASES, c->e));
    enum rbe_code code = rbe_mirror_copy_put(s, c->package->id, c->target->name, rbe_clock_now(), c->e);

    return rbe_store_end(s, RBE_BASE_RELEASES, code, c->e);
}

/* The file first: a row that is left is found again, a file without one is not. */
static enum rbe_code take_away(const struct copying *c)
{
    struct rbe_store *s = c->app->store;

    RBE_TRY(c->target->path[0] ? remove_from_path(c) : remove_by_rsync(c));
    RBE_TRY(rbe_store_begin(s, RBE_BASE_RELEASES, c->e));
    return rbe_store_end(s, RBE_BASE_RELEASES, rbe_mirror_copy_del(s, c->package->id, c->target->name, c->e), c->e);
}

/* ---- jobs ---- */

/* How far jobs were put, so that what waits is not put again and again. */
static const char *mark_of(struct rbe_arena *arena, const struct rbe_mirror_target *target)
{
    return rbe_arena_strfmt(arena, "mirror queued %s", target->name);
}

/* A job that was done, and yet there is no copy: it was lost, or there was no such target then. */
static enum rbe_code queue_one(struct rbe_app *app, struct rbe_job *j, int64_t now, struct rbe_arena *arena,
                               struct rbe_err *e)
{
    struct rbe_job was;
    bool new;

    RBE_TRY(rbe_job_put(app->store, j, &new, e));
    return new || j->state != RBE_JOB_DONE ? RBE_OK : rbe_job_retry(app->store, j->id, now, arena, &was, e);
}

/* Puts jobs for a page of packages, in one transaction with the mark. */
static enum rbe_code queue_page(struct rbe_app *app, const struct rbe_mirror_target *target, int64_t now,
                                const struct rbe_package *packages, size_t n, struct rbe_arena *arena, struct rbe_err *e)
{
    enum rbe_code code = RBE_OK;

    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_USAGE, e));
    for (size_t i = 0; i < n && code == RBE_OK; i++) {
        bool fresh = now - packages[i].created_at < DAY;
        struct rbe_job j = {.kind = RBE_JOB_MIRROR, .target = packages[i].id, .created_at = now, .run_at = now,
                            .weight = fresh ? WEIGHT_FRESH : WEIGHT_OLD};

        j.subject = rbe_arena_strfmt(arena, "%s:%lld", target->name, (long long)packages[i].id);
        code = queue_one(app, &j, now, arena, e);
    }
    if (code == RBE_OK)
        code = rbe_mark_put(app->store, mark_of(arena, target), packages[n - 1].id, e);
    return rbe_store_end(app->store, RBE_BASE_USAGE, code, e);
}

static enum rbe_code queue_target(struct rbe_app *app, const struct rbe_mirror_target *target, int64_t after, int64_t now,
                                  struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_package *packages;
    size_t n;

    do {
        rbe_arena_reset(&arena);
        RBE_TRY(rbe_package_uncopied(app->store, target->name, after, PAGE, &arena, &packages, &n, e));
        if (n == 0)
            return RBE_OK;
        after = packages[n - 1].id;
        RBE_TRY(queue_page(app, target, now, packages, n, &arena, e));
    } while (n == PAGE);
    return RBE_OK;
}

enum rbe_code rbe_mirroring_queue(struct rbe_app *app, int64_t now, struct rbe_err *e)
{
    const struct rbe_mirror_target *targets = app->settings->mirror.targets.v;

    for (size_t i = 0; i < app->settings->mirror.targets.n; i++) {
        rbe_auto(arena) struct rbe_arena arena = {0};
        int64_t last;

        RBE_TRY(rbe_mark_find(app->store, mark_of(&arena, &targets[i]), &last, e));
        RBE_TRY(queue_target(app, &targets[i], last, now, e));
    }
    return RBE_OK;
}

enum rbe_code rbe_mirroring_queue_all(struct rbe_app *app, int64_t now, struct rbe_err *e)
{
    const struct rbe_mirror_target *targets = app->settings->mirror.targets.v;

    for (size_t i = 0; i < app->settings->mirror.targets.n; i++)
        RBE_TRY(queue_target(app, &targets[i], 0, now, e));
    return RBE_OK;
}

enum rbe_code rbe_mirroring_copy(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                                 struct rbe_err *e)
{
    const char *colon = strchr(j->subject, ':');
    struct rbe_package package;
    struct copying c = {.app = app, .package = &package, .arena = arena, .e = e};
    int64_t id;

    if (!colon || !rbe_int_parse(colon + 1, 1, INT64_MAX, &id))
        return rbe_fail(e, RBE_REFUSED, "'%s' names no target and package", j->subject);
    c.target = find_target(app->settings, j->subject, (size_t)(colon - j->subject));
    if (!c.target) {
        *ret_note = "there is no such target any more";
        return RBE_OK;
    }
    RBE_TRY(rbe_package_get(app->store, id, arena, &package, e));
    if (package.purged_at) {
        *ret_note = "purged";
        return RBE_OK;
    }
    RBE_TRY(copy(&c));
    j->bytes = package.size;
    *ret_note = package.path;
    return RBE_OK;
}

/* ---- what is gone here ---- */

/* One that cannot be taken away now does not keep the others; the first failure is told in the end. */
static enum rbe_code sweep_target(struct rbe_app *app, const struct rbe_mirror_target *target, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_package *packages;
    enum rbe_code first = RBE_OK;
    int64_t after = 0;
    size_t n;

    do {
        rbe_arena_reset(&arena);
        RBE_TRY(rbe_package_stale_copy(app->store, target->name, after, PAGE, &arena, &packages, &n, e));
        for (size_t i = 0; i < n; i++) {
            struct rbe_err of_one = {0};
            struct copying c = {.app = app, .target = target, .package = &packages[i], .arena = &arena, .e = &of_one};

            after = packages[i].id;
            if (take_away(&c) == RBE_OK || first != RBE_OK)
                continue;
            *e = of_one;
            first = rbe_err_prefix(e, "%s", target->name);
        }
    } while (n == PAGE);
    return first;
}

enum rbe_code rbe_mirroring_sweep(struct rbe_app *app, int64_t now, struct rbe_err *e)
{
    const struct rbe_mirror_target *targets = app->settings->mirror.targets.v;
    enum rbe_code first = RBE_OK;

    (void)now;
    for (size_t i = 0; i < app->settings->mirror.targets.n; i++) {
        struct rbe_err of_one = {0};
        enum rbe_code code = sweep_target(app, &targets[i], &of_one);

        if (first == RBE_OK && code != RBE_OK) {
            *e = of_one;
            first = code;
        }
    }
    return first;
}

/* ---- all at once ---- */

struct run {
    struct rbe_app *app;
    rbe_mirroring_report *report;
    void *arg;
    unsigned failed;
};

static bool made(struct run *r, const struct copying *c)
{
    enum rbe_code code = copy(c);

    r->failed += code != RBE_OK;
    r->report(r->arg, c->target->name, c->package->path, code == RBE_OK ? NULL : c->e);
    return code == RBE_OK;
}

static enum rbe_code forget(const struct copying *c, struct rbe_err *e)
{
    struct rbe_store *s = c->app->store;

    RBE_TRY(rbe_store_begin(s, RBE_BASE_RELEASES, e));
    return rbe_store_end(s, RBE_BASE_RELEASES, rbe_mirror_copy_del(s, c->package->id, c->target->name, e), e);
}

/* verify: all packages, else those that have no copy. A copy that is not good and cannot be made good is no longer used;
 * of a target that cannot be reached nothing is known. */
static enum rbe_code run_target(struct run *r, const struct rbe_mirror_target *target, bool verify, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_store *s = r->app->store;
    struct rbe_package *packages;
    int64_t after = 0;
    size_t n;

    do {
        rbe_arena_reset(&arena);
        RBE_TRY(verify ? rbe_package_list(s, 0, after, PAGE, &arena, &packages, &n, e)
                       : rbe_package_uncopied(s, target->name, after, PAGE, &arena, &packages, &n, e));
        for (size_t i = 0; i < n; i++) {
            struct rbe_err of_one = {0};
            struct copying c = {.app = r->app, .target = target, .package = &packages[i], .arena = &arena, .e = &of_one};

            after = packages[i].id;
            if (packages[i].purged_at || made(r, &c) || of_one.code == RBE_UNAVAILABLE)
                continue;
            if (verify)
                RBE_TRY(forget(&c, e));
        }
    } while (n == PAGE);
    return RBE_OK;
}

enum rbe_code rbe_mirroring_run(struct rbe_app *app, bool verify, rbe_mirroring_report *report, void *arg,
                                unsigned *ret_failed, struct rbe_err *e)
{
    const struct rbe_mirror_target *targets = app->settings->mirror.targets.v;
    struct run r = {.app = app, .report = report, .arg = arg};

    for (size_t i = 0; i < app->settings->mirror.targets.n; i++)
        RBE_TRY(run_target(&r, &targets[i], verify, e));
    *ret_failed = r.failed;
    return rbe_mirroring_sweep(app, rbe_clock_now(), e);
}
