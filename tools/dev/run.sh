# ./dev run: checks, preparation, the supervisor.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

run_lock() { # the lock of the run folder, on descriptor 8
    exec 8>>"$run_dir/lock" && flock -n 8
}

# The run folder must be ours to read and write. Others may pass through it (the account postgres must), not look.
prepare_run_dir() {
    local entry
    if [[ ! -e $run_dir ]]; then
        mkdir -p "$run_dir" 2>/dev/null || die "can't make $run_dir; make its parent writable or choose another place with FRESHET_RUN_DIR"
        chmod 0711 "$run_dir"
    fi
    [[ -d $run_dir ]] || die "$run_dir is no folder; remove it or choose another place with FRESHET_RUN_DIR"
    if [[ $(id -u) != 0 && ! -O $run_dir ]]; then
        die "$run_dir belongs to $(stat -c %U "$run_dir"); run as that user, or choose another place with FRESHET_RUN_DIR"
    fi
    if ! [[ -r $run_dir && -x $run_dir ]] || ! { : >"$run_dir/.probe"; } 2>/dev/null || ! rm -f "$run_dir/.probe"; then
        die "can't read and write $run_dir; give yourself the right (chmod u+rwx) or choose another place with FRESHET_RUN_DIR"
    fi
    run_dir=$(cd "$run_dir" && pwd -P)
    for entry in log pid secrets; do
        if ! mkdir -p "$run_dir/$entry" 2>/dev/null || ! { : >"$run_dir/$entry/.probe"; } 2>/dev/null \
            || ! rm -f "$run_dir/$entry/.probe"; then
            die "can't write $run_dir/$entry; give yourself the right (chmod u+rwx) or remove it"
        fi
    done
}

# check_port PORT WHAT: nobody may listen there yet. Asks the kernel's table: nothing is sent to whoever it is.
check_port() {
    local hexadecimal
    hexadecimal=$(printf '%04X' "$1")
    if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v port="$hexadecimal" '
        { n = split($2, place, ":"); if ($4 == "0A" && place[n] == port) found = 1 }
        END { exit !found }'; then
        die "port $1 ($2) is taken by another program; stop it, or shift all ports with FRESHET_PORT_BASE=$((port_base + 100)) ./dev run"
    fi
}

check_ports() {
    check_port "$port_http" HTTP
    check_port "$port_https" HTTPS
    check_port "$port_gateway_admin" "the gateway's admin listener"
    check_port "$port_materializer_admin" "the materializer's admin listener"
    check_port "$port_worker_admin" "the worker's admin listener"
    check_port "$port_nats" NATS
}

check_disk() {
    local free
    free=$(free_megabytes "$run_dir")
    ((${free:-1000000} >= 300)) || die "only $free MB are free where $run_dir lies; free some space (300 MB at least) or choose another place with FRESHET_RUN_DIR"
}

# Where PostgreSQL's data lie. Root's server runs as the account postgres, which can't walk into /root: then in
# /var/lib, with a link from the run folder.
place_postgres() {
    local place=$run_dir/postgres owner account
    account=$(id -un)
    if [[ $(id -u) == 0 ]]; then
        account=postgres
        if ! (cd / && setpriv --reuid postgres --regid "$(id -g postgres)" --clear-groups test -x "$run_dir"); then
            if [[ -d $place && ! -L $place ]]; then
                die "the account postgres can't reach $place; make the folders above it passable (chmod o+x), or throw the data away with ./dev reset"
            fi
            home=$(foreign_home)
            (umask 022 && mkdir -p "$home/postgres") || die "can't make $home; make /var/lib writable or choose another place with FRESHET_RUN_DIR"
            chmod 0711 "$home"
            ln -sfn "$home/postgres" "$place"
            say "PostgreSQL's data lie in $home, because its account can't walk into $run_dir"
        fi
    fi
    if [[ -e $place/data ]]; then
        owner=$(stat -L -c %U "$place/data")
        [[ $owner == "$account" ]] || die "the data in $place belong to $owner, who made them; run as that user, or throw them away with ./dev reset"
    fi
}

foreign_home() {
    printf '/var/lib/freshet-%s\n' "$(printf %s "$run_dir" | sha256sum | cut -c1-12)"
}

