# ./dev stop, ./dev reset, ./dev ctl: what one does with a run from outside.
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

# Stops the run of the run folder, if there is one, and waits until its supervisor has let go of the lock.
stop_run() {
    local said=
    [[ -e $run_dir/lock ]] || { say "nothing runs in $run_dir"; return 0; }
    [[ -w $run_dir/lock ]] || die "can't write $run_dir/lock; run as $(stat -c %U "$run_dir"), whose run it is"
    until run_lock; do
        if process_is_alive "$run_dir/pid/supervisor"; then
            if [[ -z $said ]]; then
                say "stopping (connections are drained first)"
                kill -TERM "$process_pid" 2>/dev/null || die "can't signal the process $process_pid; run as its user"
                said=1
            fi
        elif [[ $said != waiting ]]; then
            # Between the lock and the supervisor lies the build, which belongs to a terminal.
            [[ -n $said ]] || die "a run in $run_dir is still being prepared; interrupt it where it was started"
            said=waiting
        fi
        pause 0.1
    done
    end_leftovers || exit 1
    rm -f "$run_dir/ready" "$run_dir/pid/supervisor"
    if [[ -z $said ]]; then say "nothing runs in $run_dir"; else say "stopped"; fi
}

dev_stop() {
    [[ $# -eq 0 ]] || wrong_usage "stop: unknown argument '$1'"
    umask 077
    stop_run
}

dev_reset() {
    local yes='' answer home
    while [[ $# -gt 0 ]]; do
        case $1 in
        --yes) yes=1 ;;
        *) wrong_usage "reset: unknown argument '$1'" ;;
        esac
        shift
    done
    if [[ ! -d $run_dir ]]; then
        say "there are no data: no folder $run_dir"
        return 0
    fi
    run_dir=$(cd "$run_dir" && pwd -P) || exit 1
    if [[ -z $yes ]]; then
        [[ -t 0 ]] || die "reset deletes all data in $run_dir; say --yes if you mean it"
        read -r -p "Delete the database, streams, secrets and logs in $run_dir? [y/N] " answer
        [[ $answer == [yY]* ]] || die "nothing was deleted"
    fi
    umask 077
    stop_run
    home=$(foreign_home)
    if [[ -L $run_dir/postgres && $(readlink "$run_dir/postgres") == "$home/postgres" ]]; then
        rm -rf -- "$home" || die "can't delete $home; run as root, who made it"
    fi
    # Only what `run` makes: FRESHET_RUN_DIR may name a folder that holds other things too.
    (cd "$run_dir" && rm -rf -- bin postgres nats secrets demo env env.new log pid ready) \
        || die "can't delete everything in $run_dir; run as the user who made it"
    rm -f "$run_dir/lock"
    rmdir "$run_dir" 2>/dev/null
    say "the data of $run_dir are deleted"
}

dev_ctl() {
    [[ -r $run_dir/env && -x $run_dir/bin/freshetctl ]] || die "there is no run in $run_dir; start one with ./dev run"
    # shellcheck source=/dev/null
    source "$run_dir/env"
    unset FRESHET_PORT_BASE FRESHET_RUN_DIR
    exec "$run_dir/bin/freshetctl" "$@"
}
