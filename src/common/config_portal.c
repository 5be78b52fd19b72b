/* SPDX-License-Identifier: ISC */
/* The section [portal] of the configuration: each key, and whether the keys fit each other. */
#include "common/config_setting.h"
#include "common/ini.h"
#include "common/name.h"
#include "common/when.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE INT64_C(60)
#define HOUR (INT64_C(60) * MINUTE)
#define DAY (INT64_C(24) * HOUR)

void portal_defaults(struct config_portal *portal)
{
    portal->link = true;
    portal->reveal = true;
    portal->idle = 30 * MINUTE;
    portal->session = 12 * HOUR;
    snprintf(portal->user, sizeof portal->user, "esp-token-portal");
}

/* --- listen --- */

static bool port_ok(const char *port)
{
    const size_t digits = strspn(port, "0123456789");
    return digits > 0 && digits <= 5 && port[digits] == '\0' && port[0] != '0' &&
           strtoul(port, NULL, 10) <= 65535;
}

static bool address_ok(const char *value)
{
    char address[PORTAL_LISTEN_SIZE];
    uint8_t bytes[16];
    const bool six = value[0] == '[';
    const char *end = six ? strstr(value, "]:") : strrchr(value, ':');
    if (end == NULL || !port_ok(end + (six ? 2 : 1)))
        return false;
    snprintf(address, sizeof address, "%.*s", (int)(end - value - six), value + six);
    return inet_pton(six ? AF_INET6 : AF_INET, address, bytes) == 1;
}

int set_portal_listen(struct reading *r, const char *value, int line, struct espt_error *err)
{
    struct config_portal *portal = r->portal;
    if (portal->listens == PORTAL_LISTEN_MAX)
        return ini_fault(err, r->file, line, "listen is given more than %d times; remove some",
                         PORTAL_LISTEN_MAX);
    if (strlen(value) >= PORTAL_LISTEN_SIZE || (value[0] != '/' && !address_ok(value)))
        return ini_fault(err, r->file, line,
                         "listen is neither ADDRESS:PORT nor the absolute path of a socket (at "
                         "most %d bytes); write 127.0.0.1:8443 or [::1]:8443",
                         PORTAL_LISTEN_SIZE - 1);
    memcpy(portal->listen[portal->listens++], value, strlen(value) + 1);
    return 0;
}

/* --- who signs in --- */

int set_portal_identity(struct reading *r, const char *value, int line, struct espt_error *err)
{
    const bool both = strcmp(value, "both") == 0;
    r->portal->link = both || strcmp(value, "link") == 0;
    r->portal->proxy = both || strcmp(value, "proxy") == 0;
    if (r->portal->link || r->portal->proxy)
        return 0;
    return ini_fault(err, r->file, line, "identity is not link, proxy or both; write link");
}

int set_portal_peers(struct reading *r, const char *value, int line, struct espt_error *err)
{
    struct config_portal *portal = r->portal;
    while (*value != '\0') {
        const size_t digits = strspn(value, "0123456789");
        if (digits == 0 || digits > 9 || portal->peers == PORTAL_PEERS_MAX ||
            (value[digits] != '\0' && value[digits] != ' '))
            return ini_fault(err, r->file, line,
                             "peers are at most %d user numbers with blanks between them; write "
                             "the output of 'id -u www-data'",
                             PORTAL_PEERS_MAX);
        portal->peer[portal->peers++] = (uid_t)strtoul(value, NULL, 10);
        value += digits;
        value += strspn(value, " ");
    }
    return portal->peers > 0 ? 0 : ini_fault(err, r->file, line, "peers is empty; name a user");
}

int set_portal_proxy_secret(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_path(r, r->portal->proxy_secret, value, line, err);
}

int set_portal_reveal(struct reading *r, const char *value, int line, struct espt_error *err)
{
    r->portal->reveal = strcmp(value, "yes") == 0;
    if (r->portal->reveal || strcmp(value, "no") == 0)
        return 0;
    return ini_fault(err, r->file, line, "reveal is neither yes nor no; write yes");
}

/* --- times --- */

static int set_short_span(struct reading *r, const char *key, const char *value, int64_t most,
                          int64_t *ret_seconds, int line, struct espt_error *err)
{
    int64_t seconds;
    if (!span_parse(value, &seconds) || seconds > most)
        return ini_fault(err, r->file, line, "%s is not a span of 1m to %lldd; write 30m or 12h",
                         key, (long long)(most / DAY));
    *ret_seconds = seconds;
    return 0;
}

