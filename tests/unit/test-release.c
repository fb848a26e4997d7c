/* lib/core/release: what makes a resource, what a publish changes, and what it leaves when it fails, loses a race or
 * dies. */
#include "tests/unit/site.h"

#include <signal.h>
#include <sys/wait.h>

#include "lib/core/depot.h"
#include "lib/core/release.h"
#include "lib/store/job.h"

static enum rbe_code create(struct site *s, struct rbe_resource_draft d, struct rbe_resource *ret)
{
    s->err = (struct rbe_err){0};
    return rbe_release_create(s->app, &d, &s->arena, ret, &s->err);
}

static void make_resource(struct site *s, const char *rid, const char *update_type, const char *order)
{
    struct rbe_resource r;

    assert_int_equal(create(s, (struct rbe_resource_draft){.rid = rid, .update_type = update_type, .order = order}, &r),
                     RBE_OK);
}

/* A zip or tar.gz that holds one file of this text, a link, an empty directory and a program. */
static const char *make_archive(struct site *s, const char *text, const char *type)
{
    const char *dir = site_path(s, "tree"), *out = rbe_arena_strfmt(&s->arena, "%s/made.%s", s->dir, type);

    must(s, rbe_dir_remove(dir, &s->err));
    (void)unlink(out);
    must(s, rbe_dir_make(site_path(s, "tree/empty"), 0755, &s->err));
    scratch_text(s->dir, "tree/file", text);
    scratch_write(s->dir, "tree/run me", "#!", 2, 0755);
    assert_int_equal(symlink("file", site_path(s, "tree/link")), 0);
    assert_int_equal(scratch_sh(strcmp(type, "zip") == 0 ? "cd \"$1\"; zip -qXyr \"$2\" ."
                                                         : "tar -C \"$1\" -caf \"$2\" .", dir, out, NULL), 0);
    return out;
}

static struct rbe_staging *stage_bytes(struct site *s, const void *p, size_t n, const char *name)
{
    struct rbe_staging *st = NULL;

    must(s, rbe_staging_new(s->app, name, &st, &s->err));
    must(s, rbe_staging_put(st, p, n, &s->err));
    must(s, rbe_staging_finish(st, &s->err));
    return st;
}

static struct rbe_staging *stage(struct site *s, const char *file)
{
    rbe_auto(str) struct rbe_str bytes = {0};

    must(s, rbe_file_get(file, 1 << 20, &bytes, &s->err));
    return stage_bytes(s, rbe_str_text(&bytes), bytes.len, file);
}

/* Publishes a file; p says all but the bytes. */
static enum rbe_code publish(struct site *s, struct rbe_publish p, const char *file, struct rbe_published *ret)
{
    rbe_autoptr(staging) struct rbe_staging *st = file ? stage(s, file) : NULL;

    p.rid = p.rid ? p.rid : "my-app";
    p.staged = st;
    s->err = (struct rbe_err){0};
    enum rbe_code code = rbe_release_publish(s->app, &p, &s->arena, ret, &s->err);
    if (code == RBE_OK && st)
        assert_true(ret->existed || !st->path);
    return code;
}

static int64_t job_count(struct site *s)
{
    struct rbe_job *jobs;
    size_t n;

    must(s, rbe_job_list(s->app->store, -1, 100, &s->arena, &jobs, &n, &s->err));
    return (int64_t)n;
}

/* ---- resources ---- */

static void test_create(void **state)
{
    static const char *const globs[] = {"interface.json", "doc/\"*\".md"};
    struct site *s = *state;
    struct rbe_resource r, got;

    assert_int_equal(create(s, (struct rbe_resource_draft){.rid = "my-app"}, &r), RBE_OK);
    must(s, rbe_resource_get(s->app->store, "my-app", &s->arena, &got, &s->err));
    assert_int_equal(got.id, r.id);
    assert_string_equal(got.name, "");
    assert_string_equal(got.description, "");
    assert_string_equal(got.always_include, "[]");
    assert_string_equal(rbe_resource_update_name(got.update), "incremental");
    assert_string_equal(rbe_resource_access_name(got.access), "public");
    assert_string_equal(rbe_resource_order_name(got.order), "version");
    assert_true(got.created_at > 0);
    assert_int_equal(create(s, (struct rbe_resource_draft){.rid = "my-app"}, &r), RBE_RESOURCE_EXISTS);

    const struct rbe_resource_draft all = {.rid = "all", .name = "N\xc3\xa4me", .description = "two\nlines",
                                           .update_type = "full", .access = "cdk", .order = "published",
                                           .always_include = globs, .always_includes = 2};
    assert_int_equal(create(s, all, &r), RBE_OK);
    must(s, rbe_resource_get(s->app->store, "all", &s->arena, &got, &s->err));
    assert_int_equal(got.update, RBE_RESOURCE_FULL);
    assert_int_equal(got.access, RBE_ACCESS_CDK);
    assert_int_equal(got.order, RBE_ORDER_PUBLISHED);
    assert_string_equal(got.always_include, "[\"interface.json\",\"doc/\\\"*\\\".md\"]");
}

