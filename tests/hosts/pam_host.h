/* SPDX-License-Identifier: ISC */
/* A small PAM host with its own folder of services and a conversation that answers from a list. It
   stores what modules log. It needs no root, and reads nothing in /etc. Failures end the test. */
#ifndef TESTS_HOSTS_PAM_HOST_H
#define TESTS_HOSTS_PAM_HOST_H

#include "support/support.h"

#include <security/pam_appl.h>
#include <security/pam_ext.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *folder, *config, *services;
static pam_handle_t *pam;

/* The answers of the conversation, in order; after the last one it fails. NULL: an answer without
   text. */
static const char *answers[8];
static int prompts, conversation_code = PAM_SUCCESS;
static char last_prompt[64];

static char logged[8192];

/* Replaces libpam's function: the dynamic linker finds the program's symbols first. */
__attribute__((visibility("default"))) void pam_syslog(const pam_handle_t *handle, int priority,
                                                       const char *format, ...)
{
    (void)handle, (void)priority;
    size_t len = strlen(logged);
    va_list args;
    va_start(args, format);
    vsnprintf(logged + len, sizeof logged - len, format, args);
    va_end(args);
    len = strlen(logged);
    snprintf(logged + len, sizeof logged - len, "\n");
}

static inline int converse(int count, const struct pam_message **messages,
                           struct pam_response **ret_responses, void *arg)
{
    (void)arg;
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(messages[0]->msg_style, strcmp(messages[0]->msg, "Token: ") == 0
                                                 ? PAM_PROMPT_ECHO_OFF
                                                 : PAM_PROMPT_ECHO_ON);
    snprintf(last_prompt, sizeof last_prompt, "%s", messages[0]->msg);
    if (conversation_code != PAM_SUCCESS)
        return conversation_code;
    ck_assert_int_lt(prompts, (int)(sizeof answers / sizeof *answers));
    const char *answer = answers[prompts++];
    *ret_responses = calloc(1, sizeof **ret_responses);
    ck_assert_ptr_nonnull(*ret_responses);
    (*ret_responses)->resp = answer != NULL ? strdup(answer) : NULL;
    return PAM_SUCCESS;
}

/* Writes the service `name`; @ in its lines stands for this module and the options of the test. */
static inline void service(const char *name, const char *lines)
{
    char text[4096] = "";
    for (const char *at = lines; *at != '\0'; at++) {
        size_t len = strlen(text);
        if (*at == '@')
            snprintf(text + len, sizeof text - len, "%s validator=%s config=%s",
                     OUT "/plugins/pam/pam_esp_token.so", plugin_path(), config);
        else
            snprintf(text + len, sizeof text - len, "%c", *at);
    }
    file_text(in_folder(services, name), text);
}

static inline void login_begin(const char *name, const char *user)
{
    const struct pam_conv conversation = {.conv = converse};
    prompts = 0;
    logged[0] = '\0';
    ck_assert_int_eq(pam_start_confdir(name, user, &conversation, services, &pam), PAM_SUCCESS);
}

static inline void login_end(void)
{
    ck_assert_int_eq(pam_end(pam, PAM_SUCCESS), PAM_SUCCESS);
    pam = NULL;
    ck_assert_ptr_null(strstr(logged, "esptk_"));
}

/* The result of auth for `user` (NULL: none is set) with `token`. */
static inline int auth(const char *name, const char *user, const char *token)
{
    login_begin(name, user);
    answers[0] = token;
    int code = pam_authenticate(pam, 0);
    login_end();
    return code;
}

static inline bool says(const char *text)
{
    return strstr(logged, text) != NULL;
}

#endif
