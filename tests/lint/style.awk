# Banned calls, long lines and functions, tabs, trailing space, unfinished work.

BEGIN {
    banned = "(^|[^A-Za-z0-9_])(strcpy|strcat|sprintf|vsprintf|strtok|atoi|atol|atof|system|popen|localtime|gmtime|rand|mktemp|tmpnam|gets)[ ]*\\("
}

FNR == 1 { begun = 0; comment = 0 }

# Tests may show bytes in one line.
length($0) > 130 && FILENAME !~ /^tests\// { printf "%s:%d: longer than 130 columns\n", FILENAME, FNR }
/\t/ { printf "%s:%d: a tab\n", FILENAME, FNR }
/[ ]$/ { printf "%s:%d: white space at the end\n", FILENAME, FNR }
/(TODO|FIXME|[^X]XXX[^X])/ { printf "%s:%d: unfinished work\n", FILENAME, FNR }

{
    code = $0
    gsub(/"([^"\\]|\\.)*"/, "\"\"", code)
    gsub(/\/\*.*\*\//, "", code)
    if (comment) {
        if (code !~ /\*\//)
            next
        sub(/.*\*\//, "", code)
        comment = 0
    }
    if (code ~ /\/\*/) {
        sub(/\/\*.*/, "", code)
        comment = 1
    }
    if (match(code, banned))
        printf "%s:%d: banned: %s\n", FILENAME, FNR, substr(code, RSTART, RLENGTH)
}

/^\{/ { begun = FNR }
/^\}/ && begun {
    if (FILENAME !~ /^tests\// && FNR - begun - 1 > 100)
        printf "%s:%d: a function of %d lines, more than 100\n", FILENAME, begun, FNR - begun - 1
    begun = 0
}
