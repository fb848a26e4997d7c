/* lib/core/location: whom a location is good for and until when, that it takes one file, and what a callback finds
 * after a process died in between. */
#include "tests/unit/site.h"

#include <fcntl.h>
#include <sys/file.h>

#include "lib/core/location.h"

enum { NOW = 1700000000 };

static const struct rbe_publish what = {.rid = "blob", .version_name = "1.0.0", .system = "win", .arch = "x64"};

static void make_resource(struct site *s)
{
    const struct rbe_resource_draft d = {.rid = "blob", .update_type = "full"};
    struct rbe_resource r;

    must(s, rbe_release_create(s->app, &d, &s->arena, &r, &s->err));
}

static struct rbe_location make(struct site *s)
{
    struct rbe_location l;

    must(s, rbe_location_make(s->app, &what, "C:\\my dir\\app 1.exe", NOW, &s->arena, &l, &s->err));
    return l;
}

static enum rbe_code check(struct site *s, const struct rbe_location *l, int64_t now, struct rbe_location_right *ret)
{
    s->err = (struct rbe_err){0};
    return rbe_location_check(s->app, l, now, ret, &s->err);
}

static enum rbe_code bring(struct site *s, const struct rbe_location_right *right, const char *bytes)
{
    rbe_autoptr(staging) struct rbe_staging *st = NULL;

    must(s, rbe_staging_new(s->app, "x", &st, &s->err));
    must(s, rbe_staging_put(st, bytes, strlen(bytes), &s->err));
    must(s, rbe_staging_finish(st, &s->err));
    return rbe_location_put(s->app, right, st, &s->err);
}

static enum rbe_code callback(struct site *s, const struct rbe_publish *p, const char *key, int64_t now,
                              struct rbe_published *ret)
{
    s->err = (struct rbe_err){0};
    return rbe_location_publish(s->app, p, key, now, &s->arena, ret, &s->err);
}

/* The only directory in tmp/. */
static const char *place(struct site *s, const char *below)
{
    DIR *d = opendir(site_path(s, "tmp"));
    const char *name = NULL;

    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d));)
        if (entry->d_name[0] != '.')
            name = rbe_arena_strfmt(&s->arena, "%s/tmp/%s/%s", s->dir, entry->d_name, below);
    assert_int_equal(closedir(d), 0);
    assert_non_null(name);
    return name;
}

static void test_made(void **state)
{
    struct site *s = *state;
    struct rbe_location_right right;
    struct rbe_location l, other;

    make_resource(s);
    l = make(s);
    other = make(s);
    assert_string_equal(l.name, "app_1.exe");
    assert_string_not_equal(l.key, other.key);
    assert_int_equal(check(s, &l, NOW, &right), RBE_OK);
    assert_string_equal(right.name, "app_1.exe");
    assert_int_equal(right.bytes, s->settings.limits.upload_bytes);
    assert_int_equal(check(s, &l, NOW + RBE_LOCATION_SECONDS - 1, &right), RBE_OK);
    assert_int_equal(check(s, &l, NOW + RBE_LOCATION_SECONDS, &right), RBE_GONE);

    char *name = rbe_arena_alloc(&s->arena, 400);
    memset(name, 'x', 395);
    memcpy(name + 395, ".zip", 5);
    must(s, rbe_location_make(s->app, &what, name, NOW, &s->arena, &l, &s->err));
    assert_int_equal(strlen(l.name), RBE_LOCATION_NAME_MAX);
    assert_string_equal(l.name + RBE_LOCATION_NAME_MAX - 4, ".zip");
    must(s, rbe_location_make(s->app, &what, NULL, NOW, &s->arena, &l, &s->err));
    assert_string_equal(l.name, "package");
}

/* Any other byte in any of its parts, and it is worth nothing. */
static void test_forged(void **state)
{
    struct site *s = *state;
    struct rbe_location_right right;
    struct rbe_published done;

    make_resource(s);
    const struct rbe_location l = make(s);
    struct rbe_location forged = l;
    const char **const parts[] = {&forged.key, &forged.policy, &forged.access_key, &forged.signature};
    for (size_t part = 0; part < RBE_COUNT(parts); part++) {
        const char *good = *parts[part];

        for (size_t i = 0; i <= strlen(good); i++) {
            char *text = rbe_arena_strfmt(&s->arena, "%s ", good);

            text[i] = text[i] == 'A' ? 'B' : 'A';
            if (text[i + 1] == ' ')
                text[i + 1] = '\0';
            *parts[part] = text;
            assert_int_equal(check(s, &forged, NOW, &right), RBE_FORBIDDEN);
            if (part == 0)
                assert_int_equal(callback(s, &what, text, NOW, &done), RBE_FORBIDDEN);
        }
        *parts[part] = good;
    }
    assert_int_equal(check(s, &(struct rbe_location){0}, NOW, &right), RBE_FORBIDDEN);
    assert_int_equal(check(s, &l, NOW, &right), RBE_OK);
    assert_int_equal(callback(s, &what, NULL, NOW, &done), RBE_FORBIDDEN);
}

