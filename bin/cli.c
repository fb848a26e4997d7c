#include "bin/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bin/completion.h"
#include "lib/base/codec.h"
#include "lib/base/log.h"

enum { HELP_WIDTH = 79, HELP_INDENT = 4, HELP_COLUMN = 30, EXIT_USAGE = 2 };

static const struct rbe_cli_option opt_config = {"--config", "FILE", "configuration file", false, false};
static const struct rbe_cli_option opt_json = {"--json", NULL, "print JSON", false, false};
static const struct rbe_cli_option opt_help = {"--help", NULL, "print this help", false, false};
static const struct rbe_cli_option opt_version = {"--version", NULL, "print the version", false, false};
static const struct rbe_cli_option *const globals[] = {&opt_config, &opt_json, &opt_help, &opt_version};

static bool offered(const struct rbe_cli *cli, const struct rbe_cli_option *global)
{
    return (global != &opt_json || cli->program->json) && (global != &opt_config || cli->program->home);
}

/* ---- parsing ---- */

/* name[0..len) is an option of the verb or of every program; NULL when it is none. */
static const struct rbe_cli_option *find_option(const struct rbe_cli *cli, const char *name, size_t len)
{
    for (size_t i = 0; i < RBE_COUNT(globals); i++)
        if (strlen(globals[i]->name) == len && strncmp(globals[i]->name, name, len) == 0)
            return offered(cli, globals[i]) ? globals[i] : NULL;
    for (const struct rbe_cli_option *o = cli->verb ? cli->verb->options : NULL; o && o->name; o++)
        if (strlen(o->name) == len && strncmp(o->name, name, len) == 0)
            return o;
    return NULL;
}

/* A value of alternatives ("public|cdk") is one of them; whatever else stands for it in help is free. */
static enum rbe_code judge_value(const struct rbe_cli_option *o, const char *text, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str words = {0};
    size_t n;

    if (!o->value || !strchr(o->value, '|'))
        return RBE_OK;
    for (const char *at = o->value; *at; at += n + (at[n] == '|')) {
        n = strcspn(at, "|");
        if (strlen(text) == n && strncmp(at, text, n) == 0)
            return RBE_OK;
        rbe_str_putf(&words, "%s%.*s", at == o->value ? "" : at[n] ? ", " : " or ", (int)n, at);
    }
    return rbe_fail(e, RBE_USAGE, "%s must be %s", o->name, words.s);
}

static enum rbe_code keep_value(struct rbe_cli *cli, const struct rbe_cli_option *o, const char *text,
                                struct rbe_err *e)
{
    if (o == &opt_config)
        cli->config = text;
    else if (o == &opt_json)
        cli->json = true;
    else if (o == &opt_help)
        cli->asked_help = true;
    else if (o == &opt_version)
        cli->asked_version = true;
    else if (!o->many && rbe_cli_value(cli, o->name))
        return rbe_fail(e, RBE_USAGE, "%s is given twice", o->name);
    else if (cli->n_values == RBE_CLI_VALUES)
        return rbe_fail(e, RBE_USAGE, "more than %d options", RBE_CLI_VALUES);
    else
        cli->values[cli->n_values++] = (struct rbe_cli_value){.option = o, .text = text ? text : ""};
    return RBE_OK;
}

/* argv[*i] is an option; moves *i on when its value is the next word. */
static enum rbe_code parse_option(struct rbe_cli *cli, int argc, char **argv, int *i, struct rbe_err *e)
{
    const char *word = argv[*i], *equals = strchr(word, '='), *text = NULL;
    size_t len = equals ? (size_t)(equals - word) : strlen(word);
    const struct rbe_cli_option *o = strcmp(word, "-h") == 0 ? &opt_help : find_option(cli, word, len);

    if (!o)
        return rbe_fail(e, RBE_USAGE, "unknown option %.*s", (int)len, word);
    if (equals && !o->value)
        return rbe_fail(e, RBE_USAGE, "%s takes no value", o->name);
    if (equals)
        text = equals + 1;
    else if (o->value && *i + 1 < argc)
        text = argv[++*i];
    else if (o->value)
        return rbe_fail(e, RBE_USAGE, "%s needs a value", o->name);
    RBE_TRY(judge_value(o, text, e));
    return keep_value(cli, o, text, e);
}

