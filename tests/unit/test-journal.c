/* lib/patch/journal: what is written is read again; anything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/patch/journal.h"
#include "lib/wrap/hash.h"

static void fill(struct rbe_journal *j)
{
    memcpy(j->set, "0123456789abcdef", sizeof(j->set));
    j->undo = true;
    rbe_journal_add(j, RBE_STEP_DEL, 0, "old.txt");
    rbe_journal_add(j, RBE_STEP_RMDIR, 0750, "doc");
    rbe_journal_add(j, RBE_STEP_MKDIR, 0755, "share/doc");
    rbe_journal_add(j, RBE_STEP_PUT, 1, "share/doc/a\tb");
    rbe_journal_add(j, RBE_STEP_PUT, 4000000000, "gr\u00fc\u00dfe");
}

static void test_round(void **state)
{
    rbe_auto(journal) struct rbe_journal j = {0}, again = {0};
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_err e = {0};

    (void)state;
    fill(&j);
    j.steps[3].path = "share/doc/a b";
    rbe_journal_format(&j, &text);
    assert_int_equal(rbe_journal_parse(text.s, text.len, &again, &e), RBE_OK);
    assert_int_equal(again.n, j.n);
    assert_true(again.undo && !again.back);
    assert_string_equal(again.set, j.set);
    for (size_t i = 0; i < j.n; i++) {
        assert_int_equal(again.steps[i].step, j.steps[i].step);
        assert_int_equal(again.steps[i].number, j.steps[i].number);
        assert_string_equal(again.steps[i].path, j.steps[i].path);
    }
}

/* A text with the line that proves it. */
static enum rbe_code parse(const char *body)
{
    rbe_auto(str) struct rbe_str text = {0};
    rbe_auto(journal) struct rbe_journal j = {0};
    unsigned char sum[RBE_SHA256_SIZE];
    char hex[RBE_SHA256_TEXT];
    struct rbe_err e = {0};

    rbe_sha256_of(body, strlen(body), sum);
    rbe_hex_encode(sum, sizeof(sum), hex);
    rbe_str_putf(&text, "%send\t%s\n", body, hex);
    return rbe_journal_parse(text.s, text.len, &j, &e);
}

#define HEAD "rbe-journal 1\nforward\t0123456789abcdef\tundo\n"

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "", "rbe-journal 1\n", "rbe-journal 2\nforward\t0123456789abcdef\tundo\n", "rbe-journal 1\nup\t0123456789abcdef\tundo\n",
        "rbe-journal 1\nforward\t0123456789abcdeF\tundo\n", "rbe-journal 1\nforward\t0123\tundo\n",
        "rbe-journal 1\nforward\t0123456789abcdef\tboth\n", HEAD "del\t0\t../x\n", HEAD "del\t0\t/x\n", HEAD "del\t0\t.rbe/lock\n",
        HEAD "del\tx\ta\n", HEAD "mkdir\t0999\ta\n", HEAD "del\t4294967296\ta\n", HEAD "swap\t0\ta\n", HEAD "del\t0\n", HEAD "del\t0\ta",
        HEAD "put\t\ta\n",
    };

    (void)state;
    assert_int_equal(parse(HEAD), RBE_OK);
    assert_int_equal(parse(HEAD "del\t0\ta\n"), RBE_OK);
    for (size_t i = 0; i < RBE_COUNT(bad); i++)
        if (parse(bad[i]) != RBE_INVALID)
            fail_msg("taken: %s", bad[i]);
}

/* Every beginning of a journal, and every byte of it that is another one, is found. */
static void test_torn(void **state)
{
    rbe_auto(journal) struct rbe_journal j = {0};
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_err e = {0};

    (void)state;
    fill(&j);
    rbe_journal_format(&j, &text);
    for (size_t n = 0; n < text.len; n++) {
        rbe_auto(journal) struct rbe_journal torn = {0};

        assert_int_equal(rbe_journal_parse(text.s, n, &torn, &e), RBE_INVALID);
        text.s[n] ^= 1;
        assert_int_equal(rbe_journal_parse(text.s, text.len, &torn, &e), RBE_INVALID);
        text.s[n] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_torn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
