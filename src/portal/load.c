/* SPDX-License-Identifier: ISC */
#include "portal/load.h"

#include "common/trust.h"
#include "portal/tls.h"

#include <pwd.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET_MIN 16
#define PEM_MAX (1U << 20)

/* The first line of the file. */
static int read_secret(struct portal *portal, struct espt_error *err)
{
    const char *path = portal->settings.proxy_secret;
    char *text;
    size_t len;
    if (path[0] == '\0')
        return 0;
    int code = trust_read(path, geteuid(), TRUST_SECRET, 4096, &text, &len, err);
    if (code != 0)
        return code;
    const size_t line = strcspn(text, "\r\n");
    if (line < SECRET_MIN || line >= sizeof portal->proxy_secret || strlen(text) != len)
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: the first line is not %d to %zu characters; run 'openssl rand -hex "
                         "32' for one",
                         path, SECRET_MIN, sizeof portal->proxy_secret - 1);
    else
        memcpy(portal->proxy_secret, text, line);
    sodium_memzero(text, len);
    free(text);
    return code;
}

/* Frees a private key in PEM; NULL is allowed. */
static void forget_key(char *key)
{
    if (key != NULL)
        sodium_memzero(key, strlen(key));
    free(key);
}

int certificates_load(struct supervised *supervised, struct espt_error *err)
{
    const struct config_portal *settings = &supervised->portal.settings;
    char *certificate = NULL, *key = NULL;
    size_t len;
    if (settings->tls_certificate[0] == '\0')
        return 0;
    int code = trust_read(settings->tls_certificate, geteuid(), TRUST_PUBLIC, PEM_MAX, &certificate,
                          &len, err);
    if (code == 0)
        code = trust_read(settings->tls_key, geteuid(), TRUST_SECRET, PEM_MAX, &key, &len, err);
    if (code == 0)
        code = certificates_fit(certificate, key, err);
    if (code != 0) {
        free(certificate);
        forget_key(key);
        return code;
    }
    free(supervised->certificate);
    forget_key(supervised->key);
    supervised->certificate = certificate;
    supervised->key = key;
    return 0;
}

static int find_user(struct supervised *supervised, struct espt_error *err)
{
    const char *name = supervised->portal.settings.user;
    supervised->drops = geteuid() == 0;
    if (!supervised->drops)
        return 0;
    const struct passwd *user = getpwnam(name);
    if (user == NULL)
        return espt_fail(
            err, ESPT_UNUSABLE, "there is no user %s, whom the worker becomes; %s", name,
            strcmp(name, "esp-token-portal") == 0 ? "run 'systemd-sysusers'"
                                                  : "create it, or correct [portal] user");
    supervised->uid = user->pw_uid;
    supervised->gid = user->pw_gid;
    return supervised->uid != 0
               ? 0
               : espt_fail(err, ESPT_UNUSABLE, "[portal] user is root; name a user without rights");
}

int portal_load(const char *file, struct supervised *supervised, struct espt_error *err)
{
    struct portal *portal = &supervised->portal;
    int code = config_load_portal(&portal->config, &portal->settings, file, geteuid(), err);
    if (code == 0)
        code = read_secret(portal, err);
    if (code == 0)
        code = certificates_load(supervised, err);
    if (code == 0)
        code = find_user(supervised, err);
    if (code == 0)
        code = pages_load(&supervised->pages, err);
    return code;
}
