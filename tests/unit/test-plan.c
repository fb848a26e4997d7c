/* lib/patch/plan: what becomes of each path, and changes.json to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/patch/changes.h"

/* One entry a word: "path" or "path=content" is a file, "path*" an executable, "path/" a directory, "path>target" a
 * link. */
static void tree(struct rbe_manifest *m, const char *words)
{
    rbe_autofree char *copy = rbe_strdup(words);
    char *rest = copy;
    struct rbe_err e = {0};

    for (char *word = strsep(&rest, " "); word; word = strsep(&rest, " ")) {
        size_t len = strlen(word);
        struct rbe_entry entry = {.path = word, .kind = RBE_KIND_FILE, .mode = 0644};
        char *mark = strpbrk(word, "=>");

        if (len == 0)
            continue;
        if (word[len - 1] == '/') {
            entry.kind = RBE_KIND_DIR;
            word[len - 1] = '\0';
        } else if (word[len - 1] == '*') {
            entry.mode = 0755;
            word[len - 1] = '\0';
        } else if (mark && *mark == '>') {
            entry.kind = RBE_KIND_LINK;
            *mark = '\0';
            entry.target = mark + 1;
        } else if (mark) {
            *mark = '\0';
            rbe_sha256_of(mark + 1, strlen(mark + 1), entry.sha256);
        }
        rbe_manifest_add(m, &entry);
    }
    assert_int_equal(rbe_manifest_seal(m, &e), RBE_OK);
}

static void check(const char *from_words, const char *to_words, const char *want)
{
    rbe_auto(manifest) struct rbe_manifest from = {0}, to = {0};
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_auto(str) struct rbe_str json = {0};
    struct rbe_plan plan;

    tree(&from, from_words);
    tree(&to, to_words);
    rbe_plan_make(&from, &to, &(struct rbe_plan_globs){0}, &arena, &plan);
    rbe_changes_format(&plan, NULL, &json);
    assert_string_equal(rbe_str_text(&json), want);
}

static void test_changes(void **state)
{
    static const struct {
        const char *from, *to, *want;
    } rows[] = {
        {"", "", "{}"},
        {"a b/", "a b/", "{}"},
        {"", "a", "{\"added\":[\"a\"]}"},
        {"a", "", "{\"deleted\":[\"a\"]}"},
        {"a=1", "a=2", "{\"modified\":[\"a\"]}"},
        {"a", "a*", "{\"modified\":[\"a\"]}"},
        {"a>x", "a>y", "{\"modified\":[\"a\"]}"},
        {"a>x", "a=x", "{\"modified\":[\"a\"]}"},
        {"a=x", "a>x", "{\"modified\":[\"a\"]}"},
        /* every directory is named, also those that only a file implies */
        {"", "x/y/z", "{\"added\":[\"x/y/z\"],\"added_dir\":[\"x\",\"x/y\"]}"},
        {"x/y/z", "", "{\"deleted\":[\"x/y/z\"],\"deleted_dir\":[\"x\",\"x/y\"]}"},
        {"x/y/z x/k", "x/k", "{\"deleted\":[\"x/y/z\"],\"deleted_dir\":[\"x/y\"]}"},
        {"e/", "f/", "{\"added_dir\":[\"f\"],\"deleted_dir\":[\"e\"]}"},
        /* a directory that becomes a file or a link, and back */
        {"d/e/f d/g", "d", "{\"added\":[\"d\"],\"deleted\":[\"d/e/f\",\"d/g\"],\"deleted_dir\":[\"d\",\"d/e\"]}"},
        {"d/f", "d>x", "{\"added\":[\"d\"],\"deleted\":[\"d/f\"],\"deleted_dir\":[\"d\"]}"},
        {"d", "d/f", "{\"added\":[\"d/f\"],\"deleted\":[\"d\"],\"added_dir\":[\"d\"]}"},
        {"d>x", "d/", "{\"deleted\":[\"d\"],\"added_dir\":[\"d\"]}"},
        /* sorted by bytes: '-' and '.' come before '/', upper case before lower */
        {"", "a/x a-b a.b B", "{\"added\":[\"B\",\"a-b\",\"a.b\",\"a/x\"],\"added_dir\":[\"a\"]}"},
        {"", "\"q\" \xc3\xa9", "{\"added\":[\"\\\"q\\\"\",\"\xc3\xa9\"]}"},
        {"k=1 l=1 m=1 n/o", "j=1 k=1 l=2 n/p",
         "{\"added\":[\"j\",\"n/p\"],\"modified\":[\"l\"],\"deleted\":[\"m\",\"n/o\"]}"},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++)
        check(rows[i].from, rows[i].to, rows[i].want);
}

