/* lib/wrap/conf: the three layers, every type and bound, and what is refused with which words. */
#include "tests/unit/scratch.h"

#include "lib/base/str.h"
#include "lib/wrap/conf.h"

struct sample {
    const char *text, *plain;
    int64_t number, span, size;
    bool flag;
    int word;
    struct rbe_conf_list list, strict;
};

static const char *const words[] = {"red", "green", "blue", NULL};

static const char *no_x(const char *text)
{
    return strchr(text, 'x') ? "must hold no x" : NULL;
}

static const struct rbe_conf_key table[] = {
    {.name = "one.text", .type = RBE_CONF_TEXT, .offset = offsetof(struct sample, text), .preset = "hello", .min = 2,
     .max = 10, .check = no_x},
    {.name = "one.plain", .type = RBE_CONF_TEXT, .offset = offsetof(struct sample, plain)},
    {.name = "one.number", .type = RBE_CONF_INT, .offset = offsetof(struct sample, number), .preset = "7", .min = -5,
     .max = 100},
    {.name = "one.flag", .type = RBE_CONF_BOOL, .offset = offsetof(struct sample, flag), .preset = "false"},
    {.name = "one_more.span", .type = RBE_CONF_DURATION, .offset = offsetof(struct sample, span), .preset = "10m",
     .min = 1, .max = 86400},
    {.name = "one_more.size", .type = RBE_CONF_SIZE, .offset = offsetof(struct sample, size), .preset = "4G",
     .min = 1024, .max = 1LL << 50},
    {.name = "one_more.word", .type = RBE_CONF_WORD, .offset = offsetof(struct sample, word), .preset = "green",
     .words = words},
    {.name = "one_more.list", .type = RBE_CONF_LIST, .offset = offsetof(struct sample, list),
     .preset = "[a, \"::1\"]"},
    {.name = "one_more.strict", .type = RBE_CONF_LIST, .offset = offsetof(struct sample, strict), .min = 4, .max = 8,
     .secret = true, .check = no_x},
};

struct place {
    char *dir, *file, *local;
    struct rbe_arena arena;
    struct rbe_err e;
    struct sample got;
};

static int set_up(void **state)
{
    struct place *p = rbe_alloc(sizeof(*p));

    p->dir = scratch_new();
    p->file = scratch_path(p->dir, "c.yaml");
    p->local = scratch_path(p->dir, "c.local.yaml");
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    scratch_free(p->dir);
    free(p->file);
    free(p->local);
    rbe_arena_release(&p->arena);
    free(p);
    return 0;
}

static void write_bytes(const char *path, const char *text, size_t len)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static void write_text(const char *path, const char *text)
{
    write_bytes(path, text, strlen(text));
}

static enum rbe_code load(struct place *p, char *const *env)
{
    p->e = (struct rbe_err){0};
    return rbe_conf_load(table, RBE_COUNT(table), p->file, env, &p->arena, &p->got, &p->e);
}

/* The file's text is refused with exactly "FILE" and then `want`. */
static void assert_refused(struct place *p, const char *text, const char *want)
{
    const char *full = rbe_arena_strfmt(&p->arena, "%s%s", p->file, want);

    write_text(p->file, text);
    assert_int_equal(load(p, NULL), RBE_REFUSED);
    assert_string_equal(p->e.text, full);
    assert_int_equal(p->e.code, RBE_REFUSED);
}

static void test_presets(void **state)
{
    static const char *const nothing[] = {
        "", "# only a comment\n", "---\n", "---\n...\n", "~\n", "one:\n", "one: {}\n", "one: ~\none_more: null\n",
        "one:\n  text:\n  plain: ''\n  number: ~\n  flag: null\none_more:\n  list:\n  strict: \"\"\n  word:\n",
        "\xef\xbb\xbfone:\n",
    };
    struct place *p = *state;

    for (size_t i = 0; i < RBE_COUNT(nothing); i++) {
        memset(&p->got, 0xee, sizeof(p->got));
        write_text(p->file, nothing[i]);
        if (load(p, NULL) != RBE_OK)
            fail_msg("%zu: %s", i, p->e.text);
        assert_string_equal(p->got.text, "hello");
        assert_string_equal(p->got.plain, "");
        assert_int_equal(p->got.number, 7);
        assert_int_equal(p->got.span, 600);
        assert_int_equal(p->got.size, 4LL << 30);
        assert_false(p->got.flag);
        assert_int_equal(p->got.word, 1);
        assert_int_equal(p->got.list.n, 2);
        assert_string_equal(p->got.list.v[1], "::1");
        assert_int_equal(p->got.strict.n, 0);
    }
    memset(&p->got, 0xee, sizeof(p->got));
    assert_int_equal(rbe_conf_load(table, RBE_COUNT(table), NULL, NULL, &p->arena, &p->got, &p->e), RBE_OK);
    assert_int_equal(p->got.number, 7);
}

