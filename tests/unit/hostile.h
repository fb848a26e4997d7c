/* The archives of tests/regress/archives.pl, made once for a test program, and what is expected of each. */
#ifndef RBE_TESTS_HOSTILE_H
#define RBE_TESTS_HOSTILE_H

#include "lib/patch/inspect.h"
#include "tests/unit/scratch.h"

enum { HOSTILE_ENTRIES = 1000, HOSTILE_BYTES = 64 << 20 };

typedef enum rbe_code (*hostile_inspect)(const struct rbe_inspect *what, struct rbe_manifest *ret, struct rbe_err *e);

static inline int hostile_setup(void **state)
{
    *state = scratch_new();
    return scratch_sh("perl tests/regress/archives.pl \"$1\"", *state, NULL, NULL);
}

static inline unsigned hostile_rules(const char *system)
{
    if (strcmp(system, "linux") == 0)
        return 0;
    return strcmp(system, "darwin") == 0 ? RBE_RULES_FOLD : RBE_RULES_FOLD | RBE_RULES_WINDOWS;
}

/* One row of index.tsv; what goes wrong is printed. */
static inline bool hostile_row(const char *dir, char *line, hostile_inspect inspect)
{
    char *field[5] = {0}, *rest = line;
    rbe_auto(manifest) struct rbe_manifest manifest = {0};
    struct rbe_err e = {0};

    for (size_t i = 0; i < RBE_COUNT(field); i++) {
        field[i] = strsep(&rest, "\t");
        assert_non_null(field[i]);
    }
    rbe_autoclose int fd = scratch_open(dir, field[0], O_RDONLY);
    const struct rbe_inspect what = {
        .fd = fd,
        .type = rbe_arc_type_of(strchr(field[0], '.') + 1),
        .rules = hostile_rules(field[2]),
        .limits = {HOSTILE_ENTRIES, HOSTILE_BYTES},
    };
    enum rbe_code code = inspect(&what, &manifest, &e);
    bool good = strcmp(field[1], "accept") == 0
                    ? code == RBE_OK && manifest.n > 0
                    : code == RBE_INVALID && manifest.n == 0 && e.violations == 1 && strcmp(e.violation[0].field, "file") == 0 &&
                          strcmp(e.violation[0].rule, field[3]) == 0 && strstr(e.violation[0].message, field[4]) != NULL;
    if (!good)
        print_message("# %s for %s: code %d, rule %s: %s (wanted %s %s: %s)\n", field[0], field[2], (int)code,
                      e.violation[0].rule, e.text, field[1], field[3], field[4]);
    return good;
}

/* All rows; returns how many there were. */
static inline size_t hostile_all(const char *dir, hostile_inspect inspect)
{
    rbe_autofree char *path = scratch_path(dir, "index.tsv");
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_err e = {0};
    size_t rows = 0, wrong = 0;

    assert_int_equal(rbe_file_get(path, 1 << 20, &text, &e), RBE_OK);
    for (char *rest = text.s, *line; (line = strsep(&rest, "\n")) && *line; rows++)
        wrong += !hostile_row(dir, line, inspect);
    assert_int_equal(wrong, 0);
    return rows;
}

#endif
