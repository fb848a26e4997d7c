/* lib/core/commons and lib/core/limit over a real memcached: buckets of two machines, their clocks, a server that goes. */
#include "tests/unit/site.h"
#include "tests/unit/memcached.h"

#include "lib/base/clock.h"
#include "lib/core/commons.h"
#include "lib/core/limit.h"

#define SECOND UINT64_C(1000000000)
#define NOW (1700000000 * SECOND)
/* Far longer than a server that runs takes on a busy machine. */
enum { BURST = 300, PROCESSES = 4, TIMEOUT_MS = 1000 };

static const struct rbe_bucket_rate slow = {.every = SECOND, .burst = 3};

/* Two installations with one secret, as on two machines. */
struct pair {
    struct memcached server;
    const char *servers[1];
    struct site *site[2];
    struct rbe_commons *one, *two;
    uint64_t wait;
};

static int set_up(void **state)
{
    struct pair *p = rbe_alloc(sizeof(*p));

    memcached_start(&p->server);
    p->servers[0] = p->server.socket;
    for (int i = 0; i < 2; i++) {
        (void)site_setup((void **)&p->site[i]);
        p->site[i]->settings.memcached.servers = (struct rbe_conf_list){.v = p->servers, .n = 1};
        p->site[i]->settings.memcached.timeout_ms = TIMEOUT_MS;
        must(p->site[i], rbe_limit_open(p->site[i]->app, &p->site[i]->err));
    }
    p->one = p->site[0]->app->commons;
    p->two = p->site[1]->app->commons;
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct pair *p = *state;

    for (int i = 0; i < 2; i++) {
        p->site[i]->settings.memcached.servers = (struct rbe_conf_list){0};
        (void)site_teardown((void **)&p->site[i]);
    }
    memcached_free(&p->server);
    free(p);
    return 0;
}

static enum rbe_commons_got take(struct pair *p, struct rbe_commons *c, uint64_t who, uint64_t now)
{
    uint64_t wait;
    enum rbe_commons_got looked = rbe_commons_look(c, who, slow, now, &wait);
    enum rbe_commons_got got = rbe_commons_take(c, who, slow, now, &p->wait);

    assert_int_equal(looked, got);
    assert_int_equal(wait, p->wait);
    return got;
}

static void test_tokens(void **state)
{
    struct pair *p = *state;

    assert_int_equal(take(p, p->one, 7, NOW), RBE_COMMONS_TOKEN);
    assert_int_equal(take(p, p->two, 7, NOW), RBE_COMMONS_TOKEN);
    assert_int_equal(take(p, p->one, 7, NOW), RBE_COMMONS_TOKEN);
    assert_int_equal(take(p, p->two, 7, NOW), RBE_COMMONS_EMPTY);
    assert_int_equal(p->wait, SECOND);
    assert_int_equal(take(p, p->one, 7, NOW + SECOND - 1), RBE_COMMONS_EMPTY);
    assert_int_equal(p->wait, 1);
    assert_int_equal(take(p, p->two, 7, NOW + SECOND), RBE_COMMONS_TOKEN);
    assert_int_equal(take(p, p->one, 7, NOW + SECOND), RBE_COMMONS_EMPTY);
    assert_int_equal(take(p, p->one, 8, NOW + SECOND), RBE_COMMONS_TOKEN);
    /* a long pause fills it, and no more than fills it */
    for (int i = 0; i < 3; i++)
        assert_int_equal(take(p, p->two, 7, NOW + 100 * SECOND), RBE_COMMONS_TOKEN);
    assert_int_equal(take(p, p->two, 7, NOW + 100 * SECOND), RBE_COMMONS_EMPTY);
    /* of a rate that needs longer than the one now asked for */
    const struct rbe_bucket_rate fast = {.every = SECOND / 1000, .burst = 3};
    assert_int_equal(rbe_commons_take(p->two, 7, fast, NOW + 100 * SECOND, &p->wait), RBE_COMMONS_TOKEN);
    /* nobody knows of anything */
    assert_int_equal(take(p, NULL, 7, NOW), RBE_COMMONS_AWAY);
    rbe_commons_mark(NULL, 7, 10);
    assert_false(rbe_commons_marked(NULL, 7));
}

/* Two's clock is ahead. Whoever asks, no more tokens come than by the one clock or the other. */
static void test_clocks(void **state)
{
    struct pair *p = *state;
    const uint64_t ahead = 5 * SECOND;
    int passed = 0;

    for (uint64_t now = NOW; now < NOW + 20 * SECOND; now += SECOND / 4) {
        passed += take(p, p->one, 7, now) == RBE_COMMONS_TOKEN;
        passed += take(p, p->two, 7, now + ahead) == RBE_COMMONS_TOKEN;
    }
    /* three at first, once more when the clock that is ahead shows itself, and one a second */
    assert_in_range(passed, 22, 26);
    /* the clock that is behind stands still, until the server forgets the bucket: by its own clock */
    assert_int_equal(take(p, p->one, 7, NOW + 20 * SECOND), RBE_COMMONS_EMPTY);
    /* as does one that was a day ahead and is right again */
    while (take(p, p->two, 8, NOW + 86400 * SECOND) == RBE_COMMONS_TOKEN)
        continue;
    assert_int_equal(take(p, p->two, 8, NOW), RBE_COMMONS_EMPTY);
    pause_ms(5100);
    assert_int_equal(take(p, p->one, 7, NOW + 20 * SECOND), RBE_COMMONS_TOKEN);
    assert_int_equal(take(p, p->two, 8, NOW), RBE_COMMONS_TOKEN);
}