/* Whether verb's words begin with the words given, and whether these are all of them. */
static bool verb_begins(const struct rbe_cli_verb *v, const char *given, bool *ret_whole)
{
    size_t len = strlen(given);

    *ret_whole = strcmp(v->words, given) == 0;
    return *ret_whole || (strncmp(v->words, given, len) == 0 && v->words[len] == ' ');
}

/* Takes one more word towards the verb. */
static enum rbe_code parse_verb(struct rbe_cli *cli, struct rbe_str *given, const char *word, struct rbe_err *e)
{
    bool begins = false, whole;

    if (given->len)
        rbe_str_putc(given, ' ');
    rbe_str_puts(given, word);
    for (const struct rbe_cli_verb *v = cli->program->verbs; v->run; v++)
        if (*word && verb_begins(v, given->s, &whole)) {
            begins = true;
            if (whole)
                cli->verb = v;
        }
    return begins ? RBE_OK : rbe_fail(e, RBE_USAGE, "unknown verb '%s'", given->s);
}

static size_t count_words(const char *text)
{
    size_t n = *text != '\0';

    for (; *text; text++)
        n += *text == ' ';
    return n;
}

/* What is missing once all words were read. */
static enum rbe_code complete(const struct rbe_cli *cli, const char *given, struct rbe_err *e)
{
    const struct rbe_cli_verb *v = cli->verb;

    if (!v)
        return *given ? rbe_fail(e, RBE_USAGE, "'%s' is not a whole verb", given)
                      : rbe_fail(e, RBE_USAGE, "no verb given");
    if (cli->n_args < count_words(v->args))
        return rbe_fail(e, RBE_USAGE, "%s%sneeds %s", v->words, *v->words ? " " : "", v->args);
    for (const struct rbe_cli_option *o = v->options; o && o->name; o++)
        if (o->must && !rbe_cli_value(cli, o->name))
            return rbe_fail(e, RBE_USAGE, "%s%sneeds %s", v->words, *v->words ? " " : "", o->name);
    return RBE_OK;
}

/* The row that is meant when no verb is given. */
static bool is_default(const struct rbe_cli_verb *v)
{
    return v && !*v->words;
}

/* A word that stands where the verb does. Options that were read are of the default's, which is left by this. */
static enum rbe_code leave_default(struct rbe_cli *cli, struct rbe_err *e)
{
    if (!is_default(cli->verb))
        return RBE_OK;
    if (cli->n_values)
        return rbe_fail(e, RBE_USAGE, "%s goes with no verb", cli->values[0].option->name);
    cli->verb = NULL;
    return RBE_OK;
}

enum rbe_code rbe_cli_parse(struct rbe_cli *cli, int argc, char **argv, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str given = {0};
    bool options = true, has_verbs = cli->program->verbs[0].run && cli->program->verbs[1].run;

    if (is_default(cli->program->verbs))
        cli->verb = cli->program->verbs;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];

        if (options && strcmp(word, "--") == 0)
            options = false;
        else if (options && word[0] == '-' && word[1])
            RBE_TRY(parse_option(cli, argc, argv, &i, e));
        else if (!cli->verb || (is_default(cli->verb) && has_verbs)) {
            RBE_TRY(leave_default(cli, e));
            RBE_TRY(parse_verb(cli, &given, word, e));
        }
        else if (cli->n_args < count_words(cli->verb->args) && cli->n_args < RBE_CLI_ARGS)
            cli->args[cli->n_args++] = word;
        else
            return rbe_fail(e, RBE_USAGE, "one argument too many: '%s'", word);
    }
    return cli->asked_help || cli->asked_version ? RBE_OK : complete(cli, rbe_str_text(&given), e);
}

const char *rbe_cli_value_at(const struct rbe_cli *cli, const char *name, size_t i)
{
    for (size_t k = 0; k < cli->n_values; k++)
        if (strcmp(cli->values[k].option->name, name) == 0 && i-- == 0)
            return cli->values[k].text;
    return NULL;
}

