/* lib/core/answer below lib/core/latest: what is kept, what it depends on, and when it is not trusted. */
#include "tests/unit/site.h"

#include "lib/core/answer.h"
#include "lib/core/demand.h"
#include "lib/core/release.h"
#include "lib/core/vercmp.h"
#include "lib/store/change.h"
#include "lib/store/version.h"

enum { NOW = 1700000000 };

/* An app that writes and, beside it, one that answers. */
struct pair {
    struct site *site;
    struct rbe_app *reader;
    struct rbe_arena arena;
};

static int setup(void **state)
{
    struct pair *p = rbe_alloc(sizeof(*p));
    void *site;

    (void)site_setup(&site);
    p->site = site;
    must(p->site, rbe_app_open(&p->site->settings, RBE_APP_ANSWER, &p->reader, &p->site->err));
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;
    void *site = p->site;

    rbe_app_close(p->reader);
    rbe_arena_release(&p->arena);
    free(p);
    return site_teardown(&site);
}

static int64_t resource_new(struct pair *p, enum rbe_resource_access access)
{
    struct rbe_resource r = {.rid = "my-app", .access = access, .created_at = NOW};
    struct rbe_store *store = p->site->app->store;

    must(p->site, rbe_store_begin(store, RBE_BASE_RELEASES, &p->site->err));
    rbe_store_touch(store, r.rid);
    must(p->site, rbe_resource_put(store, &r, &p->site->err));
    must(p->site, rbe_store_commit(store, RBE_BASE_RELEASES, &p->site->err));
    return r.id;
}

static void publish(struct pair *p, int64_t resource, const char *name)
{
    struct rbe_store *store = p->site->app->store;
    struct rbe_verkey key;

    rbe_verkey_of(name, &key);
    struct rbe_version v = {.resource = resource, .name = name, .order_by = key.parser, .order_key = key.bytes,
                            .order_len = key.len, .release_note = name, .custom_data = "", .created_at = NOW};
    struct rbe_package k = {.file_type = "zip", .path = name, .size = 1000, .files = 1, .created_at = NOW};
    memset(k.tree, 7, sizeof(k.tree));
    must(p->site, rbe_store_begin(store, RBE_BASE_RELEASES, &p->site->err));
    rbe_store_touch(store, "my-app");
    must(p->site, rbe_version_put(store, &v, &p->site->err));
    k.version = v.id;
    must(p->site, rbe_package_put(store, &k, &p->site->err));
    must(p->site, rbe_offer_refresh(store, resource, &p->site->err));
    must(p->site, rbe_store_commit(store, RBE_BASE_RELEASES, &p->site->err));
}

static struct rbe_question question(const char *current)
{
    return (struct rbe_question){.rid = "my-app", .current = current, .cdk = "", .region = "", .now = NOW};
}

static struct rbe_latest ask_at(struct pair *p, const char *current, int64_t now)
{
    struct rbe_question q = question(current);
    struct rbe_latest l;

    q.now = now;
    rbe_arena_reset(&p->arena);
    must(p->site, rbe_latest_find(p->reader, &q, &p->arena, &l, &p->site->err));
    return l;
}

static bool kept(struct pair *p, const struct rbe_question *q)
{
    struct rbe_latest l;

    return rbe_answer_find(p->reader, q, &l) != RBE_ANSWER_UNKNOWN;
}

static void test_an_answer_is_kept_and_equals_the_first(void **state)
{
    struct pair *p = *state;
    int64_t resource = resource_new(p, RBE_ACCESS_PUBLIC);
    struct rbe_question q = question("1.0.0");

    publish(p, resource, "1.0.0");
    publish(p, resource, "1.1.0");
    assert_false(kept(p, &q));
    struct rbe_latest first = ask_at(p, "1.0.0", NOW);
    assert_true(kept(p, &q));
    char name[16];
    (void)snprintf(name, sizeof(name), "%s", first.version_name);
    struct rbe_latest second = ask_at(p, "1.0.0", NOW + 100);
    assert_string_equal(second.version_name, name);
    assert_string_equal(second.rid, "my-app");
    assert_string_equal(second.release_note, "1.1.0");
    assert_int_equal(second.update, RBE_UPDATE_FULL);
    assert_int_equal(second.grant.package, first.grant.package);
    /* The clock is the asker's. */
    assert_int_equal(second.grant.expires, first.grant.expires + 100);
    /* Whoever asks, it counts as wanted. */
    struct rbe_demand d[2];
    assert_int_equal(rbe_demand_take(p->reader->share, d, 2), 1);
    assert_int_equal(d[0].count, 2);
}

