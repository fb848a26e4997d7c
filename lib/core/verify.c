/* Rows are walked by id and each file is hashed once. What lies on disk was listed before, so that whatever is
 * published meanwhile is no orphan; a directory renamed into place just before, whose row was still to come, is given
 * a moment.
 */
#include "lib/core/verify.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/core/deed.h"
#include "lib/core/depot.h"
#include "lib/core/wish.h"
#include "lib/patch/digest.h"
#include "lib/store/change.h"
#include "lib/store/package.h"
#include "lib/store/resource.h"
#include "lib/store/version.h"
#include "lib/wrap/file.h"

enum { GRACE_SECONDS = 2, ASIDE_SECONDS = 60 * 60 };
#define MANIFEST "manifest"

const char *rbe_finding_name(enum rbe_finding f)
{
    static const char *const names[RBE_FINDING_MAX] = {
        [RBE_FINDING_MISSING] = "missing",
        [RBE_FINDING_SIZE] = "size",
        [RBE_FINDING_HASH] = "hash",
        [RBE_FINDING_MANIFEST] = "manifest",
        [RBE_FINDING_ORPHAN] = "orphan",
        [RBE_FINDING_ROW] = "row",
    };

    return (unsigned)f < RBE_FINDING_MAX ? names[f] : "unknown";
}

/* A growing list of paths below packages/. */
struct paths {
    const char **v;
    size_t n, cap;
    struct rbe_arena arena;
};

static void paths_release(struct paths *p)
{
    free(p->v);
    rbe_arena_release(&p->arena);
}

static void paths_add(struct paths *p, const char *path)
{
    p->v = rbe_grow(p->v, p->n, &p->cap, sizeof(*p->v));
    p->v[p->n++] = rbe_arena_strdup(&p->arena, path);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void paths_sort(struct paths *p)
{
    if (p->n)
        qsort(p->v, p->n, sizeof(*p->v), by_text);
}

static bool paths_has(const struct paths *p, const char *path)
{
    return p->n && bsearch(&path, p->v, p->n, sizeof(*p->v), by_text);
}

struct run {
    struct rbe_app *app;
    const struct rbe_verify *v;
    struct rbe_verified *sum;
    struct paths disk, rows;     /* files on disk; files that rows name, manifests too */
    uint64_t done, total;
    int64_t last;                /* id of the last row seen */
};

static void found(struct run *r, enum rbe_finding f, const char *path, const char *detail)
{
    r->sum->findings++;
    if (r->v->found)
        r->v->found(r->v->arg, f, path, detail);
}

static enum rbe_code step(void *arg, uint64_t n, struct rbe_err *e)
{
    struct run *r = arg;

    (void)e;
    r->sum->bytes += n;
    r->done += n;
    if (r->v->progress)
        r->v->progress(r->v->arg, r->done, r->total > r->done ? r->total : r->done);
    return RBE_OK;
}

/* ---- the disk ---- */

static enum rbe_code list_dir(struct run *r, const char *dir, const char *below, struct rbe_err *e)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;

    if (!d)
        return errno == ENOENT ? RBE_OK : rbe_fail_errno(e, "cannot read %s", dir);
    for (errno = 0; (entry = readdir(d)); errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        rbe_autofree char *path = rbe_strfmt("%s/%s", below, entry->d_name);
        paths_add(&r->disk, path);
    }
    int no = errno;
    (void)closedir(d);
    errno = no;
    return no ? rbe_fail_errno(e, "cannot read %s", dir) : RBE_OK;
}

