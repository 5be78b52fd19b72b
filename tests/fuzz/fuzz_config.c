/* SPDX-License-Identifier: ISC */
/* esp-token.conf: refused with FILE:LINE:, or accepted with absolute paths and sizes within bounds.
 */
#include "fuzz/fuzz.h"

#include "common/config.h"

FUZZ(config)
{
    static struct config config;
    struct espt_error err = {0};
    char *text = malloc(size + 1);
    MUST_HOLD(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (config_parse(&config, "/etc/esp-token.conf", text, size, &err) == 0) {
        const char *const paths[] = {config.file, config.store, config.tiers, config.public_key,
                                     config.secret_key};
        for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
            MUST_HOLD(paths[i][0] == '/' && strnlen(paths[i], PATH_MAX) < PATH_MAX);
        MUST_HOLD(config.map_size >= UINT64_C(1) << 20 && config.map_size <= UINT64_C(1) << 40);
        MUST_HOLD(config.default_expiry >= 0);
    } else {
        MUST_HOLD(strncmp(err.message, "/etc/esp-token.conf:", 20) == 0);
        MUST_HOLD(strtol(err.message + 20, NULL, 10) >= 1 && strchr(err.message, '\n') == NULL);
    }
    free(text);
    return 0;
}
