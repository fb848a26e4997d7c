/* lib/core/probe: places that answer rightly, wrongly, not at all; who asks, and when. */
#include "tests/unit/releases.h"
#include "tests/unit/peer.h"

#include "lib/core/probe.h"
#include "lib/store/mirror.h"

enum { NOW = 1700000000, FAILURES = 3, PLACES = 5 };

struct scene {
    struct site *site;
    struct peer peer;
    struct rbe_place places[PLACES];
    struct rbe_conf_group group;
    struct rbe_package package;
    char good_path[400];
};

/* /good has the package, /short has less of it, /found leads to /good, /signed wants a signature; all else is 404. */
static void answer(const char *request, struct rbe_str *to, void *arg)
{
    const struct scene *c = arg;
    long long size = (long long)c->package.size;
    char method[8] = "", path[400] = "";

    (void)sscanf(request, "%7s %399s", method, path);
    if (strcmp(method, "HEAD") != 0)
        rbe_str_puts(to, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n");
    else if (strcmp(path, c->good_path) == 0)
        rbe_str_putf(to, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n", size);
    else if (strncmp(path, "/short/", 7) == 0)
        rbe_str_putf(to, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n", size - 1);
    else if (strncmp(path, "/found/", 7) == 0)
        rbe_str_putf(to, "HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", c->good_path);
    else if (strncmp(path, "/signed/", 8) == 0 && strstr(path, "?auth_key=1700000"))
        rbe_str_puts(to, "HTTP/1.1 200 OK\r\n\r\n");
    else
        rbe_str_puts(to, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

static struct scene *make(void **state)
{
    static const char *const paths[PLACES] = {"good", "short", "found", "signed", "missing"};
    const struct site_file files[] = {{"a", "a"}, {0}};
    struct site *s = *state;
    struct scene *c = rbe_arena_alloc(&s->arena, sizeof(*c));

    c->site = s;
    c->package = site_publish(s, site_resource(s, "app", "[]"), "app", "1.0.0", files);
    (void)snprintf(c->good_path, sizeof(c->good_path), "/good/%s", c->package.path);
    peer_start(&c->peer, answer, c);
    for (int i = 0; i < PLACES; i++) {
        c->places[i] = (struct rbe_place){
            .url = rbe_arena_strfmt(&s->arena, "%s/%s", c->peer.url, paths[i]),
            .weight = 1,
            .auth = {.secret = "0123456789abcdef", .key_id = "", .key_file = "", .region = "", .form = "",
                     .parameter = "auth_key", .type = i == 3 ? RBE_SIGNATURE_MD5_A : RBE_SIGNATURE_NONE},
        };
    }
    c->group = (struct rbe_conf_group){"default", {c->places, PLACES}};
    s->settings.extra.download_prefix_info = (struct rbe_conf_groups){&c->group, 1};
    s->settings.mirror.probe_interval = 60;
    s->settings.mirror.probe_failures = FAILURES;
    return c;
}

static enum rbe_code probe(struct scene *c, int64_t now)
{
    c->site->err = (struct rbe_err){0};
    return rbe_probe_places(c->site->app, now, &c->site->err);
}

static struct rbe_probe_row *rows(struct scene *c)
{
    struct rbe_probe_row *all;
    size_t n;

    must(c->site, rbe_probe_list(c->site->app, &c->site->arena, &all, &n, &c->site->err));
    assert_int_equal(n, PLACES);
    return all;
}

static void test_states(void **state)
{
    static const char *const reasons[PLACES] = {"", "bytes of a package of", "", "", "it answers 404"};
    struct scene *c = make(state);
    struct rbe_probe_row *all = rows(c);

    for (int i = 0; i < PLACES; i++)
        assert_int_equal(all[i].state, RBE_PROBE_UNKNOWN);
    for (int round = 1; round <= FAILURES; round++) {
        /* the round that takes places down says so, the others are silent */
        assert_int_equal(probe(c, NOW + 60 * round), round == FAILURES ? RBE_UNAVAILABLE : RBE_OK);
        all = rows(c);
        for (int i = 0; i < PLACES; i++) {
            bool bad = *reasons[i];

            assert_int_equal(all[i].state, bad && round == FAILURES ? RBE_PROBE_DOWN : RBE_PROBE_UP);
            assert_int_equal(all[i].failures, bad ? round : 0);
            assert_int_equal(all[i].checked_at, NOW + 60 * round);
            assert_int_equal(all[i].changed_at, NOW + 60 * (bad && round == FAILURES ? round : 1));
            assert_non_null(strstr(all[i].reason, reasons[i]));
        }
    }
    assert_non_null(strstr(c->site->err.text, "/missing is down: it answers 404"));
    must(c->site, probe(c, NOW + 60 * (FAILURES + 1)));
    assert_int_equal(rows(c)[4].failures, FAILURES + 1);
    /* one right answer is enough */
    c->places[4].url = c->places[0].url;
    const struct rbe_mirror down = {.url = c->places[0].url, .failures = 7, .checked_at = NOW, .changed_at = NOW,
                                    .reason = "was away"};
    must(c->site, rbe_store_begin(c->site->app->store, RBE_BASE_USAGE, &c->site->err));
    must(c->site, rbe_mirror_put(c->site->app->store, &down, &c->site->err));
    must(c->site, rbe_store_commit(c->site->app->store, RBE_BASE_USAGE, &c->site->err));
    must(c->site, probe(c, NOW + 6000));
    struct rbe_mirror m;
    bool found;
    must(c->site, rbe_mirror_find(c->site->app->store, down.url, &c->site->arena, &m, &found, &c->site->err));
    assert_true(m.up);
    assert_int_equal(m.failures, 0);
    assert_int_equal(m.changed_at, NOW + 6000);
    assert_string_equal(m.reason, "");
    peer_stop(&c->peer);
}

static void test_when(void **state)
{
    struct scene *c = make(state);
    struct site *s = c->site;

    s->settings.mirror.probe_failures = 100;
    must(s, probe(c, NOW));
    must(s, probe(c, NOW + 59));
    assert_int_equal(rows(c)[0].checked_at, NOW);
    must(s, probe(c, NOW + 60));
    assert_int_equal(rows(c)[0].checked_at, NOW + 60);
    /* a clock that was put back */
    must(s, probe(c, NOW - 5000));
    assert_int_equal(rows(c)[0].checked_at, NOW - 5000);
    s->settings.mirror.probe_interval = 0;
    must(s, probe(c, NOW + 5000));
    assert_int_equal(rows(c)[0].state, RBE_PROBE_UNKNOWN);
    peer_stop(&c->peer);
}

/* A place that a target fills is asked for what must be there: nothing, while there is no copy. */
static void test_targets(void **state)
{
    struct scene *c = make(state);
    struct site *s = c->site;
    struct rbe_mirror_target target = {.name = "one", .path = "/nowhere", .rsync = "", .ssh = "",
                                       .urls = {&c->places[4].url, 1}};

    s->settings.mirror.targets = (struct rbe_conf_records){&target, 1};
    must(s, probe(c, NOW));
    struct rbe_probe_row *all = rows(c);
    assert_int_equal(all[0].state, RBE_PROBE_UP);
    assert_int_equal(all[4].state, RBE_PROBE_UNKNOWN);
    assert_string_equal(all[4].target, "one");
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_mirror_copy_put(s->app->store, c->package.id, "one", NOW, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, probe(c, NOW));
    all = rows(c);
    assert_int_equal(all[4].failures, 1);
    assert_int_equal(all[4].copies, 1);
    rbe_auto(str) struct rbe_str metrics = {0};
    rbe_probe_metrics(s->app, &metrics);
    rbe_autofree char *up = rbe_strfmt("\nrbe_place_up{url=\"%s\"} 1\n", all[0].url);
    rbe_autofree char *copies = rbe_strfmt("\nrbe_place_copies{url=\"%s\"} 1\n", all[4].url);
    assert_non_null(strstr(rbe_str_text(&metrics), up));
    assert_non_null(strstr(rbe_str_text(&metrics), copies));
    peer_stop(&c->peer);
}

static void test_nobody_there(void **state)
{
    struct scene *c = make(state);

    peer_stop(&c->peer);
    must(c->site, probe(c, NOW));
    for (int i = 0; i < PLACES; i++)
        assert_int_equal(rows(c)[i].failures, 1);
    assert_null(strstr(rows(c)[3].reason, "auth_key"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_states), TEST(test_when), TEST(test_targets), TEST(test_nobody_there)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
