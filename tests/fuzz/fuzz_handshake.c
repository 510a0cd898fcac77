/* The opening handshake's headers, and Accept. */
#include "fuzz.h"
#include "http/accept_header.h"
#include "http/origin.h"
#include "http/ws_handshake.h"

void fr_fuzz_begin(void)
{
}

void fr_fuzz_one(const uint8_t *data, size_t len)
{
    struct fr_fuzz_input input = {data, len};
    struct fr_str first = fr_fuzz_take(&input, fr_fuzz_take_byte(&input));
    struct fr_str second = {(const char *)input.data, input.len};
    char accept[FR_WS_ACCEPT_SIZE];
    if (fr_ws_key_valid(first)) {
        FR_FUZZ_RULE(first.len == 24, "16 bytes are 24 characters of base64");
        fr_ws_accept_value(first, accept);
        FR_FUZZ_RULE(strlen(accept) == FR_WS_ACCEPT_SIZE - 1, "the answer is a SHA-1 in base64");
    }
    struct fr_ws_handshake handshake;
    if (fr_ws_handshake_read(second, &handshake) == FR_WS_WELCOME)
        FR_FUZZ_RULE(fr_ws_key_valid(handshake.key), "who is welcome has a good key");
    const struct fr_str protocols[] = {FR_STR("freshet.v1.json"), FR_STR("freshet.v1.protobuf")};
    int protocol = fr_ws_handshake_choose(second, protocols, FR_COUNT_OF(protocols));
    FR_FUZZ_RULE(protocol >= -1 && protocol < (int)FR_COUNT_OF(protocols), "one of them, or none");
    if (first.len > 0 && fr_origin_allowed(FR_STR_NONE, first, FR_STR_NONE, second))
        FR_FUZZ_RULE(second.len > 0, "an origin is never the same as nothing");
    if (first.len > 0 && fr_origin_allowed(FR_STR_NONE, first, FR_STR("https"), second))
        FR_FUZZ_RULE(!fr_origin_allowed(FR_STR_NONE, first, FR_STR("http"), second), "one scheme at most");
    (void)fr_origin_allowed(second, first, FR_STR("https"), FR_STR("localhost"));
    (void)fr_accept_parse(second);
    const char *const types[] = {"text/event-stream", "application/x-protobuf"};
    int chosen = fr_accept_choose(second, types, FR_COUNT_OF(types));
    FR_FUZZ_RULE(chosen >= -1 && chosen < (int)FR_COUNT_OF(types), "one of the types, or none");
}
