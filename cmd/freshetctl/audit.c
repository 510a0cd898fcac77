/* freshetctl audit: the command line of the auditor, pkg/timeline/audit.c. */
#include "timeline/audit.h"

#include <stdio.h>
#include <stdlib.h>

#include "audit_lines.h"
#include "ctl.h"
#include "interrupt.h"
#include "progress.h"
#include "store/store.h"

enum { SAMPLE_MAX = 10000000, LINES = 100, LINES_MAX = 100000000, WAIT_S = 30, WAIT_MAX_S = 86400 };

struct run {
    struct ctl *ctl;
    struct fr_session *session;
    struct interrupt *interrupt;
    struct progress progress;
    const char *phase;
    int64_t user, sample, seed, lines, wait_s; /* user, sample 0: not asked for */
    int64_t told, untold;
    int64_t *users;
    size_t user_count;
};

/* ---- what is told on the way ---- */
/* Standard output; the bar on standard error makes way. */
static void say(struct run *run, const char *line)
{
    if (run->told == run->lines) {
        run->untold++;
        return;
    }
    run->told++;
    progress_clear(&run->progress);
    puts(line);
    if (run->phase != NULL)
        progress_phase(&run->progress, run->phase);
}

static void on_defect(void *arg, const struct fr_audit_defect *defect)
{
    char line[AUDIT_LINE_SIZE];

    audit_line(defect, line);
    say(arg, line);
}

static void on_undecided(void *arg, const struct fr_audit_defect *suspect)
{
    char line[AUDIT_LINE_SIZE];

    audit_line_undecided(suspect, line);
    say(arg, line);
}

static void on_progress(void *arg, const char *phase, int64_t done, int64_t total)
{
    struct run *run = arg;

    if (run->phase != phase) {
        run->phase = phase;
        progress_phase(&run->progress, phase);
    }
    progress_show(&run->progress, done, total, done);
}

static bool is_cancelled(void *arg)
{
    const struct run *run = arg;

    return interrupt_came(run->interrupt);
}

/* ---- the end ---- */
static void print_id(const char *what, int64_t id, const char *none)
{
    if (id == 0)
        printf("  %-18s %s\n", what, none);
    else
        printf("  %-18s %lld\n", what, (long long)id);
}

static enum fr_status print_figures(struct run *run, struct fr_error *error)
{
    struct fr_audit_figures figures;
    enum fr_status status = fr_audit_figures(run->session, run->user, &figures, error);

    if (status != FR_OK)
        return status;
    printf("user %lld%s%s\n", (long long)run->user, figures.deleted ? ", deleted" : "",
           figures.departed ? ", being taken apart" : "");
    printf("  %-18s %lld\n", "follows", (long long)figures.follows);
    printf("  %-18s %lld\n", "followers", (long long)figures.followers);
    printf("  %-18s %lld\n", "feed items", (long long)figures.items);
    print_id("newest item", figures.newest, "none");
    print_id("oldest item", figures.oldest, "none");
    print_id("horizon", figures.horizon > figures.floor ? figures.horizon : figures.floor,
             "none: all posts are in the feed");
    printf("  %-18s %lld, %lld posts merged into pages\n", "celebrities", (long long)figures.celebrities,
           (long long)figures.celebrity_posts);
    printf("  %-18s %lld pending of those followed\n", "events", (long long)figures.pending);
    return FR_OK;
}

static int64_t sum(const int64_t counts[FR_AUDIT_KINDS])
{
    int64_t total = 0;

    for (int kind = 0; kind < FR_AUDIT_KINDS; kind++)
        total += counts[kind];
    return total;
}

static void print_counts(const struct fr_audit_report *report)
{
    for (int kind = FR_AUDIT_MISSING; kind < FR_AUDIT_KINDS; kind++)
        if (report->defects[kind] > 0 && report->repaired[kind] > 0)
            printf("  %-10s %lld, %lld repaired\n", audit_kind_name((enum fr_audit_kind)kind),
                   (long long)report->defects[kind], (long long)report->repaired[kind]);
        else if (report->defects[kind] > 0)
            printf("  %-10s %lld\n", audit_kind_name((enum fr_audit_kind)kind),
                   (long long)report->defects[kind]);
}

static int conclude(struct run *run, const struct fr_audit_report *report)
{
    int64_t defects = sum(report->defects), left = defects - sum(report->repaired);
    const char *verdict = "clean";

    if (run->untold > 0)
        printf("and %lld more; --limit shows them\n", (long long)run->untold);
    if (left > 0)
        verdict = "not clean";
    else if (report->undecided > 0 || report->cut)
        verdict = "undecided";
    else if (defects > 0)
        verdict = "repaired";
    printf("%s: %lld users audited in %.1f s; %lld pages of %lld users read, %lld posts; %lld defects\n",
           verdict, (long long)report->users, progress_seconds(&run->progress), (long long)report->pages,
           (long long)report->page_users, (long long)report->page_posts, (long long)defects);
    print_counts(report);
    if (report->waited > 0)
        printf("  in flight  %lld, waited for\n", (long long)report->waited);
    if (report->cut)
        puts("  there are more: some feeds have too many defects to look at all of them at once");
    if (report->undecided > 0)
        printf("  undecided  %lld: the outbox does not move; is a materializer running?\n",
               (long long)report->undecided);
    if (left > 0)
        return CTL_FAILED;
    return report->undecided > 0 || report->cut ? CTL_UNDECIDED : CTL_OK;
}