static void test_create_rules(void **state)
{
    static const char *const empty_glob[] = {"a", ""};
    static const char *const many[65] = {0};
    struct site *s = *state;
    struct rbe_resource r;
    char name[300], description[10002];

    memset(name, 'n', sizeof(name));
    memset(description, 'd', sizeof(description));
    name[257] = description[10001] = '\0';
    const struct {
        struct rbe_resource_draft draft;
        const char *field;
    } rows[] = {
        {{.rid = NULL}, "resource_id"},
        {{.rid = "ab"}, "resource_id"},
        {{.rid = "download"}, "resource_id"},
        {{.rid = "abc", .name = name}, "name"},
        {{.rid = "abc", .name = "\xff"}, "name"},
        {{.rid = "abc", .name = "a\tb"}, "name"},
        {{.rid = "abc", .description = description}, "description"},
        {{.rid = "abc", .update_type = "Full"}, "update_type"},
        {{.rid = "abc", .access = "private"}, "access"},
        {{.rid = "abc", .order = "x"}, "order"},
        {{.rid = "abc", .always_include = empty_glob, .always_includes = 2}, "always_include"},
        {{.rid = "abc", .always_include = many, .always_includes = 65}, "always_include"},
    };
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        assert_int_equal(create(s, rows[i].draft, &r), RBE_INVALID);
        assert_int_equal(s->err.violations, 1);
        assert_string_equal(s->err.violation[0].field, rows[i].field);
    }
    assert_int_equal(create(s, (struct rbe_resource_draft){.rid = "x", .access = "y", .order = "z"}, &r), RBE_INVALID);
    assert_int_equal(s->err.violations, 3);
    name[256] = description[10000] = '\0';
    assert_int_equal(create(s, (struct rbe_resource_draft){.rid = "abc", .name = name, .description = description}, &r),
                     RBE_OK);
}

/* ---- publishing ---- */

static void test_publish(void **state)
{
    struct site *s = *state;
    rbe_auto(manifest) struct rbe_manifest m = {0};
    struct rbe_published one, two, other;
    unsigned char tree[RBE_SHA256_SIZE];
    rbe_autoclose int fd = -1;
    enum rbe_status status;
    struct stat st;

    make_resource(s, "my-app", NULL, NULL);
    const char *zip = make_archive(s, "first", "zip");
    must(s, publish(s, (struct rbe_publish){.version_name = "1.0.0", .system = "Win32", .arch = "x64"}, zip, &one));
    assert_int_equal(one.version.number, 1);
    assert_int_equal(one.version.channel, RBE_CHANNEL_STABLE);
    assert_int_equal(one.package.system, RBE_SYSTEM_WINDOWS);
    assert_int_equal(one.package.arch, RBE_ARCH_AMD64);
    assert_string_equal(one.package.file_type, "zip");
    assert_int_equal(one.package.files, 3);
    assert_int_equal(one.queue_error.code, RBE_OK);

    must(s, rbe_depot_open(s->app, &one.package, &fd, &s->err));
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_size, one.package.size);
    must(s, rbe_depot_manifest(s->app, one.package.path, &m, &s->err));
    rbe_manifest_hash(&m, tree);
    assert_memory_equal(tree, one.package.tree, sizeof(tree));
    assert_non_null(strstr(one.package.path, "/my-app-1.0.0-windows-amd64.zip"));

    must(s, rbe_release_status(s->app, &one.resource, one.status_key, 0, &s->arena, &status, &s->err));
    assert_int_equal(status, RBE_STATUS_COMPLETED);
    must(s, rbe_release_status(s->app, &one.resource, "AAAA", 0, &s->arena, &status, &s->err));
    assert_int_equal(status, RBE_STATUS_UNKNOWN);
    const struct rbe_resource elsewhere = {.rid = "elsewhere"};
    must(s, rbe_release_status(s->app, &elsewhere, one.status_key, 0, &s->arena, &status, &s->err));
    assert_int_equal(status, RBE_STATUS_UNKNOWN);

    /* another platform joins the version, a new name gets the next number */
    must(s, publish(s, (struct rbe_publish){.version_name = "1.0.0"}, make_archive(s, "first", "tar.gz"), &two));
    assert_int_equal(two.version.id, one.version.id);
    assert_string_equal(two.package.file_type, "tar.gz");
    assert_memory_equal(two.package.tree, one.package.tree, sizeof(tree));
    must(s, publish(s, (struct rbe_publish){.version_name = "2.0.0-rc.1", .channel = "Beta"}, zip, &other));
    assert_int_equal(other.version.number, 2);
    assert_int_equal(other.version.channel, RBE_CHANNEL_BETA);
    assert_int_equal(site_count(s, "packages/p"), 3);
    assert_int_equal(site_count(s, "tmp"), 0);
}

