#include <stdio.h>

#include "ctl.h"
#include "metrics/metrics.h"

int ctl_settings(struct ctl *ctl)
{
    fr_config_print_markdown(stdout);
    return CTL_OK;
}

int ctl_metrics(struct ctl *ctl)
{
    struct fr_buf out;
    fr_buf_init(&out, FR_METRICS_EXPOSITION_MAX);
    fr_metrics_describe(&out);
    bool written = fwrite(out.data, 1, out.len, stdout) == out.len;
    fr_buf_release(&out);
    return written ? CTL_OK : CTL_FAILED;
}