const char *rbe_cli_value(const struct rbe_cli *cli, const char *name)
{
    return rbe_cli_value_at(cli, name, 0);
}

const char *const *rbe_cli_values(struct rbe_cli *cli, const char *name, size_t *ret_n)
{
    const char **all = rbe_arena_alloc_array(&cli->arena, cli->n_values, sizeof(*all)), *text;

    for (*ret_n = 0; (text = rbe_cli_value_at(cli, name, *ret_n)); ++*ret_n)
        all[*ret_n] = text;
    return all;
}

enum rbe_code rbe_cli_int(const struct rbe_cli *cli, const char *name, int64_t min, int64_t max, int64_t preset,
                          int64_t *ret, struct rbe_err *e)
{
    const char *text = rbe_cli_value(cli, name);

    *ret = preset;
    if (text && !rbe_int_parse(text, min, max, ret))
        return rbe_fail(e, RBE_USAGE, "%s must be a number from %lld to %lld", name, (long long)min, (long long)max);
    return RBE_OK;
}

/* ---- help ---- */

/* Puts text word by word from column `at` on, going on at `indent` in the next line. Words within [] or <> stay
 * together. */
static void put_wrapped(struct rbe_str *out, const char *text, size_t at, size_t indent)
{
    bool first = true;

    while (*text) {
        size_t len = 0;
        int depth = 0;

        for (; text[len] && (depth || text[len] != ' '); len++)
            depth += (text[len] == '[') - (text[len] == ']');
        if (!first && at + 1 + len > HELP_WIDTH) {
            rbe_str_putf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!first) {
            rbe_str_putc(out, ' ');
            at++;
        }
        rbe_str_put(out, text, len);
        at += len;
        first = false;
        for (text += len; *text == ' '; text++)
            ;
    }
    rbe_str_putc(out, '\n');
}

static void put_row(struct rbe_str *out, const char *left, const char *right)
{
    size_t len = 2 + strlen(left);

    rbe_str_putf(out, "  %s", left);
    if (len + 2 > HELP_COLUMN) {
        rbe_str_putc(out, '\n');
        len = 0;
    }
    rbe_str_putf(out, "%*s", (int)(HELP_COLUMN - len), "");
    put_wrapped(out, right, HELP_COLUMN, HELP_COLUMN);
}

static void put_option(struct rbe_str *out, const struct rbe_cli_option *o)
{
    rbe_autofree char *left = rbe_strfmt("%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");

    put_row(out, left, o->help);
}

static void put_options(const struct rbe_cli *cli, struct rbe_str *out)
{
    rbe_str_puts(out, "\nOptions:\n");
    for (const struct rbe_cli_option *o = cli->verb ? cli->verb->options : NULL; o && o->name; o++)
        put_option(out, o);
    for (size_t i = 0; i < RBE_COUNT(globals); i++)
        if (offered(cli, globals[i]))
            put_option(out, globals[i]);
}

/* "Usage: rbe-admin token create NAME [--scope admin|publish] …" */
static void put_usage(const struct rbe_cli *cli, struct rbe_str *out)
{
    const struct rbe_cli_verb *v = cli->verb;
    rbe_auto(str) struct rbe_str line = {0};

    rbe_str_putf(&line, "Usage: %s", cli->program->name);
    if (!v)
        rbe_str_puts(&line, " [OPTION]... VERB [ARGUMENT]...");
    else if (*v->words)
        rbe_str_putf(&line, " %s", v->words);
    if (v && *v->args)
        rbe_str_putf(&line, " %s", v->args);
    for (const struct rbe_cli_option *o = v ? v->options : NULL; o && o->name; o++)
        rbe_str_putf(&line, o->must ? " %s%s%s%s" : " [%s%s%s]%s", o->name, o->value ? " " : "",
                     o->value ? o->value : "", o->many ? "..." : "");
    put_wrapped(out, line.s, 0, HELP_INDENT + 3);
}

