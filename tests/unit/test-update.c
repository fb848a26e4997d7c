/* include/rbe_update: the face that applications use, against a server of two answers. */
#include "tests/unit/peer.h"
#include "tests/unit/scratch.h"

#include "include/rbe_update.h"
#include "lib/base/codec.h"
#include "lib/wrap/hash.h"

struct home {
    char *dir;
    struct peer peer;
    struct rbe_str package;
    struct rbe_update *u;
    enum rbe_update_event_kind cancel_at;    /* RBE_UPDATE_EVENT_MAX: never */
    unsigned events[RBE_UPDATE_EVENT_MAX];
};

static void answer(const char *request, struct rbe_str *to, void *arg)
{
    const struct home *h = arg;
    unsigned char sum[RBE_SHA256_SIZE];
    rbe_auto(str) struct rbe_str body = {0};
    char hash[RBE_SHA256_TEXT], host[64] = "";

    if (strncmp(request, "GET /p", 6) == 0) {
        rbe_str_put(&body, h->package.s, h->package.len);
    } else {
        (void)sscanf(strstr(request, "Host: "), "Host: %63s", host);
        rbe_sha256_of(h->package.s, h->package.len, sum);
        rbe_hex_encode(sum, sizeof(sum), hash);
        rbe_str_putf(&body, "{\"code\":0,\"msg\":\"success\",\"data\":{\"version_name\":\"1.0\",\"version_number\":1,\"update_type\":\"%s\","
                     "\"release_note\":\"new\",\"download_url\":\"http://%s/p\",\"file_size\":%zu,\"file_hash\":\"sha256:%s\"}}",
                     strstr(request, "current=1.0") ? "none" : "full", host, h->package.len, hash);
    }
    rbe_str_putf(to, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body.len);
    rbe_str_put(to, body.s, body.len);
}

static void on_event(void *arg, const struct rbe_update_event *event)
{
    struct home *h = arg;

    h->events[event->kind]++;
    if (event->kind == h->cancel_at)
        rbe_update_cancel(h->u);
}

static struct rbe_update *opened(struct home *h, int wait)
{
    rbe_autofree char *client = scratch_path(h->dir, "client");
    struct rbe_update_options o = {.size = sizeof(o), .server = h->peer.url, .resource = "app", .dir = client, .wait = wait,
                                   .tries = 1, .event = on_event, .arg = h};
    struct rbe_update *u;

    assert_int_equal(rbe_update_open(&o, &u), RBE_UPDATE_OK);
    return u;
}

static int set_up(void **state)
{
    struct home *h = rbe_alloc(sizeof(*h));
    rbe_autofree char *zip = NULL;
    struct rbe_err e = {0};

    h->dir = scratch_new();
    h->cancel_at = RBE_UPDATE_EVENT_MAX;
    assert_int_equal(scratch_sh("cd \"$1\"; mkdir t; cd t; mkdir doc; echo app >app; echo a >doc/a; zip -q -X -r ../p.zip .", h->dir,
                                NULL, NULL), 0);
    zip = scratch_path(h->dir, "p.zip");
    assert_int_equal(rbe_file_get(zip, 1 << 20, &h->package, &e), RBE_OK);
    peer_start(&h->peer, answer, h);
    h->u = opened(h, 0);
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    struct home *h = *state;

    rbe_update_close(h->u);
    peer_stop(&h->peer);
    rbe_str_release(&h->package);
    scratch_free(h->dir);
    free(h);
    return 0;
}

static void client_is(const struct home *h, const char *script)
{
    assert_int_equal(scratch_sh(script, h->dir, NULL, NULL), 0);
}

static void test_options(void **state)
{
    static const struct rbe_update_options bad[] = {
        {.size = sizeof(bad[0])},
        {.size = sizeof(bad[0]), .dir = ""},
        {.size = sizeof(bad[0]), .dir = "/dev/null"},
        {.size = sizeof(bad[0]), .dir = "/nowhere", .server = "ftp://x"},
        {.size = offsetof(struct rbe_update_options, dir), .dir = "behind what the caller knows"},
    };
    struct home *h = *state;

    for (size_t i = 0; i < RBE_COUNT(bad); i++) {
        struct rbe_update *u;

        assert_int_equal(rbe_update_open(&bad[i], &u), RBE_UPDATE_FAILED);
        assert_string_not_equal(rbe_update_error(u), "");
        rbe_update_close(u);
    }
    rbe_update_close(NULL);
    assert_string_equal(rbe_update_installed(h->u), "");
    assert_int_equal(rbe_update_apply(h->u), RBE_UPDATE_OK);
    assert_int_equal(rbe_update_verify(h->u), RBE_UPDATE_FAILED);
}