int set_portal_idle(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return set_short_span(r, "idle", value, DAY, &r->portal->idle, line, err);
}

int set_portal_session(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return set_short_span(r, "session", value, 7 * DAY, &r->portal->session, line, err);
}

/* --- URLs, certificates, the user --- */

static bool url_text_ok(const char *value)
{
    return strlen(value) < PORTAL_URL_SIZE && plain_len(value, strlen(value)) == strlen(value) &&
           strpbrk(value, " \"<>\\^`{|}#") == NULL;
}

int set_portal_public_url(struct reading *r, const char *value, int line, struct espt_error *err)
{
    char *url = r->portal->public_url;
    const size_t scheme = strncmp(value, "https://", 8) == 0  ? 8
                          : strncmp(value, "http://", 7) == 0 ? 7
                                                              : 0;
    const char *host = value + scheme;
    const size_t len = strcspn(host, "/");
    const bool ends = host[len] == '\0' || strcmp(host + len, "/") == 0;
    if (scheme == 0 || len == 0 || !ends || !url_text_ok(value) || strpbrk(host, "?@") != NULL)
        return ini_fault(err, r->file, line,
                         "public_url is not https:// or http:// with a host and no path; write "
                         "https://tokens.example.com");
    snprintf(url, PORTAL_URL_SIZE, "%.*s", (int)(scheme + len), value);
    for (char *c = url; *c != '\0'; c++) { /* browsers send an origin in lower case */
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    return 0;
}

int set_portal_example_url(struct reading *r, const char *value, int line, struct espt_error *err)
{
    if (!url_text_ok(value) || strncmp(value, "http", 4) != 0 || strchr(value, '\'') != NULL)
        return ini_fault(err, r->file, line,
                         "example_url is not a URL; write https://analytics.example.com/v1");
    snprintf(r->portal->example_url, PORTAL_URL_SIZE, "%s", value);
    return 0;
}

int set_portal_tls_certificate(struct reading *r, const char *value, int line,
                               struct espt_error *err)
{
    return config_set_path(r, r->portal->tls_certificate, value, line, err);
}

int set_portal_tls_key(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return config_set_path(r, r->portal->tls_key, value, line, err);
}

int set_portal_user(struct reading *r, const char *value, int line, struct espt_error *err)
{
    const size_t len = strlen(value);
    if (len == 0 || len >= sizeof r->portal->user || plain_len(value, len) != len ||
        strpbrk(value, " /:") != NULL)
        return ini_fault(err, r->file, line, "user is not a user's name; write esp-token-portal");
    memcpy(r->portal->user, value, len + 1);
    return 0;
}

/* --- together --- */

static bool loopback(const char *listen)
{
    return listen[0] == '/' || strncmp(listen, "127.", 4) == 0 || strncmp(listen, "[::1]:", 6) == 0;
}

static int misfit(const char *file, const char *what, struct espt_error *err)
{
    return espt_fail(err, ESPT_UNUSABLE, "%s: [portal] %s", file, what);
}

int portal_fits(const struct config_portal *portal, const char *file, struct espt_error *err)
{
    bool away = false, by_path = false;
    for (size_t i = 0; i < portal->listens; i++) {
        away |= !loopback(portal->listen[i]);
        by_path |= portal->listen[i][0] == '/';
    }
    const bool tls = portal->tls_certificate[0] != '\0';
    if (portal->listens == 0)
        return misfit(file, "listen is missing; add 'listen = 127.0.0.1:8443'", err);
    if (tls != (portal->tls_key[0] != '\0'))
        return misfit(file, "needs tls_certificate and tls_key, or neither", err);
    if (away && !tls)
        return misfit(file,
                      "listen has an address that is not loopback; add tls_certificate and tls_key",
                      err);
    if (portal->link && portal->public_url[0] == '\0')
        return misfit(file, "public_url is missing, and sign-in links need it; add it", err);
    if (portal->proxy && portal->peers == 0 && portal->proxy_secret[0] == '\0')
        return misfit(file,
                      "identity needs a proxy that can be known; add peers with the path of a "
                      "socket in listen, or proxy_secret",
                      err);
    if (portal->peers > 0 && !by_path)
        return misfit(file, "peers are known at a socket only; add its path as listen", err);
    if (portal->idle > portal->session)
        return misfit(file, "idle is longer than session; shorten it", err);
    return 0;
}
