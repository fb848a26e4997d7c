/* A command line program as one table: its verbs, their arguments and options, their help. Parsing, help texts, shell
 * completion and the manual's synopsis come from the table; a verb is one row and one handler.
 *
 * A program that works on an installation names rbe_cli_app (cli-app.c), which opens it; one that does not links nothing of it.
 *
 * Global options (--config, --json, --help, --version) stand before or after the verb; "--" ends the options; a value
 * follows as the next word or after '='.
 */
#ifndef RBE_BIN_CLI_H
#define RBE_BIN_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/core/app.h"

enum { RBE_CLI_ARGS = 8, RBE_CLI_VALUES = 256 };

struct rbe_cli_option {
    const char *name;            /* "--channel" */
    const char *value;           /* what stands for its value in the help; NULL for a switch */
    const char *help;
    bool many;                   /* may be given several times */
    bool must;                   /* has to be given */
};

/* What a handler finds open. */
enum rbe_cli_need { RBE_CLI_NOTHING, RBE_CLI_SETTINGS, RBE_CLI_READ, RBE_CLI_WRITE };

struct rbe_cli;
struct rbe_cli_verb {
    const char *words;           /* "resource create"; "" (of the first row only): what is done without a verb */
    const char *args;            /* "RID VERSION FILE": one word each, all required; "" for none */
    const struct rbe_cli_option *options;    /* ended by a row without name; NULL for none */
    enum rbe_cli_need need;
    enum rbe_code (*run)(struct rbe_cli *cli, struct rbe_err *e);
    const char *help;            /* a line */
};

/* Opens what a verb needs, and closes it. */
struct rbe_cli_home {
    enum rbe_code (*open)(struct rbe_cli *cli, enum rbe_cli_need need, struct rbe_err *e);
    void (*close)(struct rbe_cli *cli);
};
extern const struct rbe_cli_home rbe_cli_app;

struct rbe_cli_program {
    const char *name;            /* "rbe-admin" */
    const char *summary;         /* a line */
    const struct rbe_cli_verb *verbs;        /* ended by a row without run */
    bool json;                   /* has --json */
    const struct rbe_cli_home *home;         /* NULL: needs no installation, and has no --config */
};

struct rbe_cli_value {
    const struct rbe_cli_option *option;
    const char *text;            /* NULL for a switch */
};

struct rbe_cli {
    const struct rbe_cli_program *program;
    const struct rbe_cli_verb *verb;
    const char *config;          /* --config, else NULL */
    bool json;
    const char *args[RBE_CLI_ARGS];
    size_t n_args;
    struct rbe_cli_value values[RBE_CLI_VALUES];
    size_t n_values;
    struct rbe_settings settings;
    struct rbe_app *app;         /* NULL before rbe_cli_open */
    struct rbe_arena arena;      /* of the handler */
    struct rbe_str out;          /* goes to standard output when the handler is done, its last line ended */
    int exit;                    /* the status when the handler succeeds */
    bool asked_help, asked_version;
};

/* Everything a main does; returns the exit status. */
int rbe_cli_main(const struct rbe_cli_program *program, int argc, char **argv);

/* For handlers: the value of an option, NULL when it was not given; the i-th of several, NULL past the last. */
const char *rbe_cli_value(const struct rbe_cli *cli, const char *name);
const char *rbe_cli_value_at(const struct rbe_cli *cli, const char *name, size_t i);
/* All values of an option, in the arena. */
const char *const *rbe_cli_values(struct rbe_cli *cli, const char *name, size_t *ret_n);
/* A whole number within [min,max]; `preset` when the option was not given. */
enum rbe_code rbe_cli_int(const struct rbe_cli *cli, const char *name, int64_t min, int64_t max, int64_t preset,
                          int64_t *ret, struct rbe_err *e) RBE_MUST_USE;
/* Opens the databases, for handlers that first do something else as the user who called. */
enum rbe_code rbe_cli_open(struct rbe_cli *cli, enum rbe_app_mode mode, struct rbe_err *e) RBE_MUST_USE;
/* Writes out what is in cli->out now. */
enum rbe_code rbe_cli_flush(struct rbe_cli *cli, struct rbe_err *e) RBE_MUST_USE;

/* The parts of the main, for its tests. Parsing fails with RBE_USAGE. */
enum rbe_code rbe_cli_parse(struct rbe_cli *cli, int argc, char **argv, struct rbe_err *e) RBE_MUST_USE;
/* The help of the verb, or of the whole program when cli->verb is NULL; at most 80 columns. */
void rbe_cli_help(const struct rbe_cli *cli, struct rbe_str *out);

#endif
