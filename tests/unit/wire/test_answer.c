#include "wire/wire.h"

#include <stdlib.h>

#include "check.h"

#define BYTES(literal) ((struct fr_str){literal, sizeof(literal) - 1})

static const struct fr_wire_post post = {.id = 7, .author_id = 8, .text = FR_STR("hi"), .created_at_ms = 1};
static const struct fr_wire_user user = {
    .id = 9, .first_name = FR_STR("A"), .second_name = FR_STR("B"), .has_birthdate = true, .birthdate = 1};

static void put_token(struct fr_buf *out, enum fr_encoding encoding)
{
    fr_wire_answer_token(out, encoding, FR_STR("a.b"), 300);
}

static void put_ticket(struct fr_buf *out, enum fr_encoding encoding)
{
    fr_wire_answer_ticket(out, encoding, FR_STR("t"), 300);
}

static void put_user_id(struct fr_buf *out, enum fr_encoding encoding)
{
    fr_wire_answer_user_id(out, encoding, 5);
}

static void put_post_id(struct fr_buf *out, enum fr_encoding encoding)
{
    fr_wire_answer_post_id(out, encoding, 5);
}

static void put_user(struct fr_buf *out, enum fr_encoding encoding)
{
    fr_wire_answer_user(out, encoding, &user);
}

static void put_profile(struct fr_buf *out, enum fr_encoding encoding)
{
    fr_wire_answer_profile(out, encoding,
                           &(struct fr_wire_profile){.user = user,
                                                     .follower_count = 300,
                                                     .following_count = 2,
                                                     .celebrity = true,
                                                     .has_caller = true,
                                                     .followed = true});
}

/* Not following is said, */
static void put_strangers_profile(struct fr_buf *out, enum fr_encoding encoding)
{
    fr_wire_answer_profile(out, encoding, &(struct fr_wire_profile){.user = user, .has_caller = true});
}

/* and without a caller nothing. */
static void put_profile_for_nobody(struct fr_buf *out, enum fr_encoding encoding)
{
    fr_wire_answer_profile(out, encoding, &(struct fr_wire_profile){.user = user});
}

static void put_post(struct fr_buf *out, enum fr_encoding encoding)
{
    fr_wire_answer_post(out, encoding, &post);
}

static void put_problem(struct fr_buf *out, enum fr_encoding encoding)
{
    fr_wire_answer_problem(out, encoding,
                           &(struct fr_wire_problem){.type = "t",
                                                     .title = "T",
                                                     .status = 400,
                                                     .code = 1001,
                                                     .detail = FR_STR("d"),
                                                     .field = FR_STR("f"),
                                                     .request_id = FR_STR("r")});
}

static void put_users(struct fr_buf *out, enum fr_encoding encoding)
{
    struct fr_wire_list list;
    fr_wire_list_begin(&list, out, encoding);
    fr_wire_list_user(&list, &user);
    fr_wire_list_user(&list, &user);
    fr_wire_list_end(&list);
}

static void put_posts(struct fr_buf *out, enum fr_encoding encoding)
{
    struct fr_wire_list list;
    fr_wire_list_begin(&list, out, encoding);
    fr_wire_list_post(&list, &post);
    fr_wire_list_post(&list, &post);
    fr_wire_list_end(&list);
}

/* Kept items stand in a list as written ones do. */
static void put_kept_posts(struct fr_buf *out, enum fr_encoding encoding)
{
    struct fr_wire_list list;
    struct fr_buf kept;
    fr_buf_init(&kept, FR_WIRE_POST_MAX);
    fr_wire_write_post(&kept, encoding, &post);
    fr_wire_list_begin(&list, out, encoding);
    fr_wire_list_written(&list, fr_buf_str(&kept));
    fr_wire_list_post(&list, &post);
    fr_wire_list_written(&list, fr_buf_str(&kept));
    fr_wire_list_end(&list);
    fr_buf_release(&kept);
}

static void put_nobody(struct fr_buf *out, enum fr_encoding encoding)
{
    struct fr_wire_list list;
    fr_wire_list_begin(&list, out, encoding);
    fr_wire_list_end(&list);
}

#define POST_JSON                                             \
    "{\"id\":\"7\",\"text\":\"hi\",\"author_user_id\":\"8\"," \
    "\"created_at\":\"1970-01-01T00:00:00.001Z\"}"
