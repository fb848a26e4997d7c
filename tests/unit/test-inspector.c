/* lib/patch/inspector: the same archives through the child, and what becomes of a child that goes wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/sanitize.h"
#include "lib/patch/inspector.h"
#include "tests/unit/hostile.h"

/* rbe-inspect of the build the test belongs to; the test is skipped where it was not built. */
static const char *program(void)
{
    static char path[4096];
    const char *build = getenv("RBE_BUILD");

    (void)snprintf(path, sizeof(path), "%s/libexec/rbe/rbe-inspect", build && *build ? build : "build");
    if (access(path, X_OK) != 0)
        skip();
    return path;
}

static enum rbe_code in_child(const struct rbe_inspect *what, struct rbe_manifest *ret, struct rbe_err *e)
{
    return rbe_inspector_run(program(), what, ret, e);
}

static void test_every_archive(void **state)
{
    (void)program();
    assert_true(hostile_all(*state, in_child) > 250);
}

static void test_same_as_in_process(void **state)
{
    static const char *const files[] = {"plain.zip", "plain.tar.gz", "plain.tar.xz", "pax-names.tar.gz"};

    (void)program();
    for (size_t i = 0; i < RBE_COUNT(files); i++) {
        rbe_autoclose int fd = scratch_open(*state, files[i], O_RDONLY);
        const struct rbe_inspect what = {
            .fd = fd, .type = rbe_arc_type_of(strchr(files[i], '.') + 1), .limits = {HOSTILE_ENTRIES, HOSTILE_BYTES}};
        rbe_auto(manifest) struct rbe_manifest a = {0}, b = {0};
        rbe_auto(str) struct rbe_str x = {0}, y = {0};
        struct rbe_err e = {0};

        assert_int_equal(rbe_inspect(&what, &a, &e), RBE_OK);
        assert_int_equal(in_child(&what, &b, &e), RBE_OK);
        rbe_manifest_format(&a, &x);
        rbe_manifest_format(&b, &y);
        assert_string_equal(x.s, y.s);
        assert_int_equal(a.bytes, b.bytes);
        assert_int_equal(a.files, b.files);
    }
}

/* A shell script stands in for rbe-inspect. */
static enum rbe_code with_script(const char *dir, const char *script, struct rbe_err *e)
{
    rbe_autofree char *path = scratch_path(dir, "script");
    rbe_autofree char *text = rbe_strfmt("#!/bin/sh\n%s\n", script);
    rbe_autoclose int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const struct rbe_inspect what = {.fd = fd, .type = RBE_ARC_ZIP, .rules = RBE_RULES_FOLD, .limits = {10, 1 << 20}};
    rbe_auto(manifest) struct rbe_manifest m = {0};

    scratch_write(dir, "script", text, strlen(text), 0755);
    enum rbe_code code = rbe_inspector_run(path, &what, &m, e);
    assert_int_equal(m.n, 0);
    return code;
}

static void test_endings(void **state)
{
    static const struct {
        const char *script;
        enum rbe_code code;
        const char *text;
    } rows[] = {
        {"kill -SEGV $$", RBE_INVALID, "file: archive could not be read: killed by SIGSEGV"},
        {"kill -ABRT $$", RBE_INVALID, "file: archive could not be read: killed by SIGABRT"},
        {"kill -SYS $$", RBE_INVALID, "file: archive could not be read: killed by SIGSYS"},
        {"kill -XCPU $$", RBE_INVALID, "file: archive could not be read: it takes too much time"},
        {"kill -KILL $$", RBE_UNAVAILABLE, "the inspection of the archive was stopped by SIGKILL"},
        {"kill -TERM $$", RBE_UNAVAILABLE, "the inspection of the archive was stopped by SIGTERM"},
        {"printf 'rule\\tthe message\\n' >&2; exit 3", RBE_INVALID, "file: the message"},
        {"printf 'rule\\tbad \\001\\n' >&2; exit 3", RBE_INVALID, "file: \"bad \\x01\""},
        {"exit 3", RBE_FAULT, "rbe-inspect refused an archive without saying why"},
        {"echo no tab >&2; exit 3", RBE_FAULT, "rbe-inspect refused an archive without saying why"},
        {"printf 'out of order' >&2; exit 4", RBE_FAULT, "rbe-inspect failed with status 4: out of order"},
        {"echo nonsense", RBE_FAULT, "manifest: does not begin with \"rbe-manifest 1\""},
        {"yes", RBE_INVALID, "file: the archive's names are too long altogether"},
        {"test \"$*\" = 'zip 2 10 1048576' && kill -SEGV $$", RBE_INVALID, "file: archive could not be read: killed by SIGSEGV"},
    };

    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        struct rbe_err e = {0};

        assert_int_equal(with_script(*state, rows[i].script, &e), rows[i].code);
        assert_string_equal(e.text, rows[i].text);
    }
}

/* A real archive, and less memory than it takes. */
static void test_memory(void **state)
{
    if (RBE_SANITIZED)
        skip();
    rbe_autofree char *script = scratch_path(*state, "script"), *text = NULL;
    rbe_autoclose int fd = scratch_open(*state, "entries-at-limit.zip", O_RDONLY);
    const struct rbe_inspect what = {.fd = fd, .type = RBE_ARC_ZIP, .limits = {HOSTILE_ENTRIES, HOSTILE_BYTES}};
    rbe_auto(manifest) struct rbe_manifest m = {0};
    struct rbe_err e = {0};
    unsigned kib, step;

    /* From too little to be loaded, which depends on the libraries of the system, a little more each time: the first that is
     * enough to start is too little for a thousand entries. */
    for (step = 0; step < 500 && strcmp(e.violation[0].rule, "limit_memory") != 0; step++) {
        kib = 2000 + 400 * step;
        free(text);
        text = rbe_strfmt("#!/bin/sh\nulimit -v %u\nexec %s \"$@\"\n", kib, program());
        scratch_write(*state, "script", text, strlen(text), 0755);
        e = (struct rbe_err){0};
        assert_int_not_equal(rbe_inspector_run(script, &what, &m, &e), RBE_OK);
    }
    assert_int_equal(e.code, RBE_INVALID);
    assert_string_equal(e.violation[0].message, "archive could not be read: it takes too much memory");
}

static void test_not_started(void **state)
{
    const struct rbe_inspect what = {.fd = 0, .type = RBE_ARC_ZIP, .limits = {10, 10}};
    struct rbe_manifest m = {0};
    struct rbe_err e = {0};

    (void)state;
    assert_int_equal(rbe_inspector_run("/nonexistent/rbe-inspect", &what, &m, &e), RBE_UNAVAILABLE);
}

static void test_usage(void **state)
{
    static const char *const bad[] = {"", "zip", "zip 3 10", "zip 4 10 10", "zip 3 -1 10", "zip 3 x 10", "zip 3 10 10 10"};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(bad); i++) {
        rbe_autofree char *line = rbe_strfmt("\"%s\" %s 2>/dev/null || test $? = 2 && echo refused", program(), bad[i]);
        rbe_auto(str) struct rbe_str out = {0};

        assert_int_equal(scratch_sh(line, NULL, NULL, &out), 0);
        assert_string_equal(rbe_str_text(&out), "refused\n");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_archive), cmocka_unit_test(test_same_as_in_process), cmocka_unit_test(test_endings), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_not_started),   cmocka_unit_test(test_usage),
    };
    return cmocka_run_group_tests(tests, hostile_setup, scratch_teardown);
}