void rbe_cli_help(const struct rbe_cli *cli, struct rbe_str *out)
{
    const struct rbe_cli_verb *v = cli->verb;
    bool all = !v || (is_default(v) && v[1].run);

    put_usage(cli, out);
    rbe_str_putc(out, '\n');
    put_wrapped(out, v ? v->help : cli->program->summary, 0, 0);
    if (all) {
        rbe_str_puts(out, "\nVerbs:\n");
        for (const struct rbe_cli_verb *each = cli->program->verbs + is_default(v); each->run; each++) {
            rbe_autofree char *left = rbe_strfmt("%s%s%s", each->words, *each->args ? " " : "", each->args);

            put_row(out, left, each->help);
        }
    }
    put_options(cli, out);
    if (all)
        rbe_str_putf(out, "\n%s VERB --help tells more of a verb.\n", cli->program->name);
}

/* ---- the main ---- */

enum rbe_code rbe_cli_flush(struct rbe_cli *cli, struct rbe_err *e)
{
    const char *at = rbe_str_text(&cli->out);
    size_t left = cli->out.len;

    while (left) {
        ssize_t n = write(STDOUT_FILENO, at, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return rbe_fail_errno(e, "cannot write to standard output");
        at += n;
        left -= (size_t)n;
    }
    rbe_str_reset(&cli->out);
    return RBE_OK;
}

static enum rbe_code run_verb(struct rbe_cli *cli, struct rbe_err *e)
{
    const struct rbe_cli_verb *v = cli->verb;

    if (cli->program->home)
        RBE_TRY(cli->program->home->open(cli, v->need, e));
    return v->run(cli, e);
}

/* `--completion SHELL` alone is for make install, and in no help. */
static bool asks_completion(struct rbe_cli *cli, int argc, char **argv, enum rbe_code *ret, struct rbe_err *e)
{
    if (argc != 3 || strcmp(argv[1], "--completion") != 0)
        return false;
    *ret = rbe_completion_put(cli->program, argv[2], &cli->out)
               ? rbe_cli_flush(cli, e)
               : rbe_fail(e, RBE_USAGE, "--completion must be bash or zsh");
    return true;
}

static enum rbe_code run(struct rbe_cli *cli, struct rbe_err *e)
{
    enum rbe_code code = RBE_OK;

    if (cli->asked_help)
        rbe_cli_help(cli, &cli->out);
    else if (cli->asked_version)
        rbe_str_putf(&cli->out, "%s %s\n", cli->program->name, RBE_VERSION);
    else
        code = run_verb(cli, e);
    if (cli->out.len && cli->out.s[cli->out.len - 1] != '\n')
        rbe_str_putc(&cli->out, '\n');
    /* A failure's own words matter more than a failing output. */
    enum rbe_code flushed = rbe_cli_flush(cli, code == RBE_OK ? e : NULL);
    return code == RBE_OK ? flushed : code;
}

/* One line, whatever is in the text; all violations of a failure in it. */
static void complain(const struct rbe_cli *cli, const struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str line = {0};

    rbe_str_putf(&line, "%s: %s", cli->program->name, e->text);
    for (size_t i = 1; i < e->violations; i++)
        rbe_str_putf(&line, "; %s: %s", e->violation[i].field, e->violation[i].message);
    if (rbe_code_info(e->code)->exit == EXIT_USAGE)
        rbe_str_putf(&line, "; see %s%s%s --help", cli->program->name, cli->verb && *cli->verb->words ? " " : "",
                     cli->verb ? cli->verb->words : "");
    for (char *c = line.s; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    (void)fprintf(stderr, "%s\n", line.s);
}

int rbe_cli_main(const struct rbe_cli_program *program, int argc, char **argv)
{
    struct rbe_cli *cli = rbe_alloc(sizeof(*cli));
    struct rbe_err e = {0};

    rbe_log_name_set(program->name);
    cli->program = program;
    enum rbe_code code;
    if (!asks_completion(cli, argc, argv, &code, &e)) {
        code = rbe_cli_parse(cli, argc, argv, &e);
        if (code == RBE_OK)
            code = run(cli, &e);
    }
    if (code != RBE_OK)
        complain(cli, &e);
    int status = code == RBE_OK ? cli->exit : rbe_code_info(code)->exit;
    if (program->home)
        program->home->close(cli);
    rbe_arena_release(&cli->arena);
    rbe_str_release(&cli->out);
    free(cli);
    return status;
}
