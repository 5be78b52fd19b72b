/* SPDX-License-Identifier: ISC */
/* The tier table of a fleet: a piece in the journal, named by its hash; an entry says which is in
   force. */
#include "common/ini.h"
#include "common/trust.h"
#include "fleet/member.h"
#include "store/writing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void piece_name(const uint8_t hash[static FLEET_HASH_LEN],
                       char ret_name[static ESPT_JOURNAL_NAME_MAX + 1])
{
    char hex[2 * FLEET_HASH_LEN + 1];
    sodium_bin2hex(hex, sizeof hex, hash, FLEET_HASH_LEN);
    snprintf(ret_name, ESPT_JOURNAL_NAME_MAX + 1, "tiers-%s", hex);
}

int fleet_tiers_publish(struct fleet *fleet, struct store *store, const char *text, size_t len,
                        struct espt_error *err)
{
    struct writing w;
    struct change note;
    uint8_t hash[FLEET_HASH_LEN];
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    crypto_generichash(hash, sizeof hash, (const uint8_t *)text, len, NULL, 0);
    piece_name(hash, name);
    int code = journal_put(fleet, name, (const uint8_t *)text, len, err);
    if (code == 0)
        code = writing_begin(&w, store, err);
    if (code != 0)
        return code;
    memcpy(w.txn.state.position.tiers, hash, sizeof hash);
    change_note(&note, "tier publish", name);
    changes_add(&w.changes, &w.txn, &note);
    return writing_end(&w);
}

int fleet_tiers_get(struct fleet *fleet, struct store *store, char **ret_text, size_t *ret_len,
                    struct espt_error *err)
{
    struct fleet_place place;
    uint8_t hash[FLEET_HASH_LEN] = {0};
    char name[ESPT_JOURNAL_NAME_MAX + 1];
    const uint8_t *bytes;
    size_t len;
    int code = fleet_place(store, &place, err);
    if (code != 0)
        return code;
    if (sodium_is_zero(place.position.tiers, FLEET_HASH_LEN))
        return espt_fail(err, ESPT_REFUSED,
                         "the fleet has no tier table; run 'esp-tokenctl tier publish' at a site");
    piece_name(place.position.tiers, name);
    const int found = journal_get(fleet, name, &bytes, &len, err);
    if (found < 0)
        return found;
    if (found > 0)
        crypto_generichash(hash, sizeof hash, bytes, len, NULL, 0);
    if (found == 0 || len > INI_FILE_MAX || memcmp(hash, place.position.tiers, sizeof hash) != 0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "the tier table in the fleet's journal is %s; nothing was changed; run "
                         "'esp-tokenctl tier publish' at a site that has it",
                         found == 0 ? "missing" : "damaged");
    char *text = malloc(len + 1);
    if (text == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    memcpy(text, bytes, len);
    text[len] = '\0';
    *ret_text = text;
    *ret_len = len;
    return 0;
}

int tiers_put_back(struct fleet *fleet, const struct fleet_position *position,
                   struct espt_error *err)
{
    char name[ESPT_JOURNAL_NAME_MAX + 1], *text;
    const uint8_t *bytes;
    size_t len;
    uint8_t hash[FLEET_HASH_LEN];
    if (sodium_is_zero(position->tiers, sizeof position->tiers))
        return 0;
    piece_name(position->tiers, name);
    int code = journal_get(fleet, name, &bytes, &len, err);
    if (code != 0)
        return code < 0 ? code : 0;
    code =
        trust_read(fleet->config->tiers, geteuid(), TRUST_PUBLIC, INI_FILE_MAX, &text, &len, err);
    if (code != 0)
        return code;
    crypto_generichash(hash, sizeof hash, (const uint8_t *)text, len, NULL, 0);
    code = memcmp(hash, position->tiers, sizeof hash) == 0
               ? journal_put(fleet, name, (const uint8_t *)text, len, err)
               : espt_fail(err, ESPT_UNUSABLE,
                           "the entries are in the journal, and the fleet's tier table is not: %s "
                           "is another one; run 'esp-tokenctl tier publish' at a site that has it",
                           fleet->config->tiers);
    free(text);
    return code;
}
