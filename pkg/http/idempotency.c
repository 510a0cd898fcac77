#include "http/idempotency.h"

#include <openssl/evp.h>

#include "http/http_loop.h"

static const char header_name[] = "Idempotency-Key";

/* Parts are told apart by the NUL behind each but the last, which none of the others can hold. */
static enum fr_status hash_request(const struct fr_call *call, uint8_t out[static FR_ONCE_HASH_SIZE],
                                   struct fr_error *error)
{
    struct fr_wire_body body = fr_call_body(call);
    const char *encoding = body.encoding == FR_ENCODING_PROTOBUF ? "protobuf" : "json";
    const struct fr_str parts[] = {
        {call->route->method, strlen(call->route->method) + 1},
        {call->route->pattern, strlen(call->route->pattern) + 1},
        {encoding, strlen(encoding) + 1},
        body.bytes,
    };
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; good && i < FR_COUNT_OF(parts); i++)
        good = EVP_DigestUpdate(context, parts[i].data, parts[i].len) == 1;
    good = good && EVP_DigestFinal_ex(context, out, NULL) == 1;
    EVP_MD_CTX_free(context);
    return good ? FR_OK : fr_error_set(error, FR_INTERNAL, NULL, "no SHA-256");
}

enum fr_status fr_call_once(struct fr_call *call, const struct fr_once **ret, struct fr_error *error)
{
    struct fr_str key = fr_call_header(call, "idempotency-key");
    if (key.data == NULL) {
        *ret = NULL;
        return FR_OK;
    }
    if (key.len == 0 || key.len > FR_IDEMPOTENCY_KEY_MAX || !fr_str_is_graphic(key))
        return fr_error_set(error, FR_INVALID, header_name, "%s must have 1 to %d printable characters",
                            header_name, FR_IDEMPOTENCY_KEY_MAX);
    struct fr_once *once = fr_call_alloc(call, sizeof *once + key.len, NULL);
    char *copy = (char *)(once + 1);
    memcpy(copy, key.data, key.len);
    once->key = (struct fr_str){copy, key.len};
    enum fr_status status = hash_request(call, once->hash, error);
    if (status == FR_OK)
        *ret = once;
    return status;
}
