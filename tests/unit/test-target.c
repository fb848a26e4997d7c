/* lib/core/target: the names and aliases of the contract. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/core/target.h"

struct alias {
    const char *text;
    int value;
};

static void test_channels(void **state)
{
    static const struct alias rows[] = {
        {NULL, RBE_CHANNEL_STABLE},    {"", RBE_CHANNEL_STABLE},     {"stable", RBE_CHANNEL_STABLE},
        {"STABLE", RBE_CHANNEL_STABLE}, {"beta", RBE_CHANNEL_BETA},   {"Beta", RBE_CHANNEL_BETA},
        {"alpha", RBE_CHANNEL_ALPHA},  {"aLpHa", RBE_CHANNEL_ALPHA},
    };
    static const char *const bad[] = {"prod", "stable ", " beta", "alpha1", "0", "any"};
    enum rbe_channel channel;
    struct rbe_err e = {0};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        assert_int_equal(rbe_channel_parse(rows[i].text, &channel, &e), RBE_OK);
        assert_int_equal(channel, rows[i].value);
    }
    for (size_t i = 0; i < RBE_COUNT(bad); i++)
        assert_int_equal(rbe_channel_parse(bad[i], &channel, &e), RBE_BAD_CHANNEL);
    assert_string_equal(rbe_channel_name(RBE_CHANNEL_BETA), "beta");
    assert_true(RBE_CHANNEL_STABLE < RBE_CHANNEL_BETA && RBE_CHANNEL_BETA < RBE_CHANNEL_ALPHA);
}

static void test_systems(void **state)
{
    static const struct alias rows[] = {
        {NULL, RBE_SYSTEM_ANY},          {"", RBE_SYSTEM_ANY},          {"any", RBE_SYSTEM_ANY},
        {"windows", RBE_SYSTEM_WINDOWS}, {"win", RBE_SYSTEM_WINDOWS},   {"win32", RBE_SYSTEM_WINDOWS},
        {"Windows", RBE_SYSTEM_WINDOWS}, {"linux", RBE_SYSTEM_LINUX},   {"darwin", RBE_SYSTEM_DARWIN},
        {"macos", RBE_SYSTEM_DARWIN},    {"mac", RBE_SYSTEM_DARWIN},    {"osx", RBE_SYSTEM_DARWIN},
        {"macOS", RBE_SYSTEM_DARWIN},    {"android", RBE_SYSTEM_ANDROID},
    };
    static const char *const bad[] = {"beos", "win64", "linux ", "x64"};
    enum rbe_system system;
    struct rbe_err e = {0};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        assert_int_equal(rbe_system_parse(rows[i].text, &system, &e), RBE_OK);
        assert_int_equal(system, rows[i].value);
    }
    for (size_t i = 0; i < RBE_COUNT(bad); i++)
        assert_int_equal(rbe_system_parse(bad[i], &system, &e), RBE_BAD_SYSTEM);
    assert_string_equal(rbe_system_name(RBE_SYSTEM_ANY), "any");
    assert_string_equal(rbe_system_name(RBE_SYSTEM_DARWIN), "darwin");
}

static void test_arches(void **state)
{
    static const struct alias rows[] = {
        {NULL, RBE_ARCH_ANY},     {"", RBE_ARCH_ANY},        {"any", RBE_ARCH_ANY},       {"386", RBE_ARCH_386},
        {"x86", RBE_ARCH_386},    {"x86_32", RBE_ARCH_386},  {"i386", RBE_ARCH_386},      {"amd64", RBE_ARCH_AMD64},
        {"x64", RBE_ARCH_AMD64},  {"X86_64", RBE_ARCH_AMD64}, {"intel64", RBE_ARCH_AMD64}, {"arm", RBE_ARCH_ARM},
        {"arm64", RBE_ARCH_ARM64}, {"aarch64", RBE_ARCH_ARM64},
    };
    static const char *const bad[] = {"arm32", "x86-64", "riscv64", "64"};
    enum rbe_arch arch;
    struct rbe_err e = {0};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        assert_int_equal(rbe_arch_parse(rows[i].text, &arch, &e), RBE_OK);
        assert_int_equal(arch, rows[i].value);
    }
    for (size_t i = 0; i < RBE_COUNT(bad); i++)
        assert_int_equal(rbe_arch_parse(bad[i], &arch, &e), RBE_BAD_ARCH);
    assert_string_equal(rbe_arch_name(RBE_ARCH_386), "386");
}

/* The numbers stand in databases: these may never change. */
static void test_numbers_are_kept(void **state)
{
    (void)state;
    assert_int_equal(RBE_CHANNEL_ALPHA, 2);
    assert_int_equal(RBE_SYSTEM_ANY, 0);
    assert_int_equal(RBE_SYSTEM_ANDROID, 4);
    assert_int_equal(RBE_ARCH_ANY, 0);
    assert_int_equal(RBE_ARCH_ARM64, 4);
    assert_string_equal(rbe_system_name((enum rbe_system)99), "?");
    assert_string_equal(rbe_arch_name((enum rbe_arch)99), "?");
    assert_string_equal(rbe_channel_name((enum rbe_channel)99), "?");
}

