/* lib/web/jsonbody: what a body may say, and which field is named when it says something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "lib/web/jsonbody.h"
#include "tests/unit/exchange.h"

struct draft {
    const char *rid, *name, *version;
    struct rbe_jsonbody_texts list;
};

static const struct rbe_jsonbody_field fields[] = {
    {"resource_id", RBE_JSONBODY_TEXT, offsetof(struct draft, rid)},
    {"name", RBE_JSONBODY_TEXT, offsetof(struct draft, name)},
    {"list", RBE_JSONBODY_TEXTS, offsetof(struct draft, list)},
};
static const struct rbe_jsonbody_field aliased[] = {
    {"version_name", RBE_JSONBODY_TEXT, offsetof(struct draft, version)},
};

/* A POST whose environment lives as long as it is used. */
struct post {
    struct exchange x;
    char type[100], length[50];
    const char *env[4];
};

static void begin(struct post *p, const char *type, const char *body)
{
    (void)snprintf(p->type, sizeof(p->type), "CONTENT_TYPE=%s", type);
    (void)snprintf(p->length, sizeof(p->length), "CONTENT_LENGTH=%zu", strlen(body));
    p->env[0] = "REQUEST_METHOD=POST";
    p->env[1] = p->type;
    p->env[2] = p->length;
    exchange_begin(&p->x, p->env, body);
}

static void test_good(void **state)
{
    struct post x = {0};
    struct draft d = {.name = "kept"};
    struct rbe_err e = {0};

    (void)state;
    begin(&x, "Application/JSON; charset=utf-8", "{\"id\":\"my-app\",\"name\":null,\"list\":[\"a\",\"\"]}");
    assert_int_equal(rbe_jsonbody_read(&x.x.req, fields, RBE_COUNT(fields), &d, &e), RBE_OK);
    assert_string_equal(d.rid, "my-app");
    assert_string_equal(d.name, "kept");
    assert_int_equal(d.list.n, 2);
    assert_string_equal(d.list.v[0], "a");
    assert_string_equal(d.list.v[1], "");
    exchange_end(&x.x);
}

/* A field of its own name is not taken for the alias of another one. */
static void test_aliases(void **state)
{
    struct post x = {0}, y = {0};
    struct draft d = {0};
    struct rbe_err e = {0};

    (void)state;
    begin(&x, "", "{\"name\":\"n\",\"list\":[]}");
    assert_int_equal(rbe_jsonbody_read(&x.x.req, fields, RBE_COUNT(fields), &d, &e), RBE_OK);
    assert_string_equal(d.name, "n");
    assert_int_equal(d.list.n, 0);
    exchange_end(&x.x);
    begin(&y, "application/x-www-form-urlencoded", "{\"name\":\"n\"}");
    d = (struct draft){0};
    assert_int_equal(rbe_jsonbody_read(&y.x.req, aliased, RBE_COUNT(aliased), &d, &e), RBE_OK);
    assert_string_equal(d.version, "n");
    exchange_end(&y.x);
}

static void test_refused(void **state)
{
    static const struct {
        const char *type, *body, *field, *rule;
    } rows[] = {
        {"multipart/form-data; boundary=x", "{}", "Content-Type", "type"},
        {"Multipart/mixed", "{}", "Content-Type", "type"},
        {"application/x-www-form-urlencoded", "name=n", "body", "json"},
        {"application/json", "", "body", "json"},
        {"application/json", "{", "body", "json"},
        {"application/json", "[]", "body", "type"},
        {"application/json", "null", "body", "type"},
        {"application/json", "{\"nmae\":\"x\"}", "nmae", "unknown"},
        {"application/json", "{\"name\":1}", "name", "type"},
        {"application/json", "{\"name\":\"a\\u0000b\"}", "name", "format"},
        {"application/json", "{\"name\":\"a\",\"name\":\"b\"}", "body", "repeated"},
        {"application/json", "{\"name\":[\"x\"]}", "name", "type"},
        {"application/json", "{\"list\":\"x\"}", "list", "type"},
        {"application/json", "{\"list\":[\"x\",null]}", "list", "type"},
        {"application/json", "{\"list\":[[\"x\"]]}", "list", "type"},
        {"application/json", "{\"id\":\"a\",\"resource_id\":\"b\"}", "resource_id", "repeated"},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        struct post x = {0};
        struct draft d = {0};
        struct rbe_err e = {0};

        begin(&x, rows[i].type, rows[i].body);
        assert_int_equal(rbe_jsonbody_read(&x.x.req, fields, RBE_COUNT(fields), &d, &e), RBE_INVALID);
        assert_int_equal(e.violations, 1);
        assert_string_equal(e.violation[0].field, rows[i].field);
        assert_string_equal(e.violation[0].rule, rows[i].rule);
        exchange_end(&x.x);
    }
}

static void test_all_named(void **state)
{
    struct post x = {0}, y = {0};
    struct draft d = {0};
    struct rbe_err e = {0};

    (void)state;
    begin(&x, "", "{\"name\":1,\"b\":2,\"list\":3}");
    assert_int_equal(rbe_jsonbody_read(&x.x.req, fields, RBE_COUNT(fields), &d, &e), RBE_INVALID);
    assert_int_equal(e.violations, 3);
    assert_string_equal(e.violation[1].field, "b");
    exchange_end(&x.x);

    begin(&y, "", "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1,\"j\":1}");
    e = (struct rbe_err){0};
    assert_int_equal(rbe_jsonbody_read(&y.x.req, fields, RBE_COUNT(fields), &d, &e), RBE_INVALID);
    assert_int_equal(e.violations, RBE_VIOLATIONS_MAX);
    exchange_end(&y.x);
}

/* Refused by its declared length, before it is read. */
static void test_too_large(void **state)
{
    static const char *const env[] = {"REQUEST_METHOD=POST", "CONTENT_LENGTH=1048577", NULL};
    struct exchange x = {0};
    struct draft d = {0};
    struct rbe_err e = {0};

    (void)state;
    exchange_begin(&x, env, "{}");
    assert_int_equal(rbe_jsonbody_read(&x.req, fields, RBE_COUNT(fields), &d, &e), RBE_TOOLARGE);
    exchange_end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),      cmocka_unit_test(test_aliases),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_all_named), cmocka_unit_test(test_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
