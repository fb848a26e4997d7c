/* The script is three parts: a table of verbs and options, a small awk program that says what may stand at the cursor,
 * and a function that speaks with the shell. Rows of the table, fields parted by tabs:
 *     V verb arguments help                    arguments parted by ';', each an offer
 *     O verb option offer help                 verb * for options that go with all; no offer for a switch
 * An offer is "=word word …", "@files", "@dirs", "@resources", or "?NAME" for what nobody can guess.
 */
#include "bin/completion.h"

#include <string.h>

static const struct rbe_cli_option shared[] = {
    {.name = "--config", .value = "FILE", .help = "configuration file"},
    {.name = "--json", .help = "print JSON"},
    {.name = "--help", .help = "print this help"},
    {.name = "--version", .help = "print the version"},
    {.name = NULL},
};

/* What completes an option's value or an argument; a value of alternatives ("public|cdk") needs no row. */
static const struct {
    const char *name;            /* of the option, or what stands for the value or the argument */
    const char *offer;
} offers[] = {
    {"--channel", "=stable beta alpha"},
    {"--system", "=windows linux darwin android any"},
    {"--arch", "=386 amd64 arm arm64 any"},
    {"CHANNEL", "=stable beta alpha"},
    {"FILE", "@files"},
    {"F", "@files"},
    {"DIR", "@dirs"},
    {"RID", "@resources"},
};

static const char core[] =
    "# What may stand at the cursor: lines of word and help, or one offer. First argument the word at the cursor, then\n"
    "# those before it.\n"
    "_%1$s_offers()\n"
    "{\n"
    "    printf '%%s\\n' \"$_%1$s_table\" | awk -F '\\t' '\n"
    "    BEGIN { for (i = 1; i < ARGC; i++) word[i] = ARGV[i]; words = ARGC - 1; ARGC = 1 }\n"
    "    { row[NR] = $0 }\n"
    "    $1 == \"O\" && $4 != \"\" && !($3 in offer) { offer[$3] = $4 }\n"
    "    function put(spec,  list, k, n) {\n"
    "        if (substr(spec, 1, 1) != \"=\") { print spec; return }\n"
    "        n = split(substr(spec, 2), list, \" \")\n"
    "        for (k = 1; k <= n; k++) print list[k] \"\\t\"\n"
    "    }\n"
    "    END {\n"
    "        current = word[1] == \"=\" ? \"\" : word[1]\n"
    "        for (i = 2; i <= words; i++) {\n"
    "            if (word[i] == \"=\") continue\n"
    "            if (wants != \"\") { wants = \"\"; continue }\n"
    "            if (word[i] ~ /^-/) { if (word[i] in offer) wants = word[i]; continue }\n"
    "            given = given (given == \"\" ? \"\" : \" \") word[i]\n"
    "        }\n"
    "        if (wants != \"\") { put(offer[wants]); exit }\n"
    "        for (i = 1; i <= NR; i++) {\n"
    "            split(row[i], f, \"\\t\")\n"
    "            if (f[1] != \"V\") continue\n"
    "            if (f[2] == \"\" || index(given \" \", f[2] \" \") == 1) {\n"
    "                if (!found || length(f[2]) > length(verb)) { found = 1; verb = f[2]; arguments = f[3] }\n"
    "            } else if (given == \"\" || index(f[2], given \" \") == 1) {\n"
    "                n = split(substr(f[2], given == \"\" ? 1 : length(given) + 2), rest, \" \")\n"
    "                if (rest[1] in told) continue\n"
    "                told[rest[1]] = 1\n"
    "                following = following rest[1] \"\\t\" (n == 1 ? f[4] : \"\") \"\\n\"\n"
    "            }\n"
    "        }\n"
    "        if (current ~ /^-/) {\n"
    "            for (i = 1; i <= NR; i++) {\n"
    "                split(row[i], f, \"\\t\")\n"
    "                if (f[1] == \"O\" && (f[2] == \"*\" || (found && f[2] == verb))) print f[3] \"\\t\" f[5]\n"
    "            }\n"
    "        } else if (following != \"\") {\n"
    "            printf \"%%s\", following\n"
    "        } else if (found) {\n"
    "            n = split(substr(given, length(verb) + 1), rest, \" \")\n"
    "            split(arguments, list, \";\")\n"
    "            if (n + 1 in list) put(list[n + 1])\n"
    "        }\n"
    "    }' \"$@\"\n"
    "}\n"
    "\n"
    "_%1$s_resources()\n"
    "{\n"
    "    %2$s --json resource list 2>/dev/null | tr , '\\n' | sed -n 's/.*\"id\":\"\\([^\"]*\\)\".*/\\1/p'\n"
    "}\n";

