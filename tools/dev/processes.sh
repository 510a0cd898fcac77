# The processes of `./dev run`: start, watch, start again, stop. One supervisor per run folder holds its lock.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts
#
# Each process has a session of its own (a Ctrl-C of the terminal reaches the supervisor alone), a log in log/ and a
# file in pid/. Everything here runs in the supervisor; `tend` is called several times a second and never blocks.

start_order=(postgres nats materializer worker gateway) # stopped the other way round
quick_death=5000000                                     # µs: who lives shorter died at its start

declare -A service_pid=() service_start=() service_began=() service_due=() service_quick=() service_log_from=()
stopping=  # set by a signal
hurry=     # set by a second one
patience=3 # deaths at the start in a row; more once everything has been ready
exec {idle}<> <(:)

pause() {
    read -r -t "$1" -u "$idle" || true
}

microseconds() {
    now=${EPOCHREALTIME//[.,]/}
}

log_of() {
    printf '%s/log/%s.log' "$run_dir" "$1"
}

name_of() {
    case $1 in
    postgres) echo PostgreSQL ;;
    nats) echo nats-server ;;
    *) echo "freshet-$1" ;;
    esac
}

# What the gateway serves at /: what the caller's FRESHET_WEB_DIR says, else what was built; nothing if nothing was.
web_folder() {
    if [[ -n ${FRESHET_WEB_DIR+set} ]]; then
        printf '%s' "$FRESHET_WEB_DIR"
    elif [[ -f $top/web/dist/index.html ]]; then
        printf '%s' "$top/web/dist"
    fi
}

# The settings of the services: by environment, since a command line is for all eyes.
service_environment() {
    case $1 in
    gateway)
        export FRESHET_LISTEN=127.0.0.1:$port_http FRESHET_TLS_LISTEN=127.0.0.1:$port_https
        export FRESHET_ADMIN_LISTEN=127.0.0.1:$port_gateway_admin
        export FRESHET_TLS_CERTIFICATE=$run_dir/secrets/tls.crt FRESHET_TLS_KEY=$run_dir/secrets/tls.key
        FRESHET_WEB_DIR=$(web_folder)
        [[ -n ${FRESHET_ADMIN_TOKEN:-} ]] || FRESHET_ADMIN_TOKEN=$(<"$run_dir/secrets/admin-token")
        export FRESHET_WEB_DIR FRESHET_ADMIN_TOKEN
        ;;
    materializer) export FRESHET_ADMIN_LISTEN=127.0.0.1:$port_materializer_admin ;;
    worker) export FRESHET_ADMIN_LISTEN=127.0.0.1:$port_worker_admin ;;
    *) unset "${!FRESHET_@}" ;; # the servers need none, least of all the secrets
    esac
}

start_service() {
    local name=$1 log command
    log=$(log_of "$name")
    case $name in
    postgres) command=("$top/tools/private-postgres" run "$run_dir/postgres") ;;
    nats) command=("$top/tools/private-nats" run "$run_dir/nats") ;;
    *) command=("$run_dir/bin/freshet-$name") ;;
    esac
    if [[ -f $log && $(stat -c %s "$log") -gt 33554432 ]]; then mv -f "$log" "$log.1"; fi
    service_log_from[$name]=$(stat -c %s "$log" 2>/dev/null || echo 0)
    # A child of a script leads no process group, so setsid does not fork: $! is the service itself.
    (
        service_environment "$name"
        cd "$run_dir" && exec setsid "${command[@]}"
    ) >>"$log" 2>&1 </dev/null 8>&- {idle}>&- &
    service_pid[$name]=$!
    microseconds
    service_began[$name]=$now
    unset "service_due[$name]"
    if remember_process "$run_dir/pid/$name" "$!"; then
        service_start[$name]=$process_started
    else
        service_start[$name]=gone
    fi
}

is_running() {
    [[ -n ${service_pid[$1]:-} ]] && process_start "${service_pid[$1]}" && [[ $process_started == "${service_start[$1]}" ]]
}

# Why a service ended: the last line of its log that complains, or else the last.
last_words() {
    local text
    text=$(tail -c "+$((${service_log_from[$1]:-0} + 1))" "$(log_of "$1")" 2>/dev/null | tail -n 50)
    { grep -aiE 'fatal|panic|FTL|\berror\b|\[ERR\]|cannot|refus|no space' <<<"$text" || cat <<<"$text"; } | tail -n 1 | cut -c1-300
}

