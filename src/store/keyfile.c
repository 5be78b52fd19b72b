#include "store/keyfile.h"

#include "common/trust.h"
#include "store/publish.h"

#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GUARD "argon2id:"
#define HEX(bytes) (2UL * (bytes))
#define BOX_LEN (KEY_LEN + crypto_secretbox_MACBYTES)
#define LINE_MAX_LEN 320UL
#define FILE_MAX_LEN (KEYS_MAX * LINE_MAX_LEN)

/* Beyond these a file is not believed: it would only make the machine work. */
#define OPS_MAX 64
#define MEM_MAX (UINT64_C(4) << 30)

static_assert(KEY_LEN == crypto_box_PUBLICKEYBYTES, "one length for all");
static_assert(KEY_LEN == crypto_box_SECRETKEYBYTES, "one length for all");
static_assert(KEY_LEN == crypto_secretbox_KEYBYTES, "one length for all");

static void *locked(size_t size, struct espt_error *err)
{
    void *memory = sodium_malloc(size);
    if (memory == NULL)
        espt_fail(err, ESPT_UNUSABLE, "no locked memory for a secret key; raise ulimit -l");
    else
        memset(memory, 0, size);
    return memory;
}

static void free_text(char **text)
{
    sodium_free(*text);
}

struct keys *keys_new(struct espt_error *err)
{
    return locked(sizeof(struct keys), err);
}

void keys_free(struct keys **keys)
{
    sodium_free(*keys);
    *keys = NULL;
}

/* --- reading --- */

static int no_key(const char *path, struct espt_error *err)
{
    return espt_fail(err, ESPT_UNUSABLE,
                     "%s: not a key as init writes it; restore it from a backup", path);
}

/* The next field, up to `end`, of exactly `size` bytes in hexadecimal. */
static bool take_hex(const char **at, char end, void *out, size_t size)
{
    const char *stop;
    size_t len = strcspn(*at, (char[]){end, '\n', '\0'}), used = 0;
    if (len != HEX(size) || sodium_hex2bin(out, size, *at, len, NULL, &used, &stop) != 0 ||
        used != size)
        return false;
    *at += len + ((*at)[len] == end && end != '\n');
    return true;
}

static bool take_number(const char **at, uint64_t most, uint64_t *ret_number)
{
    char *end;
    unsigned long long number = strtoull(*at, &end, 10);
    if (end == *at || *end != ':' || number == 0 || number > most)
        return false;
    *at = end + 1;
    *ret_number = number;
    return true;
}

struct guard {
    uint64_t ops, mem;
    uint8_t salt[crypto_pwhash_SALTBYTES], nonce[crypto_secretbox_NONCEBYTES], box[BOX_LEN];
};

static bool parse_guard(const char *line, struct guard *ret_guard)
{
    const char *at = line + strlen(GUARD);
    return take_number(&at, OPS_MAX, &ret_guard->ops) &&
           take_number(&at, MEM_MAX, &ret_guard->mem) &&
           take_hex(&at, ':', ret_guard->salt, sizeof ret_guard->salt) &&
           take_hex(&at, ':', ret_guard->nonce, sizeof ret_guard->nonce) &&
           take_hex(&at, '\n', ret_guard->box, sizeof ret_guard->box);
}

static int derive(const struct guard *guard, const char *passphrase,
                  uint8_t ret_key[static KEY_LEN], struct espt_error *err)
{
    if (crypto_pwhash(ret_key, KEY_LEN, passphrase, strlen(passphrase), guard->salt, guard->ops,
                      (size_t)guard->mem, crypto_pwhash_ALG_ARGON2ID13) == 0)
        return 0;
    return espt_fail(err, ESPT_UNUSABLE, "out of memory: Argon2id needs %llu MiB here",
                     (unsigned long long)(guard->mem >> 20));
}

static int open_guard(const struct config *config, const char *line, struct keys *keys,
                      uint8_t ret_key[static KEY_LEN], struct espt_error *err)
{
    struct guard guard;
    if (!parse_guard(line, &guard))
        return no_key(config->secret_key, err);
    if (!keys->guarded && config->passphrase.ask == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "%s has a passphrase; give it", config->secret_key);
    int code = 0;
    if (!keys->guarded)
        code = config->passphrase.ask(config->passphrase.arg, config->secret_key, keys->passphrase,
                                      sizeof keys->passphrase, err);
    keys->guarded = code == 0;
    __attribute__((cleanup(free_text))) char *under = code == 0 ? locked(KEY_LEN, err) : NULL;
    if (under == NULL)
        return err->code;
    code = derive(&guard, keys->passphrase, (uint8_t *)under, err);
    if (code == 0 && crypto_secretbox_open_easy(ret_key, guard.box, BOX_LEN, guard.nonce,
                                                (const uint8_t *)under) != 0)
        code =
            espt_fail(err, ESPT_REFUSED, "%s: another passphrase; try again", config->secret_key);
    return code;
}

