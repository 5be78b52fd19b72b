/* SPDX-License-Identifier: ISC */
/* Shared by the tests of esp-tokenctl: JSON documents, and stores with entities and tokens. */
#ifndef TESTS_CLI_DRIVE_H
#define TESTS_CLI_DRIVE_H

#include "support/support.h"

#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_PATTERN "esptk_"

/* Parses the only document that a command printed. The caller releases it. */
static inline json_t *document(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, 0, &error);
    ck_assert_msg(json != NULL, "no JSON document: %s in: %s", error.text, text);
    return json;
}

static inline json_t *done(struct run run)
{
    ck_assert_msg(run.status == 0, "status %d: %s", run.status, run.err);
    return document(run.out);
}

/* Asserts that the object has exactly these keys, in this order. */
static inline void has_keys(const json_t *object, const char *const *keys)
{
    void *at = json_object_iter((json_t *)(uintptr_t)object);
    for (; *keys != NULL; keys++) {
        ck_assert_msg(at != NULL, "lacks %s", *keys);
        ck_assert_str_eq(json_object_iter_key(at), *keys);
        at = json_object_iter_next((json_t *)(uintptr_t)object, at);
    }
    ck_assert_msg(at == NULL, "one key too many");
}
#define HAS_KEYS(object, ...) has_keys((object), (const char *const[]){__VA_ARGS__, NULL})
#define TOKEN_KEYS \
    "id", "name", "entity", "status", "created", "expires", "last_used", "uses", "note"
#define ENTITY_KEYS                                                                                \
    "name", "kind", "reseller", "tier", "tier_known", "status", "created", "tokens", "max_tokens", \
        "contact"

static inline const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    ck_assert_msg(text != NULL, "%s is no text", key);
    return text;
}

/* The state that a refused command must not change, as a checksum of the files that hold it. Equal
   files give equal lists, and no command must run to see it. */
static inline const char *snapshot(const char *config)
{
    static const char *const names[] = {"esp-token.conf", "tiers.ini", "reveal.pub", "reveal.key",
                                        "tokens.mdb"};
    static char sums[8][2 * crypto_generichash_BYTES + 1];
    static size_t next;
    char *sum = sums[next++ % 8];
    unsigned char bytes[crypto_generichash_BYTES];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof bytes);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512];
        size_t len = 0;
        snprintf(path, sizeof path, "%.*s%s", (int)(strrchr(config, '/') + 1 - config), config,
                 names[i]);
        const char *data = file_read(path, &len);
        crypto_generichash_update(&state, (const unsigned char *)names[i], data != NULL);
        crypto_generichash_update(&state, (const unsigned char *)data, len);
    }
    crypto_generichash_final(&state, bytes, sizeof bytes);
    return sodium_bin2hex(sum, sizeof sums[0], bytes, sizeof bytes);
}

/* All tokens and entities as JSON. */
static inline const char *lists_of(const char *config)
{
    struct run tokens = CTL(config, NULL, "--json", "list");
    struct run entities = CTL(config, NULL, "--json", "entity", "list");
    ck_assert_int_eq(tokens.status, 0);
    ck_assert_int_eq(entities.status, 0);
    static char both[8][16384];
    static size_t next;
    char *out = both[next++ % 8];
    int len = snprintf(out, sizeof both[0], "%s%s", tokens.out, entities.out);
    ck_assert_int_lt(len, (int)sizeof both[0]);
    return out;
}

/* Removes [usage] from the config, for tests that compare lists and validate tokens between
   them. */
static inline void count_no_uses(const char *config)
{
    char *text = file_read(config, NULL), *section = strstr(text, "[usage]");
    ck_assert_ptr_nonnull(section);
    *section = '\0';
    file_text(config, text);
}

static inline void must_ctl(const char *config, const char *const *args)
{
    const struct run run = run_ctl(config, NULL, args);
    ck_assert_msg(run.status == 0, "%s %s: %s", args[0], args[1], run.err);
}
#define MUST_CTL(config, ...) must_ctl((config), (const char *const[]){__VA_ARGS__, NULL})

/* Adds acme, an advanced reseller; bolt, its lite customer; and zed, a lite customer of the
   platform. */
static inline void populate(const char *config)
{
    MUST_CTL(config, "entity", "add", "acme", "--kind", "reseller", "--tier", "advanced");
    MUST_CTL(config, "entity", "add", "bolt", "--kind", "customer", "--reseller", "acme");
    MUST_CTL(config, "entity", "add", "zed", "--kind", "customer");
}

/* A store with them. */
static inline const char *populated(const char **ret_folder)
{
    return store_made(populate, ret_folder);
}

/* Copies a store as it is while no command runs, without the files that commands keep beside it.
 *folder is the store's folder, then the copy's. Returns the copy's configuration. */
static inline const char *copied(const char **folder)
{
    static const char *const files[] = {"esp-token.conf", "tiers.ini", "reveal.pub", "reveal.key",
                                        "tokens.mdb"};
    const char *copy = temp_folder();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t len;
        const char *data = file_read(in_folder(*folder, files[i]), &len);
        ck_assert_msg(data != NULL, "%s", files[i]);
        file_write(in_folder(copy, files[i]), data, len,
                   strcmp(files[i], "reveal.key") == 0 ? 0600 : 0640);
    }
    *folder = copy;
    return keep_string(strdup(in_folder(copy, "esp-token.conf")));
}

static inline const char *revealed(const char *config, const char *token)
{
    json_t *json = done(CTL(config, NULL, "--json", "show", token, "--reveal"));
    static char text[64];
    snprintf(text, sizeof text, "%s", text_of(json, "token"));
    json_decref(json);
    return text;
}

#endif