static void test_again(void **state)
{
    struct site *s = *state;
    struct rbe_published one, again;
    const struct rbe_publish p = {.version_name = "1.0.0", .system = "linux", .release_note = "note"};

    make_resource(s, "my-app", NULL, NULL);
    const char *zip = make_archive(s, "first", "zip");
    must(s, publish(s, p, zip, &one));
    struct rbe_publish changed = p;
    changed.release_note = "another";
    must(s, publish(s, changed, zip, &again));
    assert_true(again.existed);
    assert_int_equal(again.package.id, one.package.id);
    assert_int_equal(again.version.number, 1);
    assert_string_equal(again.version.release_note, "note");
    assert_string_equal(again.status_key, one.status_key);

    const char *other = make_archive(s, "second", "tar.gz");
    expect(s, RBE_VERSION_EXISTS, publish(s, p, other, &again));
    assert_non_null(strstr(s->err.text, "linux/any"));
    const struct rbe_publish joining = {.version_name = "1.0.0", .channel = "beta", .system = "darwin"};
    expect(s, RBE_VERSION_EXISTS, publish(s, joining, other, &again));
    assert_non_null(strstr(s->err.text, "stable"));

    site_sql(s, "rbe.db", "UPDATE version SET withdrawn_at = 5;");
    expect(s, RBE_VERSION_EXISTS, publish(s, p, zip, &again));
    expect(s, RBE_VERSION_EXISTS, publish(s, (struct rbe_publish){.version_name = "1.0.0"}, zip, &again));
    assert_int_equal(site_count(s, "packages/p"), 1);
    assert_int_equal(site_count(s, "tmp"), 0);
}

static void test_data(void **state)
{
    struct site *s = *state;
    struct rbe_published done;
    struct rbe_version v;
    bool found;

    make_resource(s, "my-app", NULL, NULL);
    const char *zip = make_archive(s, "first", "zip");
    rbe_auto(str) struct rbe_str note = {0};
    for (int i = 0; i < 20001; i++)
        rbe_str_puts(&note, "\xc3\xa4");
    const struct rbe_publish long_note = {.version_name = "1", .system = "linux", .release_note = rbe_str_text(&note)};
    must(s, publish(s, long_note, zip, &done));
    must(s, rbe_version_find(s->app->store, done.resource.id, "1", &s->arena, &v, &found, &s->err));
    assert_int_equal(strlen(v.release_note), 40000);
    assert_string_equal(v.custom_data, "");

    must(s, publish(s, (struct rbe_publish){.version_name = "1", .system = "darwin", .custom_data = "{}"}, zip, &done));
    must(s, rbe_version_find(s->app->store, done.resource.id, "1", &s->arena, &v, &found, &s->err));
    assert_int_equal(strlen(v.release_note), 40000);
    assert_string_equal(v.custom_data, "{}");
    const struct rbe_publish short_note = {.version_name = "1", .system = "win", .release_note = "short"};
    must(s, publish(s, short_note, zip, &done));
    must(s, rbe_version_find(s->app->store, done.resource.id, "1", &s->arena, &v, &found, &s->err));
    assert_string_equal(v.release_note, "short");
    assert_string_equal(v.custom_data, "{}");
    assert_string_equal(done.version.custom_data, "{}");
}

