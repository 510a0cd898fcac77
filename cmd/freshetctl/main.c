/* freshetctl: the operator's tool. Parses, finds the subcommand, runs it. */
#include <stdio.h>
#include <stdlib.h>

#include "ctl.h"
#include "log/log.h"

extern char **environ;

const struct ctl_command ctl_commands[] = {
    {"migrate", "", 0, 0, CTL_OPTION_BIT(CTL_OPTION_NO_STREAMS),
     "bring the database's schema and the streams up to date",
     "Applies the migrations that the database lacks, each in a transaction, and declares the JetStream "
     "streams. Safe to\n"
     "run again, and while the system runs.",
     ctl_migrate},
    {"import-follows", "FILE", 1, 1, CTL_OPTION_BIT(CTL_OPTION_SKIP_BAD), "read who follows whom from a file",
     "FILE has lines `follower<TAB>followed` of decimal ids, plain or compressed with gzip; - is standard "
     "input. All of it\n"
     "is imported or nothing. People who do not exist are made; lines that are there twice and follows that "
     "exist already\n"
     "are counted and do no harm. The people concerned can't post or follow while the last phase writes.",
     ctl_import_follows},
    {"import-posts", "FOLDER", 1, 1,
     CTL_OPTION_BIT(CTL_OPTION_SKIP_BAD) | CTL_OPTION_BIT(CTL_OPTION_LIMIT) | CTL_OPTION_BIT(CTL_OPTION_SEED),
     "post the texts of fortune files in the names of random users",
     "Texts are separated by lines of a single %. Files *.dat and *.u8, links and folders are left out. All "
     "of it is\n"
     "imported or nothing; the running materializer brings the posts into the feeds.",
     ctl_import_posts},
    {"audit", "", 0, 0,
     CTL_OPTION_BIT(CTL_OPTION_USER) | CTL_OPTION_BIT(CTL_OPTION_SAMPLE) | CTL_OPTION_BIT(CTL_OPTION_ALL) |
         CTL_OPTION_BIT(CTL_OPTION_PAGES) | CTL_OPTION_BIT(CTL_OPTION_REPAIR) |
         CTL_OPTION_BIT(CTL_OPTION_SEED) | CTL_OPTION_BIT(CTL_OPTION_WAIT) | CTL_OPTION_BIT(CTL_OPTION_LIMIT),
     "hold feeds against follows and posts, and repair them",
     "Recomputes what the feeds must hold and says what is missing, extra, doubled or out of order, one line "
     "each, the\n"
     "first 100 or --limit of them; and what feeds rest on: the graph's two halves, follower counts, "
     "celebrities. Usable on a\n"
     "live system: what is still in the outbox is waited for. Pages are read as the gateway reads them, "
     "for --user and\n"
     "--sample of each of these users, for --all of about 200, unless --pages is given. Exit codes: 0 "
     "clean, or all of it\n"
     "repaired; 1 something is wrong; 2 wrong usage; 3 it could not be told, because the outbox does not "
     "move or the\n"
     "database did not answer.",
     ctl_audit},
    {"generate", "", 0, 0,
     CTL_OPTION_BIT(CTL_OPTION_USERS) | CTL_OPTION_BIT(CTL_OPTION_FOLLOWS) |
         CTL_OPTION_BIT(CTL_OPTION_POSTS) | CTL_OPTION_BIT(CTL_OPTION_CELEBRITIES) |
         CTL_OPTION_BIT(CTL_OPTION_ZIPF) | CTL_OPTION_BIT(CTL_OPTION_FEEDS) |
         CTL_OPTION_BIT(CTL_OPTION_SEED) | CTL_OPTION_BIT(CTL_OPTION_UNTIL),
     "fill an empty database with people, follows, posts and feeds",
     "The same options make the same data, whatever the machine. All of it is written or nothing, as if "
     "everything had "
     "been\n"
     "worked off already: no events are left for the materializer. Feeds hold --feed-cap items at most; the "
     "pages of users "
     "whose\n"
     "feeds are not filled pull from the posts. Nobody can log in as these people; token mint opens their "
     "feeds. Of "
     "celebrities\n"
     "the j-th has a j-th part of half of the users as followers, with --zipf the law's share, but a fifth "
     "more than the "
     "threshold\n"
     "at least, and more where the follows would not fit otherwise.",
     ctl_generate},
    {"token mint", "UID", 1, 1, 0, "print a token for a user",
     "Nobody is asked whether the user exists. The setting token-ttl says how long it is good. For load "
     "tests "
     "FIRST..LAST in\n"
     "the place of UID prints a line `id<TAB>token` for each of these users, a million at most.",
     ctl_token_mint},
    {"status", "", 0, 0, 0, "what is in the database and in the queue, and whether NATS answers", "",
     ctl_status},
    {"dead list", "", 0, 0, CTL_OPTION_BIT(CTL_OPTION_LIMIT), "events that were given up, with their reasons",
     "The oldest first, 100 unless --limit says otherwise.", ctl_dead_list},
    {"rebuild", "", 0, 0, CTL_OPTION_BIT(CTL_OPTION_USER) | CTL_OPTION_BIT(CTL_OPTION_ALL),
     "compute feeds anew from follows and posts",
     "Wants --user=ID or --all. Writes what is missing of the newest --feed-cap posts, then takes out what "
     "does not belong\n"
     "there; each user in transactions of its own, so nobody sees an empty feed, and the system may run "
     "meanwhile. Safe to\n"
     "interrupt and to run again.",
     ctl_rebuild},
    {"dead show", "AUTHOR EVENT", 2, 2, 0, "all of such an event, and what a replay would do", "",
     ctl_dead_show},
    {"dead replay", "[AUTHOR EVENT]", 0, 2, CTL_OPTION_BIT(CTL_OPTION_ALL),
     "have such an event, or --all, tried again",
     "Remove the cause first: dead list tells the reasons, which stay until the event is worked off. Five "
     "more failures, and\n"
     "it is dead again. Handlers bring the feeds to the present state of the tables, so what happened since "
     "does no harm.",
     ctl_dead_replay},
    {"dead drop", "[AUTHOR EVENT]", 0, 2, CTL_OPTION_BIT(CTL_OPTION_ALL) | CTL_OPTION_BIT(CTL_OPTION_YES),
     "give up such an event, or --all, for good",
     "Without --yes it only says what would be lost. Nobody who is connected will be told of it; the feeds "
     "can be put right\n"
     "by audit --repair.",
     ctl_dead_drop},
    {"settings", "", 0, 0, 0, "the table of all settings, in Markdown", "", ctl_settings},
    {"metrics", "", 0, 0, 0, "the table of all metrics, in Markdown", "", ctl_metrics},
    {"help", "[COMMAND]", 0, 2, 0, "this list, or what a command does", "", ctl_help},
};
const size_t ctl_command_count = FR_COUNT_OF(ctl_commands);

