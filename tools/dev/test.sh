# ./dev test: all tests, kind after kind (dev_test() below); one sum at the end.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

passed=0
failed=0
skipped=0

# Adds the sums of a JUnit file to passed, failed and skipped. A file that is missing or broken counts as one failure:
# the runner itself died.
count_junit() { # FILE WHAT
    local sums
    if sums=$(/usr/bin/python3 - "$1" <<'PYTHON'
import sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
total = bad = left = 0
for case in root.iter("testcase"):
    status = case.get("status")  # of ctest; "notrun": its program is missing
    if status in ("fail", "notrun") or case.find("failure") is not None or case.find("error") is not None:
        bad += 1
        if status is not None:
            print("failed: %s (alone: ./dev test %s)" % (case.get("name"), case.get("name")), file=sys.stderr)
    elif status == "disabled" or case.find("skipped") is not None:
        left += 1
    else:
        total += 1
print(total, bad, left)
PYTHON
    ); then
        read -r -a sums <<<"$sums"
        passed=$((passed + sums[0]))
        failed=$((failed + sums[1]))
        skipped=$((skipped + sums[2]))
        say "$2: ${sums[0]} passed, ${sums[1]} failed$( ((sums[2] == 0)) || printf ', %d skipped' "${sums[2]}")"
    else
        complain "$2: the test runner broke off"
        failed=$((failed + 1))
    fi
}

count_command() { # WHAT COMMAND...
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        complain "failed: $what (alone: ${*/#$top\//})"
    fi
}

# Runs the tests of tests/FOLDER, several files at once unless there is a filter: most of their time they wait. results,
# filter and interrupted are the caller's.
test_python() { # FOLDER TITLE WHAT WORKERS HOW-THEY-SHARE
    local side_by_side=(-n "$4" --dist "$5")
    [[ -z $interrupted ]] || return
    [[ -z $filter ]] || side_by_side=(-k "$filter")
    say "$2"
    /usr/bin/python3 -m pytest "tests/$1" -q -p no:cacheprovider -rfE --tb=short --junitxml="$results/$1.xml" \
        "${side_by_side[@]}" </dev/null
    (($? == 5)) || count_junit "$results/$1.xml" "$3" # 5: none matches the filter
}

# Runs the tests of tests/e2e: the page in a browser.
test_browser() {
    [[ -z $interrupted && -n $(FRESHET_E2E_FILTER=$filter node tests/e2e/run.mjs --list) ]] || return
    say "the page, in chromium"
    FRESHET_E2E_FILTER=$filter FRESHET_E2E_OUTPUT=$top/build/e2e node \
        --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=./tests/e2e/harness/junit.mjs --test-reporter-destination="$results/e2e.xml" \
        tests/e2e/run.mjs </dev/null
    count_junit "$results/e2e.xml" "in chromium"
    say "what it looked like: build/e2e/screenshots"
}

finish_tests() {
    ((skipped == 0)) || say "$skipped skipped"
    printf '%d passed, %d failed\n' "$passed" "$failed"
    ((failed == 0 && passed > 0))
    exit
}

dev_test() {
    local preset=dev filter='' results code jobs interrupted='' target web=''
    while [[ $# -gt 0 ]]; do
        case $1 in
        --preset)
            [[ $# -ge 2 ]] || wrong_usage "test: --preset wants a name"
            preset=$2
            shift
            ;;
        --preset=*) preset=${1#*=} ;;
        --full) export FRESHET_TEST_FULL=1 ;;
        --faults) export FRESHET_TEST_FAULTS=1 ;;
        -*) wrong_usage "test: unknown option '$1'" ;;
        *)
            [[ -z $filter ]] || wrong_usage "test: one filter, not '$filter' and '$1'"
            filter=$1
            ;;
        esac
        shift
    done
    [[ $preset =~ ^(dev|asan-ubsan|tsan|coverage)$ ]] || wrong_usage "test: the preset '$preset' has no tests; take dev, asan-ubsan, tsan or coverage"

    # What tests get must not depend on who calls.
    unset FRESHET_PORT_BASE FRESHET_RUN_DIR FRESHET_BIN_DIR FRESHET_DATABASE_URL FRESHET_NATS_URL
    if ! (ensure_packages run bench test && build_preset "$preset"); then
        failed=1
        finish_tests
    fi
    export FRESHET_TEST_BIN=$top/build/$preset/bin FRESHET_TEST_PRESET=$preset
    export ASAN_OPTIONS=detect_leaks=1:halt_on_error=1:exitcode=99:strict_string_checks=1:detect_stack_use_after_return=1
    export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
    export LSAN_OPTIONS=exitcode=99:print_suppressions=0
    export TSAN_OPTIONS=halt_on_error=1:exitcode=99:second_deadlock_stack=1
    results=$(mktemp -d) || die "can't make a temporary folder; is the disk full?"
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf -- '$results'" EXIT
    trap 'interrupted=1' INT TERM
    jobs=$(nproc)
    cd "$top" || exit 1

    if build_web; then
        web=1
    else
        complain "web: $web_why"
        [[ -n $filter ]] || failed=$((failed + 1))
    fi

    say "unit tests, integration tests in C"
    ctest --test-dir "build/$preset" -j "$jobs" --output-on-failure --no-tests=ignore --output-junit "$results/ctest.xml" \
        ${filter:+-R "$filter"} >"$results/ctest.log" 2>&1 </dev/null
    code=$?
    if ((code)); then cat "$results/ctest.log"; fi
    if [[ ! -f $results/ctest.xml ]] && ((code == 0)); then
        [[ -n $filter ]] || { complain "no unit tests were built"; failed=$((failed + 1)); }
    else
        count_junit "$results/ctest.xml" "in C"
    fi

    [[ -z $web ]] || test_web
    test_python integration "integration tests in Python" "in Python" 6 loadfile
    test_python contract "contracts: documents against programs" "contracts" 2 loadfile
    test_python interop "interop: the bytes of everybody, read by everybody else" "interop" 2 load
    test_python sdk "scenarios of the SDKs" "SDKs" 6 load
    test_python faults "faults under load" "faults" 3 load
    [[ -z $web ]] || test_browser

    if [[ -z $interrupted ]] && { [[ -z $filter ]] || "$top/tests/model/run" --list "$filter" >"$results/model.list" 2>&1; }; then
        say "models"
        "$top/tests/model/run" --junit "$results/model.xml" ${filter:+"$filter"} </dev/null
        count_junit "$results/model.xml" "models"
    fi

    if [[ -z $filter && -z $interrupted && -n ${FRESHET_TEST_FULL:-} ]]; then
        for target in $(fuzz_targets); do
            [[ -n $interrupted ]] || count_command "fuzz $target" "$top/dev" fuzz "$target" 20
        done
    fi

    if [[ -z $filter && -z $interrupted ]]; then
        count_command "layer check" "$top/tools/check-layers"
        count_command "the layer check finds planted violations" "$top/tools/check-layers" --self-test
    fi
    if [[ -n $interrupted ]]; then
        complain "interrupted"
        failed=$((failed + 1))
    fi
    finish_tests
}
