/* SPDX-License-Identifier: ISC */
/* Logins by PAM, with our module and with pam_permit. */
#include "bench/bench.h"

#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct pam_rival {
    const struct corpus *corpus;
    const char *service;
    char folder[96];
};

static int answer(int count, const struct pam_message **messages, struct pam_response **ret,
                  void *arg)
{
    const struct pam_rival *rival = arg;
    struct pam_response *responses = calloc((size_t)count, sizeof *responses);
    for (int i = 0; responses != NULL && i < count; i++) {
        if (messages[i]->msg_style == PAM_PROMPT_ECHO_OFF)
            responses[i].resp = strndup(rival->corpus->own, sizeof rival->corpus->own);
    }
    *ret = responses;
    return responses != NULL ? PAM_SUCCESS : PAM_BUF_ERR;
}

struct pam_rival *pam_make(const struct corpus *corpus, bool permit)
{
    struct pam_rival *rival = calloc(1, sizeof *rival);
    char path[128], rule[512];
    if (rival == NULL)
        die("out of memory");
    rival->corpus = corpus;
    rival->service = permit ? "permit" : "token";
    snprintf(rival->folder, sizeof rival->folder, "%s/pam.d", corpus->folder);
    mkdir(rival->folder, 0755);
    snprintf(path, sizeof path, "%s/%s", rival->folder, rival->service);
    if (permit)
        snprintf(rule, sizeof rule, "pam_permit.so");
    else
        snprintf(rule, sizeof rule,
                 OUT "/plugins/pam/pam_esp_token.so validator=" OUT "/esp_validator.so config=%s",
                 corpus->path);
    FILE *file = fopen(path, "we");
    if (file == NULL || fprintf(file, "auth required %s\naccount required %s\n", rule, rule) < 0 ||
        fclose(file) != 0)
        die("%s: cannot be written", path);
    return rival;
}

bool pam_validate(void *arg, const char *text, size_t len)
{
    const struct pam_rival *rival = arg;
    const struct pam_conv conversation = {.conv = answer, .appdata_ptr = arg};
    pam_handle_t *pamh;
    (void)text, (void)len;
    if (pam_start_confdir(rival->service, rival->corpus->entity, &conversation, rival->folder,
                          &pamh) != PAM_SUCCESS)
        return false;
    int status = pam_authenticate(pamh, 0);
    if (status == PAM_SUCCESS)
        status = pam_acct_mgmt(pamh, 0);
    return pam_end(pamh, status) == PAM_SUCCESS && status == PAM_SUCCESS;
}

void pam_forget(struct pam_rival *rival)
{
    free(rival);
}
