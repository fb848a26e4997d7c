#!/bin/sh
# The main job, for real: rbe publishes itself. Two releases of its own installed tree, the second after a rebuild with
# another version; a client on the first is moved to the second by an incremental package and compared with the original.
#
#   ./bootstrap demo [--port N] [--exit]
set -eu

cd "$(dirname "$0")/../.."
build=${B:-build}
port=8080 leave=1
while [ $# -gt 0 ]; do
    case $1 in
    --exit) leave='' ;;
    --port) [ $# -ge 2 ] || { echo 'demo: --port needs a number' >&2; exit 2; }; port=$2; shift ;;
    --port=*) port=${1#*=} ;;
    *) echo "demo: unknown argument: $1" >&2; exit 2 ;;
    esac
    shift
done
case $port in '' | *[!0-9]*) echo "demo: --port: not a number: $port" >&2; exit 2 ;; esac

work=$PWD/$build/demo
old=1.0.0 new=1.1.0
server=''

finish() {
    status=$?
    trap - EXIT INT TERM
    [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" || :; }
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

step() { printf '\n== %s\n' "$1"; }
say() { printf '   %s\n' "$1"; }
shown() { printf '   $ %s\n' "$1"; }
die() {
    printf 'demo: %s\n' "$1" >&2
    [ ! -d "$work/data/log" ] || tail -n 5 "$work"/data/log/*.log >&2
    exit 1
}
now_ms() { date +%s%3N; }
bytes() { stat -c %s "$1"; }
size() { awk -v n="$1" 'BEGIN { if (n < 10240) printf "%d bytes", n; else if (n < 10485760) printf "%.1f KiB", n / 1024; else printf "%.1f MiB", n / 1048576 }'; }
# field NAME < JSON: one value of the answer's data.
field() { perl -MJSON::PP -e 'local $/; my $v = decode_json(<STDIN>)->{data}{$ARGV[0]}; print defined $v ? $v : ""' "$1"; }
# pretty < JSON: the answer as a person reads it, long keys cut.
pretty() { perl -MJSON::PP -e 'local $/; $_ = JSON::PP->new->pretty->canonical->encode(decode_json(<STDIN>)); s/(download\/.{16})[^"]*/$1.../; s/^/     /mg; print' ; }

rm -rf "$work"
mkdir -p "$work"

step "Two real releases of rbe"
jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
release() { # VERSION BUILD
    began=$(now_ms)
    make -s -j"$jobs" B="$2" VERSION="$1" install DESTDIR="$work/tree-$1" prefix=/ >"$work/build-$1.log" 2>&1 ||
        { tail -n 20 "$work/build-$1.log" >&2; die "building $1 failed"; }
    tar -C "$work/tree-$1" --sort=name --owner=0 --group=0 -czf "$work/rbe-$1.tar.gz" .
    say "rbe $1: built and installed in $(($(now_ms) - began)) ms, $(find "$work/tree-$1" -type f | wc -l) files, packed $(size "$(bytes "$work/rbe-$1.tar.gz")")"
}
release $old "$build/demo/build-$old"
release $new "$build/demo/build-$new"

step "A server of our own"
shown "rbe-serve --data $build/demo/data --port $port"
"$build/bin/rbe-serve" --data "$work/data" --port "$port" >"$work/serve.out" 2>"$work/serve.err" &
server=$!
tries=0
until grep -q '^rbe-serve: ready' "$work/serve.out"; do
    kill -0 "$server" 2>/dev/null || { server=''; cat "$work/serve.err" >&2; exit 1; }
    tries=$((tries + 1))
    [ $tries -lt 300 ] || die 'rbe-serve was not ready after 30 seconds'
    sleep 0.1
done
say "$(cat "$work/serve.out")"
url=http://127.0.0.1:$port
token=$("$build/bin/rbe-admin" --config "$work/data/rbe.yaml" token create demo --scope admin)

ask() { curl -fsS "$url/resources/rbe/latest?system=linux&arch=amd64$1"; }
publish() { # VERSION
    shown "curl -H 'Authorization: Bearer …' -F version_name=$1 -F system=linux -F arch=amd64 -F file=@rbe-$1.tar.gz $url/resources/rbe/versions"
    began=$(now_ms)
    curl -fsS -H "Authorization: Bearer $token" -F "version_name=$1" -F system=linux -F arch=amd64 \
        -F "file=@$work/rbe-$1.tar.gz" "$url/resources/rbe/versions" >"$work/published" || die "publishing $1 failed"
    say "published: version_number $(field version_number <"$work/published"), $(field files <"$work/published") files, live after $(($(now_ms) - began)) ms"
}

step "Publish $old, install it on a client"
shown "curl -H 'Authorization: Bearer …' -d '{\"resource_id\":\"rbe\"}' $url/resources"
curl -fsS -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d '{"resource_id":"rbe","name":"rbe"}' \
    "$url/resources" >"$work/created" || die 'the resource could not be made'
publish $old
ask '' >"$work/answer"
[ "$(field update_type <"$work/answer")" = full ] || die 'a fresh install was not offered the full package'
curl -fsS -o "$work/full.tar.gz" "$(field download_url <"$work/answer")"
mkdir "$work/client"
tar -C "$work/client" -xzf "$work/full.tar.gz"
say "a client without a version got the full package: $(size "$(bytes "$work/full.tar.gz")")"
update() { "$build/bin/rbe-update" --server "$url" --resource rbe --dir "$work/other" --system linux --arch amd64 2>"$work/update.err"; }
shown "rbe-update --server $url --resource rbe --dir other --system linux --arch amd64"
installed=$(update) || { cat "$work/update.err" >&2; die 'rbe-update could not install'; }
say "$installed"

step "Publish $new, ask as the client on $old"
publish $new
shown "curl '$url/resources/rbe/latest?system=linux&arch=amd64&current=$old'"
ask "&current=$old" >"$work/answer"
say "the very next answer: $(field version_name <"$work/answer"), update_type $(field update_type <"$work/answer")"
began=$(now_ms)
until [ "$(field update_type <"$work/answer")" = incremental ]; do
    [ $(($(now_ms) - began)) -lt 60000 ] || die 'no incremental package after a minute'
    sleep 0.1
    ask "&current=$old" >"$work/answer"
done
say "rbe-batch heard of it and built the incremental package in the background: ready after $(($(now_ms) - began)) ms"
pretty <"$work/answer"

step "Download, verify, apply"
curl -fsS -o "$work/update.tar.gz" "$(field download_url <"$work/answer")"
sum=sha256:$(sha256sum "$work/update.tar.gz" | cut -d' ' -f1)
[ "$sum" = "$(field file_hash <"$work/answer")" ] || die "the package's hash is not the promised one"
say "sha256 is the promised one"
full=$(bytes "$work/rbe-$new.tar.gz") part=$(bytes "$work/update.tar.gz")
say "incremental $(size "$part"), full $(size "$full"): $((part * 100 / full)) %"
say "$(perl share/examples/apply.pl "$work/update.tar.gz" "$work/client")"

step "Compare"
diff -r --no-dereference "$work/client" "$work/tree-$new" || die 'the trees differ'
modes() { (cd "$1" && find . ! -type l -printf '%m %y %p\n' | LC_ALL=C sort -k3); }
modes "$work/client" >"$work/modes.client"
modes "$work/tree-$new" >"$work/modes.tree"
diff "$work/modes.client" "$work/modes.tree" || die 'permissions differ'
say "the client's tree equals release $new: contents and permissions"
say "$("$work/client/bin/rbe-admin" --version)"
ask "&current=$new" >"$work/answer"
[ "$(field update_type <"$work/answer")" = none ] || die 'the updated client was offered another update'
say "asked once more, now on $new: update_type none"

step "The same step as a delta, by the reference updater"
shown "curl '$url/resources/rbe/latest?system=linux&arch=amd64&current=$old&delta=vcdiff,zstd'"
began=$(now_ms)
ask "&current=$old&delta=vcdiff,zstd" >"$work/answer"
until [ "$(field patch_format <"$work/answer")" != files ]; do
    [ $(($(now_ms) - began)) -lt 120000 ] || die 'no delta after two minutes'
    sleep 0.2
    ask "&current=$old&delta=vcdiff,zstd" >"$work/answer"
done
delta=$(field file_size <"$work/answer")
say "$(field patch_format <"$work/answer"): $(size "$delta"), $(awk -v a="$delta" -v b="$full" 'BEGIN { printf "%.2f", a * 100 / b }') % of the full package"
shown "rbe-update --server $url --resource rbe --dir other --system linux --arch amd64"
updated=$(update) || { cat "$work/update.err" >&2; die 'rbe-update could not update'; }
say "$updated"
diff -r --no-dereference -x .rbe "$work/other" "$work/tree-$new" || die 'the trees differ'
say "its tree equals release $new as well"

if [ -n "$leave" ]; then
    printf '\nThe server stays up on %s, its data in %s. Ctrl-C stops it.\n' "$url" "$build/demo/data"
    wait "$server" || :
    server=''
fi
