/* SPDX-License-Identifier: ISC */
#include "store/passphrase_box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Upper limits: a file that asks for more is refused, because it would only exhaust the machine. */
#define OPS_MAX 64
#define MEM_MAX (UINT64_C(4) << 30)

_Static_assert(KEY_LEN == crypto_secretbox_KEYBYTES, "a key can be in the box of another");

bool key_parse_hex(const char **at, char end, void *out, size_t size)
{
    const char *stop;
    size_t len = strcspn(*at, (char[]){end, '\n', '\0'}), used = 0;
    if (len != HEX(size) || sodium_hex2bin(out, size, *at, len, NULL, &used, &stop) != 0 ||
        used != size)
        return false;
    *at += len + ((*at)[len] == end && end != '\n');
    return true;
}

static bool parse_number(const char **at, uint64_t most, uint64_t *ret_number)
{
    char *end;
    unsigned long long number = strtoull(*at, &end, 10);
    if (end == *at || *end != ':' || number == 0 || number > most)
        return false;
    *at = end + 1;
    *ret_number = number;
    return true;
}

bool passphrase_box_parse(const char *text, struct passphrase_box *ret_box)
{
    const char *at = text + strlen(PASSPHRASE_BOX);
    return parse_number(&at, OPS_MAX, &ret_box->ops) && parse_number(&at, MEM_MAX, &ret_box->mem) &&
           key_parse_hex(&at, ':', ret_box->salt, sizeof ret_box->salt) &&
           key_parse_hex(&at, ':', ret_box->nonce, sizeof ret_box->nonce) &&
           key_parse_hex(&at, '\n', ret_box->cipher, sizeof ret_box->cipher);
}

int passphrase_box_key(const struct passphrase_box *box, const char *passphrase,
                       uint8_t ret_key[static KEY_LEN], struct espt_error *err)
{
    if (crypto_pwhash(ret_key, KEY_LEN, passphrase, strlen(passphrase), box->salt, box->ops,
                      (size_t)box->mem, crypto_pwhash_ALG_ARGON2ID13) == 0)
        return 0;
    return espt_fail(err, ESPT_UNUSABLE,
                     "out of memory: the passphrase (Argon2id) needs %llu MiB; free some memory",
                     (unsigned long long)(box->mem >> 20));
}

int passphrase_box_begin(struct passphrase_box *ret_box, const char *passphrase,
                         uint8_t ret_under[static KEY_LEN], struct espt_error *err)
{
    *ret_box = (struct passphrase_box){.ops = crypto_pwhash_OPSLIMIT_MODERATE,
                                       .mem = crypto_pwhash_MEMLIMIT_MODERATE};
    randombytes_buf(ret_box->salt, sizeof ret_box->salt);
    return passphrase_box_key(ret_box, passphrase, ret_under, err);
}

void passphrase_box_write(char *out, size_t size, const uint8_t key[static KEY_LEN],
                          struct passphrase_box *box, const uint8_t under[static KEY_LEN])
{
    char salt[HEX(sizeof box->salt) + 1], nonce[HEX(sizeof box->nonce) + 1];
    char cipher[HEX(BOX_LEN) + 1];
    randombytes_buf(box->nonce, sizeof box->nonce);
    crypto_secretbox_easy(box->cipher, key, KEY_LEN, box->nonce, under);
    sodium_bin2hex(salt, sizeof salt, box->salt, sizeof box->salt);
    sodium_bin2hex(nonce, sizeof nonce, box->nonce, sizeof box->nonce);
    sodium_bin2hex(cipher, sizeof cipher, box->cipher, sizeof box->cipher);
    snprintf(out, size, PASSPHRASE_BOX "%llu:%llu:%s:%s:%s", (unsigned long long)box->ops,
             (unsigned long long)box->mem, salt, nonce, cipher);
}
