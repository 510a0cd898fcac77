#include "json_members.h"

/* ---- text ---- */

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Whether one of eight bytes is a control character, a quote or a backslash: subtracting borrows into the top
 * bit of a byte that is too small, and the bytes that had the top bit already are left out. */
static bool any_needs_escape(uint64_t eight)
{
    uint64_t quote = eight ^ EACH_BYTE('"'), backslash = eight ^ EACH_BYTE('\\');
    uint64_t small = (eight - EACH_BYTE(0x20)) & ~eight;
    uint64_t equal = ((quote - EACH_BYTE(1)) & ~quote) | ((backslash - EACH_BYTE(1)) & ~backslash);
    return ((small | equal) & EACH_BYTE(0x80)) != 0;
}

static bool needs_escape(char c)
{
    return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

/* How many bytes at the front of `text` may stand as they are. */
static size_t plain_length(struct fr_str text)
{
    size_t i = 0;
    uint64_t eight;
    while (text.len - i >= sizeof eight &&
           (memcpy(&eight, text.data + i, sizeof eight), !any_needs_escape(eight)))
        i += sizeof eight;
    while (i < text.len && !needs_escape(text.data[i]))
        i++;
    return i;
}

static void append_escape(struct fr_buf *out, char c)
{
    static const char short_forms[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    static const char digits[] = "0123456789abcdef";
    unsigned char byte = (unsigned char)c;
    if (byte >= 0x20)
        fr_buf_append(out, (char[]){'\\', c}, 2);
    else if (short_forms[byte] != '\0')
        fr_buf_append(out, (char[]){'\\', short_forms[byte]}, 2);
    else
        fr_buf_append(out, (char[]){'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]}, 6);
}

void fr_wire_json_text(struct fr_buf *out, struct fr_str text)
{
    fr_buf_append_char(out, '"');
    while (text.len > 0) {
        size_t plain = plain_length(text);
        fr_buf_append(out, text.data, plain);
        if (plain == text.len)
            break;
        append_escape(out, text.data[plain]);
        text.data += plain + 1;
        text.len -= plain + 1;
    }
    fr_buf_append_char(out, '"');
}

/* ---- members ---- */

void fr_wire_member_text(struct fr_buf *out, const char *key, struct fr_str text)
{
    fr_buf_append_text(out, key);
    fr_wire_json_text(out, text);
}

void fr_wire_member_id(struct fr_buf *out, const char *key, int64_t id)
{
    fr_buf_append_text(out, key);
    fr_wire_json_id(out, id);
}

void fr_wire_member_time(struct fr_buf *out, const char *key, int64_t unix_ms)
{
    char text[FR_CLOCK_TEXT_SIZE];
    size_t len = fr_clock_format_ms(unix_ms, text);
    fr_wire_member_text(out, key, (struct fr_str){text, len});
}

void fr_wire_members_post(struct fr_buf *out, const struct fr_wire_post *post)
{
    fr_wire_member_id(out, "\"id\":", post->id);
    fr_wire_member_text(out, ",\"text\":", post->text);
    fr_wire_member_id(out, ",\"author_user_id\":", post->author_id);
    fr_wire_member_time(out, ",\"created_at\":", post->created_at_ms);
    if (post->edited_at_ms != 0)
        fr_wire_member_time(out, ",\"edited_at\":", post->edited_at_ms);
}

/* ---- answers ---- */

void fr_wire_json_id(struct fr_buf *out, int64_t id)
{
    char text[FR_ID_TEXT_SIZE + 2];
    size_t len = fr_id_format(id, text + 1);
    text[0] = text[len + 1] = '"';
    fr_buf_append(out, text, len + 2);
}

void fr_wire_json_user_id(struct fr_buf *out, int64_t user_id)
{
    fr_wire_member_id(out, "{\"user_id\":", user_id);
    fr_buf_append_char(out, '}');
}

void fr_wire_json_token(struct fr_buf *out, struct fr_str token, int64_t expires_ms)
{
    fr_wire_member_text(out, "{\"token\":", token);
    fr_wire_member_time(out, ",\"expires_at\":", expires_ms);
    fr_buf_append_char(out, '}');
}

void fr_wire_json_ticket(struct fr_buf *out, struct fr_str ticket, int64_t expires_ms)
{
    fr_wire_member_text(out, "{\"ticket\":", ticket);
    fr_wire_member_time(out, ",\"expires_at\":", expires_ms);
    fr_buf_append_char(out, '}');
}

static void members_user(struct fr_buf *out, const struct fr_wire_user *user)
{
    fr_wire_member_id(out, "\"id\":", user->id);
    fr_wire_member_text(out, ",\"first_name\":", user->first_name);
    fr_wire_member_text(out, ",\"second_name\":", user->second_name);
    if (user->has_birthdate) {
        char date[11];
        size_t len = fr_clock_format_date(user->birthdate, date);
        fr_wire_member_text(out, ",\"birthdate\":", (struct fr_str){date, len});
    } else {
        fr_buf_append_text(out, ",\"birthdate\":null");
    }
    fr_wire_member_text(out, ",\"biography\":", user->biography);
    fr_wire_member_text(out, ",\"city\":", user->city);
}

void fr_wire_json_user(struct fr_buf *out, const struct fr_wire_user *user)
{
    fr_buf_append_char(out, '{');
    members_user(out, user);
    fr_buf_append_char(out, '}');
}

static void member_bool(struct fr_buf *out, const char *key, bool value)
{
    fr_buf_append_text(out, key);
    fr_buf_append_text(out, value ? "true" : "false");
}

void fr_wire_json_profile(struct fr_buf *out, const struct fr_wire_profile *profile)
{
    fr_buf_append_char(out, '{');
    members_user(out, &profile->user);
    fr_buf_append_text(out, ",\"follower_count\":");
    fr_buf_append_i64(out, profile->follower_count);
    fr_buf_append_text(out, ",\"following_count\":");
    fr_buf_append_i64(out, profile->following_count);
    member_bool(out, ",\"celebrity\":", profile->celebrity);
    if (profile->has_caller)
        member_bool(out, ",\"followed\":", profile->followed);
    fr_buf_append_char(out, '}');
}

void fr_wire_json_post(struct fr_buf *out, const struct fr_wire_post *post)
{
    fr_buf_append_char(out, '{');
    fr_wire_members_post(out, post);
    fr_buf_append_char(out, '}');
}

void fr_wire_encode_plain_frame(struct fr_buf *out, const struct fr_event *event)
{
    fr_wire_member_id(out, "{\"postId\":", event->post_id);
    fr_wire_member_text(out, ",\"postText\":", event->text);
    fr_wire_member_id(out, ",\"author_user_id\":", event->author_id);
    fr_buf_append_char(out, '}');
}

void fr_wire_json_problem(struct fr_buf *out, const struct fr_wire_problem *problem)
{
    /* `message` is the public API's word for what the RFC calls `detail`. */
    struct fr_str detail = problem->detail;
    fr_wire_member_text(out, "{\"type\":", fr_str_of(problem->type));
    fr_wire_member_text(out, ",\"title\":", fr_str_of(problem->title));
    fr_buf_append_text(out, ",\"status\":");
    fr_buf_append_i64(out, problem->status);
    fr_wire_member_text(out, ",\"detail\":", detail);
    if (problem->field.len != 0)
        fr_wire_member_text(out, ",\"field\":", problem->field);
    fr_wire_member_text(out, ",\"message\":", detail);
    fr_wire_member_text(out, ",\"request_id\":", problem->request_id);
    fr_buf_append_text(out, ",\"code\":");
    fr_buf_append_i64(out, problem->code);
    fr_buf_append_char(out, '}');
}
