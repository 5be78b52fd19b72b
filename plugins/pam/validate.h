/* SPDX-License-Identifier: ISC */
/* Validates a token, and returns the verdict as a PAM code. */
#ifndef PAM_ESP_TOKEN_VALIDATE_H
#define PAM_ESP_TOKEN_VALIDATE_H

#include "load.h"
#include "options.h"

/* The validator, opened as the options say. Zeroed memory is a closed one. */
struct opened {
    const char *path, *config; /* of the options; they point into argv, which libpam keeps */
    struct espt_loaded validator;
    espt_ctx *ctx;
};

/* Loads the plugin and opens the validator, unless `opened` is open with the same paths already.
   Returns false if that fails; the log says why. */
bool opened_by(struct opened *opened, pam_handle_t *pamh, const struct options *options);
void opened_close(struct opened *opened);

/* Opens the validator if need be, and validates. The token must belong to the entity `user`; NULL:
   to any entity. The log names the token by its id.

   Returns one of:

     - PAM_SUCCESS            the token is allowed
     - PAM_AUTH_ERR           no token, an unknown token, or a token of another entity; only the log
                              says which
     - PAM_AUTHTOK_EXPIRED    the token is expired
     - PAM_ACCT_EXPIRED       its entity, or the reseller of that entity, is suspended
     - PAM_PERM_DENIED        the token is inactive, or the tier does not show what is required
     - PAM_AUTHINFO_UNAVAIL   the validator cannot be loaded, or cannot decide

   `ret_entity` (as large as the entity of an espt_result) is filled only on success. */
int validate_token(pam_handle_t *pamh, const struct options *options, struct opened *opened,
                   const char *user, const char *token, char *ret_entity);

#endif
