#include "audit_lines.h"

#include <stdio.h>

#include "timeline/timeline.h"

enum { WORDS_SIZE = 320 };

const char *audit_kind_name(enum fr_audit_kind kind)
{
    switch (kind) {
    case FR_AUDIT_MISSING:
        return "missing";
    case FR_AUDIT_EXTRA:
        return "extra";
    case FR_AUDIT_DOUBLED:
        return "doubled";
    case FR_AUDIT_STORED:
        return "stored";
    case FR_AUDIT_MIRROR:
        return "mirror";
    case FR_AUDIT_COUNT:
        return "count";
    case FR_AUDIT_CELEBRITY:
        return "celebrity";
    case FR_AUDIT_ORDER:
        return "order";
    case FR_AUDIT_PAGE:
        return "page";
    }
    return "?";
}

const char *outbox_kind_name(int64_t kind)
{
    static const char *const names[] = {"?",      "post",     "edit", "delete",
                                        "follow", "unfollow", "flip", "account"};

    return kind > 0 && kind < (int64_t)FR_COUNT_OF(names) ? names[kind] : names[0];
}

static const char *extra_reason(enum fr_audit_cause cause)
{
    switch (cause) {
    case FR_AUDIT_USER_GONE:
        return ", but there is no such user any more";
    case FR_AUDIT_OTHER_AUTHOR:
        return ", who did not write it";
    case FR_AUDIT_NO_POST:
        return ", which does not exist";
    case FR_AUDIT_NOT_FOLLOWED:
        return ", who is not followed";
    case FR_AUDIT_DELETED:
        return ", which is deleted";
    case FR_AUDIT_PLAIN:
    case FR_AUDIT_STORED_TOO:
    case FR_AUDIT_NO_FOLLOWER:
    case FR_AUDIT_NO_FOLLOWEE:
    case FR_AUDIT_CELEBRITY_UNKNOWN:
    case FR_AUDIT_STORED_UNKNOWN:
    case FR_AUDIT_PAGE_TWICE:
    case FR_AUDIT_PAGE_ORDER:
    case FR_AUDIT_PAGE_UNJUSTIFIED:
    case FR_AUDIT_PAGE_LACKS:
        break;
    }
    return "";
}

static const char *page_words(enum fr_audit_cause cause)
{
    switch (cause) {
    case FR_AUDIT_PAGE_TWICE:
        return "show twice the";
    case FR_AUDIT_PAGE_ORDER:
        return "are not newest first at the";
    case FR_AUDIT_PAGE_UNJUSTIFIED:
        return "show what they must not: the";
    case FR_AUDIT_PAGE_LACKS:
    case FR_AUDIT_PLAIN:
    case FR_AUDIT_USER_GONE:
    case FR_AUDIT_OTHER_AUTHOR:
    case FR_AUDIT_NO_POST:
    case FR_AUDIT_NOT_FOLLOWED:
    case FR_AUDIT_DELETED:
    case FR_AUDIT_STORED_TOO:
    case FR_AUDIT_NO_FOLLOWER:
    case FR_AUDIT_NO_FOLLOWEE:
    case FR_AUDIT_CELEBRITY_UNKNOWN:
    case FR_AUDIT_STORED_UNKNOWN:
        break;
    }
    return "lack the";
}

static void describe(const struct fr_audit_defect *defect, char out[static WORDS_SIZE])
{
    long long user = defect->user_id, author = defect->author_id, post = defect->post_id;

    switch (defect->kind) {
    case FR_AUDIT_MISSING:
        snprintf(out, WORDS_SIZE, "user %lld has not post %lld of author %lld", user, post, author);
        break;
    case FR_AUDIT_EXTRA:
        snprintf(out, WORDS_SIZE, "user %lld has post %lld of author %lld%s", user, post, author,
                 extra_reason(defect->cause));
        break;
    case FR_AUDIT_DOUBLED:
        snprintf(out, WORDS_SIZE, "user %lld has post %lld of author %lld as an item and as a celebrity's",
                 user, post, author);
        break;
    case FR_AUDIT_STORED:
        snprintf(out, WORDS_SIZE, "post %lld of author %lld is kept for pages to merge%s", post, author,
                 extra_reason(defect->cause));
        break;
    case FR_AUDIT_MIRROR:
        snprintf(out, WORDS_SIZE, "user %lld follows author %lld in %s", user, author,
                 defect->cause == FR_AUDIT_NO_FOLLOWER ? "followees, not in followers"
                                                       : "followers, not in followees");
        break;
    case FR_AUDIT_COUNT:
        snprintf(out, WORDS_SIZE, "author %lld counts %lld followers and has %lld", author,
                 (long long)defect->counted, (long long)defect->found);
        break;
    case FR_AUDIT_CELEBRITY:
        snprintf(out, WORDS_SIZE, "author %lld %s and is not in celebrities", author,
                 defect->cause == FR_AUDIT_CELEBRITY_UNKNOWN ? "is a celebrity"
                                                             : "has posts kept as a celebrity's");
        break;
    case FR_AUDIT_ORDER:
        snprintf(out, WORDS_SIZE, "post %lld of author %lld was accepted before post %lld", post, author,
                 (long long)defect->counted);
        break;
    case FR_AUDIT_PAGE:
        snprintf(out, WORDS_SIZE, "the pages of user %lld %s post %lld of author %lld", user,
                 page_words(defect->cause), post, author);
        break;
    }
}

void audit_line(const struct fr_audit_defect *defect, char out[static AUDIT_LINE_SIZE])
{
    char words[WORDS_SIZE], why[96] = "";

    describe(defect, words);
    if (defect->event.id != 0)
        snprintf(why, sizeof(why), "; dead event %lld (%s) explains it", (long long)defect->event.id,
                 outbox_kind_name(defect->event.kind));
    snprintf(out, AUDIT_LINE_SIZE, "%s: %s%s%s", audit_kind_name(defect->kind), words, why,
             defect->repaired ? "; repaired" : "");
}

void audit_line_undecided(const struct fr_audit_defect *suspect, char out[static AUDIT_LINE_SIZE])
{
    char words[WORDS_SIZE];

    describe(suspect, words);
    snprintf(out, AUDIT_LINE_SIZE, "undecided: %s; event %lld (%s) of partition %d is pending", words,
             (long long)suspect->event.id, outbox_kind_name(suspect->event.kind),
             fr_partition_of(suspect->author_id, FR_AUTHOR_PARTITIONS));
}