static void test_whole(void **state)
{
    struct rbe_update_release r;
    struct home *h = *state;

    assert_int_equal(rbe_update_check(h->u, &r), RBE_UPDATE_AVAILABLE);
    assert_string_equal(r.version, "1.0");
    assert_string_equal(r.installed, "");
    assert_string_equal(r.release_note, "new");
    assert_int_equal(r.size, h->package.len);
    client_is(h, "[ ! -e \"$1/client\" ]");
    assert_int_equal(rbe_update_download(h->u), RBE_UPDATE_OK);
    assert_true(rbe_update_ready(h->u));
    client_is(h, "cd \"$1/client\"; [ \"$(echo *)\" = '*' ]");
    /* What came to stand there meanwhile is not lost: it comes back with the version before. */
    client_is(h, "echo mine >\"$1/client/app\"");
    assert_int_equal(rbe_update_apply(h->u), RBE_UPDATE_OK);
    assert_false(rbe_update_ready(h->u));
    assert_string_equal(rbe_update_installed(h->u), "1.0");
    client_is(h, "cd \"$1/client\"; [ $(cat app) = app ] && [ $(cat doc/a) = a ]");
    assert_int_equal(rbe_update_check(h->u, NULL), RBE_UPDATE_OK);
    assert_int_equal(rbe_update_verify(h->u), RBE_UPDATE_OK);
    client_is(h, "echo x >\"$1/client/doc/a\"");
    assert_int_equal(rbe_update_verify(h->u), RBE_UPDATE_DAMAGED);
    assert_int_equal(h->events[RBE_UPDATE_EVENT_DAMAGED], 1);
    assert_int_equal(rbe_update_download(h->u), RBE_UPDATE_OK);
    assert_int_equal(rbe_update_apply(h->u), RBE_UPDATE_OK);
    assert_int_equal(rbe_update_verify(h->u), RBE_UPDATE_OK);
    assert_int_equal(rbe_update_rollback(h->u), RBE_UPDATE_OK);
    client_is(h, "cd \"$1/client\"; [ $(cat app) = mine ] && [ ! -e doc ]");
    assert_int_equal(rbe_update_rollback(h->u), RBE_UPDATE_FAILED);
}

/* A directory of the user's where a file should come, since all was made ready: nothing is changed. */
static void test_blocked(void **state)
{
    struct home *h = *state;

    assert_int_equal(rbe_update_download(h->u), RBE_UPDATE_OK);
    client_is(h, "mkdir -p \"$1/client/app/mine\"");
    assert_int_equal(rbe_update_apply(h->u), RBE_UPDATE_FAILED);
    assert_string_equal(rbe_update_error(h->u), "app is a directory by now");
    client_is(h, "cd \"$1/client\"; [ \"$(find . -path ./.rbe -prune -o -print | sort | tr '\\n' ' ')\" = '. ./app ./app/mine ' ]");
}

/* What was made ready is given up by anything else that works on the directory. */
static void test_given_up(void **state)
{
    struct home *h = *state;

    assert_int_equal(rbe_update_download(h->u), RBE_UPDATE_OK);
    assert_int_equal(rbe_update_verify(h->u), RBE_UPDATE_FAILED);
    assert_false(rbe_update_ready(h->u));
    assert_int_equal(rbe_update_apply(h->u), RBE_UPDATE_OK);
    client_is(h, "cd \"$1/client\"; [ ! -e app ] && [ ! -e .rbe/journal ]");
}

static void test_cancel(void **state)
{
    static const enum rbe_update_event_kind at[] = {RBE_UPDATE_EVENT_DOWNLOAD, RBE_UPDATE_EVENT_SURVEY, RBE_UPDATE_EVENT_STAGE};
    struct home *h = *state;

    for (size_t i = 0; i < RBE_COUNT(at); i++) {
        rbe_update_close(h->u);
        h->u = opened(h, 0);
        h->cancel_at = at[i];
        assert_int_equal(rbe_update_download(h->u), RBE_UPDATE_CANCELLED);
        assert_false(rbe_update_ready(h->u));
        client_is(h, "cd \"$1/client\"; [ ! -e app ] && [ -z \"$(find .rbe -name 'set-*')\" ]");
    }
}

static void test_busy(void **state)
{
    struct home *h = *state;
    struct rbe_update *other;

    assert_int_equal(rbe_update_download(h->u), RBE_UPDATE_OK);
    other = opened(h, 0);
    assert_int_equal(rbe_update_download(other), RBE_UPDATE_BUSY);
    assert_int_equal(rbe_update_verify(other), RBE_UPDATE_BUSY);
    assert_int_equal(rbe_update_apply(h->u), RBE_UPDATE_OK);
    rbe_update_close(h->u);
    h->u = other;
    assert_int_equal(rbe_update_download(other), RBE_UPDATE_OK);
    assert_false(rbe_update_ready(other));
    assert_string_equal(rbe_update_installed(other), "1.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_options, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_blocked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_busy, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
