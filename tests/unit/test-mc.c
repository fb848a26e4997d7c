/* lib/wrap/mc with a real memcached: values that are kept, read and changed; servers that are stopped, slow, back again. */
#include "tests/unit/memcached.h"

#include "lib/base/clock.h"

enum { TIMEOUT_MS = 200 };

struct client {
    struct memcached server;
    struct rbe_mc *mc;
    char *found;
    size_t len;
    uint64_t mark;
};

static struct rbe_mc *connect_to(const struct memcached *server)
{
    const char *const servers[] = {server->socket};
    struct rbe_mc *mc = NULL;
    struct rbe_err e = {0};

    if (rbe_mc_new(servers, 1, TIMEOUT_MS, &mc, &e) != RBE_OK)
        fail_msg("%s", e.text);
    return mc;
}

static int set_up(void **state)
{
    struct client *c = rbe_alloc(sizeof(*c));

    memcached_start(&c->server);
    c->mc = connect_to(&c->server);
    *state = c;
    return 0;
}

static int tear_down(void **state)
{
    struct client *c = *state;

    rbe_mc_free(c->mc);
    memcached_free(&c->server);
    free(c->found);
    free(c);
    return 0;
}

static enum rbe_mc_got get(struct client *c, const char *key)
{
    free(rbe_steal(c->found));
    enum rbe_mc_got got = rbe_mc_get(c->mc, key, &c->found, &c->len);
    assert_true((got == RBE_MC_HIT) == (c->found != NULL));
    return got;
}

/* What a key has; "" where there is nothing. */
static const char *text_of(struct client *c, const char *key)
{
    static char text[100];
    size_t len;

    memset(text, 0, sizeof(text));
    enum rbe_mc_got got = rbe_mc_read(c->mc, key, text, sizeof(text) - 1, &len, &c->mark);
    assert_int_not_equal(got, RBE_MC_AWAY);
    assert_int_equal(len, strlen(text));
    assert_true((got == RBE_MC_HIT) == (c->mark != 0));
    return text;
}

static void test_values(void **state)
{
    struct client *c = *state;

    assert_int_equal(get(c, "a"), RBE_MC_MISS);
    assert_true(rbe_mc_set(c->mc, "a", "one\0two", 7, 100));
    assert_int_equal(get(c, "a"), RBE_MC_HIT);
    assert_int_equal(c->len, 7);
    assert_memory_equal(c->found, "one\0two", 7);
    assert_int_equal(get(c, "b"), RBE_MC_MISS);
    /* of all who add one does */
    assert_int_equal(rbe_mc_add(c->mc, "lock", 100), RBE_MC_HIT);
    assert_int_equal(rbe_mc_add(c->mc, "lock", 100), RBE_MC_MISS);
    assert_int_equal(rbe_mc_add(c->mc, "a", 100), RBE_MC_MISS);
    /* more than a server takes is not kept, and the next is */
    rbe_autofree char *large = rbe_alloc(2 << 20);
    assert_false(rbe_mc_set(c->mc, "large", large, 2 << 20, 100));
    assert_true(rbe_mc_set(c->mc, "a", "three", 5, 1));
    assert_int_equal(get(c, "a"), RBE_MC_HIT);
    pause_ms(2100);
    assert_int_equal(get(c, "a"), RBE_MC_MISS);
}

static void test_changes(void **state)
{
    struct client *c = *state;
    char two[2];
    size_t len;

    assert_string_equal(text_of(c, "a"), "");
    assert_int_equal(rbe_mc_swap(c->mc, "a", c->mark, "one", 3, 100), RBE_MC_HIT);
    assert_int_equal(rbe_mc_swap(c->mc, "a", c->mark, "two", 3, 100), RBE_MC_MISS);
    assert_string_equal(text_of(c, "a"), "one");
    uint64_t old = c->mark;
    assert_int_equal(rbe_mc_swap(c->mc, "a", old, "three", 5, 100), RBE_MC_HIT);
    assert_int_equal(rbe_mc_swap(c->mc, "a", old, "four", 4, 100), RBE_MC_MISS);
    assert_string_equal(text_of(c, "a"), "three");
    /* no more than there is room for, and the length of all of it */
    assert_int_equal(rbe_mc_read(c->mc, "a", two, sizeof(two), &len, &old), RBE_MC_HIT);
    assert_int_equal(len, 5);
    assert_memory_equal(two, "th", 2);
    assert_int_equal(rbe_mc_swap(c->mc, "gone", old, "x", 1, 100), RBE_MC_MISS);
    assert_int_equal(rbe_mc_add(c->mc, "empty", 100), RBE_MC_HIT);
    assert_string_equal(text_of(c, "empty") , "");
    /* what was asked last does not answer what is asked next */
    assert_string_equal(text_of(c, "a"), "three");
    assert_int_equal(get(c, "a"), RBE_MC_HIT);
    assert_int_equal(c->len, 5);
}

/* Two that count in one value lose nothing. */
static void test_together(void **state)
{
    enum { PROCESSES = 4, TIMES = 200 };
    struct client *c = *state;
    uint64_t n = 0;
    pid_t pids[PROCESSES];

    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct rbe_mc *mc = connect_to(&c->server);
            for (int k = 0; k < TIMES;) {
                uint64_t mark;
                size_t len;
                enum rbe_mc_got got = rbe_mc_read(mc, "n", &n, sizeof(n), &len, &mark);
                n = got == RBE_MC_HIT ? n + 1 : 1;
                k += rbe_mc_swap(mc, "n", mark, &n, sizeof(n), 100) == RBE_MC_HIT;
            }
            rbe_mc_free(mc);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    size_t len;
    assert_int_equal(rbe_mc_read(c->mc, "n", &n, sizeof(n), &len, &c->mark), RBE_MC_HIT);
    assert_int_equal(n, PROCESSES * TIMES);
}

