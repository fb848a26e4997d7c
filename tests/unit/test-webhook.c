/* Webhooks: finding what is new, delivering it signed, trying again. */
#include "tests/unit/releases.h"

#include <sys/mman.h>

#include "lib/base/codec.h"
#include "lib/core/webhook.h"
#include "lib/core/work.h"
#include "lib/store/job.h"
#include "tests/unit/peer.h"

/* What the receiver saw, shared with it. */
struct received {
    int count, status;
    char last[8192];
};

static void answer(const char *request, struct rbe_str *out, void *arg)
{
    struct received *r = arg;

    (void)snprintf(r->last, sizeof(r->last), "%s", request);
    r->count++;
    rbe_str_putf(out, "HTTP/1.1 %d X\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", r->status);
}

struct hooked {
    struct peer peer;
    struct received *seen;
    char url[128];
};

static void hook(struct site *s, struct hooked *h)
{
    h->seen = mmap(NULL, sizeof(*h->seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(h->seen != MAP_FAILED);
    h->seen->status = 204;
    peer_start(&h->peer, answer, h->seen);
    (void)snprintf(h->url, sizeof(h->url), "%s/hook?key=x", h->peer.url);
    s->settings.extra.create_new_version_webhook = h->url;
}

static void unhook(struct hooked *h)
{
    peer_stop(&h->peer);
    (void)munmap(h->seen, sizeof(*h->seen));
}

static struct rbe_job *jobs(struct site *s, size_t *ret_n)
{
    struct rbe_job *all;

    must(s, rbe_job_list(s->app->store, -1, 1000, &s->arena, &all, ret_n, &s->err));
    return all;
}

static void work(struct site *s)
{
    unsigned failed;

    must(s, rbe_work_run(s->app, &(struct rbe_work){0}, &failed, &s->err));
}

static const struct site_file tree[] = {{"a", "1"}, {0}};

static void test_delivers_signed(void **state)
{
    static const char secret[] = "a secret of the tests";
    struct site *s = *state;
    struct hooked h;
    int64_t r = site_resource(s, "app", "[]"), t;
    size_t n;

    hook(s, &h);
    s->settings.extra.webhook_secret = secret;
    (void)site_publish(s, r, "app", "1.0.0", tree);
    work(s);
    const struct rbe_job *j = jobs(s, &n);
    assert_int_equal(n, 1);
    assert_int_equal(j->state, RBE_JOB_DONE);
    assert_string_equal(j->note, "delivered, the answer was 204");
    assert_int_equal(h.seen->count, 1);
    assert_int_equal(strncmp(h.seen->last, "POST /hook?key=x HTTP/1.1\r\n", 27), 0);
    assert_non_null(strstr(h.seen->last, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(h.seen->last, "\r\nX-Rbe-Event: version\r\n"));
    const char *body = strstr(h.seen->last, "\r\n\r\n") + 4;
    assert_string_equal(body, j->payload);
    assert_non_null(strstr(body, "{\"event\":\"version\",\"resource\":\"app\",\"version\":\"1.0.0\",\"version_number\":1,"
                                 "\"channel\":\"stable\",\"system\":\"linux\",\"arch\":\"amd64\",\"file_size\":"));
    const char *said = strstr(h.seen->last, "\r\nX-Rbe-Signature: t=") + 21;
    char number[24];
    (void)snprintf(number, sizeof(number), "%.*s", (int)strcspn(said, ","), said);
    assert_true(rbe_int_parse(number, 1, INT64_MAX, &t));
    assert_in_range(t, rbe_clock_now() - 60, rbe_clock_now());
    rbe_autoptr(hmac) struct rbe_hmac *mac = rbe_hmac_new(secret, strlen(secret));
    rbe_autofree char *text = rbe_strfmt("%s.%s", number, body);
    unsigned char sum[RBE_SHA256_SIZE];
    char hex[RBE_SHA256_TEXT];
    rbe_hmac_of(mac, text, strlen(text), sum);
    rbe_hex_encode(sum, sizeof(sum), hex);
    assert_int_equal(strncmp(strchr(said, ',') + 4, hex, strlen(hex)), 0);
    assert_int_equal(strncmp(strchr(said, ','), ",v1=", 4), 0);

    /* told once, also by another run */
    work(s);
    assert_int_equal(h.seen->count, 1);
    unhook(&h);
}

static void test_unsigned_without_a_secret(void **state)
{
    struct site *s = *state;
    struct hooked h;

    hook(s, &h);
    (void)site_publish(s, site_resource(s, "app", "[]"), "app", "1.0.0", tree);
    work(s);
    assert_int_equal(h.seen->count, 1);
    assert_null(strstr(h.seen->last, "X-Rbe-Signature"));
    unhook(&h);
}

static void test_tries_again(void **state)
{
    struct site *s = *state;
    struct hooked h;
    struct rbe_job was;
    size_t n;

    hook(s, &h);
    h.seen->status = 500;
    (void)site_publish(s, site_resource(s, "app", "[]"), "app", "1.0.0", tree);
    work(s);
    assert_int_equal(jobs(s, &n)->state, RBE_JOB_QUEUED);
    assert_string_equal(jobs(s, &n)->note, "the webhook answered 500");
    h.seen->status = 301;
    must(s, rbe_job_retry(s->app->store, jobs(s, &n)->id, 1, &s->arena, &was, &s->err));
    work(s);
    assert_string_equal(jobs(s, &n)->note, "the webhook answered 301");
    peer_stop(&h.peer);
    must(s, rbe_job_retry(s->app->store, jobs(s, &n)->id, 1, &s->arena, &was, &s->err));
    work(s);
    assert_int_equal(jobs(s, &n)->state, RBE_JOB_QUEUED);
    assert_null(strstr(jobs(s, &n)->note, "key=x"));
    unhook(&h);
    /* nowhere to deliver it to any more */
    s->settings.extra.create_new_version_webhook = "";
    must(s, rbe_job_retry(s->app->store, jobs(s, &n)->id, 1, &s->arena, &was, &s->err));
    work(s);
    assert_int_equal(jobs(s, &n)->state, RBE_JOB_DONE);
}

/* Not for silent resources, old or withdrawn versions, patches; nor for what was there before a webhook was set. */
static void test_what_is_no_news(void **state)
{
    static const char *silent[] = {"quiet"};
    struct site *s = *state;
    int64_t app = site_resource(s, "app", "[]"), quiet = site_resource(s, "quiet", "[]");
    struct rbe_package a, b;
    size_t n;

    a = site_publish(s, app, "app", "1.0.0", tree);
    must(s, rbe_webhook_announce(s->app, rbe_clock_now(), &s->err));
    s->settings.extra.create_new_version_webhook = "http://127.0.0.1:1/";
    s->settings.extra.create_new_version_blacklist = (struct rbe_conf_list){.v = silent, .n = 1};
    must(s, rbe_webhook_announce(s->app, rbe_clock_now(), &s->err));
    (void)site_publish(s, quiet, "quiet", "1.0.0", tree);
    b = site_publish(s, app, "app", "2.0.0", tree);
    struct rbe_package patch = {.version = b.version, .format = RBE_FORMAT_FILES, .target = b.id, .source = a.id,
                                .file_type = "zip", .path = "p/x"};
    int64_t withdrawn;
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_package_put(s->app->store, &patch, &s->err));
    must(s, rbe_version_withdraw(s->app->store, app, b.version, 1, &withdrawn, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_webhook_announce(s->app, rbe_clock_now(), &s->err));
    (void)jobs(s, &n);
    assert_int_equal(n, 0);
    (void)site_publish(s, app, "app", "3.0.0", tree);
    must(s, rbe_webhook_announce(s->app, rbe_clock_now() + RBE_WEBHOOK_NEWS_SECONDS + 60, &s->err));
    (void)jobs(s, &n);
    assert_int_equal(n, 0);
    /* more than a page at once */
    for (int i = 0; i < 120; i++)
        (void)site_publish(s, app, "app", rbe_arena_strfmt(&s->arena, "4.%d.0", i), tree);
    must(s, rbe_webhook_announce(s->app, rbe_clock_now(), &s->err));
    (void)jobs(s, &n);
    assert_int_equal(n, 120);
}

static void test_purge_error(void **state)
{
    struct site *s = *state;
    struct rbe_package k = site_publish(s, site_resource(s, "app", "[]"), "app", "1.0.0", tree);
    struct rbe_package_origin o;
    bool found;
    size_t n;

    must(s, rbe_package_find_origin(s->app->store, k.id, &s->arena, &o, &found, &s->err));
    must(s, rbe_webhook_purge_error(s->app, &o, "a \"reason\"", &s->err));
    (void)jobs(s, &n);
    assert_int_equal(n, 0);
    s->settings.extra.purge_error_webhook = "http://127.0.0.1:1/";
    must(s, rbe_webhook_purge_error(s->app, &o, "a \"reason\"", &s->err));
    must(s, rbe_webhook_purge_error(s->app, &o, "another", &s->err));
    const struct rbe_job *j = jobs(s, &n);
    assert_int_equal(n, 1);
    assert_non_null(strstr(j->payload, "{\"event\":\"purge_error\",\"resource\":\"app\",\"version\":\"1.0.0\""));
    assert_non_null(strstr(j->payload, ",\"error\":\"a \\\"reason\\\"\"}"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, site_setup, site_teardown)
    const struct CMUnitTest tests[] = {
        T(test_delivers_signed), T(test_unsigned_without_a_secret), T(test_tries_again), T(test_what_is_no_news),
        T(test_purge_error),
    };

    return cmocka_run_group_tests_name("webhook", tests, NULL, NULL);
}
