/* What an administrator writes after pam_esp_token.so, read strictly. */
#ifndef PAM_ESP_TOKEN_OPTIONS_H
#define PAM_ESP_TOKEN_OPTIONS_H

#include <security/pam_modules.h>
#include <stdbool.h>
#include <stdint.h>

struct options {
    const char *config;    /* NULL: the installed default */
    const char *validator; /* NULL: the installed plugin */
    const char *metric;    /* NULL: any */
    int32_t min_rank;      /* 0: any tier */
    bool any_user;         /* the token alone decides */
    bool use_first_pass, try_first_pass;
};

/* False, with the fault logged, for what is unknown, given twice or malformed. The texts are
 * argv's. */
bool options_parse(struct options *ret_options, pam_handle_t *pamh, int argc, const char **argv);

#endif
