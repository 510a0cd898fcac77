/* Who a client is, by address: the peer of the connection, or behind --trusted-proxies what these forwarded
 * (X-Forwarded-For). Pure: knows neither the HTTP library nor sockets that are open. */
#ifndef FR_HTTP_CLIENT_ADDRESS_H
#define FR_HTTP_CLIENT_ADDRESS_H

#include <netinet/in.h>

#include "base/base.h"

struct sockaddr;

/* An IPv6 address; IPv4 ones are mapped into it (::ffff:0:0/96, RFC 4291 section 2.5.5.2). All zero: not
 * known.
 */
struct fr_client_address {
    unsigned char bytes[16];
};

#define FR_CLIENT_ADDRESS_TEXT_SIZE INET6_ADDRSTRLEN

struct fr_client_address fr_client_address_of(const struct sockaddr *addr);
/* FR_INVALID for what is no address. An IPv6 one may stand in brackets, and either may be followed by a colon
 * and a port (RFC 7239 section 6), which is dropped; so may a zone be. */
FR_WARN_UNUSED enum fr_status fr_client_address_parse(struct fr_str text, struct fr_client_address *ret);
/* IPv4 in dotted form. Returns `out`. */
const char *fr_client_address_format(const struct fr_client_address *address,
                                     char out[static FR_CLIENT_ADDRESS_TEXT_SIZE]);
/* What limits count by: an IPv4 address is one client, of IPv6 a /64 is, because every site has one at the
 * least and chooses within it freely. */
struct fr_client_address fr_client_address_site(const struct fr_client_address *address);

/* ---- networks ---- */
struct fr_networks; /* a list of CIDRs; immutable */

/* "10.0.0.0/8, 2001:db8::/32, 192.0.2.1": an address alone is itself. Empty: no networks. FR_INVALID names
 * `flag` and the entry at fault, also one with bits set behind its prefix. */
FR_WARN_UNUSED enum fr_status fr_networks_parse(const char *text, const char *flag, struct fr_networks **ret,
                                                struct fr_error *error);
void fr_networks_free(struct fr_networks *networks);
bool fr_networks_have(const struct fr_networks *networks, const struct fr_client_address *address);

/* ---- X-Forwarded-For ---- */
/* Walks one header's value from the right: each proxy appends who came to it. `address` is the nearest hop
 * known so far, a trusted one; it becomes the next as long as the one before is trusted. True: all of the
 * value was hops of ours, go on with the header line before. False: `address` is the client; so it is the
 * last trusted hop where the value is not an address. At most FR_FORWARDED_HOPS_MAX entries are looked at,
 * over all lines. */
#define FR_FORWARDED_HOPS_MAX 32
bool fr_forwarded_for_walk(const struct fr_networks *trusted, struct fr_str value, int *hops_left,
                           struct fr_client_address *address);

#endif