static void test_rotated(void **state)
{
    static const char later[] = "another secret of enough bytes";
    struct site *s = *state;
    struct rbe_location_right right;
    struct rbe_published done;

    make_resource(s);
    struct rbe_location l = make(s);
    s->app->signer[1] = s->app->signer[0];
    s->app->signer[0] = rbe_hmac_new(later, sizeof(later));
    s->app->signers = 2;
    assert_int_equal(check(s, &l, NOW, &right), RBE_OK);
    must(s, bring(s, &right, "bytes"));
    must(s, callback(s, &what, l.key, NOW, &done));
}

static void test_one_file(void **state)
{
    struct site *s = *state;
    struct rbe_location_right right;
    struct rbe_published done, again;

    make_resource(s);
    struct rbe_location l = make(s);
    assert_int_equal(callback(s, &what, l.key, NOW, &done), RBE_NOTFOUND);
    assert_int_equal(callback(s, &what, l.key, NOW + RBE_LOCATION_SECONDS, &done), RBE_GONE);
    assert_int_equal(check(s, &l, NOW, &right), RBE_OK);
    must(s, bring(s, &right, "bytes"));
    /* Both were allowed before either was done. */
    assert_int_equal(bring(s, &right, "bytes"), RBE_FORBIDDEN);
    assert_int_equal(check(s, &l, NOW, &right), RBE_FORBIDDEN);
    assert_int_equal(site_count(s, "tmp"), 1);

    int lock = open(place(s, "sum"), O_RDWR | O_CLOEXEC);
    assert_true(lock >= 0);
    assert_int_equal(flock(lock, LOCK_EX), 0);
    assert_int_equal(callback(s, &what, l.key, NOW, &done), RBE_PROCESSING);
    assert_int_equal(close(lock), 0);
    /* A file that came in time may be published later. */
    must(s, callback(s, &what, l.key, NOW + RBE_LOCATION_SECONDS, &done));
    assert_false(done.existed);
    assert_string_equal(done.package.file_type, "exe");
    must(s, callback(s, &what, l.key, NOW, &again));
    assert_true(again.existed);
    assert_string_equal(again.status_key, done.status_key);
}

/* The file went into the depot, and the process died before its row was there, or before it could tell. */
static void test_died(void **state)
{
    struct site *s = *state;
    struct rbe_location_right right;
    struct rbe_published done;

    make_resource(s);
    struct rbe_location l = make(s);
    assert_int_equal(check(s, &l, NOW, &right), RBE_OK);
    must(s, bring(s, &right, "bytes"));
    assert_int_equal(rename(place(s, "file"), site_path(s, "kept")), 0);
    assert_int_equal(callback(s, &what, l.key, NOW, &done), RBE_GONE);
    assert_int_equal(rename(site_path(s, "kept"), place(s, "file")), 0);
    must(s, callback(s, &what, l.key, NOW, &done));

    must(s, rbe_file_put(place(s, "sum"), "what?\n", 6, 0644, &s->err));
    assert_int_equal(callback(s, &what, l.key, NOW, &done), RBE_FAULT);
}

/* What fails through no fault of the file may be tried again. */
static void test_fault(void **state)
{
    struct site *s = *state;
    struct rbe_location_right right;
    struct rbe_published done;

    make_resource(s);
    struct rbe_location l = make(s);
    assert_int_equal(check(s, &l, NOW, &right), RBE_OK);
    must(s, bring(s, &right, "bytes"));
    assert_int_equal(rename(site_path(s, "packages/p"), site_path(s, "away")), 0);
    assert_int_equal(callback(s, &what, l.key, NOW, &done), RBE_FAULT);
    assert_int_equal(rename(site_path(s, "away"), site_path(s, "packages/p")), 0);
    must(s, callback(s, &what, l.key, NOW, &done));
    assert_int_equal(site_count(s, "packages/p"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_made, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_forged, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_rotated, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_one_file, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_died, site_setup, site_teardown),
        cmocka_unit_test_setup_teardown(test_fault, site_setup, site_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
