#include "print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NAME_TIMEOUT_MS 3000

/* ---- for people ---- */

/* Bytes of the character at `text` that a terminal would obey instead of showing: controls of ASCII, and
 * those that UTF-8 writes as C2 80 … C2 9F. */
static size_t control_len(const unsigned char *text)
{
    if (text[0] < 0x20 || text[0] == 0x7F)
        return 1;
    return text[0] == 0xC2 && text[1] >= 0x80 && text[1] <= 0x9F ? 2 : 0;
}

/* Other people's text: nothing in it reaches the terminal as an order. Further lines are indented. */
static void print_text(const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        size_t len = control_len(at);
        if (*at == '\n')
            fputs("\n    ", stdout);
        else if (*at == '\t')
            putchar('\t');
        else if (len > 0)
            putchar('?');
        else
            putchar(*at);
        at += len > 0 ? len : 1;
    }
}

/* Names are asked for once; who can't be found has none until then. */
static const char *name_of(struct printer *printer, int64_t author_id)
{
    size_t slot = (size_t)((uint64_t)author_id % PRINT_NAMES);
    if (printer->names[slot].id != author_id) {
        freshet_user *user = NULL;
        if (freshet_user_get(printer->client, author_id, FRESHET_CALL(.timeout_ms = NAME_TIMEOUT_MS), &user,
                             NULL) != FRESHET_OK)
            return "?";
        printer->names[slot].id = author_id;
        snprintf(printer->names[slot].name, sizeof printer->names[slot].name, "%s %s", user->first_name,
                 user->second_name);
        freshet_free(user);
    }
    return printer->names[slot].name;
}

static void print_for_people(struct printer *printer, const freshet_event *event, const char *what)
{
    char when[32] = "";
    time_t at = (time_t)(event->post.created_at_ms / 1000);
    struct tm local;
    if (event->type == FRESHET_EVENT_DELETE)
        at = time(NULL);
    strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime_r(&at, &local));
    printf("%s  ", when);
    print_text(name_of(printer, event->post.author_id));
    printf(" (%" PRId64 ")%s", event->post.author_id, what);
    if (event->type == FRESHET_EVENT_POST)
        fputs(": ", stdout);
    else
        printf(" post %" PRId64 "%s", event->post.id, event->type == FRESHET_EVENT_EDIT ? ": " : "");
    print_text(event->post.text);
    putchar('\n');
}

/* ---- JSON, with the members that the envelopes of docs/protocol.md have ---- */

static void print_json_text(const char *name, const char *text)
{
    printf(",\"%s\":\"", name);
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if (*at < 0x20)
            printf("\\u%04x", *at);
        else
            putchar(*at);
    }
    putchar('"');
}

static void print_json_time(const char *name, int64_t ms)
{
    char second[32];
    time_t at = (time_t)(ms / 1000);
    struct tm utc;
    strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", gmtime_r(&at, &utc));
    printf(",\"%s\":\"%s.%03dZ\"", name, second, (int)(ms % 1000));
}

static void print_json(const freshet_event *event, const char *type)
{
    printf("{\"type\":\"%s\"", type);
    if (event->cursor != NULL && event->cursor[0] != '\0')
        print_json_text("cursor", event->cursor);
    if (event->post.id != 0) {
        printf(",\"id\":\"%" PRId64 "\",\"author_user_id\":\"%" PRId64 "\"", event->post.id,
               event->post.author_id);
        if (event->type != FRESHET_EVENT_DELETE) {
            print_json_text("text", event->post.text);
            print_json_time("created_at", event->post.created_at_ms);
        }
        if (event->post.edited_at_ms != 0)
            print_json_time("edited_at", event->post.edited_at_ms);
    }
    if (event->snapshot)
        fputs(",\"snapshot\":true", stdout);
    fputs("}\n", stdout);
}

/* ---- both ---- */

/* The page after a reset has posts that were printed when they came. */
static bool was_printed(const struct printer *printer, int64_t post_id)
{
    for (size_t i = 0; i < PRINT_REMEMBERED; i++) {
        if (printer->printed[i] == post_id)
            return true;
    }
    return false;
}

bool print_event(struct printer *printer, const freshet_event *event)
{
    static const struct {
        const char *type, *said;
    } words[] = {
        [FRESHET_EVENT_POST] = {"post", ""},
        [FRESHET_EVENT_EDIT] = {"edit", " edited"},
        [FRESHET_EVENT_DELETE] = {"delete", " deleted"},
        [FRESHET_EVENT_RESET] = {"reset", NULL},
        [FRESHET_EVENT_SNAPSHOT_END] = {"snapshot_end", NULL},
    };
    size_t type = (size_t)event->type;
    if (type >= sizeof words / sizeof words[0] || words[type].type == NULL)
        return true; /* about the connection, or of a later version */
    bool is_post = event->type == FRESHET_EVENT_POST;
    if (!printer->json && words[type].said == NULL)
        return true;
    if (is_post && event->snapshot && was_printed(printer, event->post.id))
        return true;
    if (printer->json)
        print_json(event, words[type].type);
    else
        print_for_people(printer, event, words[type].said);
    if (is_post) {
        printer->posts++;
        printer->printed[printer->next_printed++ % PRINT_REMEMBERED] = event->post.id;
    }
    return fflush(stdout) == 0 && !ferror(stdout);
}