static void test_rids(void **state)
{
    static const char *const good[] = {"abc", "my-app", "A_b-9", "downloads", "Download", "---"};
    static const char *const bad[] = {"", "ab", "download", "a b", "a.b.c", "caf\xc3\xa9s", "abc/", "abc\n"};
    char text[66];
    struct rbe_err e = {0};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(good); i++) {
        assert_true(rbe_rid_valid(good[i]));
        assert_int_equal(rbe_rid_check("resource_id", good[i], &e), RBE_OK);
    }
    for (size_t i = 0; i < RBE_COUNT(bad); i++) {
        e = (struct rbe_err){0};
        assert_false(rbe_rid_valid(bad[i]));
        assert_int_equal(rbe_rid_check("resource_id", bad[i], &e), RBE_INVALID);
        assert_int_equal(e.violations, 1);
        assert_string_equal(e.violation[0].field, "resource_id");
        assert_string_equal(e.violation[0].rule, bad[i][0] ? "format" : "required");
    }
    memset(text, 'x', 65);
    text[65] = '\0';
    assert_false(rbe_rid_valid(text));
    text[64] = '\0';
    assert_true(rbe_rid_valid(text));
}

static void test_version_names(void **state)
{
    static const char *const good[] = {
        "1.0.0", "x", "2024-01-15 10:30:00", "...", ".hidden", "\xe7\x89\x88\xe6\x9c\xac", "v1+b", "a:b*?",
    };
    static const struct {
        const char *name, *rule;
    } bad[] = {
        {NULL, "required"}, {"", "required"},      {".", "format"},     {"..", "format"},  {"a/b", "format"},
        {"a\\b", "format"}, {"a\nb", "format"},    {"a\x7f", "format"}, {"\xc2\x85", "format"},
        {"\xff", "utf8"},   {"\xc0\xaf", "utf8"}, {"a\xed\xa0\x80", "utf8"},
    };
    char text[130];
    struct rbe_err e = {0};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(good); i++)
        assert_int_equal(rbe_version_name_check("version_name", good[i], &e), RBE_OK);
    for (size_t i = 0; i < RBE_COUNT(bad); i++) {
        e = (struct rbe_err){0};
        assert_int_equal(rbe_version_name_check("version_name", bad[i].name, &e), RBE_INVALID);
        assert_string_equal(e.violation[0].rule, bad[i].rule);
    }
    memset(text, 'x', 129);
    text[129] = '\0';
    assert_int_equal(rbe_version_name_check("version_name", text, &e), RBE_INVALID);
    text[128] = '\0';
    assert_int_equal(rbe_version_name_check("version_name", text, &e), RBE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channels), cmocka_unit_test(test_systems), cmocka_unit_test(test_arches),
        cmocka_unit_test(test_numbers_are_kept), cmocka_unit_test(test_rids), cmocka_unit_test(test_version_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