static void open_log(const struct fr_settings *settings)
{
    enum fr_log_level level = FR_LEVEL_INFO;
    enum fr_log_format format = FR_LOG_HUMAN;
    /* Both were checked with the settings. */
    if (fr_log_parse_level(fr_str_of(settings->log_level), &level) != FR_OK ||
        fr_log_parse_format(fr_str_of(settings->log_format), &format) != FR_OK)
        abort();
    /* A tool says by itself what it does; the modules below it are heard when something is wrong, or at
     * debug. */
    fr_log_open(CTL_PROGRAM, level == FR_LEVEL_INFO ? FR_LEVEL_WARN : level, format);
}

static enum fr_status check_usage(const struct ctl *ctl, const struct ctl_command *command,
                                  struct fr_error *error)
{
    for (int i = 0; i < CTL_OPTION_COUNT; i++)
        if (ctl->options[i] != NULL && (command->options & CTL_OPTION_BIT(i)) == 0)
            return fr_error_set(error, FR_INVALID, ctl_option_table[i].name, "%s: %s has no such option",
                                ctl_option_table[i].name, command->name);
    if (ctl->operand_count < command->operand_min)
        return fr_error_set(error, FR_INVALID, NULL, "%s: %s is missing", command->name, command->operands);
    if (ctl->operand_count > command->operand_max)
        return fr_error_set(error, FR_INVALID, NULL, "%s: too many arguments; usage: " CTL_PROGRAM " %s%s%s",
                            command->name, command->name, command->operands[0] != '\0' ? " " : "",
                            command->operands);
    return FR_OK;
}

static int run(struct ctl *ctl, char **operands, int count, enum fr_config_action action)
{
    struct fr_error error = {0};
    int words = 0;
    const struct ctl_command *command = ctl_find_command(operands, count, &words);
    if (count > 0 && command == NULL)
        return ctl_refuse_command(operands, count);
    if (action == FR_CONFIG_HELP) {
        if (command != NULL)
            ctl_print_command_help(command, stdout);
        else
            ctl_print_commands(stdout);
        return CTL_OK;
    }
    if (command == NULL) {
        ctl_print_commands(stderr);
        return CTL_USAGE;
    }
    ctl->operands = operands + words;
    ctl->operand_count = count - words;
    if (check_usage(ctl, command, &error) != FR_OK)
        return ctl_fail_usage(&error);
    open_log(&ctl->settings);
    return command->run(ctl);
}

int main(int argc, char **argv)
{
    struct ctl ctl = {0};
    struct fr_error error = {0};
    enum fr_config_action action = FR_CONFIG_RUN;
    int operands = 0, code;
    enum fr_status status = ctl_take_options(&argc, argv, ctl.options, &error);
    if (status == FR_OK)
        status =
            fr_config_load(FR_PROGRAM_CTL, argc, argv, environ, &ctl.settings, &action, &operands, &error);
    if (status != FR_OK) {
        code = ctl_fail_usage(&error);
    } else if (action == FR_CONFIG_VERSION) {
        printf(CTL_PROGRAM " %s\n", fr_config_version());
        code = CTL_OK;
    } else {
        code = run(&ctl, argv + 1, operands, action);
    }
    fr_config_release(&ctl.settings);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, CTL_PROGRAM ": can't write to standard output\n");
        code = CTL_FAILED;
    }
    return code;
}
