/* SPDX-License-Identifier: ISC */
#include "store/check/findings.h"

#include <endian.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* An edge has no backups: the remedy is to join again. */
static void mend_edge(struct finding *finding)
{
    const size_t len = strlen(finding->message), end = sizeof RESTORE - 1;
    char *at = finding->message + (len > end ? len - end : 0);
    if (strcmp(at, RESTORE) == 0)
        snprintf(at, sizeof finding->message - (size_t)(at - finding->message),
                 "; run 'esp-tokenctl fleet join'; if that fails, move the store away, and run "
                 "'esp-tokenctl init' and 'esp-tokenctl fleet join --edge'");
}

void check_report(struct check *check, const char *kind, const char *subject, const char *format,
                  ...)
{
    struct finding finding = {.kind = kind};
    snprintf(finding.subject, sizeof finding.subject, "%s", subject);
    va_list args;
    va_start(args, format);
    vsnprintf(finding.message, sizeof finding.message, format, args);
    va_end(args);
    if (check->txn->state.edge)
        mend_edge(&finding);
    check->findings++;
    check->fn(check->arg, &finding);
}

/* Writes a key in readable form: an id, a number, or its printable part. */
static void subject_of(enum table table, const struct record_key *key, char *out, size_t size)
{
    uint64_t integer = 0;
    if (table_has_integer_key(table) && key->len == sizeof integer) {
        memcpy(&integer, key->bytes, sizeof integer);
        integer = le64toh(integer);
        if (table == TABLE_AUTH || table == TABLE_TOKENS || table == TABLE_USAGE ||
            table == TABLE_NOTICES)
            token_id_format(integer, out);
        else
            snprintf(out, size, "%s %llu", table_name(table), (unsigned long long)integer);
        return;
    }
    size_t from = table == TABLE_NAMES ? 0 : 4;
    size_t len = key->len > from ? key->len - from : 0;
    if (table != TABLE_CUSTOMERS && table != TABLE_FOREIGN &&
        text_ok((const char *)key->bytes + from, len))
        snprintf(out, size, "%.*s", (int)len, (const char *)key->bytes + from);
    else
        snprintf(out, size, "%s", table_name(table));
}

void check_damaged(struct check *check, enum table table, const struct record_key *key)
{
    char subject[RECORD_KEY_MAX + 1];
    subject_of(table, key, subject, sizeof subject);
    check_report(check, "damaged", subject, "its record in table %s is damaged" RESTORE,
                 table_name(table));
}

void check_index_fault(struct check *check, enum table table, const struct record_key *key,
                       const char *fault)
{
    char subject[RECORD_KEY_MAX + 1];
    subject_of(table, key, subject, sizeof subject);
    check_report(check, "index", subject, "table %s: %s" RESTORE, table_name(table), fault);
}

void check_each(struct check *check, enum table table,
                void (*fn)(struct check *check, const struct record_key *key,
                           const struct record_value *value))
{
    struct walk walk;
    walk_begin(&walk, check->txn, table, NULL, 0);
    while (walk_next(&walk))
        fn(check, &walk.key, &walk.value);
    walk_end(&walk);
}

bool check_look_up(struct check *check, enum table table, const struct record_key *key,
                   struct record_value *ret_value)
{
    return txn_get(check->txn, table, key, ret_value) > 0;
}

int check_entity_record(struct check *check, uint32_t number, struct entity_record *ret)
{
    struct record_key key = key_integer(number);
    struct record_value value;
    if (!check_look_up(check, TABLE_ENTITIES, &key, &value))
        return 0;
    return entity_decode(&key, value.data, value.len, ret) ? 1 : -1;
}

uint64_t check_integer(const struct record_key *key)
{
    uint64_t integer = 0;
    memcpy(&integer, key->bytes, key->len < sizeof integer ? key->len : sizeof integer);
    return le64toh(integer);
}

#define STEP 4096

void check_step(struct check *check)
{
    if (++check->steps % STEP != 0)
        return;
    const uint64_t done = atomic_fetch_add(check->done, STEP) + STEP;
    if (check->progress != NULL)
        check->progress(check->progress_arg, done, check->total);
}

bool check_same_facts(const struct auth_record *auth, const struct entity_record *entity)
{
    return auth->reseller == entity->reseller && auth->kind == entity->kind &&
           auth->entity_active == entity->active && strcmp(auth->entity_name, entity->name) == 0 &&
           strcmp(auth->tier, entity->tier) == 0;
}
