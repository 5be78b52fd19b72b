/* SPDX-License-Identifier: ISC */
/* Makes certificates for a test. */
#ifndef TESTS_FLEET_CERTIFICATES_H
#define TESTS_FLEET_CERTIFICATES_H

/* Writes to the folder: `ca.crt` and `other.crt`, the certificates of two CAs; `server.crt` and
   `server.key`, signed by the first CA for db.example.com and 127.0.0.1; and `elsewhere.crt` and
   `elsewhere.key`, signed by the same CA for elsewhere.example.com alone. */
void certificates_make(const char *folder);

#endif
