/* lib/core/mirroring: copies into a directory: leftovers of killed processes, damage, jobs that are put once. */
#include "tests/unit/releases.h"

#include <dirent.h>
#include <utime.h>

#include "lib/core/mirroring.h"
#include "lib/store/job.h"
#include "lib/store/mirror.h"
#include "lib/wrap/db.h"

enum { NOW = 1700000000, RELEASES = 3 };

struct scene {
    struct site *site;
    struct rbe_mirror_target target;
    struct rbe_package all[RELEASES];
    const char *url;
};

/* A target that is there, and some packages. */
static struct scene *make(void **state)
{
    struct site *s = *state;
    struct scene *c = rbe_arena_alloc(&s->arena, sizeof(*c));
    int64_t r = site_resource(s, "app", "[]");

    c->site = s;
    c->url = "https://m.example";
    c->target = (struct rbe_mirror_target){.name = "one", .path = rbe_arena_strfmt(&s->arena, "%s/mirror", s->dir),
                                           .rsync = "", .ssh = "", .urls = {&c->url, 1}};
    assert_int_equal(mkdir(c->target.path, 0755), 0);
    s->settings.mirror.targets = (struct rbe_conf_records){&c->target, 1};
    for (int i = 0; i < RELEASES; i++) {
        const struct site_file files[] = {{"a", rbe_arena_strfmt(&s->arena, "%d", i)}, {0}};

        c->all[i] = site_publish(s, r, "app", rbe_arena_strfmt(&s->arena, "1.%d.0", i), files);
    }
    return c;
}

static enum rbe_code run_job(struct scene *c, const char *subject, const char **ret_note)
{
    struct rbe_job j = {.kind = RBE_JOB_MIRROR, .subject = subject};

    c->site->err = (struct rbe_err){0};
    *ret_note = "";
    return rbe_mirroring_copy(c->site->app, &j, &c->site->arena, ret_note, &c->site->err);
}

static const char *subject_of(struct scene *c, int i)
{
    return rbe_arena_strfmt(&c->site->arena, "one:%lld", (long long)c->all[i].id);
}

static const char *file_of(struct scene *c, int i)
{
    return rbe_arena_strfmt(&c->site->arena, "%s/%s", c->target.path, c->all[i].path);
}

static const char *dir_of(struct scene *c, int i)
{
    const char *file = file_of(c, i);

    return rbe_arena_strndup(&c->site->arena, file, (size_t)(strrchr(file, '/') - file));
}

static bool has_copy(struct scene *c, int i)
{
    const char **names;
    size_t n;

    must(c->site, rbe_mirror_copies(c->site->app->store, c->all[i].id, &c->site->arena, &names, &n, &c->site->err));
    return n == 1 && strcmp(names[0], "one") == 0;
}

static bool is_good(struct scene *c, int i)
{
    rbe_auto(str) struct rbe_str text = {0};
    unsigned char sum[RBE_SHA256_SIZE];

    if (rbe_file_get(file_of(c, i), 1 << 20, &text, NULL) != RBE_OK)
        return false;
    rbe_sha256_of(text.s, text.len, sum);
    return memcmp(sum, c->all[i].sha256, sizeof(sum)) == 0;
}

static int entries(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;

    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    (void)closedir(d);
    return n;
}

static void spoil(const char *file, const char *text)
{
    struct rbe_err e = {0};

    assert_int_equal(rbe_file_put(file, text, strlen(text), 0644, &e), RBE_OK);
}

static void test_copy(void **state)
{
    struct scene *c = make(state);
    const char *note;

    must(c->site, run_job(c, subject_of(c, 0), &note));
    assert_string_equal(note, c->all[0].path);
    assert_true(has_copy(c, 0) && is_good(c, 0));
    assert_false(has_copy(c, 1));
    /* with the time it has here, as everywhere */
    struct stat here, there;
    assert_int_equal(stat(rbe_depot_path(c->site->app, &c->site->arena, c->all[0].path), &here), 0);
    assert_int_equal(stat(file_of(c, 0), &there), 0);
    assert_memory_equal(&here.st_mtim, &there.st_mtim, sizeof(here.st_mtim));
    assert_int_equal(there.st_mode & 07777, 0644);
    /* once more is once */
    must(c->site, run_job(c, subject_of(c, 0), &note));
    assert_true(has_copy(c, 0) && is_good(c, 0));
}