static void test_values(void **state)
{
    struct place *p = *state;

    write_text(p->file, "one:\n"
                        "  text: 'null'\n"
                        "  plain: \"a: #b\"\n"
                        "  number: -5\n"
                        "  flag: true\n"
                        "one_more: {span: 2h, size: 10M, word: blue, list: [], strict: [\"abcd\", 'efgh']}\n");
    assert_int_equal(load(p, NULL), RBE_OK);
    assert_string_equal(p->got.text, "null");
    assert_string_equal(p->got.plain, "a: #b");
    assert_int_equal(p->got.number, -5);
    assert_true(p->got.flag);
    assert_int_equal(p->got.span, 7200);
    assert_int_equal(p->got.size, 10 << 20);
    assert_int_equal(p->got.word, 2);
    assert_int_equal(p->got.list.n, 0);
    assert_int_equal(p->got.strict.n, 2);
    assert_string_equal(p->got.strict.v[1], "efgh");
    write_text(p->file, "one_more:\n  list: single\n  size: 1T\n  span: 1d\n");
    assert_int_equal(load(p, NULL), RBE_OK);
    assert_int_equal(p->got.list.n, 1);
    assert_string_equal(p->got.list.v[0], "single");
    assert_int_equal(p->got.size, 1LL << 40);
    write_text(p->file, "one_more:\n  size: 1024\n  span: 1\n  list:\n  - b\n  - c\n  - d\n");
    assert_int_equal(load(p, NULL), RBE_OK);
    assert_int_equal(p->got.size, 1024);
    assert_int_equal(p->got.span, 1);
    assert_int_equal(p->got.list.n, 3);
    assert_string_equal(p->got.list.v[2], "d");
}

static void test_layers(void **state)
{
    struct place *p = *state;
    char *const env[] = {(char[]){"RBE_ONE_NUMBER=3"},           (char[]){"RBE_ONE_MORE_LIST=[x, y]"},
                         (char[]){"RBE_CONFIG=/nowhere"},        (char[]){"RBE_OTHER_THING=1"},
                         (char[]){"ONE_NUMBER=9"},               (char[]){"RBE_"},
                         (char[]){"RBE_ONE_PLAIN=\"quoted\""},   (char[]){"RBE_ONE_FLAG="},
                         (char[]){"RBE_ONE=section"},            NULL};

    write_text(p->file, "one:\n  text: file\n  number: 1\n  flag: true\none_more:\n  word: red\n");
    write_text(p->local, "one:\n  text: local\n  number: 2\none_more:\n  word: ~\n");
    assert_int_equal(load(p, NULL), RBE_OK);
    assert_string_equal(p->got.text, "local");
    assert_int_equal(p->got.number, 2);
    assert_true(p->got.flag);
    assert_int_equal(p->got.word, 1);
    assert_int_equal(load(p, env), RBE_OK);
    assert_string_equal(p->got.text, "local");
    assert_int_equal(p->got.number, 3);
    assert_int_equal(p->got.list.n, 2);
    assert_string_equal(p->got.list.v[1], "y");
    assert_string_equal(p->got.plain, "quoted");
    assert_false(p->got.flag);
}

static void test_environment_refused(void **state)
{
    static const struct {
        const char *assignment, *text;
    } rows[] = {
        {"RBE_ONE_NUMBR=3", "RBE_ONE_NUMBR: no such setting"},
        {"RBE_ONE_MORE_SIZ=3", "RBE_ONE_MORE_SIZ: no such setting"},
        {"RBE_ONE_=3", "RBE_ONE_: no such setting"},
        {"RBE_ONE_NUMBER=x", "RBE_ONE_NUMBER: one.number: must be a whole number"},
        {"RBE_ONE_NUMBER=[1]", "RBE_ONE_NUMBER: one.number: must be a single value, not a list"},
        {"RBE_ONE_TEXT={a: b}", "RBE_ONE_TEXT: one.text: must not be a map"},
        {"RBE_ONE_TEXT=a\n--- b", "RBE_ONE_TEXT: must be a single YAML document"},
        {"RBE_ONE_MORE_STRICT=[abcd, efg]",
         "RBE_ONE_MORE_STRICT: one_more.strict: each item must be 4 to 8 bytes long"},
    };
    struct place *p = *state;

    write_text(p->file, "");
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        char *const env[] = {rbe_arena_strdup(&p->arena, rows[i].assignment), NULL};

        assert_int_equal(load(p, env), RBE_REFUSED);
        assert_string_equal(p->e.text, rows[i].text);
    }
}