/* ---- the beginning ---- */
static enum fr_status choose_users(struct run *run, struct fr_error *error)
{
    if (run->sample > 0) {
        printf("seed %lld\n", (long long)run->seed);
        fflush(stdout);
        return fr_audit_sample(run->session, run->seed, run->sample, &run->users, &run->user_count, error);
    }
    if (run->user > 0) {
        run->users = fr_alloc_array(1, sizeof(*run->users));
        run->users[0] = run->user;
        run->user_count = 1;
    }
    return FR_OK;
}

static enum fr_status parse(struct run *run, struct fr_error *error)
{
    const struct ctl *ctl = run->ctl;
    bool all = ctl->options[CTL_OPTION_ALL] != NULL, user = ctl->options[CTL_OPTION_USER] != NULL;
    bool sample = ctl->options[CTL_OPTION_SAMPLE] != NULL;

    if (all + user + sample != 1)
        return fr_error_set(error, FR_INVALID, NULL, "audit: wants one of --user=ID, --sample=N and --all");
    if (ctl->options[CTL_OPTION_SEED] != NULL && !sample)
        return fr_error_set(error, FR_INVALID, "--seed", "--seed: goes with --sample");
    if (ctl->options[CTL_OPTION_PAGES] != NULL && !all)
        return fr_error_set(error, FR_INVALID, "--pages",
                            "--pages: goes with --all; the others read all pages anyway");
    if (user && fr_id_parse(fr_str_of(ctl->options[CTL_OPTION_USER]), &run->user) != FR_OK)
        return fr_error_set(error, FR_INVALID, "--user",
                            "--user: must be a user's id, a number of 1 to 19 digits");
    if (ctl_option_i64(ctl, CTL_OPTION_SAMPLE, 1, SAMPLE_MAX, 0, &run->sample, error) != FR_OK ||
        ctl_option_i64(ctl, CTL_OPTION_SEED, 0, INT64_MAX, fr_clock_wall_ms(), &run->seed, error) != FR_OK ||
        ctl_option_i64(ctl, CTL_OPTION_LIMIT, 1, LINES_MAX, LINES, &run->lines, error) != FR_OK ||
        ctl_option_i64(ctl, CTL_OPTION_WAIT, 0, WAIT_MAX_S, WAIT_S, &run->wait_s, error) != FR_OK)
        return FR_INVALID;
    return FR_OK;
}

static int fail(const struct run *run, const struct fr_error *error)
{
    if (interrupt_fail(run->interrupt, error) == CTL_INTERRUPTED)
        return CTL_INTERRUPTED;
    return error->status == FR_NOT_FOUND ? CTL_FAILED : CTL_UNDECIDED;
}

static enum fr_status audit(struct run *run, struct fr_audit_report *ret, struct fr_error *error)
{
    struct ctl *ctl = run->ctl;
    enum fr_status status = choose_users(run, error);

    if (status == FR_OK && run->user > 0)
        status = print_figures(run, error);
    if (status != FR_OK)
        return status;
    const struct fr_audit_options options = {
        .users = run->users,
        .user_count = run->user_count,
        .pages = ctl->options[CTL_OPTION_PAGES] != NULL ? FR_AUDIT_PAGES_ALL : FR_AUDIT_PAGES_SOME,
        .repair = ctl->options[CTL_OPTION_REPAIR] != NULL,
        .wait_ms = run->wait_s * 1000,
        .hooks = {on_defect, on_undecided, on_progress, is_cancelled, run},
    };
    status = fr_audit_run(run->session, &options, ret, error);
    progress_clear(&run->progress);
    return status;
}

int ctl_audit(struct ctl *ctl)
{
    struct run run = {.ctl = ctl};
    struct fr_error error = {0};
    struct fr_audit_report report = {0};
    int code;

    if (parse(&run, &error) != FR_OK)
        return ctl_fail_usage(&error);
    if (ctl_open_session(ctl, true, &run.session, &error) != FR_OK ||
        interrupt_begin(run.session, &run.interrupt, &error) != FR_OK ||
        progress_begin(&run.progress, &error) != FR_OK || audit(&run, &report, &error) != FR_OK) {
        progress_end(&run.progress);
        code = fail(&run, &error);
    } else {
        code = conclude(&run, &report);
    }
    progress_end(&run.progress);
    interrupt_end(run.interrupt);
    fr_session_close(run.session);
    free(run.users);
    return code;
}