static void test_each_part_of_the_question_is_in_the_key(void **state)
{
    struct pair *p = *state;
    int64_t resource = resource_new(p, RBE_ACCESS_PUBLIC);
    struct rbe_question base = question("1.0.0"), q;

    publish(p, resource, "1.0.0");
    (void)ask_at(p, "1.0.0", NOW);
    assert_true(kept(p, &base));
    q = base;
    q.rid = "my-app2";
    assert_false(kept(p, &q));
    q = base;
    q.current = "1.0.1";
    assert_false(kept(p, &q));
    q = base;
    q.channel = RBE_CHANNEL_BETA;
    assert_false(kept(p, &q));
    q = base;
    q.system = RBE_SYSTEM_LINUX;
    assert_false(kept(p, &q));
    q = base;
    q.arch = RBE_ARCH_ARM;
    assert_false(kept(p, &q));
    /* These come in afterwards. */
    q = base;
    q.cdk = "anything";
    q.region = "eu";
    q.cdk_always = true;
    assert_true(kept(p, &q));
}

static void test_a_publish_is_in_the_next_answer(void **state)
{
    struct pair *p = *state;
    int64_t resource = resource_new(p, RBE_ACCESS_PUBLIC);
    char name[16];

    for (int i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof(name), "1.%d.0", i);
        publish(p, resource, name);
        for (int again = 0; again < 3; again++)
            assert_string_equal(ask_at(p, "", NOW).version_name, name);
    }
}

static void test_absence_is_kept_until_there_is_something(void **state)
{
    struct pair *p = *state;
    struct rbe_question q = question("");
    struct rbe_latest l;

    for (int i = 0; i < 2; i++)
        expect(p->site, RBE_NOTFOUND, rbe_latest_find(p->reader, &q, &p->arena, &l, &p->site->err));
    assert_int_equal(rbe_answer_find(p->reader, &q, &l), RBE_ANSWER_ABSENT);
    publish(p, resource_new(p, RBE_ACCESS_PUBLIC), "1.0.0");
    assert_string_equal(ask_at(p, "", NOW).version_name, "1.0.0");
}

/* A foreign program's change is seen when the second is over. */
static void test_foreign_changes_within_a_second(void **state)
{
    struct pair *p = *state;

    publish(p, resource_new(p, RBE_ACCESS_PUBLIC), "1.0.0");
    (void)ask_at(p, "", NOW);
    (void)ask_at(p, "", NOW + 1);
    site_sql(p->site, "rbe.db", "UPDATE version SET release_note = 'by hand'");
    assert_string_equal(ask_at(p, "", NOW + 2).release_note, "by hand");
}

/* A clock that was set back is no reason not to look. */
static void test_a_clock_that_jumps(void **state)
{
    struct pair *p = *state;

    publish(p, resource_new(p, RBE_ACCESS_PUBLIC), "1.0.0");
    (void)ask_at(p, "", NOW);
    site_sql(p->site, "rbe.db", "UPDATE version SET release_note = 'by hand'");
    assert_string_equal(ask_at(p, "", NOW - 3600).release_note, "by hand");
}

/* What one asker may know is not told to the next. */
static void test_rights_are_looked_at_each_time(void **state)
{
    struct pair *p = *state;
    struct rbe_question q = question("1.0.0");
    struct rbe_latest l;

    publish(p, resource_new(p, RBE_ACCESS_CDK), "1.1.0");
    for (int i = 0; i < 2; i++) {
        l = ask_at(p, "1.0.0", NOW);
        assert_int_equal(l.update, RBE_UPDATE_UNTOLD);
        assert_int_equal(l.file_size, 0);
        assert_int_equal(l.grant.package, 0);
        q.cdk = "0123456789ABCDEFGHJKMNPQRS";
        must(p->site, rbe_latest_find(p->reader, &q, &p->arena, &l, &p->site->err));
        assert_int_equal(l.verdict, RBE_CDK_INVALID);
        assert_int_equal(l.update, RBE_UPDATE_UNTOLD);
    }
}

