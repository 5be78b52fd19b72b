/* SPDX-License-Identifier: ISC */
#include "validate.h"

#include <security/pam_ext.h>
#include <string.h>
#include <syslog.h>

static void on_log(void *arg, int level, const char *message, size_t len)
{
    pam_syslog(arg, level, "%.*s", (int)len, message);
}

static int pam_code(int32_t status)
{
    switch (status) {
    case ESPT_ALLOW:
        return PAM_SUCCESS;
    case ESPT_DENY_MALFORMED:
    case ESPT_DENY_UNKNOWN:
        return PAM_AUTH_ERR;
    case ESPT_DENY_EXPIRED:
        return PAM_AUTHTOK_EXPIRED;
    case ESPT_DENY_SUSPENDED:
        return PAM_ACCT_EXPIRED;
    case ESPT_DENY_INACTIVE:
    case ESPT_DENY_TIER:
    case ESPT_DENY_ENTITY:
    case ESPT_DENY_METRIC:
        return PAM_PERM_DENIED;
    default:
        return PAM_AUTHINFO_UNAVAIL;
    }
}

static int validate(pam_handle_t *pamh, const struct options *options, const struct opened *opened,
                    const char *user, const char *token, char *ret_entity)
{
    const espt_validator *v = opened->validator.v;
    const char *metric = options->metric;
    const espt_query query = {.size = sizeof query,
                              .token = token,
                              .token_len = strlen(token),
                              .metric = metric,
                              .metric_len = metric != NULL ? strlen(metric) : 0};
    espt_result result = {.size = sizeof result};
    v->validate(opened->ctx, &query, &result);
    int code = pam_code(result.status);
    const char *reason = v->reason(result.status), *why = result.detail;
    /* This check precedes the token's own state, so that the holder of another entity's token
       learns nothing about it. A reseller may read its customer's data, but does not log in as the
       customer. */
    bool matched = result.entity[0] != '\0' || code == PAM_SUCCESS;
    if (matched && user != NULL && strcmp(user, result.entity) != 0) {
        code = PAM_AUTH_ERR;
        reason = "entity";
        why = "the token does not belong to the entity of that user name";
    } else if (code == PAM_SUCCESS && result.tier_rank < options->min_rank) {
        code = PAM_PERM_DENIED;
        reason = "tier";
        why = "the rank of the tier is below min_rank";
    }
    pam_syslog(pamh, code == PAM_SUCCESS ? LOG_INFO : LOG_NOTICE, "token %s: %s (%s)",
               result.token_id[0] != '\0' ? result.token_id : "-", reason, why);
    if (code == PAM_SUCCESS)
        memcpy(ret_entity, result.entity, sizeof result.entity);
    return code;
}

static bool same_path(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool opened_by(struct opened *opened, pam_handle_t *pamh, const struct options *options)
{
    char err[512];
    if (opened->ctx != NULL && same_path(opened->path, options->validator) &&
        same_path(opened->config, options->config))
        return true;
    opened_close(opened);
    if (!espt_load(&opened->validator, options->validator, err, sizeof err) ||
        !opened->validator.v->open(&opened->ctx, options->config, on_log, pamh, err, sizeof err)) {
        pam_syslog(pamh, LOG_ERR, "%s", err);
        opened_close(opened);
        return false;
    }
    opened->path = options->validator;
    opened->config = options->config;
    return true;
}

void opened_close(struct opened *opened)
{
    const espt_validator *v = opened->validator.v;
    if (v != NULL && opened->ctx != NULL)
        v->close(opened->ctx);
    espt_unload(&opened->validator);
    memset(opened, 0, sizeof *opened);
}

int validate_token(pam_handle_t *pamh, const struct options *options, struct opened *opened,
                   const char *user, const char *token, char *ret_entity)
{
    return opened_by(opened, pamh, options)
               ? validate(pamh, options, opened, user, token, ret_entity)
               : PAM_AUTHINFO_UNAVAIL;
}
