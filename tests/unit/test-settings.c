/* lib/core/settings: the table itself, the example made from it, defaults, and values made ready to use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/core/settings.h"
#include "lib/store/store.h"
#include "lib/wrap/file.h"

struct place {
    char dir[64], file[96];
    struct rbe_settings s;
    struct rbe_err e;
};

static int set_up(void **state)
{
    struct place *p = rbe_alloc(sizeof(*p));

    (void)unsetenv("RBE_CONFIG");
    (void)snprintf(p->dir, sizeof(p->dir), "/tmp/rbe-settings-XXXXXX");
    if (!mkdtemp(p->dir))
        return -1;
    (void)snprintf(p->file, sizeof(p->file), "%s/rbe.yaml", p->dir);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    (void)unlink(p->file);
    (void)rmdir(p->dir);
    rbe_settings_release(&p->s);
    free(p);
    return 0;
}

static enum rbe_code load(struct place *p, const char *text)
{
    FILE *f = fopen(p->file, "we");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    rbe_settings_release(&p->s);
    p->e = (struct rbe_err){0};
    return rbe_settings_load(p->file, &p->s, &p->e);
}

static void assert_good(struct place *p, const char *text)
{
    if (load(p, text) != RBE_OK)
        fail_msg("%s", p->e.text);
}

static void test_table(void **state)
{
    size_t n;
    const struct rbe_conf_key *table = rbe_settings_table(&n);

    (void)state;
    assert_true(n > 15);
    for (size_t i = 0; i < n; i++) {
        const char *dot = strchr(table[i].name, '.');

        assert_non_null(dot);
        assert_null(strchr(dot + 1, '.'));
        assert_true(table[i].help && strlen(table[i].help) > 20);
        assert_int_equal(table[i].help[strlen(table[i].help) - 1], '.');
        assert_true((table[i].type == RBE_CONF_WORD) == (table[i].words != NULL));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(table[i].name, table[k].name);
        /* a section stands in one piece: the example would show it twice */
        if (i && strncmp(table[i].name, table[i - 1].name, (size_t)(dot - table[i].name) + 1) != 0)
            for (size_t k = 0; k < i; k++)
                assert_int_not_equal(strncmp(table[i].name, table[k].name, (size_t)(dot - table[i].name) + 1), 0);
    }
}

static void test_defaults(void **state)
{
    struct place *p = *state;

    assert_good(p, "");
    assert_string_equal(p->s.file, p->file);
    assert_string_equal(p->s.instance.data_dir, RBE_LOCALSTATEDIR "/lib/rbe");
    assert_string_equal(p->s.instance.public_url, "");
    assert_int_equal(p->s.instance.trusted_proxies.n, 0);
    assert_int_equal(p->s.instance.workers, 0);
    assert_int_equal(p->s.instance.max_requests, 0);
    assert_string_equal(p->s.instance.region_id, "default");
    assert_int_equal(p->s.auth.sign_secret.n, 0);
    assert_int_equal(p->s.auth.key_skew, 0);
    assert_int_equal(p->s.database.journal, RBE_JOURNAL_WAL);
    assert_true(p->s.database.auto_migrate);
    assert_int_equal(p->s.storage.sendfile, RBE_SENDFILE_NONE);
    assert_string_equal(p->s.storage.accel_prefix, "/rbe-packages/");
    assert_int_equal(p->s.limits.upload_bytes, 4LL << 30);
    assert_int_equal(p->s.limits.archive_entries, 200000);
    assert_int_equal(p->s.limits.archive_bytes, 16LL << 30);
    assert_int_equal(p->s.batch.max_patches, 20);
    assert_int_equal(p->s.extra.download_effective_time, 600);
    assert_int_equal(p->s.metrics.allow.n, 2);
    assert_string_equal(p->s.metrics.allow.v[0], "127.0.0.0/8");
    assert_string_equal(p->s.metrics.allow.v[1], "::1");
    assert_int_equal(p->s.log.level, RBE_LOG_INFO);
}

