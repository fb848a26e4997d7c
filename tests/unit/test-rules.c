/* lib/patch/rules: names, trees and links judged one by one. Whole archives are test-inspect's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/patch/rules.h"

enum { ALL = RBE_RULES_WINDOWS | RBE_RULES_FOLD };

static struct rbe_rules_span span(const char *s)
{
    return (struct rbe_rules_span){s, strlen(s)};
}

static void test_path(void **state)
{
    static const struct {
        const char *name;
        bool dir;
        const char *path;
    } rows[] = {
        {"a", false, "a"},     {"./a", false, "a"},  {"a/", true, "a"},   {"./a/", true, "a"}, {"./", true, ""},
        {".", true, ""},       {"./.", true, ""},    {".", false, "."},   {"././a", false, "./a"}, {"a//", true, "a/"},
        {"a/", false, "a/"},   {"", true, ""},       {"..", true, ".."},  {".rbe", false, ".rbe"},  {"/", true, ""},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        struct rbe_rules_span got = rbe_rules_path(rows[i].name, strlen(rows[i].name), rows[i].dir);

        assert_int_equal(got.len, strlen(rows[i].path));
        assert_memory_equal(got.s, rows[i].path, got.len);
    }
}

/* The word of the rule that a name breaks, "" for none. */
static const char *verdict(const char *name, unsigned rules)
{
    static struct rbe_err e;

    e = (struct rbe_err){0};
    if (rbe_rules_name(span(name), rules, &e) == RBE_OK)
        return "";
    assert_int_equal(e.code, RBE_INVALID);
    assert_string_equal(e.violation[0].field, "file");
    return e.violation[0].rule;
}

static void test_good_names(void **state)
{
    static const char *const names[] = {
        "a", "a b/c d.txt", "n\u00e4me", ".hidden", "...", "..a", "a..", "a...b", "x/.rbe/y", "x/changes.json", "changes.json5",
        ".rbex", "rbe~1", "\U0001f600", "-rf", "~", "$HOME", "com1x", "%2e%2e",
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(names); i++)
        assert_string_equal(verdict(names[i], 0), "");
}

static void test_windows_names(void **state)
{
    static const char *const good[] = {"console", "com10", "com", "xcon", "con1", "a.con", "nul_", "auxiliary/prnx"};
    static const char *const devices[] = {"con", "Nul", "a/PRN/b", "AUX.c", "com9", "lpt1.txt", "conout$", "clock$", "nul.tar.gz",
                                          "con .x", "COM\u00b2.log", "LPT\u00b3"};
    static const char *const ends[] = {"a.", "a ", "a./b", "b/a /c", "...", " "};
    static const char *const characters[] = {"a<b", "a>b", "a\"b", "a|b", "a?", "*"};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(good); i++)
        assert_string_equal(verdict(good[i], ALL), "");
    for (size_t i = 0; i < RBE_COUNT(devices); i++) {
        assert_string_equal(verdict(devices[i], ALL), "device_name");
        assert_string_equal(verdict(devices[i], RBE_RULES_FOLD), "");
    }
    for (size_t i = 0; i < RBE_COUNT(ends); i++) {
        assert_string_equal(verdict(ends[i], ALL), "trailing");
        assert_string_equal(verdict(ends[i], 0), "");
    }
    for (size_t i = 0; i < RBE_COUNT(characters); i++) {
        assert_string_equal(verdict(characters[i], RBE_RULES_WINDOWS), "characters");
        assert_string_equal(verdict(characters[i], RBE_RULES_FOLD), "");
    }
}

static void test_lengths(void **state)
{
    char part[300], path[RBE_RULES_PATH_MAX + 2];
    struct rbe_err e = {0};

    (void)state;
    memset(part, 'x', sizeof(part));
    assert_int_equal(rbe_rules_name((struct rbe_rules_span){part, 255}, ALL, &e), RBE_OK);
    assert_int_equal(rbe_rules_name((struct rbe_rules_span){part, 256}, ALL, &e), RBE_INVALID);
    for (size_t i = 0; i < sizeof(path); i++)
        path[i] = i % 2 ? '/' : 'y';
    path[RBE_RULES_PATH_MAX - 1] = 'y';
    assert_int_equal(rbe_rules_name((struct rbe_rules_span){path, RBE_RULES_PATH_MAX}, ALL, &e), RBE_OK);
    path[RBE_RULES_PATH_MAX] = 'y';
    assert_int_equal(rbe_rules_name((struct rbe_rules_span){path, RBE_RULES_PATH_MAX + 1}, ALL, &e), RBE_INVALID);
    assert_int_equal(rbe_rules_name((struct rbe_rules_span){"a\0b", 3}, 0, &(struct rbe_err){0}), RBE_INVALID);
}

