#include "ctl.h"

const struct ctl_option_row ctl_option_table[CTL_OPTION_COUNT] = {
    [CTL_OPTION_NO_STREAMS] = {"--no-streams", NULL, "leave NATS alone"},
    [CTL_OPTION_SKIP_BAD] = {"--skip-bad", NULL, "report what is bad and import the rest"},
    [CTL_OPTION_LIMIT] = {"--limit", "N", "at most so many"},
    [CTL_OPTION_SEED] = {"--seed", "N", "of the random choice; the same seed chooses the same"},
    [CTL_OPTION_USER] = {"--user", "ID", "this user alone"},
    [CTL_OPTION_SAMPLE] = {"--sample", "N", "N random users"},
    [CTL_OPTION_ALL] = {"--all", NULL, "all there are"},
    [CTL_OPTION_PAGES] = {"--pages", NULL, "with --all: read the pages of every user"},
    [CTL_OPTION_REPAIR] = {"--repair", NULL, "put right what is found"},
    [CTL_OPTION_WAIT] = {"--wait", "SECONDS",
                         "for how long an outbox that does not move is waited for (default 30)"},
    [CTL_OPTION_YES] = {"--yes", NULL, "really do it"},
    [CTL_OPTION_USERS] = {"--users", "N", "people, 2 to 1000000 (default 1000)"},
    [CTL_OPTION_FOLLOWS] = {"--follows", "MIN..MAX", "how many others each follows (default 20..100)"},
    [CTL_OPTION_POSTS] = {"--posts", "MIN..MAX", "how many posts each has written (default 20..30)"},
    [CTL_OPTION_CELEBRITIES] = {"--celebrities", "N",
                                "so many people, and no others, have more followers than "
                                "--celebrity-threshold (default: as it falls)"},
    [CTL_OPTION_ZIPF] = {"--zipf", "S",
                         "draw the followed by a Zipf law of this exponent, 0.1 to 1.5 (default: all alike)"},
    [CTL_OPTION_FEEDS] =
        {"--feeds", "N|all|none",
         "fill the feeds of the first N users (default: as many as have about 10 million items)"},
    [CTL_OPTION_UNTIL] = {"--until", "DATE",
                          "posts lie in the 30 days before this one, UTC (default: today)"},
};

static int find_option(const char *argument, size_t *ret_len)
{
    const char *equals = strchr(argument, '=');
    struct fr_str name = {argument, equals != NULL ? (size_t)(equals - argument) : strlen(argument)};
    for (int i = 0; i < CTL_OPTION_COUNT; i++) {
        if (fr_str_equal(name, fr_str_of(ctl_option_table[i].name))) {
            *ret_len = name.len;
            return i;
        }
    }
    return -1;
}

enum fr_status ctl_take_options(int *argc, char **argv, const char **ret_options, struct fr_error *error)
{
    int kept = 1;
    bool options_end = false;
    for (int i = 1; i < *argc; i++) {
        size_t len = 0;
        int index = options_end ? -1 : find_option(argv[i], &len);
        options_end = options_end || strcmp(argv[i], "--") == 0;
        if (index < 0) {
            argv[kept++] = argv[i];
            continue;
        }
        const struct ctl_option_row *row = &ctl_option_table[index];
        const char *value = argv[i][len] == '=' ? argv[i] + len + 1 : NULL;
        if (row->metavar == NULL && value != NULL)
            return fr_error_set(error, FR_INVALID, row->name, "%s: takes no value", row->name);
        if (row->metavar != NULL && value == NULL) {
            if (i + 1 == *argc || strncmp(argv[i + 1], "--", 2) == 0)
                return fr_error_set(error, FR_INVALID, row->name, "%s: wants a value, as in %s=%s", row->name,
                                    row->name, row->metavar);
            value = argv[++i];
        }
        ret_options[index] = value != NULL ? value : "";
    }
    argv[kept] = NULL;
    *argc = kept;
    return FR_OK;
}

enum fr_status ctl_option_i64(const struct ctl *ctl, enum ctl_option option, int64_t min, int64_t max,
                              int64_t fallback, int64_t *ret, struct fr_error *error)
{
    const char *name = ctl_option_table[option].name;
    if (ctl->options[option] == NULL)
        *ret = fallback;
    else if (fr_str_to_i64(fr_str_of(ctl->options[option]), min, max, ret) != FR_OK)
        return fr_error_set(error, FR_INVALID, name, "%s: must be a whole number within %lld and %lld", name,
                            (long long)min, (long long)max);
    return FR_OK;
}
