#include <stdio.h>
#include <stdlib.h>

#include "auth/auth.h"
#include "ctl.h"

static enum fr_status mint(struct ctl *ctl, int64_t user_id, char **ret, struct fr_error *error)
{
    const struct fr_settings *settings = &ctl->settings;
    struct fr_keyring *ring;
    struct fr_token token;
    enum fr_status status = fr_auth_init(error);
    if (status == FR_OK)
        status = fr_keyring_load(settings->token_keys_file, settings->token_keys, &ring, error);
    if (status != FR_OK)
        return status;
    status = fr_token_mint(ring, user_id, fr_clock_wall_ms(), settings->token_ttl, &token, ret, error);
    fr_keyring_free(ring);
    return status;
}

int ctl_token_mint(struct ctl *ctl)
{
    struct fr_error error = {0};
    int64_t user_id;
    char *text;
    if (fr_id_parse(fr_str_of(ctl->operands[0]), &user_id) != FR_OK) {
        fputs(CTL_PROGRAM ": UID: must be a user's id, a number of 1 to 19 digits\n", stderr);
        return CTL_USAGE;
    }
    if (mint(ctl, user_id, &text, &error) != FR_OK)
        return ctl_fail(&error);
    puts(text);
    free(text);
    return CTL_OK;
}
