/* What a server can say to the SDK: streams of envelopes, however they are cut; answers to calls; headers.
 * The first byte of the input says which. */
#include "client/codec.h"
#include "client/frames.h"
#include "client/link.h"
#include "client/problem.h"
#include "fuzz.h"

enum { ENVELOPE_MAX = 512, TOLD_MAX = 1 << 20 };

void fr_fuzz_begin(void)
{
}

/* ---- streams ---- */

static void note_envelope(struct fr_buf *told, struct fr_str frame)
{
    struct envelope *envelope = codec_envelope(frame);
    if (envelope == NULL) {
        fr_buf_append_text(told, "(none)");
        return;
    }
    FR_FUZZ_RULE(strlen(envelope->cursor) < sizeof envelope->cursor, "a cursor keeps its bound");
    fr_buf_printf(told, "(%d %s %lld %zu %zu)", (int)envelope->type, envelope->cursor,
                  (long long)envelope->post.id, strlen(envelope->post.text), strlen(envelope->reason));
    free(envelope);
}

static void read_stream(struct fr_str stream, size_t piece, struct fr_buf *told)
{
    struct frames frames;
    frames_init(&frames, ENVELOPE_MAX);
    enum frames_status status = FRAMES_MORE;
    for (size_t at = 0; at < stream.len && status != FRAMES_BAD; at += piece) {
        size_t len = stream.len - at < piece ? stream.len - at : piece;
        struct fr_str rest = {stream.data + at, len}, frame;
        while ((status = frames_next(&frames, &rest, &frame)) == FRAMES_FRAME) {
            FR_FUZZ_RULE(frame.len <= ENVELOPE_MAX, "a message keeps its bound");
            note_envelope(told, frame);
        }
        FR_FUZZ_RULE(status == FRAMES_BAD || rest.len == 0, "who wants more has taken all");
    }
    fr_buf_append_text(told, status == FRAMES_BAD ? "bad" : "more");
    frames_release(&frames);
}

static void check_stream(struct fr_fuzz_input *input)
{
    struct fr_buf whole, pieces;
    fr_buf_init(&whole, TOLD_MAX);
    fr_buf_init(&pieces, TOLD_MAX);
    size_t piece = 1u + fr_fuzz_take_byte(input);
    struct fr_str stream = {(const char *)input->data, input->len};
    read_stream(stream, stream.len + 1, &whole);
    read_stream(stream, piece, &pieces);
    FR_FUZZ_RULE(fr_str_equal(fr_buf_str(&whole), fr_buf_str(&pieces)), "it says the same however it is cut");
    fr_buf_release(&whole);
    fr_buf_release(&pieces);
}

/* ---- answers ---- */

static size_t text_bytes(const freshet_user *user)
{
    return strlen(user->first_name) + strlen(user->second_name) + strlen(user->birthdate) +
           strlen(user->biography) + strlen(user->city);
}

static void check_people(struct fr_str bytes)
{
    freshet_user *user = codec_user(bytes);
    FR_FUZZ_RULE(user == NULL || text_bytes(user) <= bytes.len, "texts come from the bytes");
    freshet_free(user);
    freshet_profile *profile = codec_profile(bytes);
    FR_FUZZ_RULE(profile == NULL || text_bytes(profile->user) <= bytes.len, "texts come from the bytes");
    freshet_free(profile);
    freshet_users *users = codec_users(bytes, "next");
    for (size_t i = 0; users != NULL && i < users->count; i++)
        FR_FUZZ_RULE(text_bytes(users->items[i]) <= bytes.len, "texts come from the bytes");
    FR_FUZZ_RULE(users == NULL || strcmp(users->next, "next") == 0, "the cursor stays what it is");
    freshet_free(users);
}

static void check_posts(struct fr_str bytes)
{
    freshet_post *post = codec_post(bytes);
    FR_FUZZ_RULE(post == NULL || strlen(post->text) <= bytes.len, "texts come from the bytes");
    freshet_free(post);
    freshet_posts *posts = codec_posts(bytes, "");
    for (size_t i = 0; posts != NULL && i < posts->count; i++)
        FR_FUZZ_RULE(strlen(posts->items[i]->text) <= bytes.len, "texts come from the bytes");
    freshet_free(posts);
}

static void check_others(struct fr_str bytes)
{
    int64_t id;
    freshet_error error;
    freshet_token *token = codec_token(bytes);
    FR_FUZZ_RULE(token == NULL || strlen(token->text) <= bytes.len, "texts come from the bytes");
    freshet_free(token);
    freshet_free(codec_ticket(bytes));
    (void)codec_user_id(bytes, &id);
    (void)codec_post_id(bytes, &id);
    problem_of_answer(&error, 500, true, bytes);
    FR_FUZZ_RULE(error.kind == FRESHET_SERVER && error.status == 500, "the status says what it is");
    FR_FUZZ_RULE(strlen(error.detail) < sizeof error.detail && strlen(error.title) < sizeof error.title,
                 "texts of a problem end");
}

/* ---- headers ---- */

static void check_headers(struct fr_str bytes)
{
    char *header = fr_strndup(bytes.data, bytes.len);
    char cursor[LINK_CURSOR_SIZE];
    link_next_cursor(header, cursor);
    FR_FUZZ_RULE(cursor[0] == '\0' || strstr(header, cursor) != NULL, "a cursor stands in its header");
    FR_FUZZ_RULE(problem_retry_after(header) >= -1, "a wait is none or some");
    free(header);
}

void fr_fuzz_one(const uint8_t *data, size_t len)
{
    struct fr_fuzz_input input = {data, len};
    uint8_t what = fr_fuzz_take_byte(&input);
    struct fr_str rest = {(const char *)input.data, input.len};
    switch (what % 5) {
    case 0:
        check_stream(&input);
        break;
    case 1:
        check_people(rest);
        break;
    case 2:
        check_posts(rest);
        break;
    case 3:
        check_others(rest);
        break;
    default:
        check_headers(rest);
        break;
    }
}
