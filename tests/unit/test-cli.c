/* Command lines read by the table, the help made from it, and tables and sizes for people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The programs' own files are not in librbe. */
#include "bin/cli.c"
#include "bin/completion.c"
#include "bin/listing.c"
#include "bin/table.c"

static enum rbe_code nothing(struct rbe_cli *cli, struct rbe_err *e)
{
    (void)cli;
    (void)e;
    return RBE_OK;
}

static const struct rbe_cli_option make_options[] = {
    {.name = "--name", .value = "N", .must = true, .help = "its name"},
    {.name = "--glob", .value = "G", .many = true, .help = "some of many, with a help text long enough to be wrapped "
                                                          "into a second line of the column it stands in"},
    {.name = "--force", .help = "a switch"},
    {.name = NULL},
};
static const struct rbe_cli_verb verbs[] = {
    {"init", "", NULL, RBE_CLI_NOTHING, nothing, "Begin."},
    {"thing make", "ID", make_options, RBE_CLI_NOTHING, nothing, "Make a thing."},
    {"thing list", "", NULL, RBE_CLI_NOTHING, nothing, "List all things."},
    {.run = NULL},
};
static enum rbe_code open_none(struct rbe_cli *cli, enum rbe_cli_need need, struct rbe_err *e)
{
    (void)cli, (void)need, (void)e;
    return RBE_OK;
}

static void close_none(struct rbe_cli *cli)
{
    (void)cli;
}

static const struct rbe_cli_home home = {open_none, close_none};
static const struct rbe_cli_program program = {.name = "tool", .summary = "A tool.", .verbs = verbs, .json = true,
                                               .home = &home};

static struct rbe_cli cli;
static struct rbe_err err;

static enum rbe_code parse(const char *line)
{
    static char words[512];
    char *argv[32] = {NULL}, *rest = words;
    int argc = 0;

    rbe_arena_release(&cli.arena);
    cli = (struct rbe_cli){.program = &program};
    err = (struct rbe_err){0};
    (void)snprintf(words, sizeof(words), "tool%s%s", *line ? " " : "", line);
    while (argc < 31 && (argv[argc] = strsep(&rest, " ")))
        argc++;
    return rbe_cli_parse(&cli, argc, argv, &err);
}

static void refused(const char *line, const char *text)
{
    assert_int_equal(parse(line), RBE_USAGE);
    assert_string_equal(err.text, text);
}

static void test_options_anywhere(void **state)
{
    size_t n;

    (void)state;
    assert_int_equal(parse("--json --config=a.yaml thing make --name x 17 --force --glob a --glob=b=c"), RBE_OK);
    assert_string_equal(cli.verb->words, "thing make");
    assert_true(cli.json);
    assert_string_equal(cli.config, "a.yaml");
    assert_string_equal(cli.args[0], "17");
    assert_string_equal(rbe_cli_value(&cli, "--name"), "x");
    assert_non_null(rbe_cli_value(&cli, "--force"));
    const char *const *globs = rbe_cli_values(&cli, "--glob", &n);
    assert_int_equal(n, 2);
    assert_string_equal(globs[0], "a");
    assert_string_equal(globs[1], "b=c");
    assert_int_equal(parse("thing list --config b.yaml --json"), RBE_OK);
    assert_string_equal(cli.config, "b.yaml");
    assert_null(rbe_cli_value(&cli, "--name"));
}

static void test_end_of_options(void **state)
{
    (void)state;
    assert_int_equal(parse("thing make --name -x -- --force"), RBE_OK);
    assert_string_equal(cli.args[0], "--force");
    assert_string_equal(rbe_cli_value(&cli, "--name"), "-x");
    assert_null(rbe_cli_value(&cli, "--force"));
    assert_int_equal(parse("thing make --name x -"), RBE_OK);
    assert_string_equal(cli.args[0], "-");
}

static void test_wrong_usage(void **state)
{
    (void)state;
    refused("", "no verb given");
    refused("thing", "'thing' is not a whole verb");
    refused("thin", "unknown verb 'thin'");
    refused("thing nix", "unknown verb 'thing nix'");
    refused("init x", "one argument too many: 'x'");
    refused("thing make --name x", "thing make needs ID");
    refused("thing make 1", "thing make needs --name");
    refused("thing make 1 --name", "--name needs a value");
    refused("thing make 1 --name a --name b", "--name is given twice");
    refused("thing make 1 --force=yes", "--force takes no value");
    refused("thing list --name x", "unknown option --name");
    refused("--name x thing make 1", "unknown option --name");
    refused("init -x", "unknown option -x");
}

static void test_help_needs_nothing_else(void **state)
{
    (void)state;
    assert_int_equal(parse("--help"), RBE_OK);
    assert_true(cli.asked_help);
    assert_null(cli.verb);
    assert_int_equal(parse("thing make -h"), RBE_OK);
    assert_string_equal(cli.verb->words, "thing make");
    assert_int_equal(parse("--version"), RBE_OK);
    assert_true(cli.asked_version);
}

