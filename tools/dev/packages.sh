# The Debian packages of tools/packages.txt: what is missing, and its installation.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

# packages_of GROUP...: their names
packages_of() {
    awk -v wanted=" $* " '
        { sub(/#.*/, "") }
        /^\[/ { gsub(/[][ \t]/, ""); group = $0; next }
        NF && index(wanted, " " group " ") { print $1 }' "$top/tools/packages.txt"
}

# missing_packages GROUP...: those that are not installed
missing_packages() {
    local name
    local -A installed=()
    while read -r name state; do
        [[ $state != installed ]] || installed[$name]=1
    done < <(dpkg-query -W -f '${Package} ${db:Status-Status}\n' 2>/dev/null)
    while read -r name; do
        [[ -n ${installed[$name]:-} ]] || printf '%s\n' "$name"
    done < <(packages_of "$@")
}

# Shows how far the installation is: what apt says goes to the log, a line of progress to the terminal.
show_progress() {
    local line total=0 unpacked=0 ready=0 last=$SECONDS since=$SECONDS
    while IFS= read -r line; do
        printf '%s\n' "$line" >>"$1"
        case $line in
        *' newly installed, '*)
            line=${line%% newly installed*}
            total=${line##* }
            ;;
        Unpacking\ *) unpacked=$((unpacked + 1)) ;;
        Setting\ up\ *) ready=$((ready + 1)) ;;
        esac
        if [[ -t 1 ]]; then
            printf '\r\033[Kdev: %d packages: %d unpacked, %d ready (%s) %.60s' "$total" "$unpacked" "$ready" \
                "$(elapsed "$since")" "$line"
        elif ((SECONDS - last >= 10)); then
            say "$total packages: $unpacked unpacked, $ready ready ($(elapsed "$since"))"
            last=$SECONDS
        fi
    done
    if [[ -t 1 ]]; then printf '\r\033[K'; fi
}

# ensure_packages GROUP...: installs what is missing, or says in one line what to do.
ensure_packages() {
    local missing log since=$SECONDS as_root=()
    [[ -z ${FRESHET_NO_INSTALL:-} ]] || return 0
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        die "this is no Debian system; install the equivalents of tools/packages.txt and set FRESHET_NO_INSTALL=1"
    fi
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    if [[ $(id -u) != 0 ]]; then
        command -v sudo >/dev/null \
            || die "packages are missing and there is no sudo; run this as root: apt-get install --no-install-recommends ${missing[*]}"
        if ! sudo -n true 2>/dev/null && { ! [[ -t 0 ]] || ! sudo -v; }; then
            die "packages are missing and sudo refuses; run this as root: apt-get install --no-install-recommends ${missing[*]}"
        fi
        as_root=(sudo)
    fi
    say "installing ${#missing[@]} missing packages and what they need: ${missing[*]}"
    mkdir -p "$top/.cache" || die "can't write to $top; make the checkout writable"
    log=$top/.cache/install.log
    : >"$log" || die "can't write $log; remove it"
    if ! "${as_root[@]}" "$top/tools/dev/install-packages" "${missing[@]}" 2>&1 < /dev/null \
        | { trap '' INT; show_progress "$log"; }; then
        complain "$(grep -aE '^(E:|dpkg: error)' "$log" | head -n 3 | tr '\n' ' ')"
        die "the packages could not be installed; everything apt said is in $log"
    fi
    say "installed in $(elapsed "$since")"
}