static void test_structure_refused(void **state)
{
    struct place *p = *state;

    assert_refused(p, "two:\n  a: b\n", ":1: two: no such section");
    assert_refused(p, "one:\n  text: abc\n  txt: abc\n", ":3: one.txt: no such setting");
    assert_refused(p, "one:\n  text: abc\n  text: abc\n", ":3: one.text: stands twice");
    assert_refused(p, "one:\n  text: abc\none_more:\none:\n  number: 1\n", ":4: one: stands twice");
    assert_refused(p, "one: text\n", ":1: one: must be a section with keys below it");
    assert_refused(p, "one:\n- text\n", ":2: one: must be a section with keys below it");
    assert_refused(p, "- one\n", ":1: must be sections with keys below them");
    assert_refused(p, "one\n", ":1: must be sections with keys below them");
    assert_refused(p, "one:\n  text: {a: b}\n", ":2: one.text: must not be a map");
    assert_refused(p, "one_more:\n  list: [a, [b]]\n", ":2: one_more.list: items must be single values");
    assert_refused(p, "one_more:\n  list:\n  - a\n  - ~\n", ":4: one_more.list: an item is empty");
    assert_refused(p, "? [a]\n: b\n", ":1: a key must be a word");
    assert_refused(p, "one:\n  text: abc\n---\none:\n", ":3: must be a single YAML document");
    assert_refused(p, "one:\n  text: &a abc\n", ":2: one.text: YAML anchors are not taken");
    assert_refused(p, "one: &a\n  text: abc\n", ":1: one: YAML anchors are not taken");
    assert_refused(p, "one:\n  text: *a\n", ":2: one.text: YAML aliases are not taken");
    assert_refused(p, "one:\n  text: !!str abc\n", ":2: one.text: YAML tags are not taken");
    assert_refused(p, "one:\n  <<: {text: abc}\n", ":2: one.<<: no such setting");
    assert_refused(p, "one:\n  plain: \"a\\0b\"\n", ":2: one.plain: must hold no control character");
    assert_refused(p, "one:\n  plain: \"a\\nb\"\n", ":2: one.plain: must hold no control character");
    write_text(p->file, "one:\n\ttext: abc\n");
    assert_int_equal(load(p, NULL), RBE_REFUSED);
    assert_non_null(strstr(p->e.text, "c.yaml:2: not valid YAML: "));
}

static void test_values_refused(void **state)
{
    struct place *p = *state;

    assert_refused(p, "one:\n  number: 101\n", ":2: one.number: must be from -5 to 100");
    assert_refused(p, "one:\n  number: 1.5\n", ":2: one.number: must be a whole number");
    assert_refused(p, "one:\n  number: 99999999999999999999\n", ":2: one.number: must be a whole number");
    assert_refused(p, "one:\n  number: abc\n", ":2: one.number: must be a whole number");
    assert_refused(p, "one:\n  number: 0x10\n", ":2: one.number: must be a whole number");
    assert_refused(p, "one:\n  flag: yes\n", ":2: one.flag: must be true or false");
    assert_refused(p, "one:\n  flag: [true]\n", ":2: one.flag: must be a single value, not a list");
    assert_refused(p, "one:\n  text: a\n", ":2: one.text: must be 2 to 10 bytes long");
    assert_refused(p, "one:\n  text: abcdefghijk\n", ":2: one.text: must be 2 to 10 bytes long");
    assert_refused(p, "one:\n  text: axb\n", ":2: one.text: must hold no x");
    assert_refused(p, "one_more:\n  span: 0\n", ":2: one_more.span: must be from 1s to 1d");
    assert_refused(p, "one_more:\n  span: 25h\n", ":2: one_more.span: must be from 1s to 1d");
    assert_refused(p, "one_more:\n  span: soon\n",
                   ":2: one_more.span: must be a time such as 45s, 10m, 2h or 90d");
    assert_refused(p, "one_more:\n  size: 1\n", ":2: one_more.size: must be from 1K to 1024T");
    assert_refused(p, "one_more:\n  size: 9999999T\n",
                   ":2: one_more.size: must be a size such as 512, 64K, 10M or 4G");
    assert_refused(p, "one_more:\n  size: -1\n", ":2: one_more.size: must be a size such as 512, 64K, 10M or 4G");
    assert_refused(p, "one_more:\n  size: 4GB\n", ":2: one_more.size: must be a size such as 512, 64K, 10M or 4G");
    assert_refused(p, "one_more:\n  word: Blue\n", ":2: one_more.word: must be one of red, green, blue");
    assert_refused(p, "one_more:\n  strict:\n  - abcd\n  - abx1\n", ":4: one_more.strict: must hold no x");
    assert_refused(p, "one_more:\n  strict:\n  - abcd\n  - abcdefghi\n",
                   ":4: one_more.strict: each item must be 4 to 8 bytes long");
}

