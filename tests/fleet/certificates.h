/* SPDX-License-Identifier: ISC */
/* Certificates of a test's own. */
#ifndef TESTS_FLEET_CERTIFICATES_H
#define TESTS_FLEET_CERTIFICATES_H

/* Makes in the folder: `ca.crt` and `other.crt`, each of a CA; `server.crt` and `server.key`, by
   the first CA for db.example.com and 127.0.0.1; and `elsewhere.crt` and `elsewhere.key`, by the
   same for elsewhere.example.com alone. */
void certificates_make(const char *folder);

#endif
