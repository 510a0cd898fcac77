/* How the auditor tells a defect from what is in flight.
 *
 * What a feed must hold follows from five tables that clients change (users, posts, followees, departed; and
 * followers, the mirror of followees) and is written to two that only the materializer changes (feed_items,
 * celebrity_posts), some time later. Every change is made in one transaction with its event in the outbox,
 * and the event stays pending until the transaction in which its handler has brought the feed tables to the
 * state that it then sees. So, in ONE snapshot of everything: an item that is not as it must be is either
 * explained by an event that this snapshot shows pending, or it is a defect. Which event explains what:
 *
 *   missing                the post's own event, or the follow of this user (backfill)
 *   extra, not followed    the unfollow of this user
 *   extra, deleted         the deletion of this post; also of a post kept in celebrity_posts
 *                          or the unfollow of this user: see below
 *   anything of an account that is being taken apart (departed)
 *                          the row in departed, which goes after the last piece: left out from the beginning
 *   all others             nothing: they are made and unmade in one transaction. Horizons too: the sweep, the
 *                          backfill and a rebuild raise them in the transaction in which items go or are
 *                          left out, and the floor rises in that which drops the partition
 *
 * A deletion that is handled while the edge is away passes over the item; the handler of the unfollow takes
 * it out, even if the edge is back by then.
 *
 * Why no other event can be the explanation: a handler looks at the tables in a statement of its own, after
 * its event was read. If an edge or a post changes after that look, the change has an event of its own, which
 * is handled later by the same owner, and is pending up to then.
 *
 * Hence the order of looking. First a statement over some thousand users finds suspects, without a thought
 * for events (nothing is accused by it, and since it is one statement with one snapshot, nothing that was
 * wrong then and since escapes it). Then each suspect is judged by one statement, in one later snapshot that
 * holds both the suspect's rows and the outbox:
 *
 *   right now, or left out           dropped
 *   wrong, no event explains it      a defect
 *   wrong, explained by a dead event a defect, told with the event: it stays so until that is replayed
 *   wrong, explained by a pending    kept and judged again after the sweep over all users, until one of the
 *                                    above holds. An event can hide a defect only while it is pending
 *
 * The waiting has two ends. A suspect whose event is in a partition whose oldest pending event stayed the
 * same for `wait_ms` is undecided: nobody works the partition off. So is whatever is left after SETTLE_WAITS
 * times that: an edge that is changed without end. Undecided is not clean.
 *
 * Reading the outbox in the same statement as the rest needs one snapshot over all tables. On Citus a
 * statement that touches several nodes has none: there a suspect may be judged by an item of one moment and
 * an outbox of a later one. So what looks like a defect is judged twice, JUDGE_AGAIN_MS apart; a handler's
 * commit that fell between two nodes' snapshots is over by then.
 *
 * Feeds that are written below their horizon (rebuilds in pieces) are no matter: items there are optional,
 * and what is there is justified like any other.
 *
 * The lock on feed_items is held for one statement at a time, seldom longer than a second, so that whoever
 * drops a partition is not kept waiting. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"
#include "timeline/audit_internal.h"
#include "timeline/timeline.h"

enum {
    CHUNK_FIRST = 1000, /* users in one statement: as many as take about half a second */
    CHUNK_MIN = 100,
    CHUNK_MAX = 4000,
    CHUNK_SLOW_MS = 1000,
    CHUNK_QUICK_MS = 250,
    LATER_MAX = 200000, /* suspects kept for later; past it they are settled at once */
    SETTLE_PAUSE_MS = 100,
    SETTLE_WAITS = 20,
    JUDGE_AGAIN_MS = 100,
};

/* Suspects are judged by the statement of their family. */
enum family { FAMILY_MISSING, FAMILY_ITEMS, FAMILY_GRAPH };
enum { FAMILIES = FAMILY_GRAPH + 1 };

struct head {
    int64_t event_id, since_ms;
};

struct audit {
    struct fr_session *session;
    const struct fr_audit_options *options;
    struct fr_audit_report *report;
    struct fr_audit_list later[FAMILIES]; /* explained by pending events */
    struct head heads[FR_AUTHOR_PARTITIONS];
    int64_t total, page_every;
    size_t chunk;
};

static enum fr_status check_cancelled(const struct audit *audit, struct fr_error *error)
{
    const struct fr_audit_hooks *hooks = &audit->options->hooks;

