/* lib/core/shelf over a real memcached: what two processes share, what they do not, and who computes what is missing. */
#include "tests/unit/site.h"
#include "tests/unit/memcached.h"

#include "lib/base/clock.h"
#include "lib/base/metrics.h"
#include "lib/core/shelf.h"

enum { MS = 1000000 };

static const char *const answer = "an answer";

/* Two shelves of one installation, as two of its processes have them. */
struct pair {
    struct memcached server;
    const char *servers[1];
    struct site *site;
    struct rbe_shelf *one, *two;
    struct rbe_fresh mark;
};

static int set_up(void **state)
{
    struct pair *p = rbe_alloc(sizeof(*p));

    memcached_start(&p->server);
    p->servers[0] = p->server.socket;
    (void)site_setup((void **)&p->site);
    p->site->settings.memcached.servers = (struct rbe_conf_list){.v = p->servers, .n = 1};
    must(p->site, rbe_shelf_new(p->site->app, &p->one, &p->site->err));
    must(p->site, rbe_shelf_new(p->site->app, &p->two, &p->site->err));
    p->mark = rbe_fresh_mark(p->site->app->share, "my-app");
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;

    rbe_shelf_free(p->one);
    rbe_shelf_free(p->two);
    p->site->settings.memcached.servers = (struct rbe_conf_list){0};
    (void)site_teardown((void **)&p->site);
    memcached_free(&p->server);
    free(p);
    return 0;
}

static bool finds(struct pair *p, struct rbe_shelf *s, const char *question, const char *want)
{
    const void *found;
    size_t len;

    if (!rbe_shelf_find(s, &p->mark, question, strlen(question), &found, &len))
        return false;
    assert_int_equal(len, strlen(want));
    assert_memory_equal(found, want, len);
    return true;
}

static int64_t counted(struct pair *p, const char *result)
{
    rbe_autofree char *labels = rbe_strfmt("level=\"memcached\",result=\"%s\"", result);

    return (int64_t)atomic_load(&rbe_metric_find(p->site->app->share, RBE_METRIC_CACHE, labels)->value[0]);
}

static void test_without_servers_there_is_none(void **state)
{
    struct pair *p = *state;
    struct rbe_shelf *none = p->one;

    p->site->settings.memcached.servers = (struct rbe_conf_list){0};
    must(p->site, rbe_shelf_new(p->site->app, &none, &p->site->err));
    assert_null(none);
}

static void test_what_one_puts_the_other_finds(void **state)
{
    struct pair *p = *state;

    assert_false(finds(p, p->one, "question", answer));
    rbe_shelf_put(p->one, answer, strlen(answer));
    assert_true(finds(p, p->two, "question", answer));
    assert_true(finds(p, p->one, "question", answer));
    assert_false(finds(p, p->one, "another", answer));
    rbe_shelf_put(p->one, "", 0);
    assert_true(finds(p, p->two, "another", ""));
    assert_int_equal(counted(p, "hit"), 3);
    assert_int_equal(counted(p, "miss"), 2);
    assert_int_equal(counted(p, "error"), 0);
}

/* A publish of the resource, or a flush, and nobody asks for what was put before. */
static void test_a_change_makes_it_unknown(void **state)
{
    struct pair *p = *state;
    struct rbe_share *share = p->site->app->share;

    for (int i = 0; i < 2; i++) {
        assert_false(finds(p, p->one, "question", answer));
        rbe_shelf_put(p->one, answer, strlen(answer));
        assert_true(finds(p, p->two, "question", answer));
        if (i == 0)
            rbe_fresh_bump(share, p->mark.word);
        else
            rbe_fresh_bump_all(share);
        p->mark = rbe_fresh_mark(share, "my-app");
        assert_false(finds(p, p->two, "question", answer));
        rbe_shelf_put(p->two, "later", 5);
        assert_true(finds(p, p->one, "question", "later"));
        rbe_fresh_bump_all(share);
        p->mark = rbe_fresh_mark(share, "my-app");
    }
}

