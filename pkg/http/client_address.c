#include "http/client_address.h"

#include <arpa/inet.h>
#include <stdlib.h>

static const unsigned char mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const struct fr_client_address *address)
{
    return memcmp(address->bytes, mapped_prefix, sizeof mapped_prefix) == 0;
}

static struct fr_client_address mapped(const void *ipv4)
{
    struct fr_client_address address;
    memcpy(address.bytes, mapped_prefix, sizeof mapped_prefix);
    memcpy(address.bytes + sizeof mapped_prefix, ipv4, 4);
    return address;
}

struct fr_client_address fr_client_address_of(const struct sockaddr *addr)
{
    struct fr_client_address address = {{0}};
    if (addr->sa_family == AF_INET)
        return mapped(&((const struct sockaddr_in *)(const void *)addr)->sin_addr);
    if (addr->sa_family == AF_INET6)
        memcpy(address.bytes, &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr,
               sizeof address.bytes);
    return address;
}

static bool parse_bare(struct fr_str text, struct fr_client_address *ret)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr ipv4;
    struct in6_addr ipv6;
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.data, '\0', text.len) != NULL)
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, &ipv4) == 1) {
        *ret = mapped(&ipv4);
        return true;
    }
    char *zone = strchr(copy, '%');
    if (zone != NULL)
        *zone = '\0';
    if (inet_pton(AF_INET6, copy, &ipv6) != 1)
        return false;
    memcpy(ret->bytes, &ipv6, sizeof ret->bytes);
    return true;
}

static bool is_port(struct fr_str text)
{
    int64_t unused;
    return fr_str_to_i64(text, 0, UINT16_MAX, &unused) == FR_OK;
}

enum fr_status fr_client_address_parse(struct fr_str text, struct fr_client_address *ret)
{
    struct fr_str address = text, port = FR_STR("0");
    if (text.len > 0 && text.data[0] == '[') {
        const char *end = memchr(text.data, ']', text.len);
        if (end == NULL)
            return FR_INVALID;
        address = (struct fr_str){text.data + 1, (size_t)(end - text.data) - 1};
        size_t taken = address.len + 2;
        if (memchr(address.data, ':', address.len) == NULL || (text.len > taken && text.data[taken] != ':'))
            return FR_INVALID;
        if (text.len > taken)
            port = (struct fr_str){text.data + taken + 1, text.len - taken - 1};
    } else {
        const char *colon = text.len > 0 ? memchr(text.data, ':', text.len) : NULL;
        size_t before = colon != NULL ? (size_t)(colon - text.data) : 0;
        bool single = colon != NULL && memchr(colon + 1, ':', text.len - before - 1) == NULL;
        if (single) {
            address.len = before;
            port = (struct fr_str){colon + 1, text.len - before - 1};
        }
    }
    return is_port(port) && parse_bare(address, ret) ? FR_OK : FR_INVALID;
}

const char *fr_client_address_format(const struct fr_client_address *address,
                                     char out[static FR_CLIENT_ADDRESS_TEXT_SIZE])
{
    bool ipv4 = is_mapped(address);
    inet_ntop(ipv4 ? AF_INET : AF_INET6, address->bytes + (ipv4 ? sizeof mapped_prefix : 0), out,
              FR_CLIENT_ADDRESS_TEXT_SIZE);
    return out;
}

struct fr_client_address fr_client_address_site(const struct fr_client_address *address)
{
    struct fr_client_address site = *address;
    if (!is_mapped(address))
        memset(site.bytes + 8, 0, 8);
    return site;
}

/* ---- networks ---- */

struct network {
    struct fr_client_address address;
    int bits; /* of 128 */
};

struct fr_networks {
    size_t count;
    struct network networks[];
};

static bool is_within(const struct network *network, const struct fr_client_address *address)
{
    size_t whole = (size_t)network->bits / 8;
    int rest = network->bits % 8;
    if (memcmp(network->address.bytes, address->bytes, whole) != 0)
        return false;
    return rest == 0 || ((network->address.bytes[whole] ^ address->bytes[whole]) >> (8 - rest)) == 0;
}

static bool has_bits_behind(const struct network *network)
{
    for (int bit = network->bits; bit < 128; bit++) {
        if ((network->address.bytes[bit / 8] & (0x80 >> (bit % 8))) != 0)
            return true;
    }
    return false;
}

static enum fr_status parse_network(struct fr_str text, const char *flag, struct network *ret,
                                    struct fr_error *error)
{
    const char *slash = text.len > 0 ? memchr(text.data, '/', text.len) : NULL;
    struct fr_str address = {text.data, slash != NULL ? (size_t)(slash - text.data) : text.len};
    if (!parse_bare(address, &ret->address))
        return fr_error_set(error, FR_INVALID, flag, "%s: \"%.*s\" is no address or network", flag,
                            FR_STR_ARG(text));
    bool ipv4 = is_mapped(&ret->address) && memchr(address.data, '.', address.len) != NULL;
    int64_t bits = ipv4 ? 32 : 128;
    struct fr_str prefix = {slash != NULL ? slash + 1 : NULL, slash != NULL ? text.len - address.len - 1 : 0};
    if (slash != NULL && fr_str_to_i64(prefix, 0, bits, &bits) != FR_OK)
        return fr_error_set(error, FR_INVALID, flag, "%s: \"%.*s\": the prefix must be 0 to %lld", flag,
                            FR_STR_ARG(text), (long long)bits);
    ret->bits = (int)bits + (ipv4 ? 96 : 0);
    if (has_bits_behind(ret))
        return fr_error_set(error, FR_INVALID, flag, "%s: \"%.*s\" has bits set behind its prefix", flag,
                            FR_STR_ARG(text));
    return FR_OK;
}

enum fr_status fr_networks_parse(const char *text, const char *flag, struct fr_networks **ret,
                                 struct fr_error *error)
{
    struct fr_str rest = fr_str_of(text), piece;
    size_t most = 1;
    for (size_t i = 0; i < rest.len; i++)
        most += rest.data[i] == ',';
    struct fr_networks *networks = fr_alloc(sizeof *networks + most * sizeof networks->networks[0]);
    while (fr_str_next(&rest, ',', &piece)) {
        piece = fr_str_trim(piece);
        if (piece.len == 0)
            continue;
        enum fr_status status = parse_network(piece, flag, &networks->networks[networks->count], error);
        if (status != FR_OK) {
            free(networks);
            return status;
        }
        networks->count++;
    }
    *ret = networks;
    return FR_OK;
}

void fr_networks_free(struct fr_networks *networks)
{
    free(networks);
}

bool fr_networks_have(const struct fr_networks *networks, const struct fr_client_address *address)
{
    for (size_t i = 0; i < networks->count; i++) {
        if (is_within(&networks->networks[i], address))
            return true;
    }
    return false;
}

/* ---- X-Forwarded-For ---- */

bool fr_forwarded_for_walk(const struct fr_networks *trusted, struct fr_str value, int *hops_left,
                           struct fr_client_address *address)
{
    size_t end = value.len;
    while (end > 0) {
        size_t start = end;
        while (start > 0 && value.data[start - 1] != ',')
            start--;
        struct fr_str entry = fr_str_trim((struct fr_str){value.data + start, end - start});
        end = start > 0 ? start - 1 : 0;
        if (entry.len == 0) /* lists may have empty elements (RFC 9110 section 5.6.1) */
            continue;
        struct fr_client_address hop;
        if ((*hops_left)-- <= 0 || fr_client_address_parse(entry, &hop) != FR_OK)
            return false;
        *address = hop;
        if (!fr_networks_have(trusted, &hop))
            return false;
    }
    return true;
}
