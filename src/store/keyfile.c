/* SPDX-License-Identifier: ISC */
#include "store/keyfile.h"

#include "common/name.h"
#include "common/trust.h"
#include "common/when.h"
#include "store/key_memory.h"
#include "store/passphrase_box.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static_assert(KEY_LEN == crypto_box_PUBLICKEYBYTES, "one length for all");
static_assert(KEY_LEN == crypto_box_SECRETKEYBYTES, "one length for all");

struct keys *keys_new(struct espt_error *err)
{
    return key_memory(sizeof(struct keys), err);
}

void keys_free(struct keys **keys)
{
    sodium_free(*keys);
    *keys = NULL;
}

uint32_t key_id(const uint8_t public[static KEY_LEN])
{
    uint32_t le;
    memcpy(&le, public, sizeof le);
    return le32toh(le);
}

static int no_key(const char *path, struct espt_error *err)
{
    return espt_fail(err, ESPT_UNUSABLE,
                     "%s: not a key as init writes it; restore it from a backup", path);
}

/* A file while it is read into `keys`. The stretched passphrase is reused for every line with the
   same salt. */
struct reading {
    const struct config *config;
    struct keys *keys;
    bool asks;
    bool has_under;
    struct passphrase_box of;
    char *under; /* the stretched passphrase: KEY_LEN bytes, in locked memory */
};

static int stretch(struct reading *r, const struct passphrase_box *box, struct espt_error *err)
{
    if (r->has_under && r->of.ops == box->ops && r->of.mem == box->mem &&
        memcmp(r->of.salt, box->salt, sizeof box->salt) == 0)
        return 0;
    r->of = *box;
    int code = passphrase_box_key(box, r->keys->passphrase, (uint8_t *)r->under, err);
    r->has_under = code == 0;
    return code;
}

static int open_box(struct reading *r, const char *line, uint8_t ret_key[static KEY_LEN],
                    struct espt_error *err)
{
    const struct config *config = r->config;
    struct passphrase_box box;
    if (!passphrase_box_parse(line, &box))
        return no_key(config->secret_key, err);
    if (!r->asks)
        return 0;
    if (!r->keys->has_passphrase && config->passphrase.ask == NULL)
        return espt_fail(
            err, ESPT_UNUSABLE,
            "%s has a passphrase; run the command at a terminal, or use --passphrase-file",
            config->secret_key);
    int code = 0;
    if (!r->keys->has_passphrase)
        code = config->passphrase.ask(config->passphrase.arg, config->secret_key,
                                      r->keys->passphrase, sizeof r->keys->passphrase, err);
    r->keys->has_passphrase = code == 0;
    if (code == 0)
        code = stretch(r, &box, err);
    if (code == 0 && crypto_secretbox_open_easy(ret_key, box.cipher, BOX_LEN, box.nonce,
                                                (const uint8_t *)r->under) != 0)
        code = espt_fail(err, ESPT_REFUSED, "%s: the passphrase is wrong; try again",
                         config->secret_key);
    return code;
}

/* Parses what follows the secret: nothing, or PUBLIC and the state of the key. */
static bool parse_mark(const char *at, struct key *key)
{
    char when[WHEN_TEXT_SIZE];
    if (*at == '\0')
        return true;
    if (!key_parse_hex(&at, ' ', key->public, KEY_LEN))
        return false;
    key->state = strcmp(at, "next") == 0 ? KEY_NEXT : KEY_KEPT;
    if (key->state == KEY_NEXT)
        return true;
    if (strncmp(at, "kept ", 5) != 0 || !moment_parse(at + 5, &key->since))
        return false;
    when_format(key->since, when); /* refuses other forms, such as a date */
    return strcmp(at + 5, when) == 0;
}