static void test_reserved(void **state)
{
    (void)state;
    assert_string_equal(verdict(".rbe", 0), "reserved");
    assert_string_equal(verdict(".rbe/x/y", 0), "reserved");
    assert_string_equal(verdict("changes.json", 0), "reserved");
    assert_string_equal(verdict("changes.json/x", 0), "reserved");
    assert_string_equal(verdict(".Rbe", 0), "");
    assert_string_equal(verdict(".Rbe", RBE_RULES_FOLD), "reserved");
    assert_string_equal(verdict("CHANGES.json", RBE_RULES_FOLD), "reserved");
    assert_string_equal(verdict("rbe~2/x", RBE_RULES_WINDOWS), "reserved");
}

/* "name" or "name>target", put in turn; the word of the first broken rule. */
static const char *tree(unsigned rules, uint64_t max, const char *const *entries)
{
    static struct rbe_err e;
    rbe_autoptr(rules_tree) struct rbe_rules_tree *t = rbe_rules_tree_new(rules, max);

    e = (struct rbe_err){0};
    for (size_t i = 0; entries[i]; i++) {
        const char *arrow = strchr(entries[i], '>');
        size_t len = arrow ? (size_t)(arrow - entries[i]) : strlen(entries[i]);
        bool dir = !arrow && len > 0 && entries[i][len - 1] == '/';

        if (rbe_rules_put(t, rbe_rules_path(entries[i], len, dir), arrow ? RBE_KIND_LINK : dir ? RBE_KIND_DIR : RBE_KIND_FILE,
                          arrow ? span(arrow + 1) : (struct rbe_rules_span){0}, i, &e) != RBE_OK)
            return e.violation[0].rule;
    }
    return rbe_rules_end(t, &e) == RBE_OK ? "" : e.violation[0].rule;
}
#define TREE(rules, ...) tree((rules), 100, (const char *const[]){__VA_ARGS__, NULL})

static void test_together(void **state)
{
    (void)state;
    assert_string_equal(TREE(ALL, "a/b/c", "a/", "a/b/", "a/b/d"), "");
    assert_string_equal(TREE(0, "a", "A", "\u00e9", "e\u0301"), "");
    assert_string_equal(TREE(RBE_RULES_FOLD, "a/x", "A/y"), "case");
    assert_string_equal(TREE(RBE_RULES_FOLD, "d/a", "e/A"), "");
    assert_string_equal(TREE(RBE_RULES_FOLD, "d/", "D>x"), "case");
    assert_string_equal(TREE(0, "a/", "a/"), "duplicate");
    assert_string_equal(TREE(0, "a/", "a"), "duplicate");
    assert_string_equal(TREE(0, "a/b", "a>c"), "below");
    assert_string_equal(TREE(0, "a>c", "a/b"), "below");
    assert_string_equal(TREE(0, "a", "a/b/c"), "below");
    assert_string_equal(tree(0, 3, (const char *const[]){"a/b/c", NULL}), "");
    assert_string_equal(tree(0, 2, (const char *const[]){"a/b/c", NULL}), "limit_entries");
    assert_string_equal(tree(0, 0, (const char *const[]){"a", NULL}), "limit_entries");
}

static void test_links(void **state)
{
    (void)state;
    assert_string_equal(TREE(ALL, "a/b/l>../../c", "c"), "");
    assert_string_equal(TREE(ALL, "l>."), "");
    assert_string_equal(TREE(ALL, "a/l>.."), "");
    assert_string_equal(TREE(ALL, "l>a/./b//c/"), "");
    assert_string_equal(TREE(ALL, "l>missing/../also"), "");
    assert_string_equal(TREE(ALL, "l>.."), "link_escape");
    assert_string_equal(TREE(ALL, "l>missing/../.."), "link_escape");
    assert_string_equal(TREE(ALL, "a/b/up>../..", "l>a/b/up/.."), "link_escape");
    assert_string_equal(TREE(ALL, "l>a/b/up/..", "a/b/up>../.."), "link_escape");
    assert_string_equal(TREE(RBE_RULES_FOLD, "d/Up>..", "l>D/uP/.."), "link_escape");
    assert_string_equal(TREE(0, "d/Up>..", "l>D/uP/.."), "");
    assert_string_equal(TREE(ALL, "a>b", "b>c", "c>a"), "link_loop");
    assert_string_equal(TREE(ALL, "a>a/b"), "link_loop");
    assert_string_equal(TREE(ALL, "d/l>../.rbe"), "link_reserved");
    assert_string_equal(TREE(ALL, "up>.", "l>up/up/.rbe/x"), "link_reserved");
    assert_string_equal(TREE(ALL, "d/l>.rbe"), "");
    assert_string_equal(TREE(ALL, "l>x/../changes.json"), "link_reserved");
    assert_string_equal(TREE(ALL, "l>/a"), "link_absolute");
    assert_string_equal(TREE(ALL, "l>a\\b"), "backslash");
    assert_string_equal(TREE(ALL, "l>"), "empty");
    assert_string_equal(TREE(RBE_RULES_WINDOWS, "l>con"), "device_name");
}

