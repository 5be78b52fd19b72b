/* SPDX-License-Identifier: ISC */
/* The files of a site: its secret key, and which fleet it trusts. */
#include "common/ini.h"
#include "common/trust.h"
#include "fleet/member.h"
#include "store/db/publish.h"
#include "store/keyfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_WORD "esp-token-site-key "
#define TRUST_WORD "esp-token-fleet "
#define SEED_HEX (2UL * crypto_sign_SEEDBYTES)
#define FILE_MAX 4096

/* The file has one line: the word and what follows it. The caller wipes and frees *ret_text. */
static int read_line(const char *path, enum trust_level level, char **ret_text, size_t *ret_len,
                     struct espt_error *err)
{
    int code = trust_read(path, geteuid(), level, FILE_MAX, ret_text, ret_len, err);
    if (code == 0)
        (*ret_text)[strcspn(*ret_text, "\r\n")] = '\0';
    return code;
}

static bool parse_hex(const char *text, size_t digits, uint8_t *out)
{
    size_t len = 0;
    return strspn(text, "0123456789abcdef") == digits &&
           sodium_hex2bin(out, digits / 2, text, digits, NULL, &len, NULL) == 0 &&
           len == digits / 2;
}

int key_load(struct fleet *fleet, struct espt_error *err)
{
    const char *path = fleet->config->fleet_key;
    uint8_t seed[crypto_sign_SEEDBYTES];
    char *text;
    size_t len;
    if (fleet->has_key)
        return 0;
    int code = read_line(path, TRUST_SECRET, &text, &len, err);
    if (code != 0 && trust_missing(path))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: this site has no key; run 'esp-tokenctl fleet key'", path);
    if (code != 0)
        return code;
    const size_t word = sizeof KEY_WORD - 1;
    const bool good = strncmp(text, KEY_WORD, word) == 0 && strlen(text) == word + SEED_HEX &&
                      parse_hex(text + word, SEED_HEX, seed);
    sodium_memzero(text, len);
    free(text);
    if (!good)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: not a key as 'esp-tokenctl fleet key' writes it; restore the file",
                         path);
    crypto_sign_seed_keypair(fleet->public, fleet->secret, seed);
    sodium_memzero(seed, sizeof seed);
    fleet->has_key = true;
    return 0;
}

static int make_key(const struct config *config, bool *ret_made, struct espt_error *err)
{
    uint8_t seed[crypto_sign_SEEDBYTES];
    char line[sizeof KEY_WORD + SEED_HEX + 1];
    randombytes_buf(seed, sizeof seed);
    memcpy(line, KEY_WORD, sizeof KEY_WORD - 1);
    sodium_bin2hex(line + sizeof KEY_WORD - 1, SEED_HEX + 1, seed, sizeof seed);
    line[sizeof KEY_WORD - 1 + SEED_HEX] = '\n';
    int code = trust_folder_of(config->fleet_key, geteuid(), err);
    if (code == 0)
        code =
            publish_file(config->fleet_key, line, sizeof KEY_WORD + SEED_HEX, 0600, ret_made, err);
    sodium_memzero(seed, sizeof seed);
    sodium_memzero(line, sizeof line);
    return code;
}

int fleet_key(const struct config *config, bool *ret_made, uint8_t *ret_public,
              struct espt_error *err)
{
    struct fleet *fleet;
    *ret_made = false;
    int code = access(config->fleet_key, F_OK) == 0 ? 0 : make_key(config, ret_made, err);
    if (code == 0)
        code = fleet_new(&fleet, config, 0, err);
    if (code != 0)
        return code;
    code = key_load(fleet, err);
    if (code == 0)
        memcpy(ret_public, fleet->public, SITE_KEY_LEN);
    fleet_free(fleet);
    return code;
}

int trust_load(const struct config *config, struct fleet_trust *ret, struct espt_error *err)
{
    const char *path = config->fleet_trust;
    char *text;
    size_t len;
    int code = read_line(path, TRUST_PUBLIC, &text, &len, err);
    if (code != 0 && trust_missing(path))
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: it says which fleet to trust; copy the file from the fleet's first "
                         "site, or run 'esp-tokenctl fleet init' to begin a fleet",
                         path);
    if (code != 0)
        return code;
    const size_t word = sizeof TRUST_WORD - 1;
    const char *id = text + word, *key = id + 2UL * FLEET_ID_LEN + 1;
    const bool good = strncmp(text, TRUST_WORD, word) == 0 &&
                      strlen(text) == word + 2UL * FLEET_ID_LEN + 1 + 2UL * SITE_KEY_LEN &&
                      key[-1] == ' ' && parse_hex(id, 2UL * FLEET_ID_LEN, ret->id) &&
                      parse_hex(key, 2UL * SITE_KEY_LEN, ret->key);
    free(text);
    return good ? 0
                : espt_fail(err, ESPT_UNUSABLE,
                            "%s: not a file as 'esp-tokenctl fleet init' writes it; copy it from "
                            "the fleet's first site",
                            path);
}

int trust_write(const struct config *config, const struct fleet_trust *trust,
                struct espt_error *err)
{
    char id[2 * FLEET_ID_LEN + 1], key[SITE_KEY_TEXT], line[256];
    bool made = false;
    sodium_bin2hex(id, sizeof id, trust->id, sizeof trust->id);
    sodium_bin2hex(key, sizeof key, trust->key, sizeof trust->key);
    const int len = snprintf(line, sizeof line, TRUST_WORD "%s %s\n", id, key);
    int code = trust_folder_of(config->fleet_trust, geteuid(), err);
    if (code == 0)
        code = publish_file(config->fleet_trust, line, (size_t)len, 0644, &made, err);
    if (code == 0 && !made)
        code = espt_fail(err, ESPT_REFUSED,
                         "%s: the file is there already; move it away to begin another fleet",
                         config->fleet_trust);
    return code;
}

uint32_t fleet_reveal(const struct config *config)
{
    uint8_t public[KEY_LEN];
    struct espt_error ignored;
    return keyfile_read_public(config->public_key, public, &ignored) == 0 ? key_id(public) : 0;
}

int fleet_tiers_hash(const struct config *config, uint8_t ret[static FLEET_HASH_LEN],
                     struct espt_error *err)
{
    char *text;
    size_t len;
    int code = trust_read(config->tiers, geteuid(), TRUST_PUBLIC, INI_FILE_MAX, &text, &len, err);
    if (code != 0)
        return code;
    crypto_generichash(ret, FLEET_HASH_LEN, (const uint8_t *)text, len, NULL, 0);
    free(text);
    return 0;
}
