/* Backup and restore: what goes in comes out, and nothing else is taken for a backup. */
#include "tests/unit/releases.h"

#include <sys/file.h>
#include <sys/wait.h>

#include "lib/core/backup.h"
#include "lib/core/deed.h"
#include "lib/core/purge.h"
#include "lib/core/verify.h"
#include "lib/store/job.h"
#include "lib/wrap/tarw.h"

enum { RELEASES = 3 };

struct told {
    int left_out;
    char last[512];
};

static void left_out(void *arg, const char *path, const char *why)
{
    struct told *t = arg;

    t->left_out++;
    (void)snprintf(t->last, sizeof(t->last), "%s: %s", path, why);
}

static void fill(struct site *s, struct rbe_package all[RELEASES])
{
    int64_t r = site_resource(s, "app", "[]");

    for (int i = 0; i < RELEASES; i++) {
        rbe_autofree char *text = site_text((unsigned)i, 2000);
        const struct site_file files[] = {{"a", text}, {0}};

        all[i] = site_publish(s, r, "app", rbe_arena_strfmt(&s->arena, "1.%d.0", i), files);
    }
    struct rbe_job j = {.subject = "files:2:1", .target = 2, .source = 1, .format = 1};
    must(s, rbe_job_put(s->app->store, &j, NULL, &s->err));
}

/* The backup of a site in a nameless file. */
static int back_up(struct site *s, bool config, struct told *t, struct rbe_backed_up *sum)
{
    const struct rbe_backup b = {.config = config, .left_out = left_out, .arg = t};
    int fd = -1;

    must(s, rbe_file_temp(AT_FDCWD, &fd, &s->err));
    must(s, rbe_backup_write(s->app, fd, &b, sum, &s->err));
    return fd;
}

/* A second, empty place. */
struct place {
    struct rbe_settings settings;
    struct site *s;
};

static struct place place_of(struct site *s)
{
    struct place p = {.settings = s->settings, .s = s};

    p.settings.instance.data_dir = rbe_app_path(s->app, &s->arena, "there");
    return p;
}

static enum rbe_code restore(struct place *p, int fd, struct told *t, struct rbe_backed_up *sum)
{
    const struct rbe_backup b = {.left_out = left_out, .arg = t};

    return rbe_backup_restore(&p->settings, fd, &b, sum, &p->s->err);
}

static void is_not_there(struct place *p)
{
    rbe_autofree char *db = rbe_strfmt("%s/db/rbe.db", p->settings.instance.data_dir);
    rbe_autofree char *tmp = rbe_strfmt("%s/tmp", p->settings.instance.data_dir);

    assert_int_equal(access(db, F_OK), -1);
    assert_int_equal(rmdir(tmp), 0);
}

