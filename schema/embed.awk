# Turns the migrations named as arguments into the C table that lib/store/migrate.h declares. A file is called
# NNNN-<database>-<topic>.sql; numbers count up by one from 1 within a database. Runs on any POSIX awk.

BEGIN {
    base["rbe"] = "RBE_BASE_RELEASES"
    base["usage"] = "RBE_BASE_USAGE"
    print "/* Made from schema by embed.awk. */"
    print "#include \"lib/store/migrate.h\"\n"
    print "const struct rbe_migration rbe_migrations[] = {"
    for (i = 1; i < ARGC; i++)
        embed(ARGV[i])
    print "};\n"
    print "const size_t rbe_migrations_count = sizeof(rbe_migrations) / sizeof(rbe_migrations[0]);"
    exit bad
}

function complain(text)
{
    print "embed.awk: " text > "/dev/stderr"
    bad = 1
}

function embed(path,    name, parts, number, database, line, lines, got)
{
    name = path
    sub(/^.*\//, "", name)
    if (name !~ /^[0-9][0-9][0-9][0-9]-[a-z]+-[a-z0-9-]+\.sql$/) {
        complain(path ": not called NNNN-database-topic.sql")
        return
    }
    split(name, parts, "-")
    number = parts[1] + 0
    database = parts[2]
    if (!(database in base)) {
        complain(path ": no database is called " database)
        return
    }
    if (number != ++last[database])
        complain(path ": expected number " last[database] " of " database)
    printf "    {\n        .base = %s,\n        .number = %d,\n        .name = \"%s\",\n        .text =", \
        base[database], number, name
    while ((got = (getline line < path)) > 0) {
        printf "\n            \"%s\\n\"", quoted(path, line)
        lines++
    }
    close(path)
    if (got < 0 || !lines)
        complain(path ": cannot be read or is empty")
    printf ",\n    },\n"
}

# Character by character: the rules of backslashes in gsub differ from awk to awk. A question mark is escaped so that no
# trigraph can arise.
function quoted(path, line,    i, c, out)
{
    out = ""
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (c == "\\" || c == "\"" || c == "?")
            out = out "\\" c
        else if (c == "\t")
            out = out "\\t"
        else if (c ~ /[[:cntrl:]]/)
            complain(path ": holds a control character")
        else
            out = out c
    }
    return out
}