/* The committed example is what the table makes, and it loads, meaning the defaults. */
static void test_example(void **state)
{
    struct place *p = *state;
    rbe_auto(str) struct rbe_str made = {0}, kept = {0};
    rbe_autofree char *open = NULL;
    size_t n;

    rbe_settings_example(&made);
    assert_int_equal(rbe_file_get("etc/rbe.yaml.example", 1 << 20, &kept, &p->e), RBE_OK);
    assert_string_equal(rbe_str_text(&kept), rbe_str_text(&made));
    assert_good(p, rbe_str_text(&made));
    assert_int_equal(p->s.extra.download_effective_time, 600);
    /* every key stands there, and with the comments taken away they are the defaults again */
    open = rbe_strdup(rbe_str_text(&made));
    for (char *c = strstr(open, "\n  #"); c; c = strstr(c + 1, "\n  #"))
        if (c[4] != ' ')
            memcpy(c, "\n   ", 4);
    const struct rbe_conf_key *table = rbe_settings_table(&n);
    for (size_t i = 0; i < n; i++) {
        rbe_autofree char *line = rbe_strfmt("\n   %s: ", strchr(table[i].name, '.') + 1);

        assert_non_null(strstr(open, line));
    }
    assert_good(p, open);
    assert_string_equal(p->s.instance.data_dir, "/var/lib/rbe");
    assert_int_equal(p->s.limits.upload_bytes, 4LL << 30);
    assert_int_equal(p->s.auth.sign_secret.n, 0);
    assert_int_equal(p->s.metrics.allow.n, 2);
}

static void test_data_dir(void **state)
{
    static const struct {
        const char *value, *below;
    } rows[] = {{".", ""}, {"./", ""}, {"data", "/data"}, {"./data//", "/data"}, {"../x", "/../x"}};
    struct place *p = *state;

    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_autofree char *text = rbe_strfmt("instance:\n  data_dir: %s\n", rows[i].value);
        rbe_autofree char *want = rbe_strfmt("%s%s", p->dir, rows[i].below);

        assert_good(p, text);
        assert_string_equal(p->s.instance.data_dir, want);
    }
    assert_good(p, "instance:\n  data_dir: /srv/rbe/\n");
    assert_string_equal(p->s.instance.data_dir, "/srv/rbe");
    assert_good(p, "instance:\n  data_dir: /\n");
    assert_string_equal(p->s.instance.data_dir, "/");
}

static void test_public_url(void **state)
{
    static const char *const good[][2] = {
        {"https://example.com", "https://example.com"},
        {"https://example.com/", "https://example.com"},
        {"http://example.com:8080/updates//", "http://example.com:8080/updates"},
        {"http://127.0.0.1:1", "http://127.0.0.1:1"},
        {"\"http://[::1]:8080/a/b\"", "http://[::1]:8080/a/b"},
        {"\"http://[fd00::1]\"", "http://[fd00::1]"},
    };
    static const char *const bad[] = {
        "example.com", "ftp://example.com", "https://", "https:///x", "http://:80", "http://a:0", "http://a:65536",
        "\"http://a:\"", "http://a:8o", "http://a b", "http://a/b c", "http://a?x=1", "http://a/?x", "\"http://a/#x\"",
        "http://user@a", "http://user:pw@a", "\"http://[::1\"", "\"http://[zz]\"", "\"http://[]\"",
        "\"http://[::1]x\"", "'http://a/\"'", "http://caf\xc3\xa9", "http://a/caf\xc3\xa9", "HTTPS://a", "http://a_b",
        "\"http://a:8080:1\"",
    };
    struct place *p = *state;

    for (size_t i = 0; i < RBE_COUNT(good); i++) {
        rbe_autofree char *text = rbe_strfmt("instance:\n  public_url: %s\n", good[i][0]);

        assert_good(p, text);
        assert_string_equal(p->s.instance.public_url, good[i][1]);
    }
    for (size_t i = 0; i < RBE_COUNT(bad); i++) {
        rbe_autofree char *text = rbe_strfmt("instance:\n  public_url: %s\n", bad[i]);

        if (load(p, text) != RBE_REFUSED)
            fail_msg("%s", bad[i]);
        assert_non_null(strstr(p->e.text, "rbe.yaml:2: instance.public_url: must "));
    }
}