/* What a process that was killed, or a bad disk, leaves is found good or made good. */
static void test_leftovers(void **state)
{
    struct scene *c = make(state);
    struct site *s = c->site;
    const char *note;

    must(s, run_job(c, subject_of(c, 0), &note));
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_mirror_copy_clear(s->app->store, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    /* complete, but not remembered: the very file is taken */
    struct stat before, after;
    assert_int_equal(stat(file_of(c, 0), &before), 0);
    must(s, run_job(c, subject_of(c, 0), &note));
    assert_int_equal(stat(file_of(c, 0), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_true(has_copy(c, 0));
    /* cut short, and of the right size with other bytes */
    spoil(file_of(c, 0), "short");
    must(s, run_job(c, subject_of(c, 0), &note));
    assert_true(is_good(c, 0));
    rbe_autofree char *same = rbe_alloc((size_t)c->all[0].size + 1);
    memset(same, 'x', (size_t)c->all[0].size);
    spoil(file_of(c, 0), same);
    must(s, run_job(c, subject_of(c, 0), &note));
    assert_true(is_good(c, 0));
    /* what a killed process left goes when it is old; one that lives is left alone */
    const char *old = rbe_arena_strfmt(&s->arena, "%s/.0123456789abcdef.part", dir_of(c, 0));
    const char *young = rbe_arena_strfmt(&s->arena, "%s/.fedcba9876543210.part", dir_of(c, 0));
    spoil(old, "old");
    spoil(young, "young");
    assert_int_equal(utime(old, &(struct utimbuf){1000000000, 1000000000}), 0);
    must(s, run_job(c, subject_of(c, 0), &note));
    assert_int_equal(access(old, F_OK), -1);
    assert_int_equal(access(young, F_OK), 0);
    assert_int_equal(unlink(young), 0);
    /* nothing else lies there */
    assert_int_equal(entries(dir_of(c, 0)), 1);
}

/* A link in the place of the copy is not followed out of the mirror. */
static void test_links(void **state)
{
    struct scene *c = make(state);
    const char *note, *file = file_of(c, 0);
    rbe_autofree char *outside = rbe_strfmt("%s/outside", c->site->dir);
    struct stat st;

    spoil(outside, "outside");
    must(c->site, rbe_dir_make(dir_of(c, 0), 0755, &c->site->err));
    assert_int_equal(symlink(outside, file), 0);
    must(c->site, run_job(c, subject_of(c, 0), &note));
    assert_int_equal(lstat(file, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    assert_true(is_good(c, 0));
    rbe_auto(str) struct rbe_str text = {0};
    must(c->site, rbe_file_get(outside, 100, &text, &c->site->err));
    assert_string_equal(rbe_str_text(&text), "outside");
}

static void test_refusals(void **state)
{
    struct scene *c = make(state);
    struct site *s = c->site;
    const char *note, *source = rbe_depot_path(s->app, &s->arena, c->all[0].path);

    /* the source is not what it was: nothing is spread, nothing is left */
    rbe_autofree char *same = rbe_alloc((size_t)c->all[0].size + 1);
    memset(same, 'x', (size_t)c->all[0].size);
    spoil(source, same);
    expect(s, RBE_FAULT, run_job(c, subject_of(c, 0), &note));
    assert_non_null(strstr(s->err.text, "has not the bytes of the package"));
    assert_false(has_copy(c, 0));
    assert_int_equal(access(file_of(c, 0), F_OK), -1);
    assert_int_equal(entries(dir_of(c, 0)), 0);
    /* a volume that is not mounted is not filled, and may come back */
    const char *path = c->target.path;
    c->target.path = rbe_arena_strfmt(&s->arena, "%s/away", s->dir);
    expect(s, RBE_UNAVAILABLE, run_job(c, subject_of(c, 1), &note));
    assert_int_equal(access(c->target.path, F_OK), -1);
    c->target.path = path;
    /* jobs that have nothing to do any more are done */
    must(s, run_job(c, "gone:1", &note));
    assert_string_equal(note, "there is no such target any more");
    assert_int_equal(run_job(c, "one:99", &note), RBE_NOTFOUND);
    assert_int_equal(run_job(c, "one", &note), RBE_REFUSED);
    assert_int_equal(run_job(c, "one:x", &note), RBE_REFUSED);
}

static int64_t queued(struct scene *c)
{
    struct rbe_job *jobs;
    size_t n;

    must(c->site, rbe_job_list(c->site->app->store, RBE_JOB_QUEUED, 1000, &c->site->arena, &jobs, &n, &c->site->err));
    return (int64_t)n;
}

static void finish_all(struct scene *c)
{
    static const struct rbe_job_worker me = {.host = "h", .pid = 1};
    struct site *s = c->site;
    bool found = true;

    while (found) {
        struct rbe_job j;

        must(s, rbe_job_lease(s->app->store, &me, NOW, NULL, &s->arena, &j, &found, NULL, &s->err));
        if (found)
            must(s, rbe_job_done(s->app->store, &j, "", NOW, &s->err));
    }
}

static void test_queue(void **state)
{
    struct scene *c = make(state);
    struct site *s = c->site;
    struct site_file files[] = {{"a", "new"}, {0}};

    must(s, rbe_mirroring_queue(s->app, NOW, &s->err));
    assert_int_equal(queued(c), RELEASES);
    must(s, rbe_mirroring_queue(s->app, NOW, &s->err));
    must(s, rbe_mirroring_queue_all(s->app, NOW, &s->err));
    assert_int_equal(queued(c), RELEASES);
    finish_all(c);
    assert_int_equal(queued(c), 0);
    /* a new package is a new job; those that were done are not asked about again */
    struct rbe_package p = site_publish(s, c->all[0].version, "app", "2.0.0", files);
    must(s, rbe_mirroring_queue(s->app, NOW, &s->err));
    assert_int_equal(queued(c), 1);
    finish_all(c);
    /* but by the one who looks at all: there are no copies, whatever the jobs say */
    must(s, rbe_mirroring_queue_all(s->app, NOW, &s->err));
    assert_int_equal(queued(c), RELEASES + 1);
    assert_true(p.id > 0);
}

static void report(void *arg, const char *target, const char *path, const struct rbe_err *e)
{
    assert_string_equal(target, "one");
    assert_true(strncmp(path, "p/", 2) == 0);
    *(int *)arg += e ? 100 : 1;
}

static void test_run_and_sweep(void **state)
{
    struct scene *c = make(state);
    struct site *s = c->site;
    unsigned failed;
    int told = 0;

    must(s, rbe_mirroring_run(s->app, false, report, &told, &failed, &s->err));
    assert_int_equal(told, RELEASES);
    assert_int_equal(failed, 0);
    must(s, rbe_mirroring_run(s->app, false, report, &told, &failed, &s->err));
    assert_int_equal(told, RELEASES);
    /* damage is found by reading back */
    spoil(file_of(c, 1), "damaged");
    told = 0;
    must(s, rbe_mirroring_run(s->app, true, report, &told, &failed, &s->err));
    assert_int_equal(told, RELEASES);
    assert_true(is_good(c, 1));
    /* purged: offered no more, still there; removed here: removed there */
    rbe_autofree char *file = rbe_strfmt("%s/db/rbe.db", s->dir);
    struct rbe_db_options o = {.path = file, .mode = RBE_DB_WRITE, .cache_kib = 100, .busy_ms = 5000};
    rbe_autoptr(db) struct rbe_db *db = NULL;
    must(s, rbe_db_open(&o, &db, &s->err));
    must(s, rbe_db_script(db, "test", rbe_arena_strfmt(&s->arena, "UPDATE package SET purged_at = 1 WHERE id = %lld",
                                                       (long long)c->all[0].id), &s->err));
    must(s, rbe_mirroring_sweep(s->app, NOW, &s->err));
    assert_true(is_good(c, 0) && has_copy(c, 0));
    must(s, rbe_db_script(db, "test", "UPDATE package SET removed_at = 2 WHERE purged_at = 1", &s->err));
    must(s, rbe_mirroring_sweep(s->app, NOW, &s->err));
    assert_false(has_copy(c, 0));
    assert_int_equal(access(file_of(c, 0), F_OK), -1);
    assert_true(is_good(c, 1) && has_copy(c, 1) && is_good(c, 2));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_copy), TEST(test_leftovers), TEST(test_links), TEST(test_refusals), TEST(test_queue),
        TEST(test_run_and_sweep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
