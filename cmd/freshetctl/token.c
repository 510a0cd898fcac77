#include <stdio.h>
#include <stdlib.h>

#include "auth/auth.h"
#include "ctl.h"

enum { MINT_MAX = 1000000 };

/* UID, or FIRST..LAST; UID is both ends of the range. */
static enum fr_status parse_users(const char *text, int64_t *ret_first, int64_t *ret_last, bool *ret_range)
{
    const char *dots = strstr(text, "..");
    int64_t first, last;
    if (dots == NULL) {
        if (fr_id_parse(fr_str_of(text), &first) != FR_OK)
            return FR_INVALID;
        last = first;
    } else if (fr_id_parse((struct fr_str){text, (size_t)(dots - text)}, &first) != FR_OK ||
               fr_id_parse(fr_str_of(dots + 2), &last) != FR_OK || last < first || last - first >= MINT_MAX) {
        return FR_INVALID;
    }
    *ret_first = first;
    *ret_last = last;
    *ret_range = dots != NULL;
    return FR_OK;
}

static enum fr_status print_token(const struct fr_keyring *ring, const struct fr_settings *settings,
                                  int64_t user_id, bool with_id, struct fr_error *error)
{
    struct fr_token token;
    char *text;
    enum fr_status status =
        fr_token_mint(ring, user_id, fr_clock_wall_ms(), settings->token_ttl, &token, &text, error);
    if (status != FR_OK)
        return status;
    if (with_id)
        printf("%lld\t%s\n", (long long)user_id, text);
    else
        puts(text);
    free(text);
    return FR_OK;
}

static enum fr_status mint(struct ctl *ctl, int64_t first, int64_t last, bool range, struct fr_error *error)
{
    const struct fr_settings *settings = &ctl->settings;
    struct fr_keyring *ring;
    enum fr_status status = fr_auth_init(error);
    if (status == FR_OK)
        status = fr_keyring_load(settings->token_keys_file, settings->token_keys, &ring, error);
    if (status != FR_OK)
        return status;
    for (int64_t user_id = first; status == FR_OK; user_id++) {
        status = print_token(ring, settings, user_id, range, error);
        if (user_id == last)
            break;
    }
    fr_keyring_free(ring);
    return status;
}

int ctl_token_mint(struct ctl *ctl)
{
    struct fr_error error = {0};
    int64_t first, last;
    bool range;
    if (parse_users(ctl->operands[0], &first, &last, &range) != FR_OK) {
        fprintf(stderr,
                CTL_PROGRAM ": UID: must be a user's id, a number of 1 to 19 digits, or FIRST..LAST with "
                            "%d users at most\n",
                MINT_MAX);
        return CTL_USAGE;
    }
    if (mint(ctl, first, last, range, &error) != FR_OK)
        return ctl_fail(&error);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs(CTL_PROGRAM ": the tokens could not be written\n", stderr);
        return CTL_FAILED;
    }
    return CTL_OK;
}
