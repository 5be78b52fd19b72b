/* SPDX-License-Identifier: ISC */
#ifndef ESPT_PORTAL_TLS_H
#define ESPT_PORTAL_TLS_H

#include "common/error.h"

/* Whether the certificate and the key can be read and belong together. */
ESPT_MUST_USE int certificates_fit(const char *certificate, const char *key,
                                   struct espt_error *err);

#endif
