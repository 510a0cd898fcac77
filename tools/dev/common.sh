# What every part of ./dev uses: the names of places and ports, and how to speak. Sourced by ./dev, which sets `top`.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

# ---- places and ports -------------------------------------------------------------------------------------------
: "${top:?sourced by ./dev}"
run_dir=${FRESHET_RUN_DIR:-$top/.run}
[[ $run_dir == /* ]] || run_dir=$PWD/$run_dir
port_base=${FRESHET_PORT_BASE:-8000}

# Sets port_http … from port_base; every port of `./dev run` is here.
set_ports() {
    if ! [[ $port_base =~ ^[0-9]{1,5}$ ]] || ((10#$port_base < 1024 || 10#$port_base > 64000)); then
        die "FRESHET_PORT_BASE must be a number from 1024 to 64000, not '$port_base'"
    fi
    port_base=$((10#$port_base))
    port_http=$((port_base + 80))
    port_nats=$((port_base + 222))
    port_https=$((port_base + 443))
    port_gateway_admin=$((port_base + 1090))
    port_materializer_admin=$((port_base + 1091))
    port_worker_admin=$((port_base + 1092))
}

# ---- speaking ---------------------------------------------------------------------------------------------------
say() {
    printf 'dev: %s\n' "$*"
}

# One line that says what is wrong and what to do.
complain() {
    printf 'dev: %s\n' "$*" >&2
}

die() {
    complain "$@"
    exit 1
}

wrong_usage() {
    complain "$* (see ./dev help)"
    exit 2
}

# How long something took: `since=$SECONDS; …; say "done in $(elapsed "$since")"`.
elapsed() {
    local seconds=$((SECONDS - $1))
    if ((seconds >= 60)); then
        printf '%d min %d s' $((seconds / 60)) $((seconds % 60))
    else
        printf '%d s' "$seconds"
    fi
}

# ---- processes --------------------------------------------------------------------------------------------------
# A process is remembered as "pid start-time", so that a pid that was given to somebody else is never taken for it.

# process_start PID: sets `process_started`; fails if there is no such process or it is a zombie.
process_start() {
    local stat
    { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
    read -ra stat <<<"${stat##*) }" # the name before it may hold blanks and brackets
    [[ ${stat[0]} != Z ]] || return 1
    process_started=${stat[19]}
}

# process_is_alive FILE: sets `process_pid` if the process remembered in FILE still runs.
process_is_alive() {
    local pid start
    { read -r pid start <"$1"; } 2>/dev/null || return 1
    [[ $pid =~ ^[0-9]+$ ]] && process_start "$pid" && [[ $process_started == "$start" ]] || return 1
    process_pid=$pid
}

remember_process() { # FILE PID
    process_start "$2" || return 1
    printf '%s %s\n' "$2" "$process_started" >"$1"
}

# Megabytes that can still be written where $1 lies.
free_megabytes() {
    df -Pk -- "$1" 2>/dev/null | awk 'NR == 2 {print int($4 / 1024)}'
}
