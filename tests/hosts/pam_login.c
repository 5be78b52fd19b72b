/* SPDX-License-Identifier: ISC */
/* A minimal login program: pam_login SERVICES SERVICE USER, with the token on standard input. It
   prints PAM's result; status 0 means that the login succeeds. */
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int converse(int count, const struct pam_message **messages,
                    struct pam_response **ret_responses, void *arg)
{
    char line[256];
    (void)messages, (void)arg;
    if (count != 1 || fgets(line, sizeof line, stdin) == NULL)
        return PAM_CONV_ERR;
    line[strcspn(line, "\n")] = '\0';
    *ret_responses = calloc(1, sizeof **ret_responses);
    (*ret_responses)->resp = strdup(line);
    return PAM_SUCCESS;
}

int main(int argc, char **argv)
{
    const struct pam_conv conversation = {.conv = converse};
    pam_handle_t *pam = NULL;
    if (argc != 4 || pam_start_confdir(argv[2], argv[3], &conversation, argv[1], &pam) != 0)
        return 2;
    int code = pam_authenticate(pam, 0);
    if (code == PAM_SUCCESS)
        code = pam_acct_mgmt(pam, 0);
    puts(pam_strerror(pam, code));
    pam_end(pam, code);
    return code != PAM_SUCCESS;
}