/* The first that misses computes; another one waits for it, though not for long. */
static void test_a_stampede_waits(void **state)
{
    struct pair *p = *state;
    bool waited = false;

    assert_false(finds(p, p->one, "question", answer));
    const uint64_t began = rbe_clock_mono();
    assert_false(finds(p, p->two, "question", answer));
    assert_true(rbe_clock_mono() - began >= 9 * MS);
    /* On a busy machine the first may come too late. */
    for (int i = 0; i < 50 && !waited; i++) {
        rbe_autofree char *question = rbe_strfmt("question %d", i);

        assert_false(finds(p, p->one, question, answer));
        const pid_t pid = fork();
        if (pid == 0) {
            pause_ms(2);
            rbe_shelf_put(p->one, answer, strlen(answer));
            _exit(0);
        }
        waited = finds(p, p->two, question, answer);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
    }
    assert_true(waited);
}

/* Names of answers in the server. */
static size_t names(struct pair *p, char ret[static 4][80])
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    rbe_autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    static const char ask[] = "lru_crawler metadump all\r\n";
    char text[4096] = "";
    size_t len = 0, n = 0;

    (void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", p->server.socket);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(write(fd, ask, sizeof(ask) - 1), sizeof(ask) - 1);
    while (len < sizeof(text) - 1 && !strstr(text, "END\r\n")) {
        const ssize_t got = read(fd, text + len, sizeof(text) - 1 - len);

        assert_true(got > 0);
        len += (size_t)got;
        text[len] = '\0';
    }
    for (const char *name = strstr(text, "key=rbe"); name && n < 4; name = strstr(name + 1, "key=rbe"))
        (void)snprintf(ret[n++], 80, "rbe:%.64s", name + strlen("key=rbe%3A"));
    return n;
}

/* Others may reach the server as well: what they put is not believed, be it one of our values under another name. */
static void test_what_has_no_right_mac(void **state)
{
    struct pair *p = *state;
    rbe_autoptr(mc) struct rbe_mc *mc = NULL;
    char name[4][80];
    char *value[2];
    size_t len[2];

    for (int i = 0; i < 2; i++) {
        assert_false(finds(p, p->one, i ? "b" : "a", ""));
        rbe_shelf_put(p->one, i ? "the second" : "the first", i ? 10 : 9);
    }
    assert_int_equal(names(p, name), 2);
    must(p->site, rbe_mc_new(p->servers, 1, 1000, &mc, &p->site->err));
    for (int i = 0; i < 2; i++)
        assert_int_equal(rbe_mc_get(mc, name[i], &value[i], &len[i]), RBE_MC_HIT);
    for (int i = 0; i < 2; i++)
        assert_true(rbe_mc_set(mc, name[i], value[1 - i], len[1 - i], 100));
    assert_false(finds(p, p->two, "a", "the first"));
    assert_false(finds(p, p->two, "b", "the second"));
    for (int i = 0; i < 2; i++) {
        assert_true(rbe_mc_set(mc, name[i], value[i], i ? len[i] - 1 : 31, 100));
        free(value[i]);
    }
    assert_false(finds(p, p->two, "a", "the first"));
    assert_false(finds(p, p->two, "b", "the second"));
    assert_int_equal(counted(p, "error"), 4);
}

/* A server that goes is a value that is not there. */
static void test_a_server_that_is_away(void **state)
{
    struct pair *p = *state;

    assert_false(finds(p, p->one, "question", answer));
    rbe_shelf_put(p->one, answer, strlen(answer));
    memcached_stop(&p->server);
    assert_false(finds(p, p->one, "question", answer));
    rbe_shelf_put(p->one, answer, strlen(answer));
    assert_true(counted(p, "error") > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without_servers_there_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_one_puts_the_other_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_change_makes_it_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stampede_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_has_no_right_mac, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_server_that_is_away, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
