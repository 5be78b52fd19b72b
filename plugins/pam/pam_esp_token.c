/* SPDX-License-Identifier: ISC */
/*
 * pam_esp_token.so: the user name is the name of an entity, and the password is one of its tokens.
 *
 * Hosts unload this module after each login, so each login opens the validator. Between auth and
 * account the module stores the text of the token and the open validator. account validates the
 * text again and closes the validator, because a session may last for days.
 * pam_esp_token(8) is the manual.
 */
#include "validate.h"

#include <security/pam_ext.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define EXPORT __attribute__((visibility("default")))
#define DATA_NAME "pam_esp_token"

struct stored {
    char token[260];      /* a foreign token has up to 256 bytes */
    struct opened opened; /* until account has validated */
};

static void wipe_stored(pam_handle_t *pamh, void *data, int status)
{
    struct stored *stored = data;
    (void)pamh, (void)status;
    if (stored == NULL)
        return;
    opened_close(&stored->opened);
    explicit_bzero(stored, sizeof *stored);
    free(stored);
}

/* Replaces what is stored. In each case libpam calls wipe_stored() for the earlier data. */
static int store(pam_handle_t *pamh, struct stored *stored)
{
    int code = pam_set_data(pamh, DATA_NAME, stored, wipe_stored);
    if (code != PAM_SUCCESS)
        wipe_stored(pamh, stored, 0);
    return code;
}

/* Stores `token` and the open validator, which it takes over on success. */
static int store_token(pam_handle_t *pamh, const char *token, struct opened *opened)
{
    size_t len = strlen(token);
    struct stored *stored = len < sizeof stored->token ? calloc(1, sizeof *stored) : NULL;
    if (stored == NULL)
        return PAM_BUF_ERR;
    memcpy(stored->token, token, len);
    stored->opened = *opened;
    memset(opened, 0, sizeof *opened);
    return store(pamh, stored);
}

/* The password that an earlier module asked for, or NULL. */
static const char *authtok(const pam_handle_t *pamh)
{
    const void *token;
    return pam_get_item(pamh, PAM_AUTHTOK, &token) == PAM_SUCCESS ? token : NULL;
}

/* Prompts for the token, and sets PAM_AUTHTOK for later modules; libpam wipes that item. */
static int prompt(pam_handle_t *pamh)
{
    char *typed = NULL;
    int code = pam_prompt(pamh, PAM_PROMPT_ECHO_OFF, &typed, "Token: ");
    if (code == PAM_SUCCESS)
        code = typed != NULL ? pam_set_item(pamh, PAM_AUTHTOK, typed) : PAM_CONV_ERR;
    if (typed != NULL)
        explicit_bzero(typed, strlen(typed));
    free(typed);
    return code;
}

static int authenticate(pam_handle_t *pamh, const struct options *options, struct opened *opened,
                        const char *user, char *ret_entity)
{
    int code = options->use_first_pass ? PAM_CRED_INSUFFICIENT : PAM_AUTH_ERR;
    if (!options->use_first_pass && !options->try_first_pass)
        pam_set_item(pamh, PAM_AUTHTOK, NULL);
    const char *token = authtok(pamh);
    if (token != NULL)
        code = validate_token(pamh, options, opened, user, token, ret_entity);
    else if (options->use_first_pass)
        pam_syslog(pamh, LOG_NOTICE,
                   "use_first_pass: no earlier module asked for a token; remove the option, or put "
                   "such a module before this one");
    if (code != PAM_AUTH_ERR || options->use_first_pass)
        return code;
    pam_set_item(pamh, PAM_AUTHTOK, NULL); /* a resumed prompt must not try it again */
    code = prompt(pamh);
    return code == PAM_SUCCESS
               ? validate_token(pamh, options, opened, user, authtok(pamh), ret_entity)
               : code;
}

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct options options;
    struct opened opened = {0};
    const char *user = NULL;
    char entity[sizeof((espt_result *)0)->entity];
    (void)flags;
    int code = store(pamh, NULL);
    if (code == PAM_SUCCESS && !options_parse(&options, pamh, argc, argv))
        code = PAM_SERVICE_ERR;
    if (code == PAM_SUCCESS && !options.any_user)
        code = pam_get_user(pamh, &user, NULL);
    if (code == PAM_SUCCESS)
        code = authenticate(pamh, &options, &opened, user, entity);
    if (code == PAM_SUCCESS && options.any_user)
        code = pam_set_item(pamh, PAM_USER, entity);
    if (code == PAM_SUCCESS)
        code = store_token(pamh, authtok(pamh), &opened);
    opened_close(&opened);
    return code == PAM_CONV_AGAIN ? PAM_INCOMPLETE : code;
}

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct options options;
    const void *data = NULL, *user = NULL;
    char entity[sizeof((espt_result *)0)->entity];
    (void)flags;
    if (!options_parse(&options, pamh, argc, argv))
        return PAM_SERVICE_ERR;
    if (pam_get_data(pamh, DATA_NAME, &data) != PAM_SUCCESS || data == NULL) {
        pam_syslog(
            pamh, LOG_NOTICE,
            "account: no token passed auth in this login; add an auth line for pam_esp_token.so");
        return PAM_CRED_INSUFFICIENT;
    }
    struct stored *stored = (struct stored *)(uintptr_t)data; /* of store_token(), so not const */
    int code = options.any_user ? PAM_SUCCESS : pam_get_item(pamh, PAM_USER, &user);
    if (code == PAM_SUCCESS && !options.any_user && user == NULL)
        code = PAM_USER_UNKNOWN;
    if (code == PAM_SUCCESS)
        code = validate_token(pamh, &options, &stored->opened, user, stored->token, entity);
    opened_close(&stored->opened);
    return code;
}

/* The module sets no credentials. */
EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}