#define POST_PACKED "\x08\x07\x12\x02hi\x18\x08\x20\x01"
#define USER_MEMBERS                                                                        \
    "\"id\":\"9\",\"first_name\":\"A\",\"second_name\":\"B\",\"birthdate\":\"1970-01-02\"," \
    "\"biography\":\"\",\"city\":\"\""
#define USER_JSON "{" USER_MEMBERS "}"
/* clang-format off */
#define USER_PACKED "\x08\x09\x12\x01" "A\x1a\x01" "B\x22\x0a" "1970-01-02"
/* clang-format on */

/* What JSON says, the message of the same call says too; its bytes are those of any other writer of protobuf.
 */
static void both_encodings(void **state)
{
    static const struct {
        const char *comment;
        void (*put)(struct fr_buf *out, enum fr_encoding encoding);
        const char *json;
        struct fr_str packed;
    } rows[] = {
        {"token", put_token, "{\"token\":\"a.b\",\"expires_at\":\"1970-01-01T00:00:00.300Z\"}",
         BYTES("\x0a\x03"
               "a.b\x10\xac\x02")},
        {"ticket", put_ticket, "{\"ticket\":\"t\",\"expires_at\":\"1970-01-01T00:00:00.300Z\"}",
         BYTES("\x0a\x01t\x10\xac\x02")},
        {"user id", put_user_id, "{\"user_id\":\"5\"}", BYTES("\x08\x05")},
        {"post id", put_post_id, "\"5\"", BYTES("\x08\x05")},
        {"user", put_user, USER_JSON, BYTES(USER_PACKED)},
        {"profile", put_profile,
         "{" USER_MEMBERS
         ",\"follower_count\":300,\"following_count\":2,\"celebrity\":true,\"followed\":true}",
         BYTES(USER_PACKED "\x38\xac\x02\x40\x02\x48\x01\x50\x01")},
        {"a stranger's profile", put_strangers_profile,
         "{" USER_MEMBERS
         ",\"follower_count\":0,\"following_count\":0,\"celebrity\":false,\"followed\":false}",
         BYTES(USER_PACKED "\x50\x00")},
        {"profile for nobody", put_profile_for_nobody,
         "{" USER_MEMBERS ",\"follower_count\":0,\"following_count\":0,\"celebrity\":false}",
         BYTES(USER_PACKED)},
        {"post", put_post, POST_JSON, BYTES(POST_PACKED)},
        {"problem", put_problem,
         "{\"type\":\"t\",\"title\":\"T\",\"status\":400,\"detail\":\"d\",\"field\":\"f\",\"message\":\"d\","
         "\"request_id\":\"r\",\"code\":1001}",
         BYTES("\x0a\x01t\x12\x01T\x18\x90\x03\x22\x01"
               "d\x2a\x01"
               "d\x32\x01r\x38\xe9\x07\x42\x01"
               "f")},
        {"users", put_users, "[" USER_JSON "," USER_JSON "]",
         BYTES("\x0a\x14" USER_PACKED "\x0a\x14" USER_PACKED)},
        {"posts", put_posts, "[" POST_JSON "," POST_JSON "]",
         BYTES("\x0a\x0a" POST_PACKED "\x0a\x0a" POST_PACKED)},
        {"kept posts", put_kept_posts, "[" POST_JSON "," POST_JSON "," POST_JSON "]",
         BYTES("\x0a\x0a" POST_PACKED "\x0a\x0a" POST_PACKED "\x0a\x0a" POST_PACKED)},
        {"nobody", put_nobody, "[]", BYTES("")},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_buf out;
        fr_buf_init(&out, 1024);
        row->put(&out, FR_ENCODING_JSON);
        FR_ASSERT_ROW(row, fr_str_equal(fr_buf_str(&out), fr_str_of(row->json)));
        fr_buf_reset(&out);
        row->put(&out, FR_ENCODING_PROTOBUF);
        FR_ASSERT_ROW(row, fr_str_equal(fr_buf_str(&out), row->packed));
        fr_buf_release(&out);

        /* No room: told, and not passed. */
        for (size_t max = 0; max < row->packed.len; max++) {
            fr_buf_init(&out, max);
            row->put(&out, FR_ENCODING_PROTOBUF);
            FR_ASSERT_ROW(row, fr_buf_status(&out) == FR_FULL && out.len <= max);
            fr_buf_release(&out);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_encodings)};
    return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
