/* freshetctl generate: people, follows, posts and feeds for a load test; the same options make the same data.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "generate.h"

#define DAY_MS INT64_C(86400000)

enum {
    USERS_DEFAULT = 1000,
    FOLLOWS_MIN_DEFAULT = 20,
    FOLLOWS_MAX_DEFAULT = 100,
    POSTS_MIN_DEFAULT = 20,
    POSTS_MAX_DEFAULT = 30,
    POSTS_PER_USER_MAX = 1000,
    POSTS_MAX = 50000000,         /* of all; 8 bytes each while feeds are made */
    FEED_ITEMS_DEFAULT = 10000000 /* --feeds: as many users as have about so many items */
};

/* ---- options ---- */

/* Digits alone, without a sign. */
static bool read_digits(struct fr_str text, int64_t most, int64_t *ret)
{
    return text.len > 0 && text.data[0] != '-' && fr_str_to_i64(text, 0, most, ret) == FR_OK;
}

/* MIN..MAX, whole numbers within [0, most]. */
static enum fr_status take_range(const struct ctl *ctl, enum ctl_option option, int64_t most, int64_t *min,
                                 int64_t *max, struct fr_error *error)
{
    const char *name = ctl_option_table[option].name, *text = ctl->options[option];
    if (text == NULL)
        return FR_OK;
    const char *dots = strstr(text, "..");
    int64_t low, high;
    if (dots == NULL || !read_digits((struct fr_str){text, (size_t)(dots - text)}, most, &low) ||
        !read_digits(fr_str_of(dots + 2), most, &high))
        return fr_error_set(error, FR_INVALID, name,
                            "%s: must be MIN..MAX, whole numbers within 0 and %lld, as in 20..30", name,
                            (long long)most);
    if (low > high)
        return fr_error_set(error, FR_INVALID, name, "%s: %lld is more than %lld", name, (long long)low,
                            (long long)high);
    *min = low;
    *max = high;
    return FR_OK;
}

/* A decimal fraction without sign or exponent. */
static enum fr_status take_zipf(const struct ctl *ctl, double *ret, struct fr_error *error)
{
    enum { WHOLE_MAX = 9, FRACTION_DIGITS_MAX = 6 };
    const char *name = ctl_option_table[CTL_OPTION_ZIPF].name, *text = ctl->options[CTL_OPTION_ZIPF];
    if (text == NULL)
        return FR_OK;
    const char *point = strchr(text, '.');
    struct fr_str whole = {text, point != NULL ? (size_t)(point - text) : strlen(text)};
    int64_t units = 0, parts = 0;
    double scale = 1;
    bool good = read_digits(whole, WHOLE_MAX, &units);
    if (point != NULL) {
        struct fr_str fraction = fr_str_of(point + 1);
        good = good && fraction.len <= FRACTION_DIGITS_MAX && read_digits(fraction, INT64_MAX, &parts);
        for (size_t i = 0; i < fraction.len; i++)
            scale *= 10;
    }
    double value = (double)units + (double)parts / scale;
    if (!good || value < GENERATED_ZIPF_MIN_PERCENT / 100.0 || value > GENERATED_ZIPF_MAX_PERCENT / 100.0)
        return fr_error_set(error, FR_INVALID, name, "%s: must be a number within %.1f and %.1f, as in 0.8",
                            name, GENERATED_ZIPF_MIN_PERCENT / 100.0, GENERATED_ZIPF_MAX_PERCENT / 100.0);
    *ret = value;
    return FR_OK;
}

/* The day of which the posts are older; today unless given. */
static enum fr_status take_until(const struct ctl *ctl, int64_t *ret_end_ms, struct fr_error *error)
{
    const char *name = ctl_option_table[CTL_OPTION_UNTIL].name, *text = ctl->options[CTL_OPTION_UNTIL];
    int64_t today = fr_clock_wall_ms() / DAY_MS, first = FR_SNOWFLAKE_EPOCH_MS / DAY_MS + GENERATED_DAYS;
    int32_t day = (int32_t)today;
    if (text != NULL && fr_clock_parse_date(fr_str_of(text), &day) != FR_OK)
        return fr_error_set(error, FR_INVALID, name, "%s: must be a day, as in 2026-01-31", name);
    if (day < first || day > today) {
        char low[11], high[11];
        fr_clock_format_date((int32_t)first, low);
        fr_clock_format_date((int32_t)today, high);
        return fr_error_set(error, FR_INVALID, name, "%s: must be within %s and today, %s (UTC)", name, low,
                            high);
    }
    *ret_end_ms = day * DAY_MS;
    return FR_OK;
}