/* packages/p/<key>/<file>: a directory is listed as its files, an empty one or a stray file as itself. */
static enum rbe_code list_disk(struct run *r, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    const char *top = rbe_app_path(r->app, &arena, "packages");
    rbe_autofree char *p = rbe_strfmt("%s/p", top);

    RBE_TRY(list_dir(r, p, "p", e));
    for (size_t i = 0, keys = r->disk.n; i < keys; i++) {
        rbe_autofree char *dir = rbe_strfmt("%s/%s", top, r->disk.v[i]);
        size_t before = r->disk.n;
        struct stat st;

        if (lstat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
            continue;
        RBE_TRY(list_dir(r, dir, r->disk.v[i], e));
        if (r->disk.n > before)
            r->disk.v[i] = "";
    }
    return RBE_OK;
}

/* ---- the rows ---- */

static void remember(struct run *r, const struct rbe_package *p)
{
    const char *slash = strrchr(p->path, '/');

    r->last = p->id;
    if (p->removed_at)
        return;
    rbe_autofree char *manifest = rbe_strfmt("%.*s/" MANIFEST, slash ? (int)(slash - p->path) : 0, p->path);

    paths_add(&r->rows, p->path);
    paths_add(&r->rows, manifest);
}

static void check_hash(struct run *r, const struct rbe_package *p, int fd)
{
    unsigned char sum[RBE_SHA256_SIZE];
    char expected[RBE_SHA256_TEXT], actual[RBE_SHA256_TEXT], detail[2 * RBE_SHA256_TEXT + 32];
    rbe_auto(digest) struct rbe_digest d = {.step = step, .arg = r};
    struct rbe_err e = {0};
    uint64_t size;

    if (rbe_digest_file(&d, fd, sum, &size, &e) != RBE_OK) {
        found(r, RBE_FINDING_HASH, p->path, e.text);
        return;
    }
    if (memcmp(sum, p->sha256, sizeof(sum)) == 0)
        return;
    rbe_hex_encode(p->sha256, sizeof(p->sha256), expected);
    rbe_hex_encode(sum, sizeof(sum), actual);
    (void)snprintf(detail, sizeof(detail), "expected %s, found %s", expected, actual);
    found(r, RBE_FINDING_HASH, p->path, detail);
}

static void check_manifest(struct run *r, const struct rbe_package *p)
{
    static const unsigned char none[sizeof(p->tree)];
    struct rbe_manifest m = {0};
    struct rbe_err e = {0};
    unsigned char sum[RBE_SHA256_SIZE];

    if (memcmp(p->tree, none, sizeof(none)) == 0)
        return;
    if (rbe_depot_manifest(r->app, p->path, &m, &e) != RBE_OK) {
        found(r, RBE_FINDING_MANIFEST, p->path, e.text);
    } else {
        rbe_manifest_hash(&m, sum);
        if (memcmp(sum, p->tree, sizeof(sum)) != 0)
            found(r, RBE_FINDING_MANIFEST, p->path, "it is not the one that was published");
    }
    rbe_manifest_release(&m);
}

/* Whether a patch leads from one full package to another, of one resource and of the platform that its own row names. */
static enum rbe_code find_ends(struct run *r, const struct rbe_package *p, struct rbe_arena *arena,
                               struct rbe_package_origin *ret_target, struct rbe_package_origin *ret_source, bool *ret_good,
                               struct rbe_err *e)
{
    const struct rbe_package *t = &ret_target->package, *s = &ret_source->package;

    RBE_TRY(rbe_wish_ends(r->app, p->target, p->source, arena, ret_target, ret_source, ret_good, e));
    *ret_good = *ret_good && t->format == RBE_FORMAT_FULL && s->format == RBE_FORMAT_FULL && t->version == p->version &&
                s->version != t->version && t->system == p->system && t->arch == p->arch && s->system == p->system &&
                s->arch == p->arch && strcmp(ret_target->rid, ret_source->rid) == 0;
    return RBE_OK;
}

static void check_ends(struct run *r, const struct rbe_package *p, struct rbe_arena *arena)
{
    struct rbe_package_origin target, source;
    struct rbe_err e = {0};
    bool good;

    if (p->format == RBE_FORMAT_FULL)
        return;
    if (find_ends(r, p, arena, &target, &source, &good, &e) != RBE_OK)
        found(r, RBE_FINDING_ROW, p->path, e.text);
    else if (!good)
        found(r, RBE_FINDING_ROW, p->path, "it does not lead between two full packages of its resource and platform");
}

static void check_package(struct run *r, const struct rbe_package *p, struct rbe_arena *arena)
{
    const char *path = rbe_depot_path(r->app, arena, p->path);
    rbe_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char detail[96];
    struct stat st;

    r->sum->packages++;
    if (fd < 0 || fstat(fd, &st) != 0) {
        found(r, RBE_FINDING_MISSING, p->path, strerror(errno));
        r->done += (uint64_t)p->size;
    } else if (st.st_size != (off_t)p->size) {
        (void)snprintf(detail, sizeof(detail), "expected %lld bytes, found %lld", (long long)p->size,
                       (long long)st.st_size);
        found(r, RBE_FINDING_SIZE, p->path, detail);
        r->done += (uint64_t)p->size;
    } else {
        check_hash(r, p, fd);
    }
    check_manifest(r, p);
    check_ends(r, p, arena);
}

/* ---- mending ---- */

static enum rbe_code record(struct run *r, const char *what, const char *path, struct rbe_err *e)
{
    return rbe_deed_record(r->app, &(struct rbe_deed){.action = "verify repair", .subject = path,
                                                      .facts = {{"what", .text = what}}}, e);
}

/* Moves packages/<below> to aside/<below>. */
static enum rbe_code put_aside(struct run *r, const char *below, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    const char *from = rbe_depot_path(r->app, &arena, below);
    const char *to = rbe_app_path(r->app, &arena, rbe_arena_strfmt(&arena, "aside/%s", below));
    const char *slash = strrchr(to, '/');

    RBE_TRY(record(r, "put aside", below, e));
    RBE_TRY(rbe_dir_make(rbe_arena_strndup(&arena, to, (size_t)(slash - to)), 0700, e));
    if (rename(from, to) < 0)
        return rbe_fail_errno(e, "cannot move %s to %s", from, to);
    /* its directory goes when nothing else is in it */
    if (strchr(below + 2, '/'))
        (void)rmdir(rbe_arena_strndup(&arena, from, (size_t)(strrchr(from, '/') - from)));
    return RBE_OK;
}

static enum rbe_code forget_patch(struct run *r, const struct rbe_package *p, struct rbe_err *e)
{
    struct rbe_store *store = r->app->store;

    RBE_TRY(rbe_store_begin(store, RBE_BASE_RELEASES, e));
    enum rbe_code code = rbe_package_forget(store, p->id, e);

    if (code == RBE_OK)
        code = record(r, "patch built anew", p->path, e);
    return rbe_store_end(store, RBE_BASE_RELEASES, code, e);
}

static enum rbe_code forget_jobs(struct run *r, const struct rbe_package *p, struct rbe_err *e)
{
    struct rbe_store *store = r->app->store;

    RBE_TRY(rbe_store_begin(store, RBE_BASE_USAGE, e));
    enum rbe_code code = rbe_job_forget_pair(store, p->target, p->source, e);

    return rbe_store_end(store, RBE_BASE_USAGE, code, e);
}

/* Builds a patch anew that is not whole: its row goes first, so that nobody is sent to it, then its files, and its job comes
 * again. A process that dies in between leaves an orphan, and a pair that clients ask for again. */
static enum rbe_code renew_patch(struct run *r, const struct rbe_package *p, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_package_origin target, source;
    bool good;

    RBE_TRY(forget_patch(r, p, e));
    rbe_depot_drop(r->app, p->path);
    RBE_TRY(forget_jobs(r, p, e));
    RBE_TRY(find_ends(r, p, &arena, &target, &source, &good, e));
    if (!good || !rbe_wish_usable(&target, &source))
        return RBE_OK;
    const struct rbe_wish wish = {.target = &target.package, .source = &source.package, .format = p->format,
                                  .tier = RBE_WISH_NAMED};
    return rbe_wish_put(r->app, &wish, NULL, e);
}

static void mend_package(struct run *r, const struct rbe_package *p, uint64_t findings)
{
    struct rbe_err e = {0};

    if (!r->v->repair || p->format == RBE_FORMAT_FULL)
        return;
    if (renew_patch(r, p, &e) == RBE_OK)
        r->sum->repaired += findings;
    else
        found(r, RBE_FINDING_ROW, p->path, e.text);
}

static enum rbe_code each_size(void *arg, const struct rbe_package *p, struct rbe_err *e)
{
    struct run *r = arg;

    (void)e;
    r->total += p->purged_at ? 0 : (uint64_t)p->size;
    return RBE_OK;
}

/* What is purged may be there or gone; what was removed may not be there. */
static enum rbe_code each_check(void *arg, const struct rbe_package *p, struct rbe_err *e)
{
    struct run *r = arg;
    rbe_auto(arena) struct rbe_arena arena = {0};
    uint64_t before = r->sum->findings;

    (void)e;
    if (!p->purged_at)
        check_package(r, p, &arena);
    if (r->sum->findings > before)
        mend_package(r, p, r->sum->findings - before);
    remember(r, p);
    return RBE_OK;
}

static enum rbe_code each_remember(void *arg, const struct rbe_package *p, struct rbe_err *e)
{
    (void)e;
    remember(arg, p);
    return RBE_OK;
}

/* ---- what no row names ---- */

/* Whether it was changed, or moved to where it is, in the last seconds. */
static bool is_younger(const char *path, int64_t seconds)
{
    struct stat st;

    if (lstat(path, &st) != 0)
        return false;
    int64_t age = rbe_clock_now() - (int64_t)st.st_ctime;
    return age >= 0 && age < seconds;
}

/* The file or the directory it was moved in with. */
static bool is_young(struct run *r, const char *below, int64_t seconds)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    const char *path = rbe_depot_path(r->app, &arena, below);
    const char *dir = rbe_arena_strndup(&arena, path, (size_t)(strrchr(path, '/') - path));

    return is_younger(path, seconds) || (strchr(below + 2, '/') && is_younger(dir, seconds));
}