static const char bash[] =
    "\n"
    "_%1$s()\n"
    "{\n"
    "    local current=${COMP_WORDS[COMP_CWORD]} line word IFS=$'\\n'\n"
    "    COMPREPLY=()\n"
    "    for line in $(_%1$s_offers \"$current\" \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"); do\n"
    "        [[ $current == '=' ]] && current=\n"
    "        case $line in\n"
    "        @files) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -f -- \"$current\")) ;;\n"
    "        @dirs) compopt -o filenames 2>/dev/null; COMPREPLY+=($(compgen -d -- \"$current\")) ;;\n"
    "        @resources) COMPREPLY+=($(compgen -W \"$(_%1$s_resources)\" -- \"$current\")) ;;\n"
    "        '?'*) ;;\n"
    "        *) word=${line%%%%$'\\t'*}; [[ $word == \"$current\"* ]] && COMPREPLY+=(\"$word\") ;;\n"
    "        esac\n"
    "    done\n"
    "}\n"
    "complete -F _%1$s %2$s\n";

static const char zsh[] =
    "\n"
    "_%1$s()\n"
    "{\n"
    "    local line\n"
    "    local -a described\n"
    "    for line in ${(f)\"$(_%1$s_offers \"$words[CURRENT]\" \"${(@)words[2,CURRENT-1]}\")\"}; do\n"
    "        case $line in\n"
    "        @files) _files ;;\n"
    "        @dirs) _files -/ ;;\n"
    "        @resources) compadd -- $(_%1$s_resources) ;;\n"
    "        '?'*) _message \"${line#?}\" ;;\n"
    "        *) described+=(\"${line%%%%$'\\t'*}:${line#*$'\\t'}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    (( $#described )) && _describe %2$s described\n"
    "}\n"
    "_%1$s \"$@\"\n";

static void put_offer(struct rbe_str *out, const char *name, const char *value)
{
    for (size_t i = 0; i < RBE_COUNT(offers); i++)
        if (strcmp(offers[i].name, name) == 0 || strcmp(offers[i].name, value) == 0) {
            rbe_str_puts(out, offers[i].offer);
            return;
        }
    rbe_str_putc(out, strchr(value, '|') ? '=' : '?');
    for (; *value; value++)
        rbe_str_putc(out, *value == '|' ? ' ' : *value);
}

/* The table stands in single quotes. */
static void help_text(struct rbe_str *out, const char *help)
{
    for (; *help; help++)
        if (*help == '\'')
            rbe_str_puts(out, "'\\''");
        else
            rbe_str_putc(out, *help);
    rbe_str_putc(out, '\n');
}

static void option_row(struct rbe_str *out, const char *verb, const struct rbe_cli_option *o)
{
    rbe_str_putf(out, "O\t%s\t%s\t", verb, o->name);
    if (o->value)
        put_offer(out, o->name, o->value);
    rbe_str_putc(out, '\t');
    help_text(out, o->help);
}

static void verb_row(struct rbe_str *out, const struct rbe_cli_verb *v)
{
    rbe_str_putf(out, "V\t%s\t", v->words);
    for (const char *at = v->args; *at;) {
        size_t len = strcspn(at, " ");
        rbe_autofree char *arg = rbe_strndup(at, len);

        put_offer(out, arg, arg);
        at += len + (at[len] == ' ');
        if (*at)
            rbe_str_putc(out, ';');
    }
    rbe_str_putc(out, '\t');
    help_text(out, v->help);
    for (const struct rbe_cli_option *o = v->options; o && o->name; o++)
        option_row(out, v->words, o);
}

bool rbe_completion_put(const struct rbe_cli_program *program, const char *shell, struct rbe_str *out)
{
    bool is_zsh = strcmp(shell, "zsh") == 0;
    rbe_autofree char *id = rbe_strdup(program->name);

    if (!is_zsh && strcmp(shell, "bash") != 0)
        return false;
    for (char *c = id; *c; c++)
        *c = *c == '-' ? '_' : *c;
    if (is_zsh)
        rbe_str_putf(out, "#compdef %s\n", program->name);
    rbe_str_putf(out, "# Completion of %s; made by %s --completion %s.\n_%s_table='", program->name, program->name,
                 shell, id);
    for (const struct rbe_cli_verb *v = program->verbs; v->run; v++)
        verb_row(out, v);
    for (const struct rbe_cli_option *o = shared; o->name; o++)
        if ((program->json || strcmp(o->name, "--json") != 0) && (program->home || strcmp(o->name, "--config") != 0))
            option_row(out, "*", o);
    rbe_str_puts(out, "'\n\n");
    rbe_str_putf(out, core, id, program->name);
    if (is_zsh)
        rbe_str_putf(out, zsh, id, program->name);
    else
        rbe_str_putf(out, bash, id, program->name);
    return true;
}