static int64_t default_feeds(const struct generate *generate)
{
    const struct graph_options *graph = &generate->graph_options;
    const struct people_options *people = &generate->people;
    int64_t each =
        (graph->follows_min + graph->follows_max + 1) / 2 * (people->posts_min + people->posts_max + 1) / 2;
    each = each > generate->feed_cap ? generate->feed_cap : each < 1 ? 1 : each;
    return FEED_ITEMS_DEFAULT / each < graph->users ? FEED_ITEMS_DEFAULT / each : graph->users;
}

static enum fr_status take_feeds(const struct ctl *ctl, struct generate *generate, struct fr_error *error)
{
    const char *name = ctl_option_table[CTL_OPTION_FEEDS].name, *text = ctl->options[CTL_OPTION_FEEDS];
    int64_t users = generate->graph_options.users;
    if (text == NULL)
        generate->feeds = default_feeds(generate);
    else if (strcmp(text, "all") == 0)
        generate->feeds = users;
    else if (strcmp(text, "none") == 0)
        generate->feeds = 0;
    else if (fr_str_to_i64(fr_str_of(text), 0, users, &generate->feeds) != FR_OK)
        return fr_error_set(error, FR_INVALID, name, "%s: must be all, none, or a number of users up to %lld",
                            name, (long long)users);
    return FR_OK;
}

/* An option given alone is judged first, then those that depend on others. */
static enum fr_status take_options(struct ctl *ctl, struct generate *generate, struct fr_error *error)
{
    struct graph_options *graph = &generate->graph_options;
    struct people_options *people = &generate->people;
    int64_t seed;
    *graph = (struct graph_options){.follows_min = FOLLOWS_MIN_DEFAULT,
                                    .follows_max = FOLLOWS_MAX_DEFAULT,
                                    .threshold = ctl->settings.celebrity_threshold};
    *people = (struct people_options){.posts_min = POSTS_MIN_DEFAULT, .posts_max = POSTS_MAX_DEFAULT};
    generate->feed_cap = ctl->settings.feed_cap;
    enum fr_status status =
        ctl_option_i64(ctl, CTL_OPTION_USERS, 2, GENERATED_USERS_MAX, USERS_DEFAULT, &graph->users, error);
    if (status == FR_OK)
        status = take_range(ctl, CTL_OPTION_FOLLOWS, FR_FOLLOWS_MAX, &graph->follows_min, &graph->follows_max,
                            error);
    if (status == FR_OK)
        status = take_range(ctl, CTL_OPTION_POSTS, POSTS_PER_USER_MAX, &people->posts_min, &people->posts_max,
                            error);
    if (status == FR_OK)
        status = ctl_option_i64(ctl, CTL_OPTION_CELEBRITIES, 0,
                                graph->users < GENERATED_CELEBRITIES_MAX ? graph->users
                                                                         : GENERATED_CELEBRITIES_MAX,
                                -1, &graph->celebrities, error);
    if (status == FR_OK)
        status = ctl_option_i64(ctl, CTL_OPTION_SEED, 0, INT64_MAX, 1, &seed, error);
    if (status == FR_OK)
        status = take_zipf(ctl, &graph->zipf, error);
    if (status == FR_OK)
        status = take_until(ctl, &people->end_ms, error);
    if (status == FR_OK)
        status = take_feeds(ctl, generate, error);
    if (status != FR_OK)
        return status;
    graph->seed = people->seed = (uint64_t)seed;
    if (graph->follows_max >= graph->users)
        return fr_error_set(
            error, FR_INVALID, "--follows",
            "--follows: among %lld people one can follow %lld others at most; more --users or fewer "
            "follows",
            (long long)graph->users, (long long)graph->users - 1);
    if (graph->users * people->posts_max > POSTS_MAX)
        return fr_error_set(error, FR_INVALID, "--posts", "--posts: more than %d posts of all users",
                            POSTS_MAX);
    return FR_OK;
}

/* ---- the work ---- */

static bool keep_on(void *arg)
{
    const struct generate *generate = arg;
    return !interrupt_came(generate->interrupt);
}

/* Computes what has to be known before the first row, and so finds what is impossible before anything is
 * written. */