/* So many questions of each kind; milliseconds for all of them. */
static uint64_t ask_all(struct client *c, int times, enum rbe_mc_got want)
{
    uint64_t begin = rbe_clock_mono(), mark;
    char byte;
    size_t len;

    for (int i = 0; i < times; i++) {
        assert_int_equal(rbe_mc_read(c->mc, "a", &byte, 1, &len, &mark), want);
        assert_int_equal(get(c, "a"), want);
        assert_int_equal(rbe_mc_set(c->mc, "b", "x", 1, 100), want == RBE_MC_HIT);
        assert_int_equal(rbe_mc_swap(c->mc, "c", 0, "x", 1, 100) == RBE_MC_AWAY, want == RBE_MC_AWAY);
    }
    return (rbe_clock_mono() - begin) / 1000000;
}

/* Until a server that was left alone is asked again. */
static void await_back(struct client *c)
{
    size_t len;
    uint64_t mark;
    char byte;

    for (int i = 0; i < 400 && rbe_mc_read(c->mc, "a", &byte, 1, &len, &mark) == RBE_MC_AWAY; i++)
        pause_ms(25);
}

/* One answer in four hundred that is waited for, or a few, are far from as many times the timeout. */
static void test_away(void **state)
{
    enum { TIMES = 100, FEW = 10 };
    struct client *c = *state;

    assert_true(rbe_mc_set(c->mc, "a", "x", 1, 100));
    (void)ask_all(c, 3, RBE_MC_HIT);
    /* one that takes connections and says nothing is waited for once */
    assert_int_equal(kill(c->server.pid, SIGSTOP), 0);
    assert_int_equal(waitpid(c->server.pid, NULL, WUNTRACED), c->server.pid);
    assert_in_range(ask_all(c, TIMES, RBE_MC_AWAY), TIMEOUT_MS, FEW * TIMEOUT_MS);
    assert_int_equal(kill(c->server.pid, SIGCONT), 0);
    await_back(c);
    (void)ask_all(c, 3, RBE_MC_HIT);
    /* one that is gone */
    memcached_stop(&c->server);
    assert_in_range(ask_all(c, TIMES, RBE_MC_AWAY), 0, FEW * TIMEOUT_MS);
    memcached_start(&c->server);
    await_back(c);
    assert_string_equal(text_of(c, "a"), "");
    assert_true(rbe_mc_set(c->mc, "a", "x", 1, 100));
    (void)ask_all(c, 3, RBE_MC_HIT);
}

/* How many of n keys have their value, and how many have a server that does not answer. */
static int count_hits(struct rbe_mc *mc, int n, int *ret_away)
{
    int hits = 0;

    *ret_away = 0;

    for (int i = 0; i < n; i++) {
        rbe_autofree char *key = rbe_strfmt("key-%d", i), *found = NULL;
        size_t len;
        enum rbe_mc_got got = rbe_mc_get(mc, key, &found, &len);

        if (got == RBE_MC_HIT) {
            assert_int_equal(len, strlen(key));
            assert_memory_equal(found, key, len);
            hits++;
        }
        *ret_away += got == RBE_MC_AWAY;
    }
    return hits;
}

/* Keys are spread over the servers; one that dies takes its own with it and no others, wherever it stands in the list. */
static void test_several(void **state)
{
    enum { SERVERS = 3, KEYS = 300 };
    struct memcached server[SERVERS] = {0};
    const char *names[SERVERS];
    struct rbe_mc *mc = NULL, *fewer = NULL;
    struct rbe_err e = {0};
    int hits, away;

    (void)state;
    for (int i = 0; i < SERVERS; i++) {
        memcached_start(&server[i]);
        names[i] = server[i].socket;
    }
    assert_int_equal(rbe_mc_new(names, SERVERS, TIMEOUT_MS, &mc, &e), RBE_OK);
    for (int i = 0; i < KEYS; i++) {
        rbe_autofree char *key = rbe_strfmt("key-%d", i);

        assert_true(rbe_mc_set(mc, key, key, strlen(key), 100));
    }
    assert_int_equal(count_hits(mc, KEYS, &away), KEYS);

    memcached_stop(&server[1]);
    hits = count_hits(mc, KEYS, &away);
    assert_in_range(hits, KEYS / 3, KEYS * 9 / 10);
    assert_int_equal(hits + away, KEYS);
    /* One whose list has the dead one no more finds what the others have where it was. */
    const char *const living[] = {names[0], names[2]};
    assert_int_equal(rbe_mc_new(living, RBE_COUNT(living), TIMEOUT_MS, &fewer, &e), RBE_OK);
    assert_int_equal(count_hits(fewer, KEYS, &away), hits);
    assert_int_equal(away, 0);
    /* Back with nothing in it. */
    memcached_start(&server[1]);
    away = 1;
    for (int i = 0; i < 400 && away > 0; i++) {
        pause_ms(25);
        assert_int_equal(count_hits(mc, KEYS, &away), hits);
    }
    assert_int_equal(away, 0);
    rbe_mc_free(mc);
    rbe_mc_free(fewer);
    for (int i = 0; i < SERVERS; i++)
        memcached_free(&server[i]);
}

static void test_refused(void **state)
{
    struct rbe_mc *mc = NULL;
    struct rbe_err e = {0};

    (void)state;
    memcached_needed();
    assert_int_equal(rbe_mc_new((const char *const[]){"a host with spaces"}, 1, 50, &mc, &e), RBE_REFUSED);
    assert_null(mc);
    rbe_mc_free(NULL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {T(test_values), T(test_changes), T(test_together), T(test_away),
                                       cmocka_unit_test(test_several), cmocka_unit_test(test_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
