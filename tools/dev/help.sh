# ./dev help
# shellcheck shell=bash disable=SC2034,SC2154 # variables of the other parts

dev_help() {
    case ${1:-} in
    '' | --help)
        cat <<'TEXT'
./dev VERB [OPTION...]    Freshet's front door. Needs Debian 12, as root or with sudo; brings everything else itself.

  run [--detach]          install what is missing, build, start private servers and the services; Ctrl-C stops all
  stop                    end a detached run
  reset [--yes]           delete the data of `run`
  ctl ARG...              freshetctl with the settings of the running instance
  test [FILTER]           install what is missing, build, run every test
  build [PRESET]          build a preset (dev)
  bench [NAME]            how fast is it here, against what limit: the table of budgets; with NAME a part of it
  fuzz [TARGET] [SECONDS] feed the parsers with rubbish
  lint                    layer check, formats, static analysis
  fmt                     clang-format over the C sources
  help [VERB]             this, or more about one of them

Environment:
  FRESHET_RUN_DIR         folder of `run`'s data, secrets and logs (.run in the checkout)
  FRESHET_PORT_BASE       shifts every port of `run` (8000: http 8080, NATS 8222, https 8443, admin 9090 9091 9092)
  FRESHET_NO_INSTALL=1    install no packages
Every other setting of the services (FRESHET_THREADS, FRESHET_LOG_FORMAT …, see `freshet-gateway --help`) is passed on.
TEXT
        ;;
    run)
        cat <<'TEXT'
./dev run [--detach] [--preset PRESET]

Installs missing packages, builds (preset release; the page too, if npm can reach its registry), starts a private
PostgreSQL and a private nats-server, migrates, starts the services, and prints the address, two demo users and three
lines of curl. Stays in front; Ctrl-C stops everything (the gateway drains its connections first; Ctrl-C again hurries).
A second start uses the same data.

  --detach          return when everything is ready; `./dev stop` ends it
  --preset PRESET   build and run another preset, such as asan-ubsan

In the run folder (FRESHET_RUN_DIR, or .run):
  bin        link to the binaries            env     settings for a shell: . .run/env
  log/       one file for each process       demo    the demo users
  secrets/   token keys, TLS certificate,    postgres/, nats/    the private servers
             admin token of /ops
A process that dies is started again after a second, with a line that says so. FRESHET_BIN_DIR names a folder with
ready binaries: nothing is built then.
TEXT
        ;;
    stop)
        cat <<'TEXT'
./dev stop

Ends the run of the run folder, in front or detached, and waits until all its processes are gone. Data stay.
TEXT
        ;;
    reset)
        cat <<'TEXT'
./dev reset [--yes]

Stops the run and deletes its data: database, streams, secrets, demo users and logs. Asks first unless --yes.
TEXT
        ;;
    ctl)
        cat <<'TEXT'
./dev ctl ARG...

freshetctl with the settings of the running instance, such as: ./dev ctl import-follows FILE
TEXT
        ;;
    test)
        cat <<'TEXT'
./dev test [--preset PRESET] [--full] [--faults] [FILTER]

Installs missing packages, builds (preset dev) and runs the unit tests, the integration tests in C and Python and the
fault tests on private servers, the page in chromium (its pictures: build/e2e/screenshots), the models (spin), and the
layer check. The last line is `N passed, N failed`; the exit code is 1 if any failed.

  FILTER            only tests whose name contains it
  --preset PRESET   another build: asan-ubsan, tsan, coverage; a report of a sanitizer is a failure
  --full            the long forms too: 20 s of each fuzz target, the deep searches of the models (FRESHET_TEST_FULL=1)
  --faults          the long forms of the fault tests: more users, longer, pairs of faults (FRESHET_TEST_FAULTS=1);
                    FRESHET_TEST_SEED repeats a failed one
TEXT
        ;;
    build)
        cat <<TEXT
./dev build [PRESET [TARGET...]]

Builds a preset (dev if none is given) in build/PRESET; the programs lie in build/PRESET/bin. Presets: $presets
TEXT
        ;;
    bench)
        cat <<'TEXT'
./dev bench [--row ROW]... [--quick] [--strict] [--out DIR]
./dev bench NAME [--only PART]... [--out DIR]
./dev bench --list

Builds the preset release, starts private servers, and measures every row of the table of budgets, each several times in
alternation with its baseline, and some curves: about ten minutes. Leave the machine alone meanwhile. Prints the table, and writes
bench.html (with plots), bench.json, bench.txt and SVG into the folder bench of the run folder (FRESHET_RUN_DIR, or .run). With NAME a
part in more detail. docs/performance.md tells how to read the figures. FRESHET_BIN_DIR names a folder with ready binaries: nothing
is built then.

  --list         the rows and parts there are, and what each is held against
  --row ROW      this row alone; may be given again
  --quick        each row once and shorter, and no curves: about three minutes; course, evolution and growth have it too
  --strict       exit code 3 if a budget was missed
  --out DIR      where the result goes
  --smoke        a run of a minute that shows that it works; its figures mean nothing
  --only PART    with NAME: this part alone; may be given again

Exit codes: 0 measured; 1 a row failed; 2 wrong usage; 3 with --strict: a budget was missed; 130 interrupted (^C): what was
measured until then is printed, and nothing is written.
TEXT
        ;;
    fuzz)
        cat <<TEXT
./dev fuzz [TARGET] [SECONDS]

Builds the preset fuzz (clang, libFuzzer, AddressSanitizer, UndefinedBehaviorSanitizer) and feeds each target, or TARGET, for
SECONDS (60). Targets: $(fuzz_targets | paste -sd ' ')
Begins with tests/fuzz/corpus/TARGET and what earlier runs found (.cache/fuzz/TARGET). An input that breaks a rule is kept
in tests/fuzz/regressions/TARGET, where ./dev test replays it ever after; the exit code is 1 then.
TEXT
        ;;
    lint)
        cat <<'TEXT'
./dev lint [STEP...]

Checks without running: layers, format (clang-format), cppcheck, tidy (clang-tidy), shell (shellcheck), sql (every
statement is prepared on a migrated private database), proto, yaml, openapi, asyncapi, web (tsc). Without STEP all of them.
TEXT
        ;;
    fmt)
        cat <<'TEXT'
./dev fmt

clang-format over every C source and header.
TEXT
        ;;
    *) wrong_usage "there is no verb '$1'" ;;
    esac
}
