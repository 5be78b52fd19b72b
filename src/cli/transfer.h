/* SPDX-License-Identifier: ISC */
/*
 * The lines of export and import: one JSON document a line.
 *
 *   {"export": "esp-token", "version": 1, "sealed": true}     first
 *   {"entity": {name, kind, reseller, tier, status, created, off_by, contact}}
 *   {"token": {id, entity, name, status, created, expires, sha256, sealed, key, retiring, foreign,
 *              off_by, note}}
 *
 * Resellers come before customers, and an entity before its tokens. These fields are optional:
 *
 * - `sealed` (base64): the sealed text, if the store has it and it was asked for.
 * - `key` (8 hexadecimal digits): the reveal key of `sealed`, if it is known.
 * - `retiring` and `foreign`: only if true.
 * - `off_by` (platform, reseller or entity): only if the status is inactive.
 * - `contact` and `note`: only if not empty.
 *
 * The line of a foreign token for import needs only entity, name and sha256.
 */
#ifndef ESPT_CLI_TRANSFER_H
#define ESPT_CLI_TRANSFER_H

#include "cli/output.h"
#include "store/batch.h"

#define TRANSFER_VERSION 1
#define KEY_DIGITS 8

json_t *transfer_of_entity(const struct entity *entity);
json_t *transfer_of_token(const struct token *token, const struct token_secret *secret,
                          bool sealed);

enum transfer_kind { TRANSFER_HEAD, TRANSFER_ENTITY, TRANSFER_TOKEN };
struct transfer_line {
    enum transfer_kind kind;
    struct entity entity;
    struct token token;
    struct token_secret secret;
    bool is_shut; /* set by import: none of the readable keys opens its text */
};
/* transfer_read.c: parses one line. ESPT_USAGE: it is not a line of an export; the message says
   what is wrong at which place or field, and repeats no value. */
ESPT_MUST_USE int transfer_parse(struct transfer_line *ret_line, const char *text, size_t len,
                                 struct espt_error *err);

#endif