random_hex() { # BYTES
    od -An -v -N"$1" -tx1 /dev/urandom | tr -d ' \n'
}

make_secret() { # NAME TEXT: unless there is one
    local file=$run_dir/secrets/$1
    if [[ ! -s $file ]] && ! { printf '%s\n' "$2" >"$file.new" && mv "$file.new" "$file"; }; then
        die "can't write $run_dir/secrets; is the disk full?"
    fi
}

# Everything that is made once: secrets, the cluster, the configuration of the server.
prepare_data() {
    local url nats_url
    make_secret token-keys "k1 $(random_hex 32)"
    make_secret admin-token "$(random_hex 24)"
    place_postgres
    if [[ ! -e $run_dir/postgres/data/PG_VERSION ]]; then say "making the private PostgreSQL cluster"; fi
    private postgres init "$run_dir/postgres"
    private nats init "$run_dir/nats" "$port_nats"
    url=$(private postgres url "$run_dir/postgres") || exit 1
    nats_url=$(private nats url "$run_dir/nats") || exit 1
    export FRESHET_DATABASE_URL=$url FRESHET_NATS_URL=$nats_url FRESHET_TOKEN_KEYS_FILE=$run_dir/secrets/token-keys
    if ! {
        printf '# The settings of this run, for a shell: . %q/env\n' "$run_dir"
        printf 'export FRESHET_DATABASE_URL=%q\n' "$FRESHET_DATABASE_URL"
        printf 'export FRESHET_NATS_URL=%q\n' "$FRESHET_NATS_URL"
        printf 'export FRESHET_TOKEN_KEYS_FILE=%q\n' "$FRESHET_TOKEN_KEYS_FILE"
    } >"$run_dir/env.new" || ! mv "$run_dir/env.new" "$run_dir/env"; then
        die "can't write $run_dir/env; is the disk full?"
    fi
}

private() { # postgres|nats VERB ARG...: the tool, its complaint as ours
    local what
    if ! what=$("$top/tools/private-$1" "${@:2}" 2>&1 8>&-); then
        case $what in
        *'No space left'*) die "the disk is full where $run_dir lies; free some space and try again" ;;
        *) die "$(tail -n 1 <<<"$what"); see there, or throw the data away with ./dev reset" ;;
        esac
    fi
    [[ -z $what ]] || printf '%s\n' "$what"
}

