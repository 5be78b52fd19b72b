/*
 * The lines of export and import, JSON documents one a line:
 *
 *   {"export": "esp-token", "version": 1, "sealed": true}     first
 *   {"entity": {name, kind, reseller, tier, status, created}}
 *   {"token": {id, entity, name, status, created, expires, sha256, sealed, retiring, foreign}}
 *
 * Resellers stand before customers, an entity before its tokens. `sealed` (base64) is there where
 * the text is and was asked for; `retiring` and `foreign` where true. A foreign token to import
 * needs entity, name and sha256 alone.
 */
#ifndef ESPT_CLI_TRANSFER_H
#define ESPT_CLI_TRANSFER_H

#include "cli/output.h"
#include "store/batch.h"

#define TRANSFER_VERSION 1

json_t *transfer_of_entity(const struct entity *entity);
json_t *transfer_of_token(const struct token *token, const struct token_secret *secret,
                          bool sealed);

enum transfer_kind { TRANSFER_HEAD, TRANSFER_ENTITY, TRANSFER_TOKEN };
struct transfer_line {
    enum transfer_kind kind;
    struct entity entity;
    struct token token;
    struct token_secret secret;
};
/* ESPT_USAGE: not such a line. */
ESPT_MUST_USE int transfer_parse(struct transfer_line *ret_line, const char *text, size_t len,
                                 struct espt_error *err);

#endif
