/* certificate: makes and judges the certificates of the simulator.
 *
 * The extensions are those that strict verifiers insist on: key identifiers on both sides, basic
 * constraints, key usage, and alternative names instead of a common name. */
#include "simulator/certificate.h"

#include "lib/util.h"
#include "simulator/digest.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#define DAY_SEC            (24 * 60 * 60)
#define AUTHORITY_LIFE_SEC (3650 * DAY_SEC)
/* Some platforms refuse server certificates that live longer than 825 days. */
#define SERVER_LIFE_SEC (820 * DAY_SEC)

static const uint8_t loopback4[] = { 127, 0, 0, 1 };
static const uint8_t loopback6[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };

static void crt_deinitp(gnutls_x509_crt_t *crt)
{
        if (*crt) {
                gnutls_x509_crt_deinit(*crt);
        }
}

static void privkey_deinitp(gnutls_x509_privkey_t *key)
{
        if (*key) {
                gnutls_x509_privkey_deinit(*key);
        }
}

struct certificate *certificate_free(struct certificate *certificate)
{
        if (!certificate) {
                return NULL;
        }

        free(certificate->pem);
        if (certificate->key_pem) {
                explicit_bzero(certificate->key_pem, strlen(certificate->key_pem));
        }
        free(certificate->key_pem);
        free(certificate);
        return NULL;
}

void certificate_freep(struct certificate **certificate)
{
        *certificate = certificate_free(*certificate);
}

/* A fresh key, and a certificate for it that has everything but a name, extensions of its kind and a
 * signature. */
static int begin(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, time_t life_sec)
{
        uint8_t serial[16], id[64];
        size_t id_size = sizeof(id);
        time_t now = time(NULL);

        if (gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial)) < 0) {
                return -EIO;
        }
        serial[0] = (serial[0] & 0x7F) | 1; /* positive, and never shortened */

        if (gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                         GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0) < 0 ||
            gnutls_x509_crt_set_version(crt, 3) < 0 ||
            gnutls_x509_crt_set_serial(crt, serial, sizeof(serial)) < 0 ||
            gnutls_x509_crt_set_activation_time(crt, now - DAY_SEC) < 0 ||
            gnutls_x509_crt_set_expiration_time(crt, now + life_sec) < 0 ||
            gnutls_x509_crt_set_key(crt, key) < 0 ||
            gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA1, id, &id_size) < 0 ||
            gnutls_x509_crt_set_subject_key_id(crt, id, id_size) < 0) {
                return -EIO;
        }
        return 0;
}

static int export(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, struct certificate **ret)
{
        _cleanup_(certificate_freep) struct certificate *certificate = calloc(1, sizeof(*certificate));
        char pem[8192];
        size_t size = sizeof(pem);

        if (!certificate) {
                return -ENOMEM;
        }

        if (gnutls_x509_crt_export(crt, GNUTLS_X509_FMT_PEM, pem, &size) < 0) {
                return -EIO;
        }
        certificate->pem = strndup(pem, size);

        size = sizeof(pem);
        if (gnutls_x509_privkey_export(key, GNUTLS_X509_FMT_PEM, pem, &size) < 0) {
                return -EIO;
        }
        certificate->key_pem = strndup(pem, size);
        explicit_bzero(pem, sizeof(pem));
        if (!certificate->pem || !certificate->key_pem) {
                return -ENOMEM;
        }

        *ret = take_ptr(certificate);
        return 0;
}

static int import(const struct certificate *from, gnutls_x509_crt_t *ret_crt, gnutls_x509_privkey_t *ret_key)
{
        gnutls_datum_t pem = { .data = (void *)from->pem, .size = (unsigned)strlen(from->pem) };
        gnutls_datum_t key_pem = { .data = (void *)from->key_pem, .size = (unsigned)strlen(from->key_pem) };

        if (gnutls_x509_crt_init(ret_crt) < 0 || gnutls_x509_privkey_init(ret_key) < 0) {
                return -ENOMEM;
        }
        if (gnutls_x509_crt_import(*ret_crt, &pem, GNUTLS_X509_FMT_PEM) < 0 ||
            gnutls_x509_privkey_import(*ret_key, &key_pem, GNUTLS_X509_FMT_PEM) < 0) {
                return -EBADMSG;
        }
        return 0;
}

