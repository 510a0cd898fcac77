# web/: the TypeScript SDK and the pages. Their packages, their build, their tests.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

node_least=18
npm_least=9

# Whether there are a node and an npm that will do, wherever they came from.
have_node() {
    local node npm
    node=$(node --version 2>/dev/null) && npm=$(npm --version 2>/dev/null) || return 1
    node=${node#v}
    [[ ${node%%.*} =~ ^[0-9]+$ && ${npm%%.*} =~ ^[0-9]+$ ]] && ((${node%%.*} >= node_least && ${npm%%.*} >= npm_least))
}

# Installs Debian's, unless there is another: another distribution's node and Debian's npm shut each other out.
ensure_node() {
    have_node || { (ensure_packages web) && have_node; }
}

web_why= # why install_web or build_web failed

because() {
    web_why=$*
    return 1
}

need_node() {
    ensure_node || because "there is no node $node_least and npm $npm_least, or newer"
}

# Why npm failed, from its log.
npm_words() { # LOG
    local words
    if grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|network' "$1"; then
        printf "npm can't reach its registry"
        return
    fi
    words=$(grep -aE '^npm (ERR!|error) ' "$1" | grep -avE ' (code|errno|A complete log)' | head -n 1 | sed -E 's/^npm (ERR!|error) //')
    printf 'npm failed: %.200s' "${words:-it said nothing}"
}

# What a build is made of, as a hash.
web_inputs() { # FOLDER-OR-FILE...
    (
        cd "$top" || exit 1
        node --version
        find "$@" \( -name node_modules -o -name dist -o -name dist.new -o -name gen -o -name built \) -prune \
            -o -type f -not -name '*.tgz' -not -path web/sdk/LICENSE -print0 | sort -z | xargs -0 sha256sum
    ) | sha256sum | cut -d' ' -f1
}

# Brings web/node_modules to what package-lock.json says.
install_web() {
    local log=$top/.cache/web-install.log hash since=$SECONDS stamp=$top/web/node_modules/.made-of
    need_node || return
    mkdir -p "$top/.cache" || because "can't write to $top; make the checkout writable" || return
    hash=$(web_inputs web/package-lock.json web/package.json web/sdk/package.json web/app/package.json)
    [[ ! -f $stamp || $(<"$stamp") != "$hash" ]] || return 0
    say "web: npm fetches what the page is built with"
    # No script of a package is run: none needs it.
    if ! (cd "$top/web" && npm ci --ignore-scripts --no-progress --loglevel=error --fetch-retries=1 \
        --fetch-retry-mintimeout=1000 --fetch-retry-maxtimeout=5000) >"$log" 2>&1 </dev/null; then
        because "$(npm_words "$log") (all of it is in $log)"
        return
    fi
    printf '%s\n' "$hash" >"$stamp" || return
    say "web: fetched in $(elapsed "$since")"
}

# Builds web/sdk/dist and web/dist, unless they were made of what is there.
build_web() {
    local log=$top/.cache/web-build.log hash since=$SECONDS stamp=$top/web/dist/.made-of
    need_node || return
    hash=$(web_inputs web proto)
    if [[ -f $stamp && -f $top/web/sdk/dist/index.js && -d $top/web/node_modules && $(<"$stamp") == "$hash" ]]; then return 0; fi
    install_web || return
    say "web: building the TypeScript SDK and the pages"
    if ! (cd "$top/web" && npm run --silent build) >"$log" 2>&1 </dev/null; then
        tail -n 20 "$log" >&2
        because "the build failed (all of it is in $log)"
        return
    fi
    printf '%s\n' "$hash" >"$stamp" || return
    say "web: built in $(elapsed "$since") ($(grep -m 1 '^index.html' "$log"))"
}

# For `./dev run`, which does without.
build_web_if_possible() {
    build_web && return
    if [[ -f $top/web/dist/index.html ]]; then
        complain "web: $web_why; the page is the one that was built before"
    else
        complain "web: $web_why; Freshet runs without its page"
    fi
}

# Runs the tests of web/ that need no servers and no browser. results, filter and interrupted are the caller's.
test_web() {
    [[ -z $interrupted ]] && grep -qE "^test\(.*$filter" "$top"/web/{sdk,app}/test/*.test.* 2>/dev/null || return
    say "the TypeScript SDK and the pages, without a browser"
    (cd "$top/web" && node test.mjs --junit "$results/web.xml" ${filter:+"$filter"}) </dev/null
    count_junit "$results/web.xml" "in TypeScript"
}

lint_web() {
    install_web || { complain "web: $web_why"; return 1; }
    (cd "$top/web" && npm run --silent check)
}
