/* One question to the validator, and its answer as a PAM code. */
#ifndef PAM_ESP_TOKEN_ASK_H
#define PAM_ESP_TOKEN_ASK_H

#include "espt/validator.h"
#include "options.h"

/* Loads, opens, asks and closes. `user` is whose the token must be; NULL: anyone's. Logs the
   verdict by the token's id. PAM_SUCCESS, or: PAM_AUTH_ERR           no token, none that is known,
   or another entity's: which, only the log tells PAM_AUTHTOK_EXPIRED    the token is expired
     PAM_ACCT_EXPIRED       its entity, or that one's reseller, is suspended
     PAM_PERM_DENIED        the token is switched off, or the tier does not show what is required
     PAM_AUTHINFO_UNAVAIL   the validator cannot be loaded, or cannot tell
   `*ret_entity` (sizeof an espt_result's) is filled on success alone. */
int ask(pam_handle_t *pamh, const struct options *options, const char *user, const char *token,
        char *ret_entity);

#endif
