/* lib/core/settings: the table itself, the example made from it, defaults, and values made ready to use. */
#include "tests/unit/scratch.h"

#include "lib/base/log.h"
#include "lib/core/settings.h"
#include "lib/store/store.h"

struct place {
    char *dir, *file;
    struct rbe_settings s;
    struct rbe_err e;
};

static int set_up(void **state)
{
    struct place *p = rbe_alloc(sizeof(*p));

    (void)unsetenv("RBE_CONFIG");
    p->dir = scratch_new();
    p->file = scratch_path(p->dir, "rbe.yaml");
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    scratch_free(p->dir);
    free(p->file);
    rbe_settings_release(&p->s);
    free(p);
    return 0;
}

static enum rbe_code load(struct place *p, const char *text)
{
    scratch_text(p->dir, "rbe.yaml", text);
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
    assert_string_equal(p->s.extra.cdn_prefix, "");
    assert_int_equal(p->s.extra.cdn_auth.type, RBE_SIGNATURE_NONE);
    assert_string_equal(p->s.extra.cdn_auth.secret, "");
    assert_int_equal(p->s.extra.distribute_cdn_ratio, 100);
    assert_int_equal(p->s.extra.distribute_cdn_region.n, 0);
    assert_int_equal(p->s.extra.download_prefix_info.n, 0);
    assert_string_equal(p->s.extra.region_from, "");
    assert_string_equal(p->s.extra.origin_secret, "");
    assert_int_equal(p->s.mirror.targets.n, 0);
    assert_int_equal(p->s.mirror.probe_interval, 60);
    assert_int_equal(p->s.mirror.probe_failures, 3);
    assert_int_equal(p->s.mirror.probe_timeout, 5);
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

static void assert_refused(struct place *p, const char *text, const char *want)
{
    rbe_autofree char *full = rbe_strfmt("%s%s", p->file, want);

    assert_int_equal(load(p, text), RBE_REFUSED);
    assert_string_equal(p->e.text, full);
}

static void test_places(void **state)
{
    struct place *p = *state;

    assert_good(p, "extra:\n"
                   "  cdn_prefix: https://cdn.example.com/\n"
                   "  cdn_auth: {type: md5-a, secret: 0123456789}\n"
                   "  distribute_cdn_region: [eu, us]\n"
                   "  download_prefix_info:\n"
                   "    default:\n"
                   "    - url: https://m1.example.com/rbe/\n"
                   "      weight: 3\n"
                   "    - url: http://m2.example.com:8080\n"
                   "      auth: {type: s3-v4, key_id: AKID, secret: abc, region: eu-west-1, lifetime: 1h}\n"
                   "    eu:\n"
                   "      url: https://eu.example.com\n"
                   "mirror:\n"
                   "  targets:\n"
                   "  - {name: m1, path: /srv/m1, urls: https://m1.example.com/rbe}\n"
                   "  - name: m2\n"
                   "    rsync: rbe@m2.example.com:/srv/rbe\n"
                   "    urls: [http://m2.example.com:8080/]\n");
    assert_string_equal(p->s.extra.cdn_prefix, "https://cdn.example.com");
    assert_int_equal(p->s.extra.cdn_auth.type, RBE_SIGNATURE_MD5_A);
    assert_string_equal(p->s.extra.cdn_auth.parameter, "auth_key");
    assert_int_equal(p->s.extra.download_prefix_info.n, 2);
    const struct rbe_conf_group *group = p->s.extra.download_prefix_info.v;
    const struct rbe_place *place = group[0].records.v;
    assert_string_equal(group[0].name, "default");
    assert_int_equal(group[0].records.n, 2);
    assert_string_equal(place[0].url, "https://m1.example.com/rbe");
    assert_int_equal(place[0].weight, 3);
    assert_int_equal(place[0].auth.type, RBE_SIGNATURE_NONE);
    assert_string_equal(place[1].url, "http://m2.example.com:8080");
    assert_int_equal(place[1].weight, 1);
    assert_int_equal(place[1].auth.type, RBE_SIGNATURE_S3_V4);
    assert_string_equal(place[1].auth.region, "eu-west-1");
    assert_int_equal(place[1].auth.lifetime, 3600);
    assert_int_equal(group[1].records.n, 1);
    const struct rbe_mirror_target *targets = p->s.mirror.targets.v;
    assert_int_equal(p->s.mirror.targets.n, 2);
    assert_string_equal(targets[0].path, "/srv/m1");
    assert_string_equal(targets[0].rsync, "");
    assert_string_equal(targets[1].ssh, "ssh -o BatchMode=yes -o ConnectTimeout=20");
    assert_string_equal(targets[1].urls.v[0], "http://m2.example.com:8080");
    /* a private key has lines */
    assert_good(p, "extra:\n  cdn_auth:\n    type: cloudfront\n    key_id: K1\n    secret: |\n      one\n      two\n");
    assert_string_equal(p->s.extra.cdn_auth.secret, "one\ntwo\n");
}

/* What is wrong with a place is told with its line, its place and the rule. */
static void test_places_refused(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"    EU: []\n", ":3: extra.download_prefix_info: EU: must be 1 to 24 of a-z 0-9 -"},
        {"    eu: https://x\n", ":3: extra.download_prefix_info: eu: must be a list of maps"},
        {"    eu:\n    - url: https://x\n    - https://x\n",
         ":5: extra.download_prefix_info: eu: item 2: must be a map"},
        {"    eu:\n    - weight: 1\n", ":4: extra.download_prefix_info: eu: url: is missing"},
        {"    eu:\n    - url: https://x\n    - url: ftp://x\n",
         ":5: extra.download_prefix_info: eu: item 2: url: must begin with http:// or https://"},
        {"    eu:\n    - url: https://x/a%20b\n",
         ":4: extra.download_prefix_info: eu: url: must have a plain path: A-Z a-z 0-9 . _ ~ - and single slashes"},
        {"    eu:\n    - url: https://x/a//b\n",
         ":4: extra.download_prefix_info: eu: url: must have a plain path: A-Z a-z 0-9 . _ ~ - and single slashes"},
        {"    eu:\n    - url: https://x/a/..\n",
         ":4: extra.download_prefix_info: eu: url: must have a plain path: A-Z a-z 0-9 . _ ~ - and single slashes"},
        {"    eu:\n    - url: https://x/./a\n",
         ":4: extra.download_prefix_info: eu: url: must have a plain path: A-Z a-z 0-9 . _ ~ - and single slashes"},
        {"    eu:\n    - url: https://x/..a/...\n    - url: https://x/.\n",
         ":5: extra.download_prefix_info: eu: item 2: url: must have a plain path: A-Z a-z 0-9 . _ ~ - and single slashes"},
        {"    eu:\n    - url: https://x\n      wieght: 1\n",
         ":5: extra.download_prefix_info: eu: wieght: no such key here"},
        {"    eu:\n    - url: https://x\n      weight: -1\n",
         ":5: extra.download_prefix_info: eu: weight: must be from 0 to 1000000"},
        {"    eu:\n    - url: https://x\n      url: https://y\n",
         ":5: extra.download_prefix_info: url: stands twice"},
        {"    eu: []\n    eu: []\n", ":4: extra.download_prefix_info: eu: stands twice"},
        {"    eu:\n    - url: https://x\n      auth: md5-a\n",
         ":5: extra.download_prefix_info: eu: auth: must be a map"},
        {"    eu:\n    - url: https://x\n      auth: {secret: abc}\n",
         ":5: extra.download_prefix_info: eu: auth: type: is missing"},
        {"    eu:\n    - url: https://x\n      auth: {type: md5}\n",
         ":5: extra.download_prefix_info: eu: auth: type: must be one of none, md5-a, secure-link, secdownload, s3-v4, "
         "cloudfront"},
        {"    eu:\n    - url: https://x\n      auth:\n        type: md5-a\n",
         ":6: extra.download_prefix_info: eu: auth: secret: is missing"},
        {"    eu:\n    - url: https://x\n      auth: {type: s3-v4, secret: a}\n",
         ":5: extra.download_prefix_info: eu: auth: key_id: is missing"},
        {"    eu:\n    - url: https://x\n      auth: {type: none, secret: a}\n",
         ":5: extra.download_prefix_info: eu: auth: type: must say which signature the secret is for"},
        {"    eu:\n    - url: https://x\n      auth: {type: cloudfront, key_id: K}\n",
         ":5: extra.download_prefix_info: eu: auth: must have the private key either as secret or as key_file"},
        {"    eu:\n    - url: https://x\n      auth: {type: cloudfront, key_id: K, secret: a, key_file: b}\n",
         ":5: extra.download_prefix_info: eu: auth: must have the private key either as secret or as key_file"},
        {"    eu:\n    - url: https://x\n      auth: {type: s3-v4, key_id: K, secret: a, lifetime: 8d}\n",
         ":5: extra.download_prefix_info: eu: auth: lifetime: must be at most 7d for s3-v4"},
        {"    eu:\n    - url: https://x\n      auth: {type: secdownload, secret: a, lifetime: 1h}\n",
         ":5: extra.download_prefix_info: eu: auth: lifetime: is only for secure-link, s3-v4 and cloudfront; elsewhere "
         "the web server or CDN sets it"},
        {"    eu:\n    - url: https://x\n      auth: {type: secure-link, secret: a, form: '{path}{secret}'}\n",
         ":5: extra.download_prefix_info: eu: auth: form: must hold {expires}, {path} and {secret}"},
        {"    eu:\n    - url: https://x\n      auth: {type: md5-a, secret: \"a\\nb\"}\n",
         ":5: extra.download_prefix_info: eu: auth: secret: must hold no control character"},
        {"    eu:\n    - url: https://x\n      auth: &a {type: none}\n",
         ":5: extra.download_prefix_info: YAML anchors are not taken"},
        {"    eu: [[[[[[[[[a]]]]]]]]]\n", ":3: extra.download_prefix_info: is nested too deep"},
    };
    struct place *p = *state;

    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_autofree char *text = rbe_strfmt("extra:\n  download_prefix_info:\n%s", rows[i].text);

        assert_refused(p, text, rows[i].want);
    }
    assert_refused(p, "extra:\n  download_prefix_info: [a]\n",
                   ":2: extra.download_prefix_info: must be a map of lists");
    assert_refused(p, "mirror:\n  targets:\n  - {name: a, urls: [https://x]}\n",
                   ":3: mirror.targets: must have either a path or an rsync destination");
    assert_refused(p, "mirror:\n  targets:\n  - {name: a, path: /a, rsync: 'h:/a', urls: [https://x]}\n",
                   ":3: mirror.targets: must have either a path or an rsync destination");
    assert_refused(p, "mirror:\n  targets:\n  - {name: a, rsync: -x, urls: [https://x]}\n",
                   ":3: mirror.targets: rsync: must not begin with a dash");
    assert_refused(p, "mirror:\n  targets:\n  - {name: a, path: /a, urls: []}\n",
                   ":3: mirror.targets: urls: is missing");
    assert_refused(p, "mirror:\n  targets: {name: a, path: b, urls: [https://x]}\n",
                   ":2: mirror.targets: path: must be an absolute path");
    assert_refused(p, "mirror:\n  targets:\n  - {name: a, path: /a, urls: [https://x]}\n"
                      "  - {name: a, path: /b, urls: [https://x]}\n",
                   ": mirror.targets: a stands twice");
}

