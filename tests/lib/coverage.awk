# From what `gcov -n` says of each object file to one line a source file of ours, the least covered first.
/^File '/ {
    file = $2
    gsub(/'/, "", file)
    next
}
/^Lines executed:/ && file ~ /^(lib|bin|cgi-bin|libexec)\// {
    sub(/^Lines executed:/, "")
    percent = $1 + 0
    lines = $3
    # A header is in many objects: its best.
    if (!(file in total) || percent * lines / 100 > hit[file]) {
        total[file] = lines
        hit[file] = percent * lines / 100
    }
}
{ file = "" }
END {
    sort = "LC_ALL=C sort -n"
    for (file in total) {
        printf "%6.1f %% of %5d  %s\n", 100 * hit[file] / total[file], total[file], file | sort
        all += total[file]
        covered += hit[file]
    }
    close(sort)
    printf "%6.1f %% of %5d  all\n", all ? 100 * covered / all : 0, all
}
