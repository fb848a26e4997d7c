/* lib/core/secrets: a fresh secret in every form of a configuration, and what may not move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/core/secrets.h"
#include "tests/unit/scratch.h"

static void test_edit(void **state)
{
    static const struct {
        const char *before, *after;
        size_t dropped;
    } rows[] = {
        {"", "auth:\n  sign_secret: \"NEW\"\n", 0},
        {"# nothing\n", "# nothing\nauth:\n  sign_secret: \"NEW\"\n", 0},
        {"log:\n  level: info", "log:\n  level: info\nauth:\n  sign_secret: \"NEW\"\n", 0},
        {"auth:\n", "auth:\n  sign_secret: \"NEW\"\n", 0},
        {"auth: # ours\nlog:\n  level: info\n", "auth:\n  sign_secret: \"NEW\" # ours\nlog:\n  level: info\n", 0},
        {"auth:\n    # skew\n    key_skew: 1\n", "auth:\n    # skew\n    sign_secret: \"NEW\"\n    key_skew: 1\n", 0},
        {"auth:\n  sign_secret:\n", "auth:\n  sign_secret: \"NEW\"\n", 0},
        {"auth:\n  sign_secret: # none yet\n  key_skew: 1\n", "auth:\n  sign_secret: \"NEW\" # none yet\n  key_skew: 1\n", 0},
        {"auth:\n  sign_secret: ~\n", "auth:\n  sign_secret: \"NEW\"\n", 0},
        {"auth:\n  sign_secret: \"\"\n", "auth:\n  sign_secret: \"NEW\"\n", 0},
        {"auth:\n  sign_secret: old one  # why\n", "auth:\n  sign_secret: [\"NEW\", old one]  # why\n", 0},
        {"auth:\n  sign_secret: 'it''s old'\n", "auth:\n  sign_secret: [\"NEW\", 'it''s old']\n", 0},
        {"auth:\n  sign_secret: []\n", "auth:\n  sign_secret: [\"NEW\"]\n", 0},
        {"auth:\n  sign_secret: [ a, \"b\" ]\n", "auth:\n  sign_secret: [\"NEW\",  a, \"b\" ]\n", 0},
        {"auth:\n  sign_secret:\n  - a # x\n  - b\n", "auth:\n  sign_secret:\n  - \"NEW\"\n  - a # x\n  - b\n", 0},
        {"# \303\251\303\251 \342\202\254\nauth:\n  sign_secret:\n      - a\n",
         "# \303\251\303\251 \342\202\254\nauth:\n  sign_secret:\n      - \"NEW\"\n      - a\n", 0},
        {"auth:\r\n  sign_secret: a\r\n  key_skew: 1\r\n", "auth:\r\n  sign_secret: [\"NEW\", a]\r\n  key_skew: 1\r\n", 0},
        {"auth:\n  sign_secret: [1,2,3,4,5,6,7]\n", "auth:\n  sign_secret: [\"NEW\", 1,2,3,4,5,6,7]\n", 0},
        {"auth:\n  sign_secret: [1,2,3,4,5,6,7,8,9 ]\n", "auth:\n  sign_secret: [\"NEW\", 1,2,3,4,5,6,7 ]\n", 2},
        {"auth:\n  sign_secret:\n  - 1\n  - 2\n  - 3\n  - 4\n  - 5\n  - 6\n  - 7 # keep\n  - 8\n  # end\nlog:\n",
         "auth:\n  sign_secret:\n  - \"NEW\"\n  - 1\n  - 2\n  - 3\n  - 4\n  - 5\n  - 6\n  - 7 # keep\n  # end\nlog:\n", 1},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_auto(str) struct rbe_str got = {0};
        struct rbe_err e = {0};
        size_t dropped;

        if (rbe_secrets_edit(rows[i].before, strlen(rows[i].before), "NEW", &got, &dropped, &e) != RBE_OK)
            fail_msg("row %zu: %s", i, e.text);
        assert_string_equal(rbe_str_text(&got), rows[i].after);
        assert_int_equal(dropped, rows[i].dropped);
    }
}

static void test_not_safe(void **state)
{
    static const char *const texts[] = {"auth: {key_skew: 1}\n", "{auth: {}}\n"};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(texts); i++) {
        rbe_auto(str) struct rbe_str got = {0};
        struct rbe_err e = {0};
        size_t dropped;

        assert_int_equal(rbe_secrets_edit(texts[i], strlen(texts[i]), "NEW", &got, &dropped, &e), RBE_REFUSED);
    }
}

static void rotate(const char *file, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_settings settings;
    struct rbe_secrets_rotated r;

    assert_int_equal(rbe_settings_load(file, &settings, e), RBE_OK);
    if (rbe_secrets_rotate(&settings, &arena, &r, e) != RBE_OK)
        fail_msg("%s", e->text);
    rbe_settings_release(&settings);
}

/* Two at once go one after the other: no secret is lost. */
static void test_race(void **state)
{
    struct rbe_settings settings;
    struct rbe_err e = {0};
    struct stat st;
    int status;

    (void)state;
    /* the children, which end without freeing what they share, would be called leaky */
    if (getenv("RBE_WRAP"))
        skip();
    rbe_autofree char *dir = scratch_new(), *file = scratch_path(dir, "rbe.yaml"), *link = scratch_path(dir, "l.yaml");
    assert_int_equal(rbe_file_put(file, "auth:\n  sign_secret: sixteen bytes long\n", 40, 0604, &e), RBE_OK);
    assert_int_equal(symlink("rbe.yaml", link), 0);
    for (int i = 0; i < 6; i++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
            rotate(i % 2 ? file : link, &e);
            _exit(0);
        }
    }
    for (int i = 0; i < 6; i++)
        assert_true(wait(&status) > 0 && status == 0);
    assert_int_equal(rbe_settings_load(link, &settings, &e), RBE_OK);
    assert_int_equal(settings.auth.sign_secret.n, 7);
    assert_string_equal(settings.auth.sign_secret.v[6], "sixteen bytes long");
    rbe_settings_release(&settings);
    assert_true(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
    assert_true(stat(file, &st) == 0 && (st.st_mode & 0777) == 0604);
    assert_int_equal(setenv("RBE_AUTH_SIGN_SECRET", "another of sixteen", 1), 0);
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_secrets_rotated r;
    assert_int_equal(rbe_settings_load(file, &settings, &e), RBE_OK);
    assert_int_equal(rbe_secrets_rotate(&settings, &arena, &r, &e), RBE_REFUSED);
    rbe_settings_release(&settings);
    (void)unsetenv("RBE_AUTH_SIGN_SECRET");
    scratch_free(rbe_steal(dir));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_edit), cmocka_unit_test(test_not_safe),
                                       cmocka_unit_test(test_race)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
