#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/http_loop.h"
#include "log/log.h"

enum { CERTIFICATE_DAYS = 825, PATH_SIZE = 4200 };

static enum fr_status ssl_error(struct fr_error *error, const char *flag, const char *what, const char *file)
{
    char text[120];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    return fr_error_set(error, FR_INVALID, flag, "%s %s: %s", what, file, text);
}

/* ---- a certificate of our own, for the first start ---- */

static bool add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return ok;
}

static bool fill(X509 *certificate, EVP_PKEY *key)
{
    unsigned char serial[16];
    if (RAND_bytes(serial, sizeof serial) != 1)
        return false;
    serial[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL;
    BN_free(number);
    X509_NAME *name = X509_get_subject_name(certificate);
    return ok && X509_set_version(certificate, X509_VERSION_3) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), CERTIFICATE_DAYS * 86400L) != NULL &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                                      0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 &&
           add_extension(certificate, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
           add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
           X509_sign(certificate, key, EVP_sha256()) > 0;
}

/* A file that is whole or not there: written beside its place and then moved. */
static FILE *open_beside(const char *path, mode_t mode, char *beside)
{
    if (snprintf(beside, PATH_SIZE, "%s.new", path) >= PATH_SIZE)
        return NULL;
    unlink(beside);
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0)
        return NULL;
    FILE *file = fdopen(fd, "w");
    if (file == NULL)
        close(fd);
    return file;
}

static enum fr_status write_files(const char *certificate_path, const char *key_path, X509 *certificate,
                                  EVP_PKEY *key, struct fr_error *error)
{
    char beside_key[PATH_SIZE], beside_certificate[PATH_SIZE];
    FILE *file = open_beside(key_path, 0600, beside_key);
    if (file == NULL)
        return fr_error_set_errno(error, errno, "--tls-key: cannot make %s", key_path);
    bool ok = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    ok = fclose(file) == 0 && ok;
    file = ok ? open_beside(certificate_path, 0644, beside_certificate) : NULL;
    if (file == NULL) {
        int errnum = errno;
        unlink(beside_key);
        return fr_error_set_errno(error, errnum, "--tls-certificate: cannot make %s", certificate_path);
    }
    ok = PEM_write_X509(file, certificate) == 1;
    ok = fclose(file) == 0 && ok;
    if (!ok || rename(beside_key, key_path) != 0 || rename(beside_certificate, certificate_path) != 0) {
        int errnum = errno;
        unlink(beside_key);
        unlink(beside_certificate);
        return fr_error_set_errno(error, errnum, "--tls-certificate: cannot write %s", certificate_path);
    }
    return FR_OK;
}

static enum fr_status make_self_signed(const char *certificate_path, const char *key_path,
                                       struct fr_error *error)
{
    enum fr_status status;
    X509 *certificate = X509_new();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key == NULL || certificate == NULL || !fill(certificate, key))
        status = ssl_error(error, "--tls-certificate", "cannot make", certificate_path);
    else
        status = write_files(certificate_path, key_path, certificate, key, error);
    if (status == FR_OK)
        FR_LOG_INFO("self-signed certificate made", FR_KV_TEXT("certificate", certificate_path),
                    FR_KV_TEXT("key", key_path));
    X509_free(certificate);
    EVP_PKEY_free(key);
    return status;
}

/* ---- the context ---- */

static enum fr_status check_files(const char *certificate, const char *key, struct fr_error *error)
{
    struct stat st;
    bool has_certificate = access(certificate, F_OK) == 0, has_key = stat(key, &st) == 0;
    if (!has_certificate && !has_key)
        return make_self_signed(certificate, key, error);
    if (!has_certificate)
        return fr_error_set(error, FR_INVALID, "--tls-certificate",
                            "--tls-certificate: %s is missing, though %s is there", certificate, key);
    if (!has_key)
        return fr_error_set(error, FR_INVALID, "--tls-key", "--tls-key: %s is missing, though %s is there",
                            key, certificate);
    if ((st.st_mode & (S_IROTH | S_IWOTH)) != 0)
        return fr_error_set(error, FR_INVALID, "--tls-key",
                            "--tls-key: others may read or write %s: chmod 600", key);
    return FR_OK;
}

/* RFC 7301: the server's order decides. */
static const h2o_iovec_t protocols[] = {
    {(char *)(uintptr_t) "h2", 2}, {(char *)(uintptr_t) "http/1.1", 8}, {NULL, 0}};

enum fr_status fr_tls_context_new(const char *certificate, const char *key, SSL_CTX **ret,
                                  struct fr_error *error)
{
    enum fr_status status = check_files(certificate, key, error);
    if (status != FR_OK)
        return status;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (ctx == NULL || SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1)
        status = ssl_error(error, "--tls-listen", "no TLS", "");
    else if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
        status = ssl_error(error, "--tls-certificate", "--tls-certificate: cannot use", certificate);
    else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(ctx) != 1)
        status = ssl_error(error, "--tls-key", "--tls-key: cannot use", key);
    if (status != FR_OK) {
        SSL_CTX_free(ctx);
        return status;
    }
    /* Buffers of quiet connections are given back; renegotiation by the client is an attack. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    h2o_ssl_register_alpn_protocols(ctx, protocols);
    *ret = ctx;
    return FR_OK;
}