int certificate_new_authority(struct certificate **ret)
{
        _cleanup_(crt_deinitp) gnutls_x509_crt_t crt = NULL;
        _cleanup_(privkey_deinitp) gnutls_x509_privkey_t key = NULL;
        char suffix[9], name[64];
        int r;

        if (gnutls_x509_crt_init(&crt) < 0 || gnutls_x509_privkey_init(&key) < 0) {
                return -ENOMEM;
        }
        r = begin(crt, key, AUTHORITY_LIFE_SEC);
        if (r < 0) {
                return r;
        }

        /* Two authorities of one name and different keys make for baffling errors; each gets its own. */
        r = random_text(RANDOM_HEX, sizeof(suffix) - 1, suffix);
        if (r < 0) {
                return r;
        }
        (void)snprintf(name, sizeof(name), "CN=eqp-simulator CA %s", suffix);

        if (gnutls_x509_crt_set_dn(crt, name, NULL) < 0 ||
            gnutls_x509_crt_set_basic_constraints(crt, 1, 0) < 0 ||
            gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN) < 0 ||
            gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) < 0) {
                return -EIO;
        }
        return export(crt, key, ret);
}

static int add_names(gnutls_x509_crt_t crt, const char *const *names, size_t n_names, bool loopback)
{
        for (size_t i = 0; i < n_names; i++) {
                if (gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, names[i],
                                                         (unsigned)strlen(names[i]),
                                                         GNUTLS_FSAN_APPEND) < 0) {
                        return -EIO;
                }
        }

        if (!loopback) {
                return 0;
        }
        if (gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, loopback4, sizeof(loopback4),
                                                 GNUTLS_FSAN_APPEND) < 0 ||
            gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, loopback6, sizeof(loopback6),
                                                 GNUTLS_FSAN_APPEND) < 0) {
                return -EIO;
        }
        return 0;
}

int certificate_new_server(struct certificate **ret, const struct certificate *authority,
                           const char *const *names, size_t n_names, bool loopback)
{
        _cleanup_(crt_deinitp) gnutls_x509_crt_t crt = NULL, issuer = NULL;
        _cleanup_(privkey_deinitp) gnutls_x509_privkey_t key = NULL, issuer_key = NULL;
        uint8_t id[64];
        size_t id_size = sizeof(id);
        int r;

        r = import(authority, &issuer, &issuer_key);
        if (r < 0) {
                return r;
        }
        if (gnutls_x509_crt_init(&crt) < 0 || gnutls_x509_privkey_init(&key) < 0) {
                return -ENOMEM;
        }
        r = begin(crt, key, SERVER_LIFE_SEC);
        if (r < 0) {
                return r;
        }
        r = add_names(crt, names, n_names, loopback);
        if (r < 0) {
                return r;
        }

        if (gnutls_x509_crt_get_subject_key_id(issuer, id, &id_size, NULL) < 0) {
                return -EBADMSG;
        }
        if (gnutls_x509_crt_set_authority_key_id(crt, id, id_size) < 0 ||
            gnutls_x509_crt_set_dn(crt, "CN=eqp-simulator", NULL) < 0 ||
            gnutls_x509_crt_set_basic_constraints(crt, 0, -1) < 0 ||
            gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE) < 0 ||
            gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0) < 0 ||
            gnutls_x509_crt_sign2(crt, issuer, issuer_key, GNUTLS_DIG_SHA256, 0) < 0) {
                return -EIO;
        }
        return export(crt, key, ret);
}

/* Whether certificate and private key belong together. */
static bool is_pair(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
        uint8_t crt_id[64], key_id[64];
        size_t crt_size = sizeof(crt_id), key_size = sizeof(key_id);

        return gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, crt_id, &crt_size) == 0 &&
               gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, key_id, &key_size) == 0 &&
               crt_size == key_size && memcmp(crt_id, key_id, crt_size) == 0;
}

bool certificate_is_usable(const struct certificate *server, const struct certificate *authority,
                           const char *const *names, size_t n_names)
{
        _cleanup_(crt_deinitp) gnutls_x509_crt_t crt = NULL, issuer = NULL;
        _cleanup_(privkey_deinitp) gnutls_x509_privkey_t key = NULL, issuer_key = NULL;
        time_t now = time(NULL);
        unsigned problems;

        if (import(server, &crt, &key) < 0 || import(authority, &issuer, &issuer_key) < 0) {
                return false;
        }
        if (!is_pair(crt, key) || !is_pair(issuer, issuer_key)) {
                return false;
        }
        if (gnutls_x509_crt_list_verify(&crt, 1, &issuer, 1, NULL, 0, 0, &problems) < 0 || problems != 0) {
                return false;
        }
        if (gnutls_x509_crt_get_expiration_time(crt) < now + DAY_SEC ||
            gnutls_x509_crt_get_expiration_time(issuer) < now + DAY_SEC) {
                return false;
        }

        for (size_t i = 0; i < n_names; i++) {
                if (!gnutls_x509_crt_check_hostname(crt, names[i])) {
                        return false;
                }
        }
        return gnutls_x509_crt_check_ip(crt, loopback4, sizeof(loopback4), 0) &&
               gnutls_x509_crt_check_ip(crt, loopback6, sizeof(loopback6), 0);
}