    if (hooks->cancelled(hooks->arg))
        return fr_error_set(error, FR_CANCELLED, NULL, "interrupted");
    return FR_OK;
}

static enum fr_status pause_ms(const struct audit *audit, int ms, struct fr_error *error)
{
    (void)poll(NULL, 0, ms); /* a signal shortens it, and is seen below */
    return check_cancelled(audit, error);
}

static enum fr_status set_plans(struct audit *audit, const char *mode, struct fr_error *error)
{
    const struct fr_query query = FR_QUERY(FR_SQL_AUDIT_PLANS, FR_P_TEXT(fr_str_of(mode)));

    return fr_session_query(audit->session, &query, NULL, error);
}

static size_t later_count(const struct audit *audit)
{
    size_t count = 0;

    for (int family = 0; family < FAMILIES; family++)
        count += audit->later[family].count;
    return count;
}

/* ---- what is certain ---- */
static bool is_explained(const struct fr_audit_defect *defect)
{
    return defect->event.id != 0 && defect->event.state == FR_OUTBOX_PENDING;
}

/* An item is extra or doubled: whatever is wrong with it, it is the same item. */
static enum fr_audit_kind thing(enum fr_audit_kind kind)
{
    return kind == FR_AUDIT_DOUBLED ? FR_AUDIT_EXTRA : kind;
}

static int compare_things(const void *a, const void *b)
{
    const struct fr_audit_defect *x = a, *y = b;

    if (thing(x->kind) != thing(y->kind))
        return thing(x->kind) < thing(y->kind) ? -1 : 1;
    if (x->user_id != y->user_id)
        return x->user_id < y->user_id ? -1 : 1;
    if (x->author_id != y->author_id)
        return x->author_id < y->author_id ? -1 : 1;
    return (x->post_id > y->post_id) - (x->post_id < y->post_id);
}

static void tell(struct audit *audit, struct fr_audit_list *defects)
{
    const struct fr_audit_hooks *hooks = &audit->options->hooks;

    for (size_t i = 0; i < defects->count; i++) {
        const struct fr_audit_defect *defect = &defects->items[i];
        audit->report->defects[defect->kind]++;
        if (defect->repaired)
            audit->report->repaired[defect->kind]++;
        hooks->defect(hooks->arg, defect);
    }
}

static const struct fr_audit_defect *find(const struct fr_audit_list *sorted,
                                          const struct fr_audit_defect *defect)
{
    if (sorted->count == 0)
        return NULL;
    return bsearch(defect, sorted->items, sorted->count, sizeof(*defect), compare_things);
}

/* Repairs, and marks what is right afterwards. What changed meanwhile, so that an event explains it now, is
 * put aside. */
static enum fr_status repair(struct audit *audit, enum family family, struct fr_audit_list *defects,
                             struct fr_error *error)
{
    struct fr_audit_list left = {0};
    size_t kept = 0;
    enum fr_status status = fr_audit_repair(audit->session, defects->items, defects->count, error);

    if (status == FR_OK)
        status = fr_audit_judge(audit->session, defects->items, defects->count, &left, error);
    if (status != FR_OK)
        goto out;
    if (left.count > 0)
        qsort(left.items, left.count, sizeof(*left.items), compare_things);
    for (size_t i = 0; i < defects->count; i++) {
        const struct fr_audit_defect *still = find(&left, &defects->items[i]);
        if (still != NULL && is_explained(still)) {
            fr_audit_list_add(&audit->later[family], still);
            continue;
        }
        defects->items[i].repaired = still == NULL;
        defects->items[kept++] = defects->items[i];
    }
    defects->count = kept;
out:
    fr_audit_list_release(&left);
    return status;
}

static enum fr_status conclude(struct audit *audit, enum family family, struct fr_audit_list *defects,
                               struct fr_error *error)
{
    enum fr_status status = FR_OK;

    if (defects->count > 0 && audit->options->repair)
        status = repair(audit, family, defects, error);
    if (status == FR_OK)
        tell(audit, defects);
    return status;
}

/* Puts what an event explains aside; the others are appended to `ret`. */
static void put_aside(struct audit *audit, enum family family, const struct fr_audit_list *judged,
                      struct fr_audit_list *ret)
{
    for (size_t i = 0; i < judged->count; i++)
        if (is_explained(&judged->items[i]))
            fr_audit_list_add(&audit->later[family], &judged->items[i]);
        else
            fr_audit_list_add(ret, &judged->items[i]);
}