/* Parses one line of the file, without its newline. */
static int read_line(struct reading *r, char *line, struct espt_error *err)
{
    struct keys *keys = r->keys;
    if (keys->count == KEYS_MAX)
        return no_key(r->config->secret_key, err);
    struct key *key = &keys->key[keys->count];
    const bool is_boxed = strncmp(line, PASSPHRASE_BOX, strlen(PASSPHRASE_BOX)) == 0;
    char *mark = line + strcspn(line, " ");
    const char *at = line;
    if (*mark == ' ')
        *mark++ = '\0';
    if (!parse_mark(mark, key) || (!is_boxed && !key_parse_hex(&at, '\n', key->secret, KEY_LEN)))
        return no_key(r->config->secret_key, err);
    int code = is_boxed ? open_box(r, line, key->secret, err) : 0;
    if (code != 0)
        return code;
    key->is_open = !is_boxed || r->asks;
    if (key->is_open)
        crypto_scalarmult_base(key->public, key->secret);
    keys->count++;
    return 0;
}

/* The line of the key in force does not contain its public half. If that key is closed, its public
   half is read from the public file. */
static void find_public(const struct config *config, struct keys *keys)
{
    struct espt_error ignored;
    uint8_t public[KEY_LEN];
    struct key *key = keys->key;
    while (key < keys->key + keys->count && key->state != KEY_IN_FORCE)
        key++;
    if (key < keys->key + keys->count && !key->is_open &&
        keyfile_read_public(config->public_key, public, &ignored) == 0)
        memcpy(key->public, public, sizeof public);
}

static int read_keys(const struct config *config, bool asks, struct keys *ret_keys,
                     struct espt_error *err)
{
    char *text;
    size_t len;
    __attribute__((cleanup(key_memory_free))) char *under = key_memory(KEY_LEN, err);
    if (under == NULL)
        return ESPT_UNUSABLE;
    int code =
        trust_read(config->secret_key, geteuid(), TRUST_SECRET, KEYFILE_MAX, &text, &len, err);
    if (code != 0)
        return code;
    memset(ret_keys, 0, sizeof *ret_keys);
    crypto_hash_sha256(ret_keys->file, (const uint8_t *)text, len);
    struct reading r = {.config = config, .keys = ret_keys, .asks = asks, .under = under};
    for (char *line = text + bom_len(text, len); code == 0 && *line != '\0';) {
        char *end = line + strcspn(line, "\n"), *next = *end == '\n' ? end + 1 : end;
        *end = '\0';
        code = read_line(&r, line, err);
        line = next;
    }
    sodium_memzero(text, len);
    free(text);
    if (code == 0 && ret_keys->count == 0)
        code = no_key(config->secret_key, err);
    if (code == 0)
        find_public(config, ret_keys);
    return code;
}

int keyfile_read_secret(const struct config *config, struct keys *ret_keys, struct espt_error *err)
{
    return read_keys(config, true, ret_keys, err);
}

int keyfile_read_known(const struct config *config, struct keys *ret_keys, struct espt_error *err)
{
    return read_keys(config, false, ret_keys, err);
}

struct key *keys_find(struct keys *keys, const uint8_t public[static KEY_LEN])
{
    for (size_t i = 0; i < keys->count; i++) {
        if (memcmp(keys->key[i].public, public, KEY_LEN) == 0)
            return &keys->key[i];
    }
    return NULL;
}

int keyfile_unchanged(const char *path, const struct keys *keys, struct espt_error *err)
{
    char *text;
    size_t len;
    uint8_t sum[crypto_hash_sha256_BYTES];
    int code = trust_read(path, geteuid(), TRUST_SECRET, KEYFILE_MAX, &text, &len, err);
    if (code != 0)
        return code;
    crypto_hash_sha256(sum, (const uint8_t *)text, len);
    sodium_memzero(text, len);
    free(text);
    return memcmp(sum, keys->file, sizeof sum) == 0
               ? 0
               : espt_fail(err, ESPT_REFUSED,
                           "%s was changed meanwhile; nothing was done; try again", path);
}

int keyfile_read_public(const char *path, uint8_t ret_key[static KEY_LEN], struct espt_error *err)
{
    char *text;
    size_t len;
    int code = trust_read(path, geteuid(), TRUST_PUBLIC, KEYFILE_MAX, &text, &len, err);
    if (code != 0)
        return code;
    const size_t mark = bom_len(text, len);
    const char *at = text + mark;
    const size_t line = strcspn(at, "\n");
    if (line + 1 < len - mark || !key_parse_hex(&at, '\n', ret_key, KEY_LEN))
        code = no_key(path, err);
    free(text);
    return code;
}
