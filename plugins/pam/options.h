/* SPDX-License-Identifier: ISC */
/* Parses the options that an administrator writes after pam_esp_token.so. */
#ifndef PAM_ESP_TOKEN_OPTIONS_H
#define PAM_ESP_TOKEN_OPTIONS_H

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *config;    /* NULL: the installed default */
    const char *validator; /* NULL: the installed plugin */
    const char *metric;    /* NULL: none is required */
    int32_t min_rank;      /* 0: any tier */
    bool any_user;         /* only the token decides */
    bool use_first_pass, try_first_pass;
};

/* Returns false if an option is unknown, malformed or given twice; the log names it. The texts of
   `ret_options` point into argv. */
bool options_parse(struct options *ret_options, pam_handle_t *pamh, int argc, const char **argv);

#endif
