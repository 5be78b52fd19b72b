/* SPDX-License-Identifier: ISC */
#include "portal/tls.h"

#include <gnutls/gnutls.h>
#include <stdint.h>
#include <string.h>

static gnutls_datum_t datum(const char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *)(uintptr_t)text,
                            .size = (unsigned)strlen(text)};
}

int certificates_fit(const char *certificate, const char *key, struct espt_error *err)
{
    gnutls_certificate_credentials_t credentials;
    const gnutls_datum_t certificates = datum(certificate), keys = datum(key);
    int rc = gnutls_certificate_allocate_credentials(&credentials);
    if (rc != GNUTLS_E_SUCCESS)
        return espt_fail(err, ESPT_UNUSABLE, "TLS: %s", gnutls_strerror(rc));
    rc =
        gnutls_certificate_set_x509_key_mem(credentials, &certificates, &keys, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(credentials);
    if (rc == GNUTLS_E_SUCCESS)
        return 0;
    return espt_fail(err, ESPT_UNUSABLE,
                     "[portal] tls_certificate and tls_key cannot be used: %s; give a PEM "
                     "certificate and its key",
                     gnutls_strerror(rc));
}
