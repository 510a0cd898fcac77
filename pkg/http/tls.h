/* The TLS side of a listener: certificate and key from files, made self-signed at the first start. */
#ifndef FR_HTTP_TLS_H
#define FR_HTTP_TLS_H

#include "base/base.h"

struct ssl_ctx_st; /* OpenSSL's SSL_CTX */

/* TLS 1.2 and newer, ALPN h2 and http/1.1. If neither file exists both are made: a self-signed certificate
 * for localhost, and a key that only its owner may read. FR_INVALID or FR_IO names the flag of the file at
 * fault: one missing beside the other, a key that others may read, something that is no certificate. */
FR_WARN_UNUSED enum fr_status fr_tls_context_new(const char *certificate, const char *key,
                                                 struct ssl_ctx_st **ret, struct fr_error *error);

#endif