static enum fr_status judge_all(struct audit *audit, enum family family, const struct fr_audit_list *suspects,
                                struct fr_error *error)
{
    struct fr_audit_list judged = {0}, wrong = {0}, still = {0}, defects = {0};
    enum fr_status status = fr_audit_judge(audit->session, suspects->items, suspects->count, &judged, error);

    if (status != FR_OK)
        goto out;
    put_aside(audit, family, &judged, &wrong);
    if (wrong.count == 0)
        goto out;
    status = pause_ms(audit, JUDGE_AGAIN_MS, error);
    if (status == FR_OK)
        status = fr_audit_judge(audit->session, wrong.items, wrong.count, &still, error);
    if (status != FR_OK)
        goto out;
    put_aside(audit, family, &still, &defects);
    status = conclude(audit, family, &defects, error);
out:
    fr_audit_list_release(&judged);
    fr_audit_list_release(&wrong);
    fr_audit_list_release(&still);
    fr_audit_list_release(&defects);
    return status;
}

/* ---- what was in flight ---- */
static enum fr_status look_at_heads(struct audit *audit, struct fr_error *error)
{
    const struct fr_query query = FR_QUERY_NO_PARAMS(FR_SQL_AUDIT_HEADS);
    struct fr_result *rows = NULL;
    int64_t heads[FR_AUTHOR_PARTITIONS] = {0}, now_ms = fr_clock_monotonic_ms();
    enum fr_status status = fr_session_query(audit->session, &query, &rows, error);

    if (status != FR_OK)
        return status;
    for (int row = 0; row < fr_result_rows(rows); row++)
        heads[fr_result_i64(rows, row, 0)] = fr_result_i64(rows, row, 1);
    fr_result_free(rows);
    for (int p = 0; p < FR_AUTHOR_PARTITIONS; p++)
        if (audit->heads[p].since_ms == 0 || heads[p] != audit->heads[p].event_id || heads[p] == 0)
            audit->heads[p] = (struct head){heads[p], now_ms};
    return FR_OK;
}

/* Takes out of those kept for later the ones that need not be waited for; all, past `end_ms`. */
static void give_up(struct audit *audit, int64_t end_ms)
{
    const struct fr_audit_hooks *hooks = &audit->options->hooks;
    int64_t now_ms = fr_clock_monotonic_ms();

    for (int family = 0; family < FAMILIES; family++) {
        struct fr_audit_list *later = &audit->later[family];
        size_t kept = 0;
        for (size_t i = 0; i < later->count; i++) {
            int partition = fr_partition_of(later->items[i].author_id, FR_AUTHOR_PARTITIONS);
            if (now_ms < end_ms && now_ms - audit->heads[partition].since_ms < audit->options->wait_ms) {
                later->items[kept++] = later->items[i];
                continue;
            }
            audit->report->undecided++;
            hooks->undecided(hooks->arg, &later->items[i]);
        }
        later->count = kept;
    }
}

static enum fr_status judge_later(struct audit *audit, struct fr_error *error)
{
    enum fr_status status = FR_OK;

    for (int family = 0; family < FAMILIES && status == FR_OK; family++) {
        struct fr_audit_list suspects = audit->later[family];
        audit->later[family] = (struct fr_audit_list){0};
        if (suspects.count > 0)
            status = judge_all(audit, (enum family)family, &suspects, error);
        fr_audit_list_release(&suspects);
    }
    return status;
}

static enum fr_status settle(struct audit *audit, struct fr_error *error)
{
    const struct fr_audit_hooks *hooks = &audit->options->hooks;
    int64_t begun = (int64_t)later_count(audit);
    int64_t end_ms = fr_clock_monotonic_ms() + SETTLE_WAITS * audit->options->wait_ms;
    enum fr_status status = FR_OK;

    audit->report->waited += begun;
    memset(audit->heads, 0, sizeof(audit->heads));
    while (status == FR_OK && later_count(audit) > 0) {
        status = judge_later(audit, error);
        if (status == FR_OK)
            status = look_at_heads(audit, error);
        if (status == FR_OK)
            give_up(audit, end_ms);
        hooks->progress(hooks->arg, "waiting for events in flight", begun - (int64_t)later_count(audit),
                        begun);
        if (status == FR_OK && later_count(audit) > 0)
            status = pause_ms(audit, SETTLE_PAUSE_MS, error);
    }
    return status;
}

