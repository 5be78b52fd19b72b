/* SPDX-License-Identifier: ISC */
/* Reads the headers of a request: what authenticates it, where it goes, whether it is well-formed.
 */
#ifndef ESPT_AUTHD_PRESENT_H
#define ESPT_AUTHD_PRESENT_H

#include "uri.h"

#include <microhttpd.h>

struct header {
    struct text value;
    unsigned lines; /* how often it was sent */
};

struct headers {
    struct header authorization, api_key, uri, length, encoding, host;
    const char *uri_name; /* the header that counts as `uri` */
    bool malformed;       /* a name or a value that a header must not have */
};

/* The texts belong to the connection, until present_wipe(). */
void headers_read(struct MHD_Connection *connection, const char *uri_name,
                  struct headers *ret_headers);

/* Whether two programs could disagree about where the request ends. */
bool headers_are_ambiguous(const struct headers *headers);

/* The Content-Length; 0 if there is none. */
size_t headers_length(const struct headers *headers);

/* The longest encoded Basic credentials that are decoded. A name and a token are much shorter. */
#define BASIC_MAX 1024

struct presented {
    struct text token;
    unsigned char decoded[BASIC_MAX];
};

/* Returns true if the request presents a token: the first of Bearer, X-API-KEY, Basic. A header
   that is malformed or sent twice counts as a token with an empty text. */
bool present_token(const struct headers *headers, struct presented *ret_presented);

/* Wipes the token, and the headers it was in. */
void present_wipe(const struct headers *headers, struct presented *presented);

#endif
