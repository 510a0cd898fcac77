# ./dev bench: measurements, each beside a baseline of the same run. Without a NAME the table of budgets; a NAME is bench/NAME.py.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

benches="materialise gateway soak course evolution growth scale"

list_benches() {
    cat <<'TEXT'
Parts, in more detail and for longer; `./dev bench NAME` runs one:
  materialise    posts into feeds and to open clients: rows a second, take-over, celebrities, messages, look-up
  gateway        posts and pages a second, how soon and how many frames come, memory of sockets, resuming
  soak           a real graph under a steady load: memory, errors, and what clients got against their pages
  course         the load test of the course: 1 to 1,000 people read and write, one thing after the other
  evolution      what each step on the way to a materialised feed buys: pull, fan-out, queue, celebrities, Freshet
  growth         how cost grows with followers, users, connections and celebrities, as curves with exponents
  scale          what growth measured, carried to 1, 10 and 100 million users
TEXT
}

dev_bench() {
    local name=table bin listing=
    if [[ $# -gt 0 && $1 != -* ]]; then
        name=$1
        shift
        [[ " $benches " == *" $name "* ]] || wrong_usage "bench: there is no bench '$name'; there is: $benches"
    fi
    [[ $name != table || " $* " != *" --list "* ]] || listing=1
    # What is measured must not depend on who calls.
    bin=${FRESHET_BIN_DIR:-}
    if [[ -n $bin ]]; then
        bin=$(cd "$bin" 2>/dev/null && pwd -P) || die "FRESHET_BIN_DIR: there is no folder $FRESHET_BIN_DIR"
    elif [[ " $* " != *" --help "* ]]; then
        # Standard output is the table's.
        ensure_packages run bench >&2
        [[ -n $listing || $name == scale ]] || build_preset release >&2
        bin=$top/build/release/bin
    fi
    unset FRESHET_PORT_BASE FRESHET_RUN_DIR FRESHET_BIN_DIR FRESHET_DATABASE_URL FRESHET_NATS_URL
    if [[ -n $listing ]]; then
        FRESHET_TEST_BIN=$bin /usr/bin/python3 "$top/bench/table.py" --out "$run_dir/bench" "$@" || exit
        list_benches
        return
    fi
    FRESHET_TEST_BIN=$bin exec /usr/bin/python3 "$top/bench/$name.py" --out "$run_dir/bench" "$@"
}