static void test_bounds(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"auth:\n  sign_secret: 0123456789abcdef", true},
        {"auth:\n  sign_secret: 0123456789abcde", false},
        {"auth:\n  sign_secret: [0123456789abcdef, short]", false},
        {"auth:\n  sign_secret: [aaaaaaaaaaaaaaaa, aaaaaaaaaaaaaaab, aaaaaaaaaaaaaaac, aaaaaaaaaaaaaaad, "
         "aaaaaaaaaaaaaaae, aaaaaaaaaaaaaaaf, aaaaaaaaaaaaaaag, aaaaaaaaaaaaaaah]", true},
        {"auth:\n  sign_secret: [aaaaaaaaaaaaaaaa, aaaaaaaaaaaaaaab, aaaaaaaaaaaaaaac, aaaaaaaaaaaaaaad, "
         "aaaaaaaaaaaaaaae, aaaaaaaaaaaaaaaf, aaaaaaaaaaaaaaag, aaaaaaaaaaaaaaah, aaaaaaaaaaaaaaai]", false},
        {"auth:\n  key_skew: 1h", true},
        {"auth:\n  key_skew: 61m", false},
        {"extra:\n  download_effective_time: 1", true},
        {"extra:\n  download_effective_time: 0", false},
        {"extra:\n  download_effective_time: 30d", true},
        {"extra:\n  download_effective_time: 31d", false},
        {"instance:\n  workers: -1", false},
        {"instance:\n  region_id: eu-west-1", true},
        {"instance:\n  region_id: EU", false},
        {"instance:\n  region_id: abcdefghijklmnopqrstuvwxy", false},
        {"instance:\n  trusted_proxies: [10.0.0.0/8, 192.168.1.1, \"fd00::/8\", \"::ffff:10.0.0.1\"]", true},
        {"instance:\n  trusted_proxies: [10.0.0.0/33]", false},
        {"instance:\n  trusted_proxies: [10.0.0/8]", false},
        {"instance:\n  trusted_proxies: [localhost]", false},
        {"instance:\n  trusted_proxies: [\"::1/129\"]", false},
        {"instance:\n  trusted_proxies: [10.0.0.0/]", false},
        {"metrics:\n  allow: []", true},
        {"metrics:\n  allow: [0.0.0.0/0]", true},
        {"storage:\n  sendfile: x-accel\n  accel_prefix: /internal/", true},
        {"storage:\n  accel_prefix: internal/", false},
        {"storage:\n  accel_prefix: /internal", false},
        {"storage:\n  accel_prefix: /a/../b/", false},
        {"limits:\n  upload_bytes: 1", false},
        {"limits:\n  archive_entries: 0", false},
        {"batch:\n  max_patches: 0", true},
        {"log:\n  level: verbose", false},
        {"database:\n  journal: delete\n  auto_migrate: false", true},
    };
    struct place *p = *state;

    for (size_t i = 0; i < RBE_COUNT(rows); i++)
        if ((load(p, rows[i].text) == RBE_OK) != rows[i].good)
            fail_msg("%s: %s", rows[i].text, p->e.text);
}

static void test_which_file(void **state)
{
    struct place *p = *state;
    char here[4096];

    assert_good(p, "instance:\n  data_dir: data\n  workers: 3\n");
    rbe_settings_release(&p->s);
    assert_int_equal(setenv("RBE_CONFIG", p->file, 1), 0);
    assert_int_equal(rbe_settings_load(NULL, &p->s, &p->e), RBE_OK);
    assert_int_equal(p->s.instance.workers, 3);
    rbe_settings_release(&p->s);
    assert_int_equal(setenv("RBE_INSTANCE_WORKERS", "5", 1), 0);
    assert_int_equal(rbe_settings_load(NULL, &p->s, &p->e), RBE_OK);
    assert_int_equal(p->s.instance.workers, 5);
    assert_int_equal(unsetenv("RBE_INSTANCE_WORKERS"), 0);
    rbe_settings_release(&p->s);
    /* a relative name is made absolute, so the data directory does not move with the process */
    assert_non_null(getcwd(here, sizeof(here)));
    assert_int_equal(chdir(p->dir), 0);
    assert_int_equal(rbe_settings_load("rbe.yaml", &p->s, &p->e), RBE_OK);
    assert_int_equal(chdir(here), 0);
    assert_string_equal(p->s.file, p->file);
    assert_true(strncmp(p->s.instance.data_dir, p->dir, strlen(p->dir)) == 0);
    rbe_settings_release(&p->s);
    assert_int_equal(setenv("RBE_CONFIG", "/nonexistent/rbe.yaml", 1), 0);
    assert_int_equal(rbe_settings_load(NULL, &p->s, &p->e), RBE_REFUSED);
    assert_string_equal(p->e.text, "/nonexistent/rbe.yaml: No such file or directory");
}

/* Without any name the installed one is meant. */
static void test_default_file(void **state)
{
    struct place *p = *state;

    if (access(RBE_SYSCONFDIR "/rbe/rbe.yaml", F_OK) == 0)
        skip();
    assert_int_equal(rbe_settings_load(NULL, &p->s, &p->e), RBE_REFUSED);
    assert_string_equal(p->e.text,
                        RBE_SYSCONFDIR "/rbe/rbe.yaml: no such file; name another by --config or RBE_CONFIG");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table), TEST(test_defaults), TEST(test_example),    TEST(test_data_dir),
        TEST(test_public_url),        TEST(test_bounds),   TEST(test_which_file), TEST(test_default_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