static void test_there_and_back(void **state)
{
    struct site *s = *state;
    struct rbe_package all[RELEASES], k;
    struct place p = place_of(s);
    struct rbe_backed_up sum;
    struct told t = {0};
    struct rbe_job *jobs;
    struct rbe_app *app = NULL;
    size_t n;

    fill(s, all);
    rbe_autoclose int fd = back_up(s, false, &t, &sum);
    assert_int_equal(sum.packages, RELEASES);
    assert_int_equal(sum.left_out, 0);
    assert_int_equal(t.left_out, 0);
    must(s, restore(&p, fd, &t, &sum));
    assert_int_equal(sum.packages, RELEASES);
    must(s, rbe_app_open(&p.settings, RBE_APP_WRITE, &app, &s->err));
    struct rbe_verified seen;
    must(s, rbe_verify_run(app, &(struct rbe_verify){0}, &seen, &s->err));
    assert_int_equal(seen.packages, RELEASES);
    assert_int_equal(seen.findings, 0);
    must(s, rbe_job_list(app->store, -1, 10, &s->arena, &jobs, &n, &s->err));
    assert_int_equal(n, 1);
    /* the same package as before, and the next one gets an id that was never given out */
    must(s, rbe_package_get(app->store, all[2].id, &s->arena, &k, &s->err));
    assert_string_equal(k.path, all[2].path);
    k.format = RBE_FORMAT_FILES;
    k.target = all[2].id;
    k.source = all[1].id;
    k.path = "p/new";
    must(s, rbe_store_begin(app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_package_put(app->store, &k, &s->err));
    rbe_store_rollback(app->store, RBE_BASE_RELEASES);
    assert_true(k.id > all[2].id + 1000);
    const struct rbe_audit_filter f = {.actor = "", .action = "", .rid = "", .limit = 2};
    struct rbe_audit *rows;
    must(s, rbe_deed_list(app, &f, &s->arena, &rows, &n, &s->err));
    assert_string_equal(rows[0].action, "restore");
    assert_string_equal(rows[1].action, "backup");
    rbe_app_close(app);
    /* nothing is left beside it */
    rbe_autofree char *tmp = rbe_strfmt("%s/tmp", p.settings.instance.data_dir);
    assert_int_equal(rmdir(tmp), 0);

    /* it is not overwritten */
    expect(s, RBE_REFUSED, restore(&p, fd, &t, &sum));
    assert_non_null(strstr(s->err.text, "is not empty"));
}

static void test_into_a_fresh_one(void **state)
{
    struct site *s = *state;
    struct rbe_package all[RELEASES];
    struct place p = place_of(s);
    struct rbe_backed_up sum;
    struct told t = {0};
    struct rbe_app *app = NULL;

    fill(s, all);
    rbe_autoclose int fd = back_up(s, true, &t, &sum);
    must(s, rbe_app_migrate(&p.settings, NULL, &s->err));
    /* in use */
    pid_t pid;
    int ready[2], status;
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        struct rbe_err e = {0};
        char c = rbe_app_open(&p.settings, RBE_APP_WRITE, &app, &e) == RBE_OK && rbe_store_check(app->store, &e) == RBE_OK;

        (void)!write(ready[1], &c, 1);
        (void)pause();
        _exit(1);
    }
    char c = 0;
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(c, 1);
    expect(s, RBE_REFUSED, restore(&p, fd, &t, &sum));
    assert_non_null(strstr(s->err.text, "is in use"));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)close(ready[0]);
    (void)close(ready[1]);

    must(s, restore(&p, fd, &t, &sum));
    must(s, rbe_app_open(&p.settings, RBE_APP_WRITE, &app, &s->err));
    must(s, rbe_store_check(app->store, &s->err));
    rbe_app_close(app);

    /* packages without a database may be what is left of something */
    struct place other = place_of(s);
    other.settings.instance.data_dir = rbe_app_path(s->app, &s->arena, "other");
    must(s, rbe_dir_make(rbe_app_path(s->app, &s->arena, "other/packages/p/x"), 0700, &s->err));
    expect(s, RBE_REFUSED, restore(&other, fd, &t, &sum));
    assert_non_null(strstr(s->err.text, "there are packages"));
}

/* Cut anywhere or changed anywhere, it is refused and leaves nothing. */
static void test_damaged(void **state)
{
    enum { CUTS = 24 };
    struct site *s = *state;
    struct rbe_package all[RELEASES];
    struct place p = place_of(s);
    struct rbe_backed_up sum;
    struct told t = {0};
    struct stat st;

    fill(s, all);
    rbe_autoclose int fd = back_up(s, false, &t, &sum);
    assert_int_equal(fstat(fd, &st), 0);
    for (int i = 0; i < CUTS; i++) {
        off_t at = st.st_size * i / CUTS + i * 7 % 64;
        unsigned char was, now;
        rbe_autoclose int cut = -1;

        must(s, rbe_file_temp(AT_FDCWD, &cut, &s->err));
        rbe_autofree char *bytes = rbe_alloc((size_t)st.st_size);
        assert_int_equal(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
        assert_int_equal(pwrite(cut, bytes, (size_t)at, 0), at);
        if (restore(&p, cut, &t, &sum) == RBE_OK)
            fail_msg("cut at %lld", (long long)at);
        assert_int_equal(pread(fd, &was, 1, at), 1);
        now = was ^ 0x40;
        assert_int_equal(pwrite(fd, &now, 1, at), 1);
        if (at >= 10 && restore(&p, fd, &t, &sum) == RBE_OK)
            fail_msg("changed at %lld", (long long)at);
        assert_int_equal(pwrite(fd, &was, 1, at), 1);
    }
    is_not_there(&p);
    must(s, restore(&p, fd, &t, &sum));
}

/* Archives that are none of ours, or hold what has no place. */
static void test_foreign(void **state)
{
    static const struct {
        const char *name[3];
        const char *why;
    } cases[] = {
        {{"a.txt"}, "a.txt"},
        {{RBE_BACKUP_ABOUT, "../evil"}, "../evil"},
        {{RBE_BACKUP_ABOUT, "packages/p/../x"}, "packages/p/../x"},
        {{RBE_BACKUP_ABOUT, "packages/p/00000000000000000000000000000000/.."}, "has no place"},
        {{RBE_BACKUP_ABOUT, "db/other.db"}, "db/other.db"},
        {{RBE_BACKUP_ABOUT, RBE_BACKUP_ABOUT}, "has no place"},
        {{RBE_BACKUP_ABOUT}, "was not finished"},
        {{RBE_BACKUP_ABOUT, RBE_BACKUP_SUMS}, "hashes it brings"},
        {{RBE_BACKUP_ABOUT, RBE_BACKUP_SUMS, "config/x"}, "config/x"},
    };
    struct site *s = *state;
    struct place p = place_of(s);
    struct rbe_backed_up sum;
    struct told t = {0};

    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        static const char about[] = "{\"format\":1,\"bytes\":1}";
        rbe_autoclose int fd = -1;

        must(s, rbe_file_temp(AT_FDCWD, &fd, &s->err));
        rbe_autoptr(tarw) struct rbe_tarw *w = rbe_tarw_new_stored(fd);
        for (size_t k = 0; k < 3 && cases[i].name[k]; k++) {
            const struct rbe_arc_entry entry = {.kind = RBE_ARC_FILE, .name = cases[i].name[k],
                                                .size = sizeof(about) - 1};

            must(s, rbe_tarw_add(w, &entry, &s->err));
            must(s, rbe_tarw_write(w, about, sizeof(about) - 1, &s->err));
        }
        must(s, rbe_tarw_finish(w, &s->err));
        if (restore(&p, fd, &t, &sum) == RBE_OK || !strstr(s->err.text, cases[i].why))
            fail_msg("%zu: %s", i, s->err.text);
    }
    is_not_there(&p);
}