/* With a patch that was forgotten since the disk was listed. */
static bool is_gone(struct run *r, const char *below)
{
    rbe_auto(arena) struct rbe_arena arena = {0};

    return access(rbe_depot_path(r->app, &arena, below), F_OK) < 0 && errno == ENOENT;
}

static size_t count_young(struct run *r)
{
    size_t young = 0;

    for (size_t i = 0; i < r->disk.n; i++)
        young += *r->disk.v[i] && !paths_has(&r->rows, r->disk.v[i]) && is_young(r, r->disk.v[i], GRACE_SECONDS);
    return young;
}

/* A publisher that waits for the database may be about to name a file of late, so that stays where it is. */
static void orphan(struct run *r, const char *below, bool young)
{
    struct rbe_err e = {0};

    if (!r->v->repair || young) {
        found(r, RBE_FINDING_ORPHAN, below, r->v->repair ? "no row names it, and it is too young to be put aside"
                                                         : "no row names it");
        return;
    }
    if (put_aside(r, below, &e) != RBE_OK) {
        found(r, RBE_FINDING_ORPHAN, below, e.text);
        return;
    }
    r->sum->repaired++;
    found(r, RBE_FINDING_ORPHAN, below, "no row names it: put aside");
}

static enum rbe_code find_orphans(struct run *r, struct rbe_err *e)
{
    static const struct timespec moment = {.tv_sec = GRACE_SECONDS};

