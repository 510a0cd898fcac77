#include <stdio.h>

#include "ctl.h"

void ctl_print_commands(FILE *out)
{
    fputs("usage: " CTL_PROGRAM " [SETTING...] COMMAND [ARGUMENT...]\n\n", out);
    for (size_t i = 0; i < ctl_command_count; i++) {
        char usage[64];
        snprintf(usage, sizeof usage, "%s %s", ctl_commands[i].name, ctl_commands[i].operands);
        fprintf(out, "  %-26s %s\n", usage, ctl_commands[i].summary);
    }
    fputs("\n" CTL_PROGRAM " COMMAND --help tells the command's options and the settings. Exit codes: 0 "
          "done, 1 failed, 2 wrong\n"
          "usage.\n",
          out);
}

static bool has_options(const struct ctl_command *command)
{
    return command->options != 0;
}

void ctl_print_command_help(const struct ctl_command *command, FILE *out)
{
    struct fr_buf usage;
    fr_buf_init(&usage, 8192);
    fr_buf_printf(&usage, CTL_PROGRAM " [SETTING...] %s%s%s%s\n\n%s", command->name,
                  command->operands[0] != '\0' ? " " : "", command->operands,
                  has_options(command) ? " [OPTION...]" : "",
                  command->about[0] != '\0' ? command->about : command->summary);
    for (int i = 0; i < CTL_OPTION_COUNT; i++) {
        const struct ctl_option_row *row = &ctl_option_table[i];
        if ((command->options & CTL_OPTION_BIT(i)) != 0)
            fr_buf_printf(&usage, "\n\n  %s%s%s\n      %s", row->name, row->metavar != NULL ? "=" : "",
                          row->metavar != NULL ? row->metavar : "", row->help);
    }
    fr_config_print_help(FR_PROGRAM_CTL, usage.data, out);
    fr_buf_release(&usage);
}

/* How many of the operands are the words of `name`, in order; 0 unless all of its words are there. */
static int match_words(const char *name, char *const *operands, int count)
{
    struct fr_str rest = fr_str_of(name), word;
    int words = 0;
    while (fr_str_next(&rest, ' ', &word)) {
        if (words == count || !fr_str_equal(word, fr_str_of(operands[words])))
            return 0;
        words++;
    }
    return words;
}

const struct ctl_command *ctl_find_command(char *const *operands, int count, int *ret_words)
{
    for (size_t i = 0; i < ctl_command_count; i++) {
        int words = match_words(ctl_commands[i].name, operands, count);
        if (words > 0) {
            *ret_words = words;
            return &ctl_commands[i];
        }
    }
    return NULL;
}

/* `dead` alone, or followed by a word that is none of its own. */
static bool refuse_half_command(char *const *operands, int count)
{
    bool found = false;
    for (size_t i = 0; i < ctl_command_count; i++) {
        struct fr_str rest = fr_str_of(ctl_commands[i].name), first;
        if (!fr_str_next(&rest, ' ', &first) || rest.data == NULL ||
            !fr_str_equal(first, fr_str_of(operands[0])))
            continue;
        if (!found)
            fprintf(stderr, CTL_PROGRAM ": %s %s; there is:", operands[0],
                    count > 1 ? "has no such subcommand" : "wants a subcommand");
        fprintf(stderr, " %s", ctl_commands[i].name);
        found = true;
    }
    if (found)
        fputc('\n', stderr);
    return found;
}

/* Compares as many words as each name has. */
static const char *nearest_command(char *const *operands, int count)
{
    for (size_t i = 0; i < ctl_command_count; i++) {
        const char *name = ctl_commands[i].name;
        char words[64];
        if (strchr(name, ' ') != NULL && count > 1)
            snprintf(words, sizeof words, "%s %s", operands[0], operands[1]);
        else
            snprintf(words, sizeof words, "%s", operands[0]);
        char first[64];
        snprintf(first, sizeof first, "%s", name);
        if (count == 1)
            first[strcspn(first, " ")] = '\0';
        if (fr_config_nearest(fr_str_of(words), (const char *const[]){first}, 1) != NULL)
            return name;
    }
    return NULL;
}

int ctl_refuse_command(char *const *operands, int count)
{
    if (refuse_half_command(operands, count))
        return CTL_USAGE;
    const char *nearest = nearest_command(operands, count);
    if (nearest != NULL) {
        fprintf(stderr, CTL_PROGRAM ": there is no such command; did you mean %s?\n", nearest);
        return CTL_USAGE;
    }
    fputs(CTL_PROGRAM ": there is no such command\n\n", stderr);
    ctl_print_commands(stderr);
    return CTL_USAGE;
}

int ctl_help(struct ctl *ctl)
{
    int words;
    if (ctl->operand_count == 0) {
        ctl_print_commands(stdout);
        return CTL_OK;
    }
    const struct ctl_command *command = ctl_find_command(ctl->operands, ctl->operand_count, &words);
    if (command == NULL)
        return ctl_refuse_command(ctl->operands, ctl->operand_count);
    ctl_print_command_help(command, stdout);
    return CTL_OK;
}