ready_at() { # PORT of an admin listener
    [[ $(curl -s -m 2 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$1/readyz") == 200 ]]
}

# Brings everything up, in order. Fails with a line (from below) when something does not come.
start_everything() {
    start_service postgres
    await 120 "PostgreSQL did not answer" postgres "$top/tools/private-postgres" status "$run_dir/postgres" || return 1
    start_service nats
    await 60 "nats-server did not answer" nats "$top/tools/private-nats" status "$run_dir/nats" || return 1
    if ! "$run_dir/bin/freshetctl" migrate >"$run_dir/log/migrate.log" 2>&1 8>&- </dev/null; then
        [[ -n $stopping ]] || complain "the migration failed: $(tail -n 1 "$run_dir/log/migrate.log"); see $run_dir/log/migrate.log"
        return 1
    fi
    start_service materializer
    if [[ -x $run_dir/bin/freshet-worker ]]; then start_service worker; fi
    start_service gateway
    await 60 "freshet-materializer was not ready" materializer ready_at "$port_materializer_admin" || return 1
    await 60 "freshet-gateway was not ready" gateway ready_at "$port_gateway_admin" || return 1
    if [[ -n ${service_pid[worker]:-} ]]; then
        await 60 "freshet-worker was not ready" worker ready_at "$port_worker_admin" || return 1
    fi
    ensure_demo_users
    [[ -z $stopping ]]
}

# The supervisor: from here on whatever happens ends with everything stopped.
supervise() { # WELCOME: command that is run when everything is ready
    local code=0
    trap 'hurry=$stopping; stopping=1' HUP INT TERM
    trap : PIPE
    remember_process "$run_dir/pid/supervisor" "$BASHPID"
    ulimit -n "$(ulimit -Hn)" 2>/dev/null
    unset FRESHET_PORT_BASE FRESHET_RUN_DIR FRESHET_NO_INSTALL FRESHET_BIN_DIR
    if start_everything; then
        patience=20
        touch "$run_dir/ready"
        "$1"
        until [[ -n $stopping ]]; do
            tend || { code=1; break; }
            pause 0.25
        done
    elif [[ -z $stopping ]]; then
        code=1
    fi
    rm -f "$run_dir/ready"
    say "stopping everything"
    end_all_services
    rm -f "$run_dir/pid/supervisor"
    say "stopped"
    exit "$code"
}

# The supervisor in the background; this process shows what it says until everything is ready, or it gave up.
detach() {
    local log=$run_dir/log/dev.log shown=0 size child interrupted=
    : >"$log"
    trap 'interrupted=1' HUP INT TERM
    FRESHET_RUN_DIR=$run_dir FRESHET_PORT_BASE=$port_base setsid "$top/dev" run --supervise >>"$log" 2>&1 </dev/null &
    child=$!
    while :; do
        size=$(stat -c %s "$log")
        if ((size > shown)); then
            tail -c "+$((shown + 1))" "$log" | head -c "$((size - shown))"
            shown=$size
        fi
        if [[ -n $interrupted ]]; then
            kill -TERM "$child" 2>/dev/null
            interrupted=
        fi
        if [[ -e $run_dir/ready ]]; then
            welcome
            say "running in the background; ./dev stop ends it"
            exit 0
        fi
        if ! process_start "$child"; then
            wait "$child"
            tail -c "+$((shown + 1))" "$log"
            exit 1
        fi
        pause 0.1
    done
}

# A script's background job starts with SIGINT ignored, which a shell can't take back: then nobody could stop us with it.
listen_to_interrupts() {
    local ignored
    ignored=$(sed -n 's/^SigIgn:[[:space:]]*//p' "/proc/$$/status")
    if ((16#${ignored:-0} & 2)) && [[ -z ${FRESHET_DEV_AGAIN:-} ]]; then
        FRESHET_DEV_AGAIN=1 exec env --default-signal=INT "$top/dev" run "$@"
    fi
    unset FRESHET_DEV_AGAIN
}

dev_run() {
    local preset=release detached='' supervised='' bin
    listen_to_interrupts "$@"
    while [[ $# -gt 0 ]]; do
        case $1 in
        --detach) detached=1 ;;
        --preset)
            [[ $# -ge 2 ]] || wrong_usage "run: --preset wants a name"
            preset=$2
            shift
            ;;
        --preset=*) preset=${1#*=} ;;
        --supervise) supervised=1 ;; # detach() calls us with the lock held and everything prepared
        *) wrong_usage "run: unknown argument '$1'" ;;
        esac
        shift
    done
    [[ " $presets " == *" $preset "* ]] || wrong_usage "there is no preset '$preset'; there are $presets"
    umask 077
    set_ports
    if [[ -n $supervised ]]; then
        supervise true
    fi
    # The cheap checks first: a build takes minutes.
    prepare_run_dir
    run_lock || die "a run in $run_dir is going on already; ./dev stop ends it, FRESHET_RUN_DIR and FRESHET_PORT_BASE start another"
    end_leftovers || exit 1
    rm -f "$run_dir/ready"
    check_ports
    check_disk
    umask 022
    ensure_packages run
    if [[ -n ${FRESHET_BIN_DIR:-} ]]; then
        bin=$(cd "$FRESHET_BIN_DIR" 2>/dev/null && pwd -P) || die "FRESHET_BIN_DIR names no folder: $FRESHET_BIN_DIR"
    else
        build_preset "$preset" 8>&-
        build_web_if_possible 8>&-
        bin=$top/build/$preset/bin
    fi
    umask 077
    for program in freshet-gateway freshet-materializer freshetctl; do
        [[ -x $bin/$program ]] || die "there is no $bin/$program; build it, or correct FRESHET_BIN_DIR"
    done
    ln -sfn "$bin" "$run_dir/bin" || die "can't write $run_dir; is the disk full?"
    prepare_data
    if [[ -n $detached ]]; then
        detach
    else
        supervise welcome_in_front
    fi
}

welcome_in_front() {
    welcome
    say "Ctrl-C stops everything"
}