/* The environment takes the same YAML, and what is shown may be put into the file, but for its secrets. */
static void test_places_elsewhere(void **state)
{
    struct place *p = *state;
    rbe_auto(arena) struct rbe_arena arena = {0};
    const struct rbe_conf_key *table;
    size_t n, row = 0;

    (void)setenv("RBE_EXTRA_DOWNLOAD_PREFIX_INFO", "{eu: [{url: 'https://m.example.com', weight: 5}], us: []}", 1);
    assert_good(p, "extra:\n  download_prefix_info: {default: [{url: 'https://x'}]}\n");
    (void)unsetenv("RBE_EXTRA_DOWNLOAD_PREFIX_INFO");
    assert_int_equal(p->s.extra.download_prefix_info.n, 2);
    assert_string_equal(p->s.extra.download_prefix_info.v[0].name, "eu");
    table = rbe_settings_table(&n);
    while (strcmp(table[row].name, "extra.download_prefix_info") != 0)
        row++;
    assert_string_equal(rbe_conf_show(&table[row], &p->s, &arena),
                        "{eu: [{url: \"https://m.example.com\", weight: 5}], us: []}");
    assert_good(p, "extra:\n  download_prefix_info: {eu: [{url: 'https://x', auth: {type: md5-a, secret: abc}}]}\n");
    assert_string_equal(rbe_conf_show(&table[row], &p->s, &arena),
                        "{eu: [{url: \"https://x\", auth: {type: md5-a, secret: \"(set)\"}}]}");
    assert_good(p, "");
    assert_string_equal(rbe_conf_show(&table[row], &p->s, &arena), "{}");
    (void)setenv("RBE_EXTRA_DOWNLOAD_PREFIX_INFO", "{eu: [{url: 5}]}", 1);
    assert_int_equal(load(p, ""), RBE_REFUSED);
    (void)unsetenv("RBE_EXTRA_DOWNLOAD_PREFIX_INFO");
    assert_string_equal(p->e.text, "RBE_EXTRA_DOWNLOAD_PREFIX_INFO: extra.download_prefix_info: eu: url: must begin with "
                                   "http:// or https://");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table), TEST(test_defaults), TEST(test_example),    TEST(test_data_dir),
        TEST(test_public_url),        TEST(test_bounds),   TEST(test_which_file), TEST(test_default_file),
        TEST(test_places),            TEST(test_places_refused), TEST(test_places_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