static void test_refused(void **state)
{
    struct site *s = *state;
    struct rbe_published done;
    char data[10002];

    memset(data, 'x', sizeof(data));
    data[10001] = '\0';
    make_resource(s, "my-app", NULL, NULL);
    const char *zip = make_archive(s, "first", "zip");
    const char *text = site_path(s, "text"), *empty = site_path(s, "empty"), *cut = site_path(s, "cut");
    scratch_text(s->dir, "text", "hello");
    scratch_text(s->dir, "empty", "");
    assert_int_equal(scratch_sh("head -c 100 \"$1\" > \"$2\"", zip, cut, NULL), 0);
    const struct {
        struct rbe_publish publish;
        const char *file;
        enum rbe_code want;
        const char *field;
    } rows[] = {
        {{.version_name = "1"}, NULL, RBE_INVALID, "file"},
        {{.version_name = "1"}, empty, RBE_INVALID, "file"},
        {{.version_name = "1"}, text, RBE_INVALID, "file"},
        {{.version_name = "1"}, cut, RBE_INVALID, "file"},
        {{.version_name = ""}, zip, RBE_INVALID, "version_name"},
        {{.version_name = NULL}, zip, RBE_INVALID, "version_name"},
        {{.version_name = "a/b"}, zip, RBE_INVALID, "version_name"},
        {{.version_name = "1", .sha256 = "00"}, zip, RBE_INVALID, "sha256"},
        {{.version_name = "1", .sha256 = "0000000000000000000000000000000000000000000000000000000000000000"}, zip,
         RBE_INVALID, "sha256"},
        {{.version_name = "1", .custom_data = data}, zip, RBE_INVALID, "custom_data"},
        {{.version_name = "1", .custom_data = "\xff"}, zip, RBE_INVALID, "custom_data"},
        {{.version_name = "1", .release_note = "\xff"}, zip, RBE_INVALID, "release_note"},
        {{.version_name = "1", .olds = 101}, zip, RBE_INVALID, "old_version"},
        {{.version_name = "1", .system = "beos"}, zip, RBE_BAD_SYSTEM, NULL},
        {{.version_name = "1", .arch = "sparc"}, zip, RBE_BAD_ARCH, NULL},
        {{.version_name = "1", .channel = "nightly"}, zip, RBE_BAD_CHANNEL, NULL},
        {{.version_name = "zebra", .channel = "alpha"}, zip, RBE_UNORDERED, NULL},
        {{.version_name = "1", .rid = "unknown"}, zip, RBE_NOTFOUND, NULL},
    };
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        expect(s, rows[i].want, publish(s, rows[i].publish, rows[i].file, &done));
        if (rows[i].field) {
            assert_int_equal(s->err.violations, 1);
            assert_string_equal(s->err.violation[0].field, rows[i].field);
        }
        assert_int_equal(site_count(s, "packages/p"), 0);
        assert_int_equal(site_count(s, "tmp"), 0);
    }
    must(s, publish(s, (struct rbe_publish){.version_name = "zebra"}, zip, &done));
    make_resource(s, "as-published", NULL, "published");
    const struct rbe_publish zebra = {.rid = "as-published", .version_name = "zebra", .channel = "alpha"};
    must(s, publish(s, zebra, zip, &done));
}

/* A good hash is taken in each of its spellings. */
static void test_hash(void **state)
{
    struct site *s = *state;
    const char *zip = make_archive(s, "first", "zip");
    struct rbe_published done;
    char hex[RBE_SHA256_TEXT], upper[RBE_SHA256_TEXT];

    make_resource(s, "my-app", NULL, NULL);
    must(s, publish(s, (struct rbe_publish){.version_name = "0"}, zip, &done));
    for (size_t i = 0; i < sizeof(done.package.sha256); i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", done.package.sha256[i]);
        (void)snprintf(upper + 2 * i, 3, "%02X", done.package.sha256[i]);
    }
    const char *const said[] = {hex, upper, rbe_arena_strfmt(&s->arena, "sha256:%s", hex)};
    for (size_t i = 0; i < RBE_COUNT(said); i++)
        must(s, publish(s, (struct rbe_publish){.version_name = rbe_arena_strfmt(&s->arena, "1.0.%zu", i),
                                                .sha256 = said[i]},
                        zip, &done));
}