/* ---- the sweep ---- */
/* Some users, sorted; the ids in (after, upto] are theirs or nobody's. */
struct chunk {
    const int64_t *users;
    size_t count;
    int64_t after, upto; /* equal: only these users are looked at */
};

enum look { LOOK_GRAPH, LOOK_EXTRA, LOOK_ORPHANS, LOOK_MISSING };
enum { LOOKS = LOOK_MISSING + 1 };
static const enum family look_family[LOOKS] = {
    [LOOK_GRAPH] = FAMILY_GRAPH,
    [LOOK_EXTRA] = FAMILY_ITEMS,
    [LOOK_ORPHANS] = FAMILY_ITEMS,
    [LOOK_MISSING] = FAMILY_MISSING,
};

static enum fr_status suspect(struct audit *audit, enum look look, const struct chunk *chunk,
                              struct fr_audit_list *ret, bool *ret_cut, struct fr_error *error)
{
    struct fr_session *session = audit->session;

    switch (look) {
    case LOOK_GRAPH:
        return fr_audit_suspect_graph(session, chunk->users, chunk->count, audit->options->users != NULL, ret,
                                      ret_cut, error);
    case LOOK_EXTRA:
        return fr_audit_suspect_extra(session, chunk->users, chunk->count, ret, ret_cut, error);
    case LOOK_ORPHANS:
        if (chunk->after == chunk->upto)
            return FR_OK;
        return fr_audit_suspect_orphans(session, chunk->after, chunk->upto, ret, ret_cut, error);
    case LOOK_MISSING:
        return fr_audit_suspect_missing(session, chunk->users, chunk->count, ret, ret_cut, error);
    }
    return FR_OK;
}

static int64_t told_count(const struct audit *audit)
{
    int64_t count = 0;

    for (int kind = 0; kind < FR_AUDIT_KINDS; kind++)
        count += audit->report->defects[kind];
    return count;
}

static int64_t repaired_count(const struct audit *audit)
{
    int64_t count = 0;

    for (int kind = 0; kind < FR_AUDIT_KINDS; kind++)
        count += audit->report->repaired[kind];
    return count;
}

/* One look. `ret_again`: there were more suspects than are looked at, and those will not be there next time.
 */
static enum fr_status look_once(struct audit *audit, enum look look, const struct chunk *chunk,
                                bool *ret_again, struct fr_error *error)
{
    struct fr_audit_list suspects = {0};
    int64_t repaired = repaired_count(audit), undecided = audit->report->undecided;
    bool cut = false;
    enum fr_status status = suspect(audit, look, chunk, &suspects, &cut, error);
    int64_t defects = told_count(audit);
    size_t later = later_count(audit);

    *ret_again = false;
    if (status == FR_OK && suspects.count > 0)
        status = judge_all(audit, look_family[look], &suspects, error);
    fr_audit_list_release(&suspects);
    if (status != FR_OK || !cut)
        return status;
    if (later_count(audit) > later)
        status = settle(audit, error);
    *ret_again = audit->report->undecided == undecided &&
                 (repaired_count(audit) > repaired || told_count(audit) == defects);
    audit->report->cut = audit->report->cut || !*ret_again;
    return status;
}

static enum fr_status look_at(struct audit *audit, enum look look, const struct chunk *chunk,
                              struct fr_error *error)
{
    bool again = true;
    enum fr_status status = FR_OK;

    while (again && status == FR_OK)
        status = look_once(audit, look, chunk, &again, error);
    return status;
}

static enum fr_status read_pages(struct audit *audit, const struct chunk *chunk, struct fr_error *error)
{
    struct fr_audit_list defects = {0};
    enum fr_status status = set_plans(audit, "auto", error);

    for (size_t i = 0; i < chunk->count && status == FR_OK; i++)
        if ((audit->report->users + (int64_t)i) % audit->page_every == 0) {
            status = fr_audit_pages(audit->session, chunk->users[i], audit->report, &defects, error);
            if (status == FR_OK)
                status = check_cancelled(audit, error);
        }
    if (status == FR_OK)
        status = set_plans(audit, "force_custom_plan", error);
    if (status == FR_OK)
        tell(audit, &defects);
    fr_audit_list_release(&defects);
    return status;
}

