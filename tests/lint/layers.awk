# Who may include whom; a third-party header in one file of lib only; SQL only in lib/store and schema; headers that nobody includes.

BEGIN {
    may["base"] = "base"
    may["wrap"] = "base"
    may["patch"] = "base wrap patch"
    may["store"] = "base store wrap/db wrap/json"
    may["core"] = "base wrap patch store core"
    may["web"] = "base web wrap/file wrap/json wrap/sys"
    may["cgi-bin"] = "base core web cgi-bin store/types"
    may["bin"] = "base core patch bin store/types"
    may["libexec"] = "base wrap patch"
    # The headers that applications include know nothing of ours.
    may["include"] = ""
    # hash, arc, zip and conf may use the file and process calls; archives stand on what packs them, and a tar being written on
    # the one being read.
    extra["wrap"] = "file map sys child deflate flate regzip zip arc tarscan conf confvalue"
    # vercmp and target serve programs without a database.
    split("vercmp target verparser ver-semver ver-datetime", plain_list)
    for (i in plain_list)
        plain[plain_list[i]] = 1
    split("assert ctype dirent dlfcn endian errno fcntl fnmatch getopt grp inttypes limits locale netdb poll pwd sched setjmp signal " \
          "stdarg stdatomic stdbool stddef stdint stdio stdlib string strings syslog termios time unistd wchar", libc_list)
    for (i in libc_list)
        libc[libc_list[i] ".h"] = 1
}

function room_of(path,  part) {
    split(path, part, "/")
    return part[1] == "lib" ? part[2] : part[1]
}

function stem_of(path) {
    sub(/.*\//, "", path)
    sub(/\.[ch]$/, "", path)
    return path
}

function allowed(from, to, room, to_room, n, list, i) {
    if (stem_of(from) == stem_of(to) && room == to_room)
        return 1
    if (to == "include/rbe_update.h")
        return from ~ /^lib\/patch\/update[r.]/ || from == "bin/rbe-update.c"
    if (room == "core" && stem_of(from) in plain)
        return to_room == "base" || (to_room == "core" && stem_of(to) in plain)
    n = split(may[room], list, " ")
    for (i = 1; i <= n; i++)
        if (list[i] == to_room || list[i] == to_room "/" stem_of(to))
            return 1
    if (room == "wrap" && to_room == "wrap") {
        n = split(extra["wrap"], list, " ")
        for (i = 1; i <= n; i++)
            if (list[i] == stem_of(to))
                return 1
    }
    return 0
}

FNR == 1 {
    room = room_of(FILENAME)
    # Those below include/ are for applications.
    if (FILENAME ~ /\.h$/ && room != "include")
        header[FILENAME] = 1
}
/^#include "/ {
    split($2, quoted, "\"")
    included[quoted[2]] = 1
}
room == "tests" { next }

/^#include "/ {
    path = $2
    gsub(/"/, "", path)
    to_room = room_of(path)
    if (path !~ /^(lib|bin|cgi-bin|libexec|include)\//)
        printf "%s:%d: include \"%s\": not a full path\n", FILENAME, FNR, path
    else if (!allowed(FILENAME, path, room, to_room))
        printf "%s:%d: %s may not include %s\n", FILENAME, FNR, room, path
}

/^#include </ {
    path = $2
    gsub(/[<>]/, "", path)
    if (!(path in libc) && path !~ /^(sys|linux|arpa|netinet|net)\//) {
        if (room ~ /^(base|patch|store|core)$/)
            printf "%s:%d: %s may not include <%s>\n", FILENAME, FNR, room, path
        if ((path in seen) && seen[path] != FILENAME)
            printf "%s:%d: <%s> is in %s already\n", FILENAME, FNR, path, seen[path]
        seen[path] = FILENAME
    }
}

room != "store" && /"[^"]*(SELECT .* FROM|INSERT INTO|DELETE FROM|UPDATE [a-z]+ SET|CREATE TABLE|PRAGMA |BEGIN IMMEDIATE)/ {
    if (FILENAME !~ /^lib\/wrap\/db\.c$/)
        printf "%s:%d: SQL outside lib/store and schema\n", FILENAME, FNR
}

END {
    for (path in header)
        if (!(path in included))
            printf "%s: nobody includes it\n", path
}