/* A resource that takes anything calls a file by the end of its name. */
static void test_full(void **state)
{
    static const char *const rows[][2] = {
        {"Setup.EXE", "exe"}, {"a.tar.gz", "tar.gz"}, {"A.TAR.ZST", "tar.zst"}, {".tar.gz", "gz"}, {"noext", "bin"},
        {"", "bin"}, {"a.", "bin"}, {"a.b c", "bin"}, {"a.tgz", "tgz"}, {"a.12345678901234567", "bin"},
        {"a.1234567890123456", "1234567890123456"}, {"app.AppImage", "appimage"}, {"x.zip", "zip"},
    };
    struct site *s = *state;

    make_resource(s, "blob", "full", NULL);
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_autoptr(staging) struct rbe_staging *st = stage_bytes(s, "MZ", 2, rows[i][0]);
        const char *name = rbe_arena_strfmt(&s->arena, "1.0.%zu", i);
        const struct rbe_publish p = {.rid = "blob", .version_name = name, .staged = st};
        struct rbe_published done;

        must(s, rbe_release_publish(s->app, &p, &s->arena, &done, &s->err));
        assert_string_equal(done.package.file_type, rows[i][1]);
        assert_int_equal(done.package.files, 0);
        assert_null(st->path);
    }
}

static void test_olds(void **state)
{
    static const char *const olds[] = {"1.0.0", "0.9", "1.1.0", "1.0.0", "1.2.0", "0.9"};
    struct site *s = *state;
    struct rbe_published done, again;
    struct rbe_publish p = {.version_name = "1.2.0", .system = "linux", .old_versions = olds, .olds = RBE_COUNT(olds)};

    make_resource(s, "my-app", NULL, NULL);
    const char *one = make_archive(s, "1", "tar.gz");
    must(s, publish(s, (struct rbe_publish){.version_name = "1.0.0", .system = "linux"}, one, &done));
    const int64_t source = done.package.id;
    must(s, publish(s, (struct rbe_publish){.version_name = "1.1.0", .system = "darwin"}, one, &done));
    const char *two = make_archive(s, "2", "zip");
    must(s, publish(s, p, two, &done));
    assert_int_equal(done.ignored, 3);
    assert_string_equal(done.ignored_olds[0], "0.9");
    assert_string_equal(done.ignored_olds[1], "1.1.0");
    assert_string_equal(done.ignored_olds[2], "1.2.0");
    assert_int_equal(job_count(s), 1);

    struct rbe_job *jobs;
    size_t n;
    must(s, rbe_job_list(s->app->store, -1, 10, &s->arena, &jobs, &n, &s->err));
    assert_int_equal(jobs[0].target, done.package.id);
    assert_int_equal(jobs[0].source, source);

    /* the same upload again says the same, and queues what was lost */
    site_sql(s, "usage.db", "DELETE FROM job;");
    must(s, publish(s, p, two, &again));
    assert_true(again.existed);
    assert_int_equal(again.ignored, 3);
    assert_int_equal(job_count(s), 1);

    /* a version is live although the queue is away */
    site_sql(s, "usage.db", "DROP TABLE job;");
    p.version_name = "1.3.0";
    must(s, publish(s, p, two, &done));
    assert_int_not_equal(done.queue_error.code, RBE_OK);
    assert_int_equal(done.version.number, 4);
}

/* ---- others at the same time ---- */

enum outcome { OUTCOME_NEW = 10, OUTCOME_EXISTED, OUTCOME_REFUSED, OUTCOME_OTHER };

/* In a child: opens an installation of its own once told to, publishes, and says what came of it by its exit status. */
static pid_t publisher(struct site *s, const char *file, int go)
{
    pid_t pid = fork();
    char c;

    assert_true(pid >= 0);
    if (pid)
        return pid;
    struct rbe_published done;
    enum outcome out = OUTCOME_OTHER;
    if (read(go, &c, 1) == 1 && rbe_app_open(&s->settings, RBE_APP_WRITE, &s->app, &s->err) == RBE_OK) {
        enum rbe_code code = publish(s, (struct rbe_publish){.version_name = "1.0.0", .channel = "beta"}, file, &done);

        out = code == RBE_OK ? (done.existed ? OUTCOME_EXISTED : OUTCOME_NEW)
                             : (code == RBE_VERSION_EXISTS ? OUTCOME_REFUSED : OUTCOME_OTHER);
        if (out == OUTCOME_OTHER)
            print_error("%s\n", s->err.text);
        site_close(s);
    }
    exit((int)out);
}

