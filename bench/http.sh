#!/usr/bin/env bash
# How many requests a gateway answers within a second, measured with h2load (package nghttp2-client).
#
#   bench/http.sh [OPTION...] page|constant|create TOKEN
#
#   page      GET /post/feed?limit=20 of the token's user, over and over: a page that is warm
#   constant  GET /debug/constant?bytes=N: an answer of the same size from the same loops, with nothing behind it; the
#             gateway must run with --debug-echo=on
#   create    POST /post/create; one token is one author, whose posts are made one after the other. For many authors:
#             wsbench http --create
#
#   --url URL      the gateway (http://127.0.0.1:8080); https speaks HTTP/2
#   --clients N    connections with one request on the way each (64)
#   --seconds N    of each run, after a second of warming up (5)
#   --repeat N     runs (3); the last line has their median, and the least and the greatest
#   --bytes N      of `constant`; else as many as the page of the token has at this moment
#   --h2           HTTP/2 without TLS instead of HTTP/1.1
#
# Exit codes: 0 done; 1 a request was answered with something else than 2xx, or could not be made; 2 wrong usage.
set -euo pipefail

wrong() {
    printf 'http.sh: %s; see bench/http.sh --help\n' "$1" >&2
    exit 2
}

url=http://127.0.0.1:8080 clients=64 seconds=5 repeat=3 bytes='' protocol=(--h1) words=()
while (($#)); do
    case $1 in
    --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    --h2) protocol=() ;;
    --url=* | --clients=* | --seconds=* | --repeat=* | --bytes=*)
        name=${1%%=*}
        declare "${name#--}=${1#*=}" ;;
    --url | --clients | --seconds | --repeat | --bytes)
        (($# > 1)) || wrong "$1 wants a value"
        declare "${1#--}=$2"
        shift ;;
    -*) wrong "there is no option $1" ;;
    *) words+=("$1") ;;
    esac
    shift
done
((${#words[@]} == 2)) || wrong "a mode and a token are wanted"
for number in "$clients" "$seconds" "$repeat" "${bytes:-1}"; do
    [[ $number =~ ^[1-9][0-9]*$ ]] || wrong "$number is no number from 1"
done
[[ $url != https://* ]] || protocol=()
mode=${words[0]} token=${words[1]}
command -v h2load >/dev/null || { echo 'http.sh: h2load is missing (package nghttp2-client)' >&2; exit 1; }

# The token goes to the programs by a file or not at all: command lines are for all eyes. h2load knows no other way
# than its own command line; what it shows is a token of a bench.
page="$url/post/feed?limit=20"
body=
case $mode in
page) target=$page ;;
constant)
    [[ -n $bytes ]] || bytes=$(curl -fsSk -H @- "$page" <<<"Authorization: Bearer $token" | wc -c)
    ((bytes > 1)) || { echo 'http.sh: the page is empty; give --bytes' >&2; exit 1; }
    target="$url/debug/constant?bytes=$bytes" ;;
create)
    target=$url/post/create
    body=$(mktemp)
    trap 'rm -f "$body"' EXIT
    printf '{"text":"%0120d"}' 0 >"$body" ;;
*) wrong "there is no mode $mode" ;;
esac

rates=()
for ((run = 1; run <= repeat; run++)); do
    said=$(h2load "${protocol[@]}" -c "$clients" -m 1 -t 1 -D "$seconds" --warm-up-time 1 ${body:+-d "$body"} \
        -H "authorization: Bearer $token" ${body:+-H "content-type: application/json"} "$target") || { printf '%s\n' "$said" >&2; exit 1; }
    rate=$(sed -n 's/^finished in .*, \([0-9.]*\) req\/s.*/\1/p' <<<"$said")
    codes=$(sed -n 's/^status codes: \(.*\)/\1/p' <<<"$said")
    [[ $codes == *' 0 3xx, 0 4xx, 0 5xx' && -n $rate ]] || { printf '%s\n' "$said" >&2; exit 1; }
    printf '%s %d: %s requests/s\n' "$mode" "$run" "$rate"
    rates+=("$rate")
done
printf '%s\n' "${rates[@]}" | sort -n | awk -v mode="$mode" -v bytes="$bytes" '
    { rate[NR] = $1 }
    END {
        median = NR % 2 ? rate[(NR + 1) / 2] : (rate[NR / 2] + rate[NR / 2 + 1]) / 2
        printf "%s%s: %.1f (%.1f-%.1f) requests/s\n", mode, bytes != "" ? " of " bytes " bytes" : "", median, rate[1], rate[NR]
    }'
