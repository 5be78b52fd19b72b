#include "store/reveal.h"

#include "common/trust.h"
#include "store/publish.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_HEX_LEN (2 * crypto_box_SECRETKEYBYTES)
#define KEY_FILE_MAX 128

static_assert(crypto_box_PUBLICKEYBYTES == crypto_box_SECRETKEYBYTES, "one form for both");
static_assert(SEALED_TEXT_LEN == TOKEN_TEXT_LEN + crypto_box_SEALBYTES, "record.h");

static void secret_free(unsigned char **secret)
{
    sodium_free(*secret);
}

static unsigned char *secret_new(struct espt_error *err)
{
    unsigned char *secret = sodium_malloc(crypto_box_SECRETKEYBYTES);
    if (secret == NULL)
        espt_fail(err, ESPT_UNUSABLE, "no locked memory for the secret key; raise ulimit -l");
    return secret;
}

static int read_key(const char *path, enum trust_level level, unsigned char *ret_key,
                    struct espt_error *err)
{
    char *text;
    size_t len, used = 0;
    int code = trust_read(path, geteuid(), level, KEY_FILE_MAX, &text, &len, err);
    if (code != 0)
        return code;
    size_t digits = strcspn(text, "\r\n");
    bool good =
        digits == KEY_HEX_LEN && strspn(text + digits, "\r\n") == len - digits &&
        sodium_hex2bin(ret_key, crypto_box_SECRETKEYBYTES, text, digits, NULL, &used, NULL) == 0 &&
        used == crypto_box_SECRETKEYBYTES;
    sodium_memzero(text, len);
    free(text);
    if (!good)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: not a key of %zu hexadecimal digits; restore it from a backup", path,
                         (size_t)KEY_HEX_LEN);
    return 0;
}

static int write_key(const char *path, const unsigned char *key, mode_t mode, bool *ret_made,
                     struct espt_error *err)
{
    char *text = sodium_malloc(KEY_HEX_LEN + 2);
    if (text == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "no locked memory for a key; raise ulimit -l");
    sodium_bin2hex(text, KEY_HEX_LEN + 1, key, crypto_box_SECRETKEYBYTES);
    text[KEY_HEX_LEN] = '\n';
    int code = publish_file(path, text, KEY_HEX_LEN + 1, mode, ret_made, err);
    sodium_free(text);
    return code;
}

/* The secret key first: a public key without its secret would seal texts that nobody can open. */
int reveal_create(const struct config *config, bool *ret_made_public, bool *ret_made_secret,
                  struct espt_error *err)
{
    const bool has_public = access(config->public_key, F_OK) == 0;
    const bool has_secret = access(config->secret_key, F_OK) == 0;
    *ret_made_public = *ret_made_secret = false;
    if (has_public)
        return 0;
    __attribute__((cleanup(secret_free))) unsigned char *secret = secret_new(err);
    if (secret == NULL)
        return ESPT_UNUSABLE;
    unsigned char public[crypto_box_PUBLICKEYBYTES];
    int code = 0;
    if (!has_secret) {
        crypto_box_keypair(public, secret);
        code = write_key(config->secret_key, secret, 0600, ret_made_secret, err);
    }
    /* what lies in the file counts: another init may have made it meanwhile */
    if (code == 0)
        code = read_key(config->secret_key, TRUST_SECRET, secret, err);
    if (code != 0)
        return code;
    crypto_scalarmult_base(public, secret);
    return write_key(config->public_key, public, 0644, ret_made_public, err);
}

int reveal_public(const struct config *config, uint8_t ret_public[static 32],
                  struct espt_error *err)
{
    static_assert(crypto_box_PUBLICKEYBYTES == 32, "reveal.h");
    return read_key(config->public_key, TRUST_PUBLIC, ret_public, err);
}

int reveal_seal(const struct config *config, const uint8_t public[static 32],
                const char text[static TOKEN_TEXT_LEN], uint8_t out[static SEALED_TEXT_LEN],
                struct espt_error *err)
{
    if (crypto_box_seal(out, (const unsigned char *)text, TOKEN_TEXT_LEN, public) != 0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: not a usable public key; restore it, or remove "
                         "it and run esp-tokenctl init to derive it from the secret key",
                         config->public_key);
    return 0;
}

int reveal_open(const struct config *config, const uint8_t sealed[static SEALED_TEXT_LEN],
                char ret_text[static TOKEN_TEXT_LEN + 1], struct espt_error *err)
{
    __attribute__((cleanup(secret_free))) unsigned char *secret = secret_new(err);
    if (secret == NULL)
        return ESPT_UNUSABLE;
    int code = read_key(config->secret_key, TRUST_SECRET, secret, err);
    if (code != 0)
        return code;
    unsigned char public[crypto_box_PUBLICKEYBYTES];
    crypto_scalarmult_base(public, secret);
    unsigned char text[TOKEN_TEXT_LEN];
    if (crypto_box_seal_open(text, sealed, SEALED_TEXT_LEN, public, secret) != 0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s does not open this token's text: it was sealed to another key; name "
                         "that one in [reveal] secret_key",
                         config->secret_key);
    memcpy(ret_text, text, TOKEN_TEXT_LEN);
    ret_text[TOKEN_TEXT_LEN] = '\0';
    sodium_memzero(text, sizeof text);
    return 0;
}
