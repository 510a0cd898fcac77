# ./dev bench: measurements, each beside a baseline of the same run. A bench NAME is bench/NAME.py.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

benches="materialise gateway soak"

list_benches() {
    cat <<'TEXT'
There is:
  materialise    posts into feeds and to open clients: rows a second, take-over, celebrities, messages, look-up
  gateway        posts and pages a second, how soon and how many frames come, memory of sockets, resuming
  soak           a real graph under a steady load: memory, errors, and what clients got against their pages
`./dev bench NAME` runs one.
TEXT
}

dev_bench() {
    local name=${1:-} bin
    if [[ -z $name ]]; then
        list_benches
        return
    fi
    shift
    [[ " $benches " == *" $name "* ]] || wrong_usage "bench: there is no bench '$name'; there is: $benches"
    # What is measured must not depend on who calls.
    bin=${FRESHET_BIN_DIR:-}
    if [[ -n $bin ]]; then
        bin=$(cd "$bin" 2>/dev/null && pwd -P) || die "FRESHET_BIN_DIR: there is no folder $FRESHET_BIN_DIR"
    elif [[ " $* " != *" --help "* ]]; then
        ensure_packages run bench
        build_preset release >&2 # standard output is the table's
        bin=$top/build/release/bin
    fi
    unset FRESHET_PORT_BASE FRESHET_RUN_DIR FRESHET_BIN_DIR FRESHET_DATABASE_URL FRESHET_NATS_URL
    FRESHET_TEST_BIN=$bin exec /usr/bin/python3 "$top/bench/$name.py" --out "$run_dir/bench" "$@"
}