advice() { # for a complaint, what to do
    case $1 in
    *[Nn]'o space left'*) echo "free some space on the disk of $run_dir" ;;
    *ddress\ already\ in\ use* | *ould\ not\ bind*) echo "another program took the port; choose others with FRESHET_PORT_BASE" ;;
    *) echo "see $(log_of "$2")" ;;
    esac
}

how_it_ended() {
    if (($1 > 128)); then
        echo "killed by signal $(($1 - 128))"
    else
        echo "exit code $1"
    fi
}

# Looks after every service once: who died is started again after a second. Fails, with a line, when one dies at its
# start again and again.
tend() {
    local name code words
    for name in "${start_order[@]}"; do
        if [[ -n ${service_pid[$name]:-} ]]; then
            if is_running "$name"; then continue; fi
            code=0
            wait "${service_pid[$name]}" 2>/dev/null || code=$?
            unset "service_pid[$name]"
            rm -f "$run_dir/pid/$name"
            microseconds
            if ((now - service_began[$name] < quick_death)); then
                service_quick[$name]=$((${service_quick[$name]:-0} + 1))
            else
                service_quick[$name]=1
            fi
            if ((service_quick[$name] >= patience)); then
                words=$(last_words "$name")
                complain "$(name_of "$name") dies at its start ($(how_it_ended "$code")): ${words:-it said nothing}; $(advice "$words" "$name")"
                return 1
            fi
            say "$(name_of "$name") ended ($(how_it_ended "$code")); it is started again in a second"
            service_due[$name]=$((now + 1000000))
        elif [[ -n ${service_due[$name]:-} ]]; then
            microseconds
            if ((now >= service_due[$name])); then start_service "$name"; fi
        fi
    done
}

# await SECONDS WHAT NAME COMMAND...: tends until COMMAND succeeds. WHAT and NAME are for the complaint.
await() {
    local seconds=$1 limit=$((SECONDS + $1)) what=$2 name=$3 words
    shift 3
    until "$@" >/dev/null 2>&1; do
        [[ -z $stopping ]] || return 1
        tend || return 1
        if ((SECONDS >= limit)); then
            words=$(last_words "$name")
            complain "$what within $seconds s: ${words:-it said nothing}; $(advice "$words" "$name")"
            return 1
        fi
        pause 0.1
    done
}

# Ends one service, and waits for its end: TERM, and KILL when it takes longer than SECONDS or a second Ctrl-C came.
end_service() {
    local name=$1 limit=$((SECONDS + $2)) pid=${service_pid[$1]:-}
    unset "service_due[$name]"
    if [[ -n $pid ]] && is_running "$name"; then
        if [[ $name == postgres ]]; then
            setsid --wait "$top/tools/private-postgres" stop "$run_dir/postgres" 8>&- # it also removes the socket's folder
        else
            kill -TERM "$pid" 2>/dev/null
        fi
        while is_running "$name"; do
            if ((SECONDS >= limit)) || [[ -n $hurry ]]; then
                ((SECONDS < limit)) || complain "$(name_of "$name") does not end within $2 s and is killed; see $(log_of "$name")"
                kill -KILL "$pid" 2>/dev/null
                limit=$((SECONDS + 60))
            fi
            pause 0.05
        done
    fi
    unset "service_pid[$name]"
    rm -f "$run_dir/pid/$name"
}

end_all_services() {
    local i name limit
    for ((i = ${#start_order[@]} - 1; i >= 0; i--)); do
        name=${start_order[i]}
        case $name in
        gateway) limit=60 ;; # it drains
        *) limit=30 ;;
        esac
        end_service "$name" "$limit"
    done
}

# What a supervisor that was killed left behind. Needs the lock.
end_leftovers() {
    local name i tries
    for ((i = ${#start_order[@]} - 1; i >= 0; i--)); do
        name=${start_order[i]}
        process_is_alive "$run_dir/pid/$name" || { rm -f "$run_dir/pid/$name"; continue; }
        say "stopping the $(name_of "$name") that an earlier run left behind"
        if [[ $name == postgres ]]; then
            kill -INT "$process_pid" 2>/dev/null
        else
            kill -TERM "$process_pid" 2>/dev/null
        fi
        tries=0
        while process_is_alive "$run_dir/pid/$name"; do
            if ((++tries == 400)); then kill -KILL "$process_pid" 2>/dev/null; fi
            ((tries < 600)) || { complain "the process $process_pid can't be stopped; stop it by hand"; return 1; }
            pause 0.1
        done
        rm -f "$run_dir/pid/$name"
    done
}