/* What others put there is neither a refusal nor kept. */
static void test_rubbish(void **state)
{
    struct pair *p = *state;
    static const char rubbish[200] = {1, 2, 3};
    struct rbe_mc *mc = NULL;
    struct rbe_err e = {0};

    assert_int_equal(rbe_mc_new(p->servers, 1, 1000, &mc, &e), RBE_OK);
    for (size_t n = 0; n < sizeof(rubbish); n += 48) {
        assert_true(rbe_mc_set(mc, "rbe:limit:0000000000000007", rubbish, n, 100));
        assert_false(rbe_commons_marked(p->one, 7));
        for (int i = 0; i < 3; i++)
            assert_int_equal(take(p, p->one, 7, NOW), RBE_COMMONS_TOKEN);
        assert_int_equal(take(p, p->two, 7, NOW), RBE_COMMONS_EMPTY);
    }
    /* a right value of another bucket is wrong here */
    unsigned char value[64];
    size_t len;
    uint64_t mark;
    assert_int_equal(rbe_mc_read(mc, "rbe:limit:0000000000000007", value, sizeof(value), &len, &mark), RBE_MC_HIT);
    assert_true(rbe_mc_set(mc, "rbe:limit:0000000000000008", value, len, 100));
    assert_int_equal(take(p, p->one, 8, NOW), RBE_COMMONS_TOKEN);
    rbe_mc_free(mc);
}

static void test_marks(void **state)
{
    struct pair *p = *state;

    assert_false(rbe_commons_marked(p->one, 7));
    rbe_commons_mark(p->one, 7, 1);
    assert_true(rbe_commons_marked(p->two, 7));
    assert_false(rbe_commons_marked(p->two, 8));
    pause_ms(2100);
    assert_false(rbe_commons_marked(p->one, 7));
}

/* Many at once: no token is given twice. Who loses again and again is told that nobody knows. */
static void test_race(void **state)
{
    struct pair *p = *state;
    const struct rbe_bucket_rate rate = {.every = SECOND, .burst = BURST};
    pid_t pids[PROCESSES];
    int passed = 0;

    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct rbe_commons *mine = NULL;
            int n = 0;

            if (rbe_commons_new(p->site[0]->app, &mine, NULL) != RBE_OK)
                _exit(255);
            for (int k = 0; k < BURST && n < 250; k++)
                n += rbe_commons_take(mine, 7, rate, NOW, &p->wait) == RBE_COMMONS_TOKEN;
            rbe_commons_free(mine);
            _exit(n);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 255);
        passed += WEXITSTATUS(status);
    }
    assert_int_equal(passed, BURST);
}

static int taken(struct site *s, enum rbe_limit limit, const char *address)
{
    int n = 0;

    while (n < 100 && rbe_limit_take(s->app, limit, address, NULL) == RBE_OK)
        n++;
    return n;
}

/* All limits of two machines; and of each alone while the server is away. */
static void test_limits(void **state)
{
    struct pair *p = *state;
    struct site *a = p->site[0], *b = p->site[1];

    assert_int_equal(taken(a, RBE_LIMIT_FAILED, "2001:db8:0:1::1"), 10);
    assert_int_equal(taken(b, RBE_LIMIT_FAILED, "2001:db8:0:1:ffff:ffff:ffff:ffff"), 0);
    expect(b, RBE_LIMITED, rbe_limit_look(b->app, RBE_LIMIT_FAILED, "2001:db8:0:1::2", &b->err));
    assert_in_range(b->err.retry_after, 1, 6);
    assert_int_equal(taken(b, RBE_LIMIT_FAILED, "192.0.2.1"), 10);
    assert_int_equal(taken(a, RBE_LIMIT_FAILED, "::ffff:192.0.2.1"), 0);
    rbe_limit_trust(a->app, "192.0.2.1", "one", 3);
    assert_true(rbe_limit_trusts(b->app, "192.0.2.1", "one", 3));
    assert_false(rbe_limit_trusts(b->app, "192.0.2.1", "two", 3));
    assert_false(rbe_limit_trusts(b->app, "192.0.2.2", "one", 3));

    memcached_stop(&p->server);
    uint64_t begin = rbe_clock_mono();
    /* a goes on where it was: what passed there passed by its own bucket as well */
    assert_int_equal(taken(a, RBE_LIMIT_FAILED, "2001:db8:0:1::1"), 0);
    assert_int_equal(taken(b, RBE_LIMIT_FAILED, "2001:db8:0:1::1"), 10);
    assert_int_equal(taken(a, RBE_LIMIT_FAILED, "192.0.2.7"), 10);
    assert_int_equal(taken(b, RBE_LIMIT_FAILED, "192.0.2.7"), 10);
    assert_true(rbe_limit_trusts(a->app, "192.0.2.1", "one", 3));
    assert_false(rbe_limit_trusts(b->app, "192.0.2.1", "one", 3));
    /* thirty times the timeout if each were held up */
    assert_true(rbe_clock_mono() - begin < 15 * SECOND);

    memcached_start(&p->server);
    pause_ms(3100);
    assert_int_equal(taken(a, RBE_LIMIT_FAILED, "192.0.2.8"), 10);
    assert_int_equal(taken(b, RBE_LIMIT_FAILED, "192.0.2.8"), 0);
    /* one that takes connections and says nothing holds up one request */
    assert_int_equal(kill(p->server.pid, SIGSTOP), 0);
    begin = rbe_clock_mono();
    assert_int_equal(taken(a, RBE_LIMIT_FAILED, "192.0.2.9"), 10);
    assert_int_equal(taken(a, RBE_LIMIT_FAILED, "192.0.2.8"), 0);
    assert_true(rbe_clock_mono() - begin < 9 * SECOND);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {T(test_tokens), T(test_clocks), T(test_rubbish), T(test_marks), T(test_race),
                                       T(test_limits)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
