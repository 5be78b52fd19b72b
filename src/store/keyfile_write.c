/* SPDX-License-Identifier: ISC */
/* Writes key files (keyfile.h). */
#include "common/when.h"
#include "store/db/publish.h"
#include "store/key_memory.h"
#include "store/keyfile.h"
#include "store/passphrase_box.h"

#include <stdio.h>
#include <string.h>

static void write_mark(char *out, size_t size, const struct key *key)
{
    char public[HEX(KEY_LEN) + 1], when[WHEN_TEXT_SIZE];
    sodium_bin2hex(public, sizeof public, key->public, KEY_LEN);
    when_format(key->since, when);
    if (key->state == KEY_NEXT)
        snprintf(out, size, " %s next\n", public);
    else if (key->state == KEY_KEPT)
        snprintf(out, size, " %s kept %s\n", public, when);
    else
        snprintf(out, size, "\n");
}

static int write_keys(char *out, size_t size, const struct keys *keys, struct espt_error *err)
{
    size_t used = 0;
    struct passphrase_box box;
    __attribute__((cleanup(key_memory_free))) char *under = key_memory(KEY_LEN, err);
    if (under == NULL)
        return ESPT_UNUSABLE;
    int code = keys->has_passphrase
                   ? passphrase_box_begin(&box, keys->passphrase, (uint8_t *)under, err)
                   : 0;
    for (size_t i = 0; code == 0 && i < keys->count; i++) {
        if (keys->has_passphrase)
            passphrase_box_write(out + used, size - used, keys->key[i].secret, &box,
                                 (const uint8_t *)under);
        else
            sodium_bin2hex(out + used, size - used, keys->key[i].secret, KEY_LEN);
        used += strlen(out + used);
        write_mark(out + used, size - used, &keys->key[i]);
        used += strlen(out + used);
    }
    return code;
}

static void write_plain(char *out, size_t size, const uint8_t key[static KEY_LEN])
{
    sodium_bin2hex(out, size, key, KEY_LEN);
    out[HEX(KEY_LEN)] = '\n';
    out[HEX(KEY_LEN) + 1] = '\0';
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
    __attribute__((cleanup(key_memory_free))) char *text = key_memory(KEYFILE_MAX, err);
    if (text == NULL)
        return ESPT_UNUSABLE;
    int code = write_keys(text, KEYFILE_MAX, keys, err);
    return code == 0 ? publish_file(path, text, strlen(text), 0600, ret_made, err) : code;
}

int keyfile_write_secret(const char *path, const struct keys *keys,
                         char ret_temporary[static PATH_MAX], struct espt_error *err)
{
    __attribute__((cleanup(key_memory_free))) char *text = key_memory(KEYFILE_MAX, err);
    if (text == NULL)
        return ESPT_UNUSABLE;
    int code = write_keys(text, KEYFILE_MAX, keys, err);
    return code == 0 ? publish_write(path, text, strlen(text), 0600, ret_temporary, err) : code;
}

int keyfile_put_secret(const char *path, const struct keys *keys, struct espt_error *err)
{
    char temporary[PATH_MAX];
    bool taken;
    int code = keyfile_write_secret(path, keys, temporary, err);
    return code == 0 ? publish_finish(temporary, path, &taken, err) : code;
}