/* Two workers of one parent: what one has read the other has not to read, but not for longer than it holds. */
static void test_workers_share_what_they_read(void **state)
{
    struct pair *p = *state;
    struct rbe_question q = question("1.0.0"), none = question("");
    struct rbe_app *other, *reader = p->reader;
    rbe_autoptr(pool) struct rbe_pool *pool = NULL;
    struct rbe_latest l;

    must(p->site, rbe_answers_pool(&p->site->settings, 2, &pool, &p->site->err));
    must(p->site, rbe_app_open(&p->site->settings, RBE_APP_ANSWER, &other, &p->site->err));
    rbe_answers_join(reader, pool);
    rbe_answers_join(other, pool);
    none.rid = "another-app";
    int64_t resource = resource_new(p, RBE_ACCESS_CDK);
    publish(p, resource, "1.1.0");
    (void)ask_at(p, "1.0.0", NOW);
    expect(p->site, RBE_NOTFOUND, rbe_latest_find(reader, &none, &p->arena, &l, &p->site->err));
    assert_int_equal(rbe_answer_find(other, &q, &l), RBE_ANSWER_RECORD);
    assert_string_equal(l.version_name, "1.1.0");
    assert_string_equal(l.release_note, "1.1.0");
    assert_string_equal(l.rid, "my-app");
    assert_int_equal(l.update, RBE_UPDATE_FULL);
    assert_int_equal(l.access, RBE_ACCESS_CDK);
    assert_int_equal(l.file_size, 1000);
    assert_int_equal(rbe_answer_find(other, &none, &l), RBE_ANSWER_ABSENT);
    publish(p, resource, "1.2.0");
    assert_int_equal(rbe_answer_find(other, &q, &l), RBE_ANSWER_UNKNOWN);
    assert_int_equal(rbe_answer_find(other, &none, &l), RBE_ANSWER_ABSENT);
    assert_string_equal(ask_at(p, "1.0.0", NOW).version_name, "1.2.0");
    assert_int_equal(rbe_answer_find(other, &q, &l), RBE_ANSWER_RECORD);
    assert_string_equal(l.version_name, "1.2.0");
    rbe_app_close(other);
}

static void keep(struct pair *p, const struct rbe_latest *l, const void *as, const char *body, const char *url)
{
    struct rbe_answer_sent sent = {.status = 200, .body = body, .len = strlen(body), .url = url};

    rbe_answer_text_keep(p->reader, l, as, &sent);
}

static void test_renderings_go_with_their_record(void **state)
{
    static const char one, other, third, fourth;
    struct pair *p = *state;
    int64_t resource = resource_new(p, RBE_ACCESS_PUBLIC);
    struct rbe_answer_text t;

    publish(p, resource, "1.0.0");
    struct rbe_latest l = ask_at(p, "", NOW);
    assert_false(rbe_answer_text_find(&l, &one, &t));
    keep(p, &l, &one, "{\"url\":\"http://h/KEY\",\"n\":1}", "http://h/KEY");
    keep(p, &l, &other, "{}", NULL);
    keep(p, &l, &third, "{\"url\":\"http:\\/\\/h\\/KEY\"}", "http://h/KEY");
    l = ask_at(p, "", NOW);
    assert_true(rbe_answer_text_find(&l, &one, &t));
    assert_true(t.url);
    assert_int_equal(t.status, 200);
    assert_memory_equal(t.head, "{\"url\":\"", t.head_len);
    assert_memory_equal(t.tail, "\",\"n\":1}", t.tail_len);
    assert_true(rbe_answer_text_find(&l, &other, &t));
    assert_false(t.url);
    assert_int_equal(t.head_len + t.tail_len, 2);
    assert_false(rbe_answer_text_find(&l, &third, &t));
    assert_false(rbe_answer_text_find(&l, &fourth, &t));
    publish(p, resource, "1.1.0");
    l = ask_at(p, "", NOW);
    assert_false(rbe_answer_text_find(&l, &one, &t));
}

static void test_without_a_table_all_is_answered_too(void **state)
{
    struct pair *p = *state;

    rbe_app_close(p->reader);
    p->reader = NULL;
    p->site->settings.cache.answers = 0;
    must(p->site, rbe_app_open(&p->site->settings, RBE_APP_ANSWER, &p->reader, &p->site->err));
    assert_null(p->reader->answers);
    publish(p, resource_new(p, RBE_ACCESS_PUBLIC), "1.0.0");
    assert_string_equal(ask_at(p, "", NOW).version_name, "1.0.0");
    struct rbe_latest l = ask_at(p, "", NOW);
    struct rbe_answer_text t;
    keep(p, &l, p, "{}", NULL);
    assert_false(rbe_answer_text_find(&l, p, &t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_answer_is_kept_and_equals_the_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_part_of_the_question_is_in_the_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_publish_is_in_the_next_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_absence_is_kept_until_there_is_something, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_changes_within_a_second, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_clock_that_jumps, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rights_are_looked_at_each_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_workers_share_what_they_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_renderings_go_with_their_record, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_a_table_all_is_answered_too, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
