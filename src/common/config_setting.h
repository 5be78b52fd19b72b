/* SPDX-License-Identifier: ISC */
/* What the functions that set one key of the configuration share (config.c, config_portal.c,
   config_fleet.c, config_notify.c). */
#ifndef ESPT_COMMON_CONFIG_SETTING_H
#define ESPT_COMMON_CONFIG_SETTING_H

#include "common/config.h"

struct reading {
    struct config *config;
    struct config_portal *portal;
    const char *file; /* as the caller named it, for messages */
    unsigned seen;    /* one bit for each setting that was read */
};

/* Sets a path, which is relative to the folder of the configuration. `out` has PATH_MAX bytes. */
ESPT_MUST_USE int config_set_path(struct reading *r, char *out, const char *value, int line,
                                  struct espt_error *err);

/* The same, where `out` has `size` bytes. */
ESPT_MUST_USE int config_set_path_in(struct reading *r, char *out, size_t size, const char *value,
                                     int line, struct espt_error *err);

/* Sets a span, or 0 for `never`. */
ESPT_MUST_USE int config_set_span(struct reading *r, const char *key, const char *value,
                                  int64_t *ret_seconds, int line, struct espt_error *err);

typedef int config_set_fn(struct reading *r, const char *value, int line, struct espt_error *err);
config_set_fn set_portal_listen, set_portal_identity, set_portal_peers, set_portal_proxy_secret,
    set_portal_reveal, set_portal_idle, set_portal_session, set_portal_public_url,
    set_portal_tls_certificate, set_portal_tls_key, set_portal_user, set_portal_example_url;
config_set_fn set_notify_command, set_notify_stages, set_notify_timeout;
config_set_fn set_fleet_journal, set_fleet_settings, set_fleet_name, set_fleet_key, set_fleet_trust,
    set_fleet_max_age, set_fleet_publish;

void portal_defaults(struct config_portal *portal);
/* Whether the keys of the section fit each other. ESPT_UNUSABLE: the message says what is
   missing. */
ESPT_MUST_USE int portal_fits(const struct config_portal *portal, const char *file,
                              struct espt_error *err);
/* Sets the defaults of [fleet], if the section has a key. ESPT_UNUSABLE: a required key is
   missing. */
ESPT_MUST_USE int fleet_complete(struct reading *r, struct espt_error *err);

#endif