static void test_help_fits(void **state)
{
    static const char *const lines[] = {"--help", "init --help", "thing make --help", "thing list --help"};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(lines); i++) {
        rbe_auto(str) struct rbe_str out = {0};

        assert_int_equal(parse(lines[i]), RBE_OK);
        rbe_cli_help(&cli, &out);
        assert_ptr_equal(strstr(out.s, "Usage: tool"), out.s);
        assert_non_null(strstr(out.s, "--config FILE"));
        for (const char *at = out.s; *at; at += strcspn(at, "\n") + 1)
            assert_true(strcspn(at, "\n") < 80);
    }
    rbe_auto(str) struct rbe_str out = {0};
    assert_int_equal(parse("thing make --help"), RBE_OK);
    rbe_cli_help(&cli, &out);
    assert_ptr_equal(strstr(out.s, "Usage: tool thing make ID --name N [--glob G]... [--force]\n"), out.s);
}

static void test_numbers(void **state)
{
    int64_t n;

    (void)state;
    assert_int_equal(parse("thing make 1 --name 12"), RBE_OK);
    assert_int_equal(rbe_cli_int(&cli, "--name", 1, 100, 7, &n, &err), RBE_OK);
    assert_int_equal(n, 12);
    assert_int_equal(rbe_cli_int(&cli, "--glob", 1, 100, 7, &n, &err), RBE_OK);
    assert_int_equal(n, 7);
    assert_int_equal(rbe_cli_int(&cli, "--name", 1, 11, 7, &n, &err), RBE_USAGE);
}

static void test_table(void **state)
{
    static const struct rbe_table_column columns[] = {{"NAME", false}, {"N", true}, {"NOTE", false}};
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_auto(str) struct rbe_str out = {0};
    struct rbe_table t;

    (void)state;
    rbe_table_init(&t, &arena, columns, RBE_COUNT(columns));
    rbe_table_text(&t, "\xc3\xa4\xc3\xb6");
    rbe_table_int(&t, 1000);
    rbe_table_text(&t, NULL);
    rbe_table_text(&t, "abcdef");
    rbe_table_int(&t, 7);
    rbe_table_text(&t, "a\033[2Jb\n\x80");
    rbe_table_put(&t, &out);
    assert_string_equal(out.s, "NAME       N  NOTE\n"
                               "\xc3\xa4\xc3\xb6      1000\n"
                               "abcdef     7  a?[2Jb??\n");
}

static void test_sizes(void **state)
{
    static const struct {
        int64_t bytes;
        const char *text;
    } rows[] = {{0, "0 B"},
                {999, "999 B"},
                {1000, "0.98 KiB"},
                {1024, "1.00 KiB"},
                {10 * 1024, "10.0 KiB"},
                {999 * 1024, "999 KiB"},
                {INT64_C(5) << 30, "5.00 GiB"},
                {INT64_MAX, "8192 PiB"}};
    rbe_auto(arena) struct rbe_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++)
        assert_string_equal(rbe_table_size_text(&arena, rows[i].bytes), rows[i].text);
}

static void list(bool json, bool fail)
{
    static const struct rbe_table_column columns[] = {{"NAME", false}, {"N", true}};
    rbe_auto(listing) struct rbe_listing l = {0};

    cli.json = json;
    rbe_listing_init(&l, &cli, columns, 2);
    for (int n = 9; n < 11; n++)
        if (json) {
            rbe_jsonw_int(&l.json, NULL, n);
        } else {
            rbe_table_text(&l.table, "x");
            rbe_table_int(&l.table, n);
        }
    if (!fail)
        rbe_listing_put(&l);
}

static void test_listing(void **state)
{
    (void)state;
    assert_int_equal(parse("thing list"), RBE_OK);
    list(false, false);
    assert_string_equal(cli.out.s, "NAME   N\nx      9\nx     10\n");
    rbe_str_reset(&cli.out);
    list(true, false);
    assert_string_equal(cli.out.s, "[9,10]");
    rbe_str_reset(&cli.out);
    list(true, true);
    assert_int_equal(cli.out.len, 0);
    rbe_str_release(&cli.out);
}

static void test_completion_shells(void **state)
{
    struct rbe_str out = {0};

    (void)state;
    assert_true(rbe_completion_put(&program, "bash", &out));
    assert_true(rbe_completion_put(&program, "zsh", &out));
    assert_false(rbe_completion_put(&program, "sh", &out));
    rbe_str_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_anywhere),
        cmocka_unit_test(test_end_of_options),
        cmocka_unit_test(test_wrong_usage),
        cmocka_unit_test(test_help_needs_nothing_else),
        cmocka_unit_test(test_help_fits),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_listing),
        cmocka_unit_test(test_completion_shells),
    };
    int failed = cmocka_run_group_tests_name("cli", tests, NULL, NULL);

    rbe_arena_release(&cli.arena);
    return failed;
}