/* A package that is missing and one that is damaged: told, and the rest is a good backup. */
static void test_left_out(void **state)
{
    struct site *s = *state;
    struct rbe_package all[RELEASES];
    struct place p = place_of(s);
    struct rbe_backed_up sum;
    struct told t = {0};

    fill(s, all);
    assert_int_equal(unlink(rbe_depot_path(s->app, &s->arena, all[0].path)), 0);
    int bad = open(rbe_depot_path(s->app, &s->arena, all[1].path), O_WRONLY);
    assert_int_equal(pwrite(bad, "x", 1, 100), 1);
    assert_int_equal(close(bad), 0);
    rbe_autoclose int fd = back_up(s, false, &t, &sum);
    assert_int_equal(sum.left_out, 2);
    assert_int_equal(t.left_out, 2);
    assert_non_null(strstr(t.last, "it is damaged"));
    assert_int_equal(sum.packages, 1);
    must(s, restore(&p, fd, &t, &sum));
    assert_int_equal(sum.left_out, 2);
    assert_int_equal(sum.packages, 1);
    struct rbe_app *app = NULL;
    must(s, rbe_app_open(&p.settings, RBE_APP_WRITE, &app, &s->err));
    assert_int_equal(access(rbe_depot_path(app, &s->arena, all[1].path), F_OK), -1);
    assert_int_equal(access(rbe_depot_path(app, &s->arena, all[2].path), F_OK), 0);
    rbe_app_close(app);
}

/* What is purged while a backup is made keeps its files until it is done. */
static void test_holds_removals_off(void **state)
{
    struct site *s = *state;
    struct rbe_package all[RELEASES];
    struct rbe_purged purged;
    const char *note = "";
    int hold = -1;

    fill(s, all);
    must(s, rbe_purge_run(s->app, NULL, &purged, &s->err));
    assert_int_equal(purged.packages, 1);
    must(s, rbe_purge_hold_off(s->app, &hold, &s->err));
    struct rbe_job j = {.target = all[0].id};
    expect(s, RBE_UNAVAILABLE, rbe_purge_remove(s->app, &j, &s->arena, &note, &s->err));
    assert_int_equal(access(rbe_depot_path(s->app, &s->arena, all[0].path), F_OK), 0);
    (void)close(hold);
    /* removals do not wait for each other */
    rbe_autoclose int other = open(rbe_app_path(s->app, &s->arena, "run/removals.lock"), O_RDWR | O_CLOEXEC);
    assert_int_equal(flock(other, LOCK_SH), 0);
    must(s, rbe_purge_remove(s->app, &j, &s->arena, &note, &s->err));
    assert_int_equal(access(rbe_depot_path(s->app, &s->arena, all[0].path), F_OK), -1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        T(test_there_and_back), T(test_into_a_fresh_one), T(test_damaged), T(test_foreign), T(test_left_out),
        T(test_holds_removals_off),
    };

    return cmocka_run_group_tests_name("backup", tests, NULL, NULL);
}