    paths_sort(&r->rows);
    paths_sort(&r->disk);
    if (count_young(r)) {
        (void)nanosleep(&moment, NULL);
        RBE_TRY(rbe_package_each(r->app->store, r->last, each_remember, r, e));
        paths_sort(&r->rows);
    }
    /* all ages first: a directory that something is moved out of is as young as that */
    rbe_autofree bool *young = rbe_alloc_array(r->disk.n, sizeof(*young));
    for (size_t i = 0; i < r->disk.n; i++) {
        if (*r->disk.v[i] && (paths_has(&r->rows, r->disk.v[i]) || is_gone(r, r->disk.v[i])))
            r->disk.v[i] = "";
        else if (*r->disk.v[i])
            young[i] = is_young(r, r->disk.v[i], r->v->patience ? r->v->patience : ASIDE_SECONDS);
    }
    for (size_t i = 0; i < r->disk.n; i++)
        if (*r->disk.v[i])
            orphan(r, r->disk.v[i], young[i]);
    return RBE_OK;
}

/* ---- rows that others contradict ---- */

/* Has what a resource's versions say put right, in one transaction with its record. */
static enum rbe_code mend(struct run *r, const struct rbe_resource *resource, const char *what,
                          enum rbe_code (*way)(struct rbe_store *s, int64_t resource, struct rbe_err *e), struct rbe_err *e)
{
    struct rbe_store *store = r->app->store;

    RBE_TRY(rbe_store_begin(store, RBE_BASE_RELEASES, e));
    rbe_store_touch(store, resource->rid);
    enum rbe_code code = way(store, resource->id, e);

    if (code == RBE_OK)
        code = record(r, what, resource->rid, e);
    RBE_TRY(rbe_store_end(store, RBE_BASE_RELEASES, code, e));
    r->sum->repaired++;
    return RBE_OK;
}

static enum rbe_code check_offers(struct run *r, const struct rbe_resource *resource, struct rbe_err *e)
{
    char detail[96];
    int64_t wrong;

    RBE_TRY(rbe_offer_count_wrong(r->app->store, resource->id, &wrong, e));
    if (wrong == 0)
        return RBE_OK;
    (void)snprintf(detail, sizeof(detail), "%lld of its offers are not what its versions say", (long long)wrong);
    found(r, RBE_FINDING_ROW, resource->rid, detail);
    return r->v->repair ? mend(r, resource, "offers made anew", rbe_offer_refresh, e) : RBE_OK;
}

static enum rbe_code check_resource(void *arg, const struct rbe_resource *resource, struct rbe_err *e)
{
    struct run *r = arg;
    bool right;

    RBE_TRY(rbe_resource_number_is_right(r->app->store, resource->id, &right, e));
    if (!right) {
        found(r, RBE_FINDING_ROW, resource->rid, "its last_number is not the greatest number of its versions");
        if (r->v->repair)
            RBE_TRY(mend(r, resource, "last_number put right", rbe_resource_renumber, e));
    }
    return check_offers(r, resource, e);
}

static enum rbe_code verify(struct run *r, struct rbe_err *e)
{
    RBE_TRY(rbe_store_check(r->app->store, e));
    RBE_TRY(list_disk(r, e));
    RBE_TRY(rbe_package_each(r->app->store, r->last, each_size, r, e));
    RBE_TRY(rbe_resource_each(r->app->store, check_resource, r, e));
    RBE_TRY(rbe_package_each(r->app->store, r->last, each_check, r, e));
    return find_orphans(r, e);
}

enum rbe_code rbe_verify_run(struct rbe_app *app, const struct rbe_verify *v, struct rbe_verified *ret,
                             struct rbe_err *e)
{
    struct run r = {.app = app, .v = v, .sum = ret};

    *ret = (struct rbe_verified){0};
    enum rbe_code code = verify(&r, e);
    paths_release(&r.disk);
    paths_release(&r.rows);
    return code;
}