static enum fr_status audit_chunk(struct audit *audit, const struct chunk *chunk, struct fr_error *error)
{
    const struct fr_audit_hooks *hooks = &audit->options->hooks;
    int64_t begun_ms = fr_clock_monotonic_ms(), took_ms;
    enum fr_status status = FR_OK;

    for (int look = 0; look < LOOKS && status == FR_OK; look++)
        status = look_at(audit, (enum look)look, chunk, error);
    took_ms = fr_clock_monotonic_ms() - begun_ms;
    if (took_ms > CHUNK_SLOW_MS && audit->chunk / 2 >= CHUNK_MIN)
        audit->chunk /= 2;
    else if (took_ms < CHUNK_QUICK_MS && audit->chunk * 2 <= CHUNK_MAX)
        audit->chunk *= 2;
    if (status == FR_OK)
        status = read_pages(audit, chunk, error);
    if (status == FR_OK && later_count(audit) > LATER_MAX)
        status = settle(audit, error);
    if (status == FR_OK)
        status = check_cancelled(audit, error);
    audit->report->users += (int64_t)chunk->count;
    hooks->progress(hooks->arg, "auditing", audit->report->users, audit->total);
    return status;
}

static enum fr_status audit_some(struct audit *audit, struct fr_error *error)
{
    const struct fr_audit_options *options = audit->options;
    size_t done = 0;
    enum fr_status status = FR_OK;

    while (done < options->user_count && status == FR_OK) {
        size_t left = options->user_count - done;
        const struct chunk chunk = {.users = options->users + done,
                                    .count = left < audit->chunk ? left : audit->chunk};
        status = audit_chunk(audit, &chunk, error);
        done += chunk.count;
    }
    return status;
}

static enum fr_status audit_everybody(struct audit *audit, struct fr_error *error)
{
    int64_t *users = fr_alloc_array(CHUNK_MAX, sizeof(*users));
    int64_t after = INT64_MIN;
    bool more = true;
    enum fr_status status = FR_OK;

    while (more && status == FR_OK) {
        const struct fr_query query =
            FR_QUERY(FR_SQL_AUDIT_USERS, FR_P_I64(after), FR_P_I32((int64_t)audit->chunk));
        struct fr_result *rows = NULL;
        struct chunk chunk = {.users = users, .after = after};
        status = fr_session_query(audit->session, &query, &rows, error);
        if (status != FR_OK)
            break;
        chunk.count = (size_t)fr_result_rows(rows);
        for (size_t i = 0; i < chunk.count; i++)
            users[i] = fr_result_i64(rows, (int)i, 0);
        fr_result_free(rows);
        more = chunk.count == audit->chunk;
        chunk.upto = more ? users[chunk.count - 1] : INT64_MAX;
        after = chunk.upto;
        status = audit_chunk(audit, &chunk, error);
    }
    free(users);
    return status;
}

static enum fr_status count_users(struct audit *audit, struct fr_error *error)
{
    const struct fr_query query = FR_QUERY_NO_PARAMS(FR_SQL_AUDIT_COUNT);
    struct fr_result *row = NULL;
    enum fr_status status;

    audit->total = (int64_t)audit->options->user_count;
    audit->page_every = 1;
    if (audit->options->users != NULL)
        return FR_OK;
    status = fr_session_query(audit->session, &query, &row, error);
    if (status != FR_OK)
        return status;
    audit->total = fr_result_i64(row, 0, 0);
    fr_result_free(row);
    if (audit->options->pages == FR_AUDIT_PAGES_SOME && audit->total > FR_AUDIT_PAGES_SAMPLE)
        audit->page_every = audit->total / FR_AUDIT_PAGES_SAMPLE;
    return FR_OK;
}

enum fr_status fr_audit_run(struct fr_session *session, const struct fr_audit_options *options,
                            struct fr_audit_report *ret, struct fr_error *error)
{
    struct audit audit = {.session = session, .options = options, .report = ret, .chunk = CHUNK_FIRST};
    enum fr_status status;

    *ret = (struct fr_audit_report){0};
    status = count_users(&audit, error);
    if (status == FR_OK)
        status = set_plans(&audit, "force_custom_plan", error);
    if (status == FR_OK && options->users != NULL)
        status = audit_some(&audit, error);
    else if (status == FR_OK)
        status = audit_everybody(&audit, error);
    if (status == FR_OK)
        status = settle(&audit, error);
    for (int family = 0; family < FAMILIES; family++)
        fr_audit_list_release(&audit.later[family]);
    return status;
}
