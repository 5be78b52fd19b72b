#include "ask.h"

#include "load.h"

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

static int judge(pam_handle_t *pamh, const struct options *options, const espt_validator *v,
                 espt_ctx *ctx, const char *user, const char *token, char *ret_entity)
{
    const char *metric = options->metric;
    const espt_query query = {.size = sizeof query,
                              .token = token,
                              .token_len = strlen(token),
                              .metric = metric,
                              .metric_len = metric != NULL ? strlen(metric) : 0};
    espt_result result = {.size = sizeof result};
    v->validate(ctx, &query, &result);
    int code = pam_code(result.status);
    const char *reason = v->reason(result.status), *why = result.detail;
    /* the holder of another's token learns nothing of it: this comes before its state. A reseller
       may read its customer's data, and is not the customer */
    bool matched = result.entity[0] != '\0' || code == PAM_SUCCESS;
    if (matched && user != NULL && strcmp(user, result.entity) != 0) {
        code = PAM_AUTH_ERR;
        reason = "entity";
        why = "the token is not this user's";
    } else if (code == PAM_SUCCESS && result.tier_rank < options->min_rank) {
        code = PAM_PERM_DENIED;
        reason = "tier";
        why = "its rank is below min_rank";
    }
    pam_syslog(pamh, code == PAM_SUCCESS ? LOG_INFO : LOG_NOTICE, "token %s: %s (%s)",
               result.token_id[0] != '\0' ? result.token_id : "-", reason, why);
    if (code == PAM_SUCCESS)
        memcpy(ret_entity, result.entity, sizeof result.entity);
    return code;
}

int ask(pam_handle_t *pamh, const struct options *options, const char *user, const char *token,
        char *ret_entity)
{
    struct espt_loaded validator;
    char err[512];
    espt_ctx *ctx;
    int code = PAM_AUTHINFO_UNAVAIL;
    if (!espt_load(&validator, options->validator, err, sizeof err)) {
        pam_syslog(pamh, LOG_ERR, "%s", err);
        return code;
    }
    if (validator.v->open(&ctx, options->config, on_log, pamh, err, sizeof err)) {
        code = judge(pamh, options, validator.v, ctx, user, token, ret_entity);
        validator.v->close(ctx);
    } else {
        pam_syslog(pamh, LOG_ERR, "%s", err);
    }
    espt_unload(&validator);
    return code;
}
