# ./dev build: configures and builds a preset of CMakePresets.json.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

presets="dev release asan-ubsan tsan coverage fuzz"

# build_preset PRESET [TARGET...]: shows the compiler's progress; dies with one line when it fails.
build_preset() {
    local preset=$1 folder=$top/build/$1 since=$SECONDS log=$top/.cache/build-$1.log free
    shift
    [[ " $presets " == *" $preset "* ]] || wrong_usage "there is no preset '$preset'; there are $presets"
    mkdir -p "$top/.cache" "$top/build" || die "can't write to $top; make the checkout writable"
    free=$(free_megabytes "$top")
    ((${free:-1000} >= 200)) || die "only $free MB are free where $top lies; free some space (a build takes about 200 MB)"
    # A folder that was configured elsewhere (the checkout was moved or copied) is of no use.
    if [[ -f $folder/CMakeCache.txt ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$top" "$folder/CMakeCache.txt"; then
        rm -rf -- "$folder"
    fi
    if ! (cd "$top" && cmake --preset "$preset") >"$log" 2>&1; then
        grep -A4 -E 'CMake Error|error:' "$log" | head -n 20 >&2
        die "the preset $preset could not be configured; all of it is in $log"
    fi
    say "building $preset in build/$preset"
    if ! (set -o pipefail; cmake --build "$folder" ${1:+--target "$@"} 2>&1 | tee -a "$log"); then
        if grep -q 'No space left on device' "$log"; then
            die "the disk is full where $top lies; free some space and try again"
        fi
        die "the build failed; all of it is in $log"
    fi
    say "built in $(elapsed "$since")"
}

dev_build() {
    local preset=dev
    case ${1:-} in
    --help)
        dev_help build
        return
        ;;
    -*) wrong_usage "build: unknown option $1" ;;
    '') ;;
    *)
        preset=$1
        shift
        ;;
    esac
    [[ " $presets " == *" $preset "* ]] || wrong_usage "there is no preset '$preset'; there are $presets"
    case $preset in
    release) ensure_packages run ;;
    fuzz) ensure_packages run lint ;;
    *) ensure_packages run bench test ;;
    esac
    build_preset "$preset" "$@"
}