/* A value that breaks its row is refused even where the local file replaces it. */
static void test_hidden_value_refused(void **state)
{
    struct place *p = *state;

    write_text(p->local, "one:\n  number: 1\n");
    assert_refused(p, "one:\n  number: 1000\n", ":2: one.number: must be from -5 to 100");
    write_text(p->file, "one:\n  number: 1\n");
    write_text(p->local, "one:\n  number: 1000\n");
    assert_int_equal(load(p, NULL), RBE_REFUSED);
    assert_non_null(strstr(p->e.text, "c.local.yaml:2: one.number: must be"));
}

static void test_files_refused(void **state)
{
    struct place *p = *state;
    rbe_auto(str) struct rbe_str text = {0};

    assert_int_equal(load(p, NULL), RBE_REFUSED);
    assert_non_null(strstr(p->e.text, "c.yaml: No such file"));
    assert_int_equal(mkdir(p->file, 0700), 0);
    assert_int_equal(load(p, NULL), RBE_REFUSED);
    assert_int_equal(rmdir(p->file), 0);
    for (size_t n = 0; n <= 1024 * 1024; n += 64)
        rbe_str_puts(&text, "# 345678901234567890123456789012345678901234567890123456789012\n#");
    rbe_str_puts(&text, "\n");
    write_text(p->file, rbe_str_text(&text));
    assert_int_equal(load(p, NULL), RBE_REFUSED);
    assert_non_null(strstr(p->e.text, "larger than 1048576 bytes"));
    write_bytes(p->file, "one:\n  text: \xff\xfe\n", 16);
    assert_int_equal(load(p, NULL), RBE_REFUSED);
}

/* What is shown goes through the file again and comes out the same. */
static void test_show(void **state)
{
    static const struct {
        size_t row;
        const char *value, *shown;
    } rows[] = {
        {0, "hello", "hello"},    {1, "https://a.b:1/c", "https://a.b:1/c"},
        {1, "'null'", "\"null\""}, {1, "\"a: b #c \\\"d\\\\\"", "\"a: b #c \\\"d\\\\\""},
        {1, "'- a'", "\"- a\""},  {1, "'-a'", "\"-a\""},
        {1, "a-b", "a-b"},        {1, "'a:'", "\"a:\""},
        {1, "\"\"", ""},          {2, "-3", "-3"},
        {3, "true", "true"},      {4, "120", "2m"},
        {4, "90", "90s"},         {4, "86400", "1d"},
        {5, "1536", "1536"},      {5, "2048K", "2M"},
        {6, "blue", "blue"},      {7, "[]", "[]"},
        {7, "[a.b/8, 'x y', \"::1\", '', '~']", NULL},
        {7, "[a.b/8, 'x y', \"::1\", '~', 'null']", "[a.b/8, \"x y\", \"::1\", \"~\", \"null\"]"},
        {8, "[]", ""},            {8, "[abcd]", "(set)"},
    };
    struct place *p = *state;

    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        const struct rbe_conf_key *key = &table[rows[i].row];
        const char *dot = strchr(key->name, '.');
        const char *value = rows[i].value;

        for (int again = 0; again < 2 && value[0]; again++) {
            write_text(p->file, rbe_arena_strfmt(&p->arena, "%.*s:\n  %s: %s\n", (int)(dot - key->name), key->name,
                                                 dot + 1, value));
            assert_int_equal(load(p, NULL), rows[i].shown ? RBE_OK : RBE_REFUSED);
            if (!rows[i].shown || key->secret)
                break;
            value = rbe_conf_show(key, &p->got, &p->arena);
            assert_string_equal(value, rows[i].shown);
        }
        if (key->secret)
            assert_string_equal(rbe_conf_show(key, &p->got, &p->arena), rows[i].shown);
    }
}

/* A name that does not end in .yaml has no local file. */
static void test_other_ending(void **state)
{
    struct place *p = *state;

    write_text(p->local, "nonsense: [\n");
    free(p->file);
    p->file = scratch_path(p->dir, "c");
    write_text(p->file, "one:\n  number: 4\n");
    assert_int_equal(load(p, NULL), RBE_OK);
    assert_int_equal(p->got.number, 4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_presets),        TEST(test_values),         TEST(test_layers),       TEST(test_environment_refused),
        TEST(test_structure_refused), TEST(test_values_refused), TEST(test_hidden_value_refused),
        TEST(test_files_refused),  TEST(test_show),           TEST(test_other_ending),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