static void run_together(struct site *s, const char *const *files, size_t n, unsigned ret_outcomes[OUTCOME_OTHER + 1])
{
    int go[2], status;

    memset(ret_outcomes, 0, (OUTCOME_OTHER + 1) * sizeof(*ret_outcomes));
    assert_int_equal(pipe(go), 0);
    site_close(s);
    for (size_t i = 0; i < n; i++)
        (void)publisher(s, files[i], go[0]);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(write(go[1], "x", 1), 1);
    for (size_t i = 0; i < n; i++) {
        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status));
        assert_in_range(WEXITSTATUS(status), OUTCOME_NEW, OUTCOME_OTHER);
        ret_outcomes[WEXITSTATUS(status)]++;
    }
    (void)close(go[0]);
    (void)close(go[1]);
    site_open(s);
}

static void test_race_same(void **state)
{
    struct site *s = *state;
    unsigned got[OUTCOME_OTHER + 1];

    make_resource(s, "my-app", NULL, NULL);
    const char *zip = make_archive(s, "first", "zip");
    const char *const files[] = {zip, zip, zip, zip};
    run_together(s, files, 4, got);
    assert_int_equal(got[OUTCOME_NEW], 1);
    assert_int_equal(got[OUTCOME_EXISTED], 3);
    assert_int_equal(site_count(s, "packages/p"), 1);
    assert_int_equal(site_count(s, "tmp"), 0);
}

static void test_race_other(void **state)
{
    struct site *s = *state;
    unsigned got[OUTCOME_OTHER + 1];

    make_resource(s, "my-app", NULL, NULL);
    const char *const files[] = {make_archive(s, "first", "zip"), make_archive(s, "second", "tar.gz")};
    run_together(s, files, 2, got);
    assert_int_equal(got[OUTCOME_NEW], 1);
    assert_int_equal(got[OUTCOME_REFUSED], 1);
    assert_int_equal(site_count(s, "packages/p"), 1);
    assert_int_equal(site_count(s, "tmp"), 0);
}

/* Killed between depot and database: one directory that no row names, and the version can be published as if nothing
 * had been. The child is held there by a lock on the database. */
static void test_killed(void **state)
{
    struct site *s = *state;
    struct rbe_published done;
    int go[2], status;

    make_resource(s, "my-app", NULL, NULL);
    const char *zip = make_archive(s, "first", "zip");
    assert_int_equal(pipe(go), 0);
    site_close(s);
    pid_t pid = publisher(s, zip, go[0]);
    site_open(s);
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    assert_int_equal(write(go[1], "x", 1), 1);
    for (int i = 0; i < 800 && site_count(s, "packages/p") == 0; i++)
        (void)usleep(10000);
    assert_int_equal(site_count(s, "packages/p"), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    rbe_store_rollback(s->app->store, RBE_BASE_RELEASES);
    (void)close(go[0]);
    (void)close(go[1]);

    must(s, publish(s, (struct rbe_publish){.version_name = "1.0.0", .channel = "beta"}, zip, &done));
    assert_false(done.existed);
    assert_int_equal(done.version.number, 1);
    assert_int_equal(site_count(s, "packages/p"), 2);
    assert_int_equal(site_count(s, "tmp"), 0);
}

/* A transaction that fails takes its bytes away again. */
static void test_database_fails(void **state)
{
    struct site *s = *state;
    struct rbe_published done;

    make_resource(s, "my-app", NULL, NULL);
    const char *zip = make_archive(s, "first", "zip");
    site_sql(s, "rbe.db",
             "CREATE TRIGGER test_no BEFORE INSERT ON package BEGIN SELECT RAISE(ABORT, 'no package today'); END;");
    expect(s, RBE_FAULT, publish(s, (struct rbe_publish){.version_name = "1.0.0"}, zip, &done));
    assert_int_equal(site_count(s, "packages/p"), 0);
    assert_int_equal(site_count(s, "tmp"), 0);
    site_sql(s, "rbe.db", "DROP TRIGGER test_no;");
    must(s, publish(s, (struct rbe_publish){.version_name = "1.0.0"}, zip, &done));
    assert_int_equal(done.version.number, 1);
}

#define site_test(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        site_test(test_create),    site_test(test_create_rules), site_test(test_publish),   site_test(test_again),
        site_test(test_data),      site_test(test_refused),      site_test(test_hash),      site_test(test_full),
        site_test(test_olds),      site_test(test_race_same),    site_test(test_race_other), site_test(test_killed),
        site_test(test_database_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
