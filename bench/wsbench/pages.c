#include "pages.h"

#include <stdio.h>

bool pages_turn(const struct pages *pages, struct fr_random *random)
{
    return pages->per_post > 0 && fr_random_below(random, pages->per_post + 1) > 0;
}

void pages_write_request(const struct pages *pages, struct fr_random *random, struct fr_buf *out)
{
    const char *token = pages->readers->list[fr_random_below(random, pages->readers->count)].token;
    fr_buf_printf(out, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", pages->path,
                  pages->address->authority, token);
}

void pages_on_answer(struct pages *pages, const struct answer *answer)
{
    if (answer->status == 200) {
        pages->answers++;
        pages->bytes += answer->body.len;
        histogram_add(&pages->times, answer->now_ns - answer->sent_ns);
    } else if (pages->failures++ == 0) {
        snprintf(pages->failure, sizeof pages->failure, "%d %.*s", answer->status, FR_STR_ARG(answer->body));
    }
}

void pages_tell(const struct pages *pages, struct report *report)
{
    if (pages->per_post == 0)
        return;
    report_count(report, "pages_read", pages->answers);
    report_count(report, "pages_failed", pages->failures);
    if (pages->failures > 0)
        report_text(report, "first_page_failure", pages->failure);
    if (pages->answers > 0)
        report_number(report, "bytes_per_page", (double)pages->bytes / (double)pages->answers, "bytes");
    report_times(report, "page_answered", &pages->times);
}
