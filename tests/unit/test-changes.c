/* lib/patch/changes: changes.json with a delta, to the byte and back, and what is no changes.json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/patch/changes.h"

#define SUM_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SUM_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static const char whole[] =
    "{\"added\":[\"n/a\"],\"modified\":[\"m\"],\"deleted\":[\"d\"],\"added_dir\":[\"n\"],"
    "\"delta\":{\"format\":\"zstd\",\"copies\":["
    "{\"path\":\"n/a\",\"from\":\"d\",\"of\":\"old\",\"sha256\":\"" SUM_A "\",\"mode\":\"0755\"},"
    "{\"path\":\"n/b\",\"from\":\"m\",\"of\":\"new\",\"sha256\":\"" SUM_B "\",\"mode\":\"0644\"}],"
    "\"groups\":[{\"patch\":\"delta/0.zst\",\"source\":[{\"path\":\"m\",\"size\":3,\"sha256\":\"" SUM_A "\"}],"
    "\"target\":[{\"path\":\"m\",\"size\":4000000000,\"sha256\":\"" SUM_B "\",\"mode\":\"0600\"}]}]}}";

static void parse(const char *text, struct rbe_arena *arena, struct rbe_changes *ret)
{
    struct rbe_err e = {0};

    if (rbe_changes_parse(text, strlen(text), arena, ret, &e) != RBE_OK)
        fail_msg("%s", e.text);
}

static void test_parse(void **state)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_changes c;

    (void)state;
    parse(whole, &arena, &c);
    assert_int_equal(c.list[RBE_ADDED].n, 1);
    assert_string_equal(c.list[RBE_ADDED].v[0], "n/a");
    assert_string_equal(c.list[RBE_MODIFIED].v[0], "m");
    assert_string_equal(c.list[RBE_DELETED].v[0], "d");
    assert_string_equal(c.list[RBE_ADDED_DIR].v[0], "n");
    assert_int_equal(c.list[RBE_DELETED_DIR].n, 0);
    assert_string_equal(c.delta.format, "zstd");
    assert_int_equal(c.delta.n_copies, 2);
    assert_string_equal(c.delta.copies[0].from, "d");
    assert_false(c.delta.copies[0].of_new);
    assert_int_equal(c.delta.copies[0].mode, 0755);
    assert_int_equal(c.delta.copies[0].sha256[31], 0xaa);
    assert_true(c.delta.copies[1].of_new);
    assert_int_equal(c.delta.n_groups, 1);
    const struct rbe_group *g = &c.delta.groups[0];

    assert_string_equal(g->patch, "delta/0.zst");
    assert_int_equal(g->n_source, 1);
    assert_int_equal(g->source[0].size, 3);
    assert_int_equal(g->n_target, 1);
    assert_int_equal(g->target[0].size, 4000000000);
    assert_int_equal(g->target[0].mode, 0600);
}

static void test_format(void **state)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_auto(str) struct rbe_str out = {0};
    struct rbe_entry entries[] = {{.path = "n/a"}, {.path = "m"}, {.path = "d"}, {.path = "n", .kind = RBE_KIND_DIR}};
    const enum rbe_change places[] = {RBE_ADDED, RBE_MODIFIED, RBE_DELETED, RBE_ADDED_DIR};
    const struct rbe_entry *lists[RBE_COUNT(places)];
    struct rbe_plan plan = {0};
    struct rbe_changes c;

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(places); i++) {
        lists[i] = &entries[i];
        plan.change[places[i]] = (struct rbe_plan_list){&lists[i], 1};
    }
    parse(whole, &arena, &c);
    rbe_changes_format(&plan, &c.delta, &out);
    assert_string_equal(rbe_str_text(&out), whole);
}

/* Without a delta, without lists, and with members of later days. */
static void test_parse_plain(void **state)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_changes c;

    (void)state;
    parse("{}", &arena, &c);
    assert_null(c.delta.format);
    parse("{\"modified\":[\"a b\"],\"later\":{\"x\":[1]}}", &arena, &c);
    assert_string_equal(c.list[RBE_MODIFIED].v[0], "a b");
    parse("{\"delta\":{\"format\":\"bsdiff\"}}", &arena, &c);
    assert_string_equal(c.delta.format, "bsdiff");
    assert_int_equal(c.delta.n_copies + c.delta.n_groups, 0);
    parse("{\"delta\":{\"format\":\"f\",\"copies\":[{\"path\":\"a\",\"from\":\"b\",\"sha256\":\"" SUM_A
          "\",\"mode\":\"644\"}]}}", &arena, &c);
    assert_false(c.delta.copies[0].of_new);
    assert_int_equal(c.delta.copies[0].mode, 0644);
}

static void test_refused(void **state)
{
    static const char *const texts[] = {
        "", "[]", "{\"added\":1}", "{\"added\":[1]}", "{\"added\":[\"../a\"]}", "{\"added\":[\"/a\"]}",
        "{\"added\":[\"\"]}", "{\"added\":[\"a\\u0000b\"]}", "{\"added\":[\"a//b\"]}", "{\"added\":[\"a/./b\"]}",
        "{\"delta\":[]}", "{\"delta\":{}}", "{\"delta\":{\"format\":1}}",
        "{\"delta\":{\"format\":\"f\",\"copies\":{}}}", "{\"delta\":{\"format\":\"f\",\"copies\":[1]}}",
        "{\"delta\":{\"format\":\"f\",\"copies\":[{\"path\":\"a\",\"from\":\"b\",\"of\":\"x\",\"sha256\":\"" SUM_A
        "\",\"mode\":\"0644\"}]}}",
        "{\"delta\":{\"format\":\"f\",\"copies\":[{\"path\":\"a\",\"from\":\"b\",\"sha256\":\"abc\",\"mode\":\"0644\"}]}}",
        "{\"delta\":{\"format\":\"f\",\"copies\":[{\"path\":\"a\",\"from\":\"b\",\"sha256\":\"" SUM_A
        "\",\"mode\":\"4755\"}]}}",
        "{\"delta\":{\"format\":\"f\",\"copies\":[{\"path\":\"a\",\"from\":\"b\",\"sha256\":\"" SUM_A
        "\",\"mode\":\"0x\"}]}}",
        "{\"delta\":{\"format\":\"f\",\"groups\":[{\"source\":[],\"target\":[]}]}}",
        "{\"delta\":{\"format\":\"f\",\"groups\":[{\"patch\":\"../p\",\"source\":[],\"target\":[]}]}}",
        "{\"delta\":{\"format\":\"f\",\"groups\":[{\"patch\":\"p\",\"source\":[{\"path\":\"a\",\"size\":-1,\"sha256\":\""
        SUM_A "\"}],\"target\":[]}]}}",
        "{\"delta\":{\"format\":\"f\",\"groups\":[{\"patch\":\"p\",\"source\":["
        "{\"path\":\"a\",\"size\":9223372036854775807,\"sha256\":\"" SUM_A "\"},"
        "{\"path\":\"b\",\"size\":9223372036854775807,\"sha256\":\"" SUM_A "\"}],\"target\":[]}]}}",
    };
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_changes c;

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(texts); i++) {
        struct rbe_err e = {0};

        if (rbe_changes_parse(texts[i], strlen(texts[i]), &arena, &c, &e) != RBE_INVALID)
            fail_msg("taken: %s", texts[i]);
        assert_string_equal(e.violation[0].field, "changes.json");
        assert_non_null(strstr(e.text, "changes.json: "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse_plain),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests_name("changes", tests, NULL, NULL);
}