static void test_carried(void **state)
{
    static const struct {
        const char *glob, *want;     /* paths of carried files, each with a space behind it */
    } rows[] = {
        {"interface.json", "interface.json sub/deep/interface.json sub/interface.json "},
        {"sub/interface.json", "sub/interface.json "},
        {"sub/*", "sub/interface.json "},
        {"sub/*/*.json", "sub/deep/interface.json "},
        {"l?nk", "link "},
        {"changed", ""},
        {"new", ""},
        {"sub", ""},
        {"INTERFACE.json", ""},
        {".h*", ".hidden "},
        {"*/interface.json", "sub/interface.json "},
        {"[", ""},
        {"", ""},
    };
    rbe_auto(manifest) struct rbe_manifest from = {0}, to = {0};
    const char *same = "interface.json sub/interface.json sub/deep/interface.json link>x .hidden other ";
    rbe_autofree char *old = rbe_strfmt("%schanged=1", same), *new = rbe_strfmt("%schanged=2 new", same);

    (void)state;
    tree(&from, old);
    tree(&to, new);
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_auto(arena) struct rbe_arena arena = {0};
        rbe_auto(str) struct rbe_str got = {0}, json = {0};
        const char *const globs[] = {"nothing/like/it", rows[i].glob};
        struct rbe_plan plan;

        rbe_plan_make(&from, &to, &(struct rbe_plan_globs){globs, RBE_COUNT(globs)}, &arena, &plan);
        for (size_t k = 0; k < plan.carried.n; k++)
            rbe_str_putf(&got, "%s ", plan.carried.v[k]->path);
        assert_string_equal(rbe_str_text(&got), rows[i].want);
        /* carried files are no change */
        rbe_changes_format(&plan, NULL, &json);
        assert_string_equal(json.s, "{\"added\":[\"new\"],\"modified\":[\"changed\"]}");
    }
}

static void test_entries_are_of_the_right_side(void **state)
{
    rbe_auto(manifest) struct rbe_manifest from = {0}, to = {0};
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_plan plan;

    (void)state;
    tree(&from, "gone mod=1 turn/x");
    tree(&to, "come mod=2 turn>x");
    rbe_plan_make(&from, &to, &(struct rbe_plan_globs){0}, &arena, &plan);
    assert_ptr_equal(plan.change[RBE_MODIFIED].v[0], rbe_manifest_find(&to, "mod"));
    assert_ptr_equal(plan.change[RBE_ADDED].v[1], rbe_manifest_find(&to, "turn"));
    assert_ptr_equal(plan.change[RBE_DELETED].v[0], rbe_manifest_find(&from, "gone"));
    assert_ptr_equal(plan.change[RBE_DELETED_DIR].v[0], rbe_manifest_find(&from, "turn"));
}

static void test_long_lists(void **state)
{
    rbe_auto(manifest) struct rbe_manifest from = {0}, to = {0};
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_plan plan;
    struct rbe_err e = {0};

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        char path[32];

        (void)snprintf(path, sizeof(path), "%05u", i);
        rbe_manifest_add(&to, &(struct rbe_entry){.path = path, .kind = RBE_KIND_FILE, .mode = 0644});
    }
    assert_int_equal(rbe_manifest_seal(&to, &e), RBE_OK);
    rbe_plan_make(&from, &to, &(struct rbe_plan_globs){0}, &arena, &plan);
    assert_int_equal(plan.change[RBE_ADDED].n, 5000);
    for (unsigned i = 0; i < 5000; i++)
        assert_ptr_equal(plan.change[RBE_ADDED].v[i], &to.entries[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_carried),
        cmocka_unit_test(test_entries_are_of_the_right_side),
        cmocka_unit_test(test_long_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