/* As many links in a row as Linux follows are followed here as well, and no more, whichever end of the row comes first. */
static void test_chain(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        int length = 39 + round / 2;
        rbe_autoptr(rules_tree) struct rbe_rules_tree *t = rbe_rules_tree_new(0, 100);
        struct rbe_err e = {0};

        for (int i = 0; i < length; i++) {
            char name[16], target[16];

            int at = round % 2 ? i : length - 1 - i;

            (void)snprintf(name, sizeof(name), "l%d", at);
            (void)snprintf(target, sizeof(target), "l%d", at + 1);
            assert_int_equal(rbe_rules_put(t, span(name), RBE_KIND_LINK, span(target), (size_t)i, &e), RBE_OK);
        }
        assert_int_equal(rbe_rules_end(t, &e), length <= 41 ? RBE_OK : RBE_INVALID);
    }
}

/* Links that all lead through the same long row cost what the row costs once: this took a minute when it did not. */
static void test_crowd(void **state)
{
    enum { CROWD = 20000, ROW = 38 };
    rbe_autoptr(rules_tree) struct rbe_rules_tree *t = rbe_rules_tree_new(ALL, CROWD + 2 * ROW);
    struct rbe_err e = {0};
    char name[32], target[400];
    size_t id = 0;

    (void)state;
    for (int i = 0; i < ROW; i++, id++) {
        (void)snprintf(name, sizeof(name), "row/l%d", i);
        (void)snprintf(target, sizeof(target), i + 1 < ROW ? "%0*d/../l%d" : "%0*d", 200 - i, i, i + 1);
        assert_int_equal(rbe_rules_put(t, span(name), RBE_KIND_LINK, span(target), id, &e), RBE_OK);
    }
    for (int i = 0; i < CROWD; i++, id++) {
        (void)snprintf(name, sizeof(name), "m%d", i);
        assert_int_equal(rbe_rules_put(t, span(name), RBE_KIND_LINK, span("row/l0"), id, &e), RBE_OK);
    }
    assert_int_equal(rbe_rules_end(t, &e), RBE_OK);
    assert_int_equal(rbe_rules_put(t, span("last"), RBE_KIND_LINK, span("m7/../../../x"), id, &e), RBE_OK);
    assert_int_equal(rbe_rules_end(t, &e), RBE_INVALID);
    assert_string_equal(e.violation[0].message, "entry \"last\": a link to \"m7/../../../x\" leads out of the tree");
}

static void test_find(void **state)
{
    rbe_autoptr(rules_tree) struct rbe_rules_tree *t = rbe_rules_tree_new(ALL, 5000);
    struct rbe_err e = {0};
    size_t id;

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        char name[32];

        (void)snprintf(name, sizeof(name), "Dir%zu/File", i);
        assert_int_equal(rbe_rules_put(t, span(name), RBE_KIND_FILE, (struct rbe_rules_span){0}, i, &e), RBE_OK);
    }
    assert_true(rbe_rules_find(t, span("Dir1234/File"), &id));
    assert_int_equal(id, 1234);
    assert_false(rbe_rules_find(t, span("Dir1234"), &id));
    assert_false(rbe_rules_find(t, span("dir1234/File"), &id));
    assert_false(rbe_rules_find(t, span("Dir1234/File/x"), &id));
    assert_false(rbe_rules_find(t, span("\xff"), &id));
    assert_false(rbe_rules_find(t, span(""), &id));
}

/* Long names of every kind leave a message that is whole: within its bounds, and UTF-8. */
static void test_messages(void **state)
{
    rbe_autoptr(rules_tree) struct rbe_rules_tree *t = rbe_rules_tree_new(ALL, 100);
    char a[256], b[256];
    struct rbe_err e = {0};

    (void)state;
    for (size_t i = 0; i < 250; i++) {
        a[i] = i % 2 ? '\xa4' : '\xc3';
        b[i] = i % 2 ? '\x84' : '\xc3';
    }
    struct rbe_rules_span one = {a, 250}, two = {b, 250};
    assert_int_equal(rbe_rules_put(t, one, RBE_KIND_FILE, (struct rbe_rules_span){0}, 0, &e), RBE_OK);
    assert_int_equal(rbe_rules_put(t, two, RBE_KIND_FILE, (struct rbe_rules_span){0}, 1, &e), RBE_INVALID);
    size_t len = strlen(e.violation[0].message);
    assert_true(len < sizeof(e.violation[0].message) - 1);
    assert_string_equal(e.violation[0].message + len - strlen("letter case or Unicode form"), "letter case or Unicode form");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),     cmocka_unit_test(test_good_names), cmocka_unit_test(test_windows_names),
        cmocka_unit_test(test_lengths),  cmocka_unit_test(test_reserved),   cmocka_unit_test(test_together),
        cmocka_unit_test(test_links),    cmocka_unit_test(test_chain),      cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_find),     cmocka_unit_test(test_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
