/*
 * pam_esp_token.so: the entity's name is the user, and a token of it the password.
 *
 * The validator is opened for each question and closed after it, since hosts unload this module
 * after each login. Between auth and account the token's text alone is kept: account asks again
 * with it. pam_esp_token(8) is the manual.
 */
#include "ask.h"

#include <security/pam_ext.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define EXPORT __attribute__((visibility("default")))
#define KEPT "pam_esp_token"

struct kept {
    char token[260]; /* another system's has up to 256 bytes */
};

static void wipe_kept(pam_handle_t *pamh, void *data, int status)
{
    (void)pamh, (void)status;
    if (data != NULL)
        explicit_bzero(data, sizeof(struct kept));
    free(data);
}

/* NULL forgets. What was kept before is wiped in any case, by the cleanup of its own. */
static int keep(pam_handle_t *pamh, const char *token)
{
    struct kept *kept = NULL;
    if (token != NULL) {
        size_t len = strlen(token);
        kept = len < sizeof kept->token ? calloc(1, sizeof *kept) : NULL;
        if (kept == NULL)
            return PAM_BUF_ERR;
        memcpy(kept->token, token, len);
    }
    int code = pam_set_data(pamh, KEPT, kept, wipe_kept);
    if (code != PAM_SUCCESS)
        wipe_kept(pamh, kept, 0);
    return code;
}

/* What an earlier module was given, or NULL. */
static const char *authtok(const pam_handle_t *pamh)
{
    const void *token;
    return pam_get_item(pamh, PAM_AUTHTOK, &token) == PAM_SUCCESS ? token : NULL;
}

/* Asks for the token, and leaves it in PAM_AUTHTOK for modules after this one; libpam wipes it
 * there. */
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

static int authenticate(pam_handle_t *pamh, const struct options *options, const char *user,
                        char *ret_entity)
{
    int code = options->use_first_pass ? PAM_CRED_INSUFFICIENT : PAM_AUTH_ERR;
    if (!options->use_first_pass && !options->try_first_pass)
        pam_set_item(pamh, PAM_AUTHTOK, NULL);
    const char *token = authtok(pamh);
    if (token != NULL)
        code = ask(pamh, options, user, token, ret_entity);
    else if (options->use_first_pass)
        pam_syslog(pamh, LOG_NOTICE, "use_first_pass, and no module before asked for a token");
    if (code != PAM_AUTH_ERR || options->use_first_pass)
        return code;
    pam_set_item(pamh, PAM_AUTHTOK, NULL); /* else a prompt that is resumed would try it again */
    code = prompt(pamh);
    return code == PAM_SUCCESS ? ask(pamh, options, user, authtok(pamh), ret_entity) : code;
}

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct options options;
    const char *user = NULL;
    char entity[sizeof((espt_result *)0)->entity];
    (void)flags;
    int code = keep(pamh, NULL);
    if (code == PAM_SUCCESS && !options_parse(&options, pamh, argc, argv))
        code = PAM_SERVICE_ERR;
    if (code == PAM_SUCCESS && !options.any_user)
        code = pam_get_user(pamh, &user, NULL);
    if (code == PAM_SUCCESS)
        code = authenticate(pamh, &options, user, entity);
    if (code == PAM_SUCCESS && options.any_user)
        code = pam_set_item(pamh, PAM_USER, entity);
    if (code == PAM_SUCCESS)
        code = keep(pamh, authtok(pamh));
    return code == PAM_CONV_AGAIN ? PAM_INCOMPLETE : code;
}

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    struct options options;
    const void *kept = NULL, *user = NULL;
    char entity[sizeof((espt_result *)0)->entity];
    (void)flags;
    if (!options_parse(&options, pamh, argc, argv))
        return PAM_SERVICE_ERR;
    if (pam_get_data(pamh, KEPT, &kept) != PAM_SUCCESS || kept == NULL) {
        pam_syslog(pamh, LOG_NOTICE, "account without a token that auth let pass");
        return PAM_CRED_INSUFFICIENT;
    }
    int code = options.any_user ? PAM_SUCCESS : pam_get_item(pamh, PAM_USER, &user);
    if (code == PAM_SUCCESS && !options.any_user && user == NULL)
        code = PAM_USER_UNKNOWN;
    return code == PAM_SUCCESS
               ? ask(pamh, &options, user, ((const struct kept *)kept)->token, entity)
               : code;
}

/* A token is all there is: no credentials to set, and none to refuse. */
EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv)
{
    (void)pamh, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}
