# ./dev lint and ./dev fmt: everything that checks without running.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

lint_steps=(layers format cppcheck tidy shell sql proto yaml openapi asyncapi web)

c_sources() { # the C sources and headers of the project, one a line
    (cd "$top" && find bench cmd pkg tests -name '*.[ch]' -type f | sort)
}

lint_layers() {
    "$top/tools/check-layers" --self-test && "$top/tools/check-layers"
}

lint_format() {
    c_sources | xargs -r clang-format --dry-run -Werror
}

lint_cppcheck() {
    local folder=$top/.cache/cppcheck
    mkdir -p "$folder" || return 1
    c_sources | grep '^\(pkg\|cmd\|bench\)/.*\.c$' >"$folder/files"
    [[ -s $folder/files ]] || return 0
    cppcheck --quiet --error-exitcode=1 --std=c11 --language=c --platform=unix64 -j "$(nproc)" \
        --enable=warning,portability --inline-suppr --suppressions-list=tools/dev/cppcheck.suppressions \
        --cppcheck-build-dir="$folder" -D_GNU_SOURCE -DFR_FAULTS=1 -DH2O_USE_LIBUV=0 -DH2O_USE_EPOLL=1 -Ipkg -Ipkg/client/include \
        --file-list="$folder/files"
}

lint_tidy() {
    local said code=0
    # Generated headers must be there to be read: `build_preset dev` has made them.
    said=$(set -o pipefail; c_sources | grep '^\(pkg\|cmd\|bench\)/.*\.c$' \
        | xargs -r -P "$(nproc)" -n 4 clang-tidy --quiet -p build/dev --warnings-as-errors='*' 2>.cache/tidy.err) || code=1
    if ((code)); then
        cat <<<"$said"
        grep -vE '^[0-9]+ warnings? (and [0-9]+ errors? )?(generated|treated)|^Suppressed|^Use -header' .cache/tidy.err
    fi
    return "$code"
}

lint_shell() {
    local file files=()
    while read -r file; do
        case $(head -c 40 "$file" | head -n 1 | tr -d '\0') in
        '#!'*bash* | '#!'*/sh*) files+=("$file") ;;
        *) [[ $file != *.sh ]] || files+=("$file") ;;
        esac
    done < <(find dev .ci bench tools tests -type f -not -name '*.pyc' | sort)
    shellcheck "${files[@]}"
}

lint_sql() {
    "$top/tools/with-servers" --postgres "$top/tools/check-sql"
}

lint_proto() {
    "$top/tools/check-proto"
}

lint_yaml() {
    local files
    mapfile -t files < <(find docs k8s .github \( -name '*.yaml' -o -name '*.yml' \) -type f 2>/dev/null | sort)
    ((${#files[@]})) || return 0
    yamllint -s -d '{extends: default, rules: {line-length: {max: 160}, document-start: disable, indentation: {indent-sequences: whatever}, comments: {min-spaces-from-content: 1}, braces: {max-spaces-inside: 1}, truthy: {check-keys: false}}}' "${files[@]}"
}

lint_openapi() {
    "$top/tools/check-openapi"
}

lint_asyncapi() {
    "$top/tools/check-asyncapi"
}

dev_lint() {
    local step steps=("$@") bad=() since
    for step in "${steps[@]}"; do
        [[ " ${lint_steps[*]} " == *" $step "* ]] || wrong_usage "lint: there is no step '$step'; there are ${lint_steps[*]}"
    done
    ((${#steps[@]})) || steps=("${lint_steps[@]}")
    ensure_packages run bench test lint
    cd "$top" || exit 1
    mkdir -p .cache || die "can't write to $top; make the checkout writable"
    if [[ " ${steps[*]} " == *" tidy "* ]]; then build_preset dev; fi
    for step in "${steps[@]}"; do
        since=$SECONDS
        if "lint_$step"; then
            say "lint $step: clean ($(elapsed "$since"))"
        else
            bad+=("$step")
            complain "lint $step: see above (alone: ./dev lint $step)"
        fi
    done
    ((${#bad[@]} == 0)) || die "lint found something in: ${bad[*]}"
    say "lint is clean"
}

dev_fmt() {
    [[ $# -eq 0 ]] || wrong_usage "fmt: unknown argument '$1'"
    ensure_packages run bench test lint
    cd "$top" || exit 1
    c_sources | xargs -r clang-format -i
}
