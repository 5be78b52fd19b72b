/* SPDX-License-Identifier: ISC */
/* What a status of the validator means to HTTP and to the error log. */
#include "esp_token.h"

int esp_token_undecided(int32_t status)
{
    return status >= ESPT_ERR_UNAVAILABLE;
}

ngx_uint_t esp_token_log_level(int32_t status)
{
    return esp_token_undecided(status) ? NGX_LOG_ERR : NGX_LOG_NOTICE;
}

ngx_int_t esp_token_http_status(int32_t status)
{
    if (esp_token_undecided(status))
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    return status == ESPT_DENY_ENTITY || status == ESPT_DENY_METRIC ? NGX_HTTP_FORBIDDEN
                                                                    : NGX_HTTP_UNAUTHORIZED;
}