int keyfile_read_secret(const struct config *config, struct keys *ret_keys, struct espt_error *err)
{
    char *text;
    size_t len;
    int code =
        trust_read(config->secret_key, geteuid(), TRUST_SECRET, FILE_MAX_LEN, &text, &len, err);
    if (code != 0)
        return code;
    memset(ret_keys, 0, sizeof *ret_keys);
    crypto_hash_sha256(ret_keys->file, (const uint8_t *)text, len);
    for (const char *line = text; code == 0 && *line != '\0';) {
        const char *at = line;
        if (ret_keys->count == KEYS_MAX)
            code = no_key(config->secret_key, err);
        else if (strncmp(line, GUARD, strlen(GUARD)) == 0)
            code = open_guard(config, line, ret_keys, ret_keys->key[ret_keys->count], err);
        else if (!take_hex(&at, '\n', ret_keys->key[ret_keys->count], KEY_LEN))
            code = no_key(config->secret_key, err);
        ret_keys->count++;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    sodium_memzero(text, len);
    free(text);
    return code == 0 && ret_keys->count == 0 ? no_key(config->secret_key, err) : code;
}

int keyfile_unchanged(const char *path, const struct keys *keys, struct espt_error *err)
{
    char *text;
    size_t len;
    uint8_t sum[crypto_hash_sha256_BYTES];
    int code = trust_read(path, geteuid(), TRUST_SECRET, FILE_MAX_LEN, &text, &len, err);
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
    int code = trust_read(path, geteuid(), TRUST_PUBLIC, FILE_MAX_LEN, &text, &len, err);
    if (code != 0)
        return code;
    const char *at = text;
    const size_t line = strcspn(text, "\n");
    if (line + 1 < len || !take_hex(&at, '\n', ret_key, KEY_LEN))
        code = no_key(path, err);
    free(text);
    return code;
}

/* --- writing --- */

static int write_guarded(char *out, size_t size, const uint8_t key[static KEY_LEN],
                         const char *passphrase, struct espt_error *err)
{
    struct guard guard = {.ops = crypto_pwhash_OPSLIMIT_MODERATE,
                          .mem = crypto_pwhash_MEMLIMIT_MODERATE};
    char salt[HEX(sizeof guard.salt) + 1], nonce[HEX(sizeof guard.nonce) + 1];
    char box[HEX(BOX_LEN) + 1];
    randombytes_buf(guard.salt, sizeof guard.salt);
    randombytes_buf(guard.nonce, sizeof guard.nonce);
    __attribute__((cleanup(free_text))) char *under = locked(KEY_LEN, err);
    if (under == NULL)
        return ESPT_UNUSABLE;
    int code = derive(&guard, passphrase, (uint8_t *)under, err);
    if (code != 0)
        return code;
    crypto_secretbox_easy(guard.box, key, KEY_LEN, guard.nonce, (const uint8_t *)under);
    sodium_bin2hex(salt, sizeof salt, guard.salt, sizeof guard.salt);
    sodium_bin2hex(nonce, sizeof nonce, guard.nonce, sizeof guard.nonce);
    sodium_bin2hex(box, sizeof box, guard.box, sizeof guard.box);
    snprintf(out, size, GUARD "%llu:%llu:%s:%s:%s\n", (unsigned long long)guard.ops,
             (unsigned long long)guard.mem, salt, nonce, box);
    return 0;
}

static void write_plain(char *out, size_t size, const uint8_t key[static KEY_LEN])
{
    sodium_bin2hex(out, size, key, KEY_LEN);
    out[HEX(KEY_LEN)] = '\n';
    out[HEX(KEY_LEN) + 1] = '\0';
}

static int write_keys(char *out, size_t size, const struct keys *keys, struct espt_error *err)
{
    size_t used = 0;
    int code = 0;
    for (size_t i = 0; code == 0 && i < keys->count; i++) {
        if (keys->guarded)
            code = write_guarded(out + used, size - used, keys->key[i], keys->passphrase, err);
        else
            write_plain(out + used, size - used, keys->key[i]);
        used = strlen(out);
    }
    return code;
}

int keyfile_make_public(const char *path, const uint8_t key[static KEY_LEN], bool *ret_made,
                        struct espt_error *err)
{
    char text[HEX(KEY_LEN) + 2];
    write_plain(text, sizeof text, key);
    return publish_file(path, text, strlen(text), 0644, ret_made, err);
}

int keyfile_put_public(const char *path, const uint8_t key[static KEY_LEN], struct espt_error *err)
{
    char text[HEX(KEY_LEN) + 2];
    write_plain(text, sizeof text, key);
    return publish_over(path, text, strlen(text), 0644, err);
}

int keyfile_make_secret(const char *path, const struct keys *keys, bool *ret_made,
                        struct espt_error *err)
{
    __attribute__((cleanup(free_text))) char *text = locked(FILE_MAX_LEN, err);
    if (text == NULL)
        return ESPT_UNUSABLE;
    int code = write_keys(text, FILE_MAX_LEN, keys, err);
    return code == 0 ? publish_file(path, text, strlen(text), 0600, ret_made, err) : code;
}

int keyfile_write_secret(const char *path, const struct keys *keys,
                         char ret_temporary[static PATH_MAX], struct espt_error *err)
{
    __attribute__((cleanup(free_text))) char *text = locked(FILE_MAX_LEN, err);
    if (text == NULL)
        return ESPT_UNUSABLE;
    int code = write_keys(text, FILE_MAX_LEN, keys, err);
    return code == 0 ? publish_write(path, text, strlen(text), 0600, ret_temporary, err) : code;
}

int keyfile_put_secret(const char *path, const struct keys *keys, struct espt_error *err)
{
    char temporary[PATH_MAX];
    bool taken;
    int code = keyfile_write_secret(path, keys, temporary, err);
    return code == 0 ? publish_take(temporary, path, &taken, err) : code;
}