static enum fr_status plan(struct generate *generate, struct fr_error *error)
{
    const struct graph_options *graph = &generate->graph_options;
    progress_phase(&generate->progress, "drawing the graph");
    enum fr_status status = graph_new(graph, keep_on, generate, &generate->graph, error);
    progress_clear(&generate->progress);
    if (status != FR_OK)
        return status;
    for (int64_t user = 1; user <= graph->users; user++) {
        int64_t posts = (int64_t)people_post_count(&generate->people, user);
        generate->posts += posts;
        generate->celebrity_posts += graph_is_celebrity(generate->graph, user) ? posts : 0;
    }
    int64_t each = graph_edges(generate->graph) / graph->users * (generate->posts / graph->users);
    generate->rows_expected = graph->users + generate->posts + generate->celebrity_posts +
                              2 * graph_edges(generate->graph) +
                              generate->feeds * (each < generate->feed_cap ? each : generate->feed_cap) +
                              (graph->users - generate->feeds);
    fprintf(stderr,
            CTL_PROGRAM
            ": %lld users, %lld follows, %lld posts, feed items of %lld users; about %lld million rows\n",
            (long long)graph->users, (long long)graph_edges(generate->graph), (long long)generate->posts,
            (long long)generate->feeds, (long long)(generate->rows_expected / 1000000));
    return FR_OK;
}

static enum fr_status generate_all(struct generate *generate, struct fr_error *error)
{
    enum fr_status status = plan(generate, error);
    return status == FR_OK ? generate_write(generate, error) : status;
}

static void report(struct generate *generate)
{
    const struct graph_options *graph = &generate->graph_options;
    int64_t least, most, others = graph->users - generate->feeds;
    double seconds = progress_seconds(&generate->progress);
    char first[11], until[11];
    struct fr_error ignored;
    progress_phase(&generate->progress, "analyzing");
    if (fr_session_query(generate->session, &FR_QUERY_NO_PARAMS(FR_SQL_GENERATE_ANALYZE), NULL, &ignored) !=
        FR_OK)
        progress_say(&generate->progress, CTL_PROGRAM ": the tables were not analyzed; autovacuum will");
    progress_clear(&generate->progress);
    fr_clock_format_date((int32_t)(people_start_ms(&generate->people) / DAY_MS), first);
    fr_clock_format_date((int32_t)(generate->people.end_ms / DAY_MS), until);
    graph_celebrity_range(generate->graph, &least, &most);
    printf("%lld rows generated in %.1f s, %.0f rows/s\n", (long long)generate->rows, seconds,
           (double)generate->rows / seconds);
    printf("  users: %lld, ids from 1\n", (long long)graph->users);
    printf("  follows: %lld, both ways\n", (long long)graph_edges(generate->graph));
    printf("  celebrities: %lld above %lld followers", (long long)graph_celebrity_count(generate->graph),
           (long long)graph->threshold);
    if (most > 0)
        printf(", from %lld to %lld", (long long)least, (long long)most);
    printf("\n  posts: %lld, %lld of them of celebrities, from %s until before %s\n",
           (long long)generate->posts, (long long)generate->celebrity_posts, first, until);
    printf("  feeds: %lld items of %lld users, %lld of them cut at %lld", (long long)generate->feed_items,
           (long long)generate->feeds, (long long)generate->feeds_cut, (long long)generate->feed_cap);
    if (others > 0)
        printf("; the other %lld begin empty, their pages pull from the posts", (long long)others);
    printf("\n  the same again: --seed=%llu --until=%s and the same other options\n",
           (unsigned long long)graph->seed, until);
}

static int fail(struct generate *generate, const struct fr_error *error)
{
    bool is_usage = error->field[0] != '\0' && error->status == FR_INVALID;
    int code = is_usage ? ctl_fail_usage(error) : interrupt_fail(generate->interrupt, error);
    /* After a connection that broke nobody knows; all other failures rolled back. */
    if (fr_session_alive(generate->session))
        fputs(CTL_PROGRAM ": nothing was generated\n", stderr);
    return code;
}

int ctl_generate(struct ctl *ctl)
{
    struct fr_error error = {0};
    struct generate generate = {.ctl = ctl};
    int code = CTL_FAILED;
    if (take_options(ctl, &generate, &error) != FR_OK)
        return ctl_fail_usage(&error);
    if (ctl_open_session(ctl, true, &generate.session, &error) != FR_OK ||
        interrupt_begin(generate.session, &generate.interrupt, &error) != FR_OK ||
        progress_begin(&generate.progress, &error) != FR_OK) {
        ctl_fail(&error);
        goto out;
    }
    if (generate_all(&generate, &error) == FR_OK) {
        report(&generate);
        code = CTL_OK;
    } else {
        code = fail(&generate, &error);
    }
out:
    progress_end(&generate.progress);
    interrupt_end(generate.interrupt);
    graph_free(generate.graph);
    fr_session_close(generate.session);
    return code;
}
