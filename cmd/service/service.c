#include "service/service.h"

#include "config/config.h"
#include "log/log.h"

enum fr_status service_open_log(const struct fr_settings *settings, const char *program,
                                struct fr_error *error)
{
    enum fr_log_level level;
    enum fr_log_format format;
    if (fr_log_parse_level(fr_str_of(settings->log_level), &level) != FR_OK)
        return fr_error_set(error, FR_INVALID, "--log-level",
                            "--log-level must be debug, info, warn or error");
    if (fr_log_parse_format(fr_str_of(settings->log_format), &format) != FR_OK)
        return fr_error_set(error, FR_INVALID, "--log-format", "--log-format must be human or json");
    fr_log_open(program, level, format);
    return FR_OK;
}

void service_block_signals(sigset_t *ret_set)
{
    sigemptyset(ret_set);
    sigaddset(ret_set, SIGTERM);
    sigaddset(ret_set, SIGINT);
    pthread_sigmask(SIG_BLOCK, ret_set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void service_append_missing(struct fr_buf *out, const char *name)
{
    if (out->len > 0)
        fr_buf_append_text(out, ", ");
    fr_buf_append_text(out, name);
}
