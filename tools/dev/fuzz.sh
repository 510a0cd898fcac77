# ./dev fuzz: the targets of tests/fuzz with libFuzzer, each for so many seconds.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

fuzz_targets() {
    local file
    for file in "$top"/tests/fuzz/fuzz_*.c; do
        file=${file##*/fuzz_}
        printf '%s\n' "${file%.c}"
    done
}

# fuzz_one TARGET SECONDS: what it learns stays in .cache; what crashes goes to the target's regressions.
fuzz_one() {
    local target=$1 seconds=$2 found=$top/.cache/fuzz/$1 kept=$top/tests/fuzz/regressions/$1 log=$top/.cache/fuzz/$1.log
    local options=(-max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -verbosity=1)
    mkdir -p "$found" "$kept" || die "can't write to $top/.cache and $top/tests/fuzz"
    [[ ! -f $top/tests/fuzz/dict/$target.dict ]] || options+=(-dict="$top/tests/fuzz/dict/$target.dict")
    say "fuzzing $target for $seconds s"
    if "$top/build/fuzz/bin/fuzz_$target" "${options[@]}" -artifact_prefix="$kept/" "$found" "$top/tests/fuzz/corpus/$target" \
        "$kept" >"$log" 2>&1 </dev/null; then
        say "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, none breaks a rule"
        rmdir --ignore-fail-on-non-empty "$kept"
        return 0
    fi
    grep -E 'broken rule|ERROR: |runtime error|SUMMARY|Test unit written' "$log" >&2 || tail -n 20 "$log" >&2
    complain "$target: an input breaks it; it lies in tests/fuzz/regressions/$target, all that was said is in $log"
    return 1
}

dev_fuzz() {
    local target=${1:-} seconds=${2:-60} failed=0 targets
    mapfile -t targets < <(fuzz_targets)
    if [[ $target =~ ^[0-9]+$ && $# -eq 1 ]]; then
        seconds=$target
        target=''
    fi
    [[ $# -le 2 ]] || wrong_usage "fuzz: too many arguments"
    [[ $target != -* ]] || wrong_usage "fuzz: unknown option '$target'"
    [[ $seconds =~ ^[1-9][0-9]{0,5}$ ]] || wrong_usage "fuzz: '$seconds' is no number of seconds"
    if [[ -n $target ]]; then
        [[ " ${targets[*]} " == *" $target "* ]] || wrong_usage "fuzz: there is no target '$target'; there are ${targets[*]}"
        targets=("$target")
    fi
    ensure_packages run lint
    build_preset fuzz "${targets[@]/#/fuzz_}"
    export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    for target in "${targets[@]}"; do
        fuzz_one "$target" "$seconds" || failed=1
    done
    ((failed == 0)) || exit 1
}
