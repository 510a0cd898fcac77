#include "check.h"
#include "wire.h"

static void test_json(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *text, *token; /* NULL: refused */
    } rows[] = {
        {"as the contract writes it", "{\"type\":\"auth\",\"token\":\"abc\"}", "abc"},
        {"in another order, with blanks", " { \"token\" : \"abc\" , \"type\" : \"auth\" } ", "abc"},
        {"unknown members are ignored", "{\"type\":\"auth\",\"token\":\"abc\",\"more\":[1,{}]}", "abc"},
        {"another type", "{\"type\":\"post\",\"token\":\"abc\"}", NULL},
        {"no type", "{\"token\":\"abc\"}", NULL},
        {"a type that is no string", "{\"type\":1,\"token\":\"abc\"}", NULL},
        {"no token", "{\"type\":\"auth\"}", NULL},
        {"a token that is no string", "{\"type\":\"auth\",\"token\":1}", NULL},
        {"an empty token", "{\"type\":\"auth\",\"token\":\"\"}", NULL},
        {"a token with U+0000", "{\"type\":\"auth\",\"token\":\"a\\u0000b\"}", NULL},
        {"no object", "[\"auth\",\"abc\"]", NULL},
        {"no JSON", "auth abc", NULL},
        {"something behind it", "{\"type\":\"auth\",\"token\":\"abc\"} x", NULL},
        {"nothing", "", NULL},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_wire_client_message message = {0};
        struct fr_error error = {0};
        enum fr_status status =
            fr_wire_decode_client_message(fr_str_of(row->text), FR_ENCODING_JSON, &message, &error);
        FR_ASSERT_ROW(row, (status == FR_OK) == (row->token != NULL));
        FR_ASSERT_ROW(row, status != FR_OK || strcmp(message.auth_token, row->token) == 0);
        FR_ASSERT_ROW(row, status == FR_OK || (message.auth_token == NULL && error.message[0] != '\0'));
        fr_wire_client_message_release(&message);
    }
}

static void test_protobuf(void **state)
{
    (void)state;
    static const struct {
        const char *comment;
        struct fr_str bytes;
        const char *token; /* NULL: refused */
    } rows[] = {
        {"a token",
         FR_STR("\x0a\x03"
                "abc"),
         "abc"},
        {"an unknown field before it",
         FR_STR("\x50\x01\x0a\x03"
                "abc"),
         "abc"},
        {"given twice: the last one counts",
         FR_STR("\x0a\x03"
                "abc\x0a\x01"
                "d"),
         "d"},
        {"an empty message", FR_STR(""), NULL},
        {"an empty token", FR_STR("\x0a\x00"), NULL},
        {"cut off",
         FR_STR("\x0a\x03"
                "ab"),
         NULL},
        {"another type under the same number", FR_STR("\x08\x01"), NULL},
        {"no protobuf", FR_STR("{\"type\":\"auth\"}"), NULL},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_wire_client_message message = {0};
        struct fr_error error = {0};
        enum fr_status status =
            fr_wire_decode_client_message(row->bytes, FR_ENCODING_PROTOBUF, &message, &error);
        FR_ASSERT_ROW(row, (status == FR_OK) == (row->token != NULL));
        FR_ASSERT_ROW(row, status != FR_OK || strcmp(message.auth_token, row->token) == 0);
        fr_wire_client_message_release(&message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_protobuf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
