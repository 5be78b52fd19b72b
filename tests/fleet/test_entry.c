/* SPDX-License-Identifier: ISC */
/* Entries of a journal: they are decoded as they were encoded, and only if they were signed. */
#include "fleet/ops.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t public[SITE_KEY_LEN], secret[crypto_sign_SECRETKEYBYTES];

static void put_name(struct ops *ops, const char *name, uint32_t number)
{
    const struct record_key key = key_name(name, strlen(name));
    uint8_t value[RECORD_MAX];
    ops_put(ops, TABLE_NAMES, &key, value, number_encode(&key, number, value));
}

static void put_auth(struct ops *ops, uint64_t id)
{
    const struct record_key key = key_integer(id);
    const struct auth_record auth = {
        .active = true, .kind = KIND_CUSTOMER, .entity = 2, .entity_name = "acme", .tier = "lite"};
    uint8_t value[RECORD_MAX];
    ops_put(ops, TABLE_AUTH, &key, value, auth_encode(&key, &auth, value));
}

static void put_index(struct ops *ops, const char *name, uint64_t id)
{
    const struct record_key key = key_by_entity(2, name, strlen(name));
    uint8_t value[RECORD_MAX];
    ops_put(ops, TABLE_BY_ENTITY, &key, value, id_encode(TABLE_BY_ENTITY, &key, id, value));
}

/* Every kind of operation once. */
static void fill(struct ops *edge, struct ops *vault)
{
    static const struct entity_facts facts = {
        .entity = 2, .reseller = 1, .kind = KIND_CUSTOMER, .name = "acme", .tier = "lite"};
    static const uint64_t ids[] = {3, 4, 500};
    const struct record_key gone = key_integer(8);
    ops_site(edge, "hq-1", public);
    ops_site(edge, "hq-2", NULL);
    ops_facts(edge, &facts, ids, 3);
    put_auth(edge, 7);
    ops_delete(edge, TABLE_AUTH, &gone);
    put_name(edge, "acme", 2);
    put_index(vault, "default", 7);
    ops_delete(vault, TABLE_TOKENS, &gone);
}

/* The entry in its pieces; the bytes are the caller's. */
static uint8_t *encoded(struct entry *ret_entry, struct ops *edge, struct ops *vault,
                        espt_journal_entry *ret_pieces, size_t *ret_len)
{
    struct espt_error err;
    uint8_t *bytes;
    *ret_entry = (struct entry){
        .number = 41, .time = 1796000000, .next_number = 3, .site = "hq-1", .fleet = {7}};
    ret_entry->part[PART_LOG] = (struct entry_bytes){(const uint8_t *)"log", 3};
    ret_entry->part[PART_EDGE] = (struct entry_bytes){edge->bytes, edge->len};
    ret_entry->part[PART_VAULT] = (struct entry_bytes){vault->bytes, vault->len};
    ck_assert_int_eq(entry_encode(ret_entry, secret, &bytes, ret_len, ret_pieces, &err), 0);
    ck_assert_uint_eq(*ret_len, ret_pieces->head_len + 3 + edge->len + vault->len);
    return bytes;
}

static void setup(void)
{
    ck_assert_int_ge(sodium_init(), 0);
    crypto_sign_keypair(public, secret);
}

START_TEST(round_trip)
{
    struct ops edge = {0}, vault = {0};
    struct entry entry, back;
    struct ops_reader reader;
    struct op op;
    char needs[ENTRY_NEEDS_MAX + 1];
    espt_journal_entry pieces;
    size_t len;
    static const enum op_kind kinds[] = {OP_SITE_ADD, OP_SITE_REMOVE, OP_FACTS,
                                         OP_PUT,      OP_DELETE,      OP_PUT};
    fill(&edge, &vault);
    uint8_t *bytes = encoded(&entry, &edge, &vault, &pieces, &len);
    ck_assert_int_eq(entry_decode(&pieces, ESPT_JOURNAL_WHOLE, &back, needs), ENTRY_GOOD);
    ck_assert(entry_signed_by(&pieces, public));
    ck_assert_mem_eq(back.part[PART_LOG].at, "log", 3);
    ck_assert_uint_eq(back.part[PART_VAULT].len, vault.len);
    ck_assert_uint_eq(back.number, 41);
    ck_assert_int_eq(back.time, entry.time);
    ck_assert_uint_eq(back.next_number, 3);
    ck_assert_str_eq(back.site, "hq-1");
    ck_assert_mem_eq(back.hash, entry.hash, sizeof back.hash);
    ops_begin(&reader, PART_EDGE, &back.part[PART_EDGE]);
    for (size_t i = 0; i < 6; i++) {
        ck_assert(ops_next(&reader, &op));
        ck_assert_int_eq(op.kind, kinds[i]);
    }
    ck_assert(!ops_next(&reader, &op) && !reader.wrong);
    free(bytes);
    ops_clear(&edge);
    ops_clear(&vault);
}
END_TEST

static bool passes(const espt_journal_entry *pieces, uint32_t which)
{
    struct entry back;
    char needs[ENTRY_NEEDS_MAX + 1];
    return entry_decode(pieces, which, &back, needs) == ENTRY_GOOD &&
           entry_signed_by(pieces, public);
}

/* With one wrong bit anywhere, or a byte less or more in a piece, the entry is refused or its
   signature is wrong. The same holds for an edge, except for the pieces that it does not see. */
START_TEST(every_bit_counts)
{
    struct ops edge = {0}, vault = {0};
    struct entry entry;
    espt_journal_entry pieces, other;
    size_t len;
    fill(&edge, &vault);
    uint8_t *bytes = encoded(&entry, &edge, &vault, &pieces, &len), key[SITE_KEY_LEN];
    for (size_t bit = 0; bit < 8 * len; bit++) {
        const uint8_t *at = bytes + bit / 8;
        const bool unseen = (at >= pieces.log && at < pieces.edge) || at >= pieces.vault;
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        ck_assert_msg(!passes(&pieces, ESPT_JOURNAL_WHOLE), "bit %zu", bit);
        ck_assert_msg(passes(&pieces, ESPT_JOURNAL_EDGE) == unseen, "bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    other = pieces;
    for (other.head_len = 0; other.head_len < pieces.head_len; other.head_len++)
        ck_assert(!passes(&other, ESPT_JOURNAL_WHOLE));
    const size_t offsets[] = {
        offsetof(espt_journal_entry, head_len), offsetof(espt_journal_entry, log_len),
        offsetof(espt_journal_entry, edge_len), offsetof(espt_journal_entry, vault_len)};
    for (size_t i = 0; i < 4; i++) {
        for (int more = -1; more <= 1; more += 2) { /* it runs into the next piece */
            other = pieces;
            *(size_t *)(void *)((char *)&other + offsets[i]) += (size_t)more;
            if (i < 3 || more < 0)
                ck_assert(!passes(&other, ESPT_JOURNAL_WHOLE));
        }
    }
    ck_assert(passes(&pieces, ESPT_JOURNAL_WHOLE) && passes(&pieces, ESPT_JOURNAL_EDGE));
    crypto_sign_keypair(key, secret);
    ck_assert(!entry_signed_by(&pieces, key));
    free(bytes);
    ops_clear(&edge);
    ops_clear(&vault);
}
END_TEST

/* The decoder itself refuses lengths that differ from those of the pieces, before any signature is
   checked. */
START_TEST(lengths)
{
    struct ops edge = {0}, vault = {0};
    struct entry entry;
    espt_journal_entry pieces;
    char needs[ENTRY_NEEDS_MAX + 1];
    size_t len;
    fill(&edge, &vault);
    uint8_t *bytes = encoded(&entry, &edge, &vault, &pieces, &len);
    for (size_t part = 0; part < PART_COUNT; part++) {
        uint8_t *at = bytes + pieces.head_len - crypto_sign_BYTES -
                      (PART_COUNT - part) * (4 + FLEET_HASH_LEN);
        for (int byte = 0; byte < 4; byte++) {
            at[byte]++;
            ck_assert_int_eq(entry_decode(&pieces, ESPT_JOURNAL_WHOLE, &entry, needs),
                             ENTRY_DAMAGED);
            at[byte]--;
        }
    }
    pieces.head_len++;
    ck_assert_int_eq(entry_decode(&pieces, ESPT_JOURNAL_WHOLE, &entry, needs), ENTRY_DAMAGED);
    free(bytes);
    ops_clear(&edge);
    ops_clear(&vault);
}
END_TEST

/* An entry of a later form is not called damaged; the version that it needs is reported. */
START_TEST(newer_form)
{
    static const uint8_t newer[] = "ESPJ\x02\x05"
                                   "9.8.7 and whatever follows";
    struct entry entry;
    char needs[ENTRY_NEEDS_MAX + 1];
    espt_journal_entry pieces = {.head = newer, .head_len = sizeof newer};
    ck_assert_int_eq(entry_decode(&pieces, ESPT_JOURNAL_WHOLE, &entry, needs), ENTRY_NEWER);
    ck_assert_str_eq(needs, "9.8.7");
    pieces.head_len = 5;
    ck_assert_int_eq(entry_decode(&pieces, ESPT_JOURNAL_WHOLE, &entry, needs), ENTRY_DAMAGED);
}
END_TEST

static bool is_read(enum entry_part part, const struct ops *ops)
{
    struct ops_reader reader;
    struct op op;
    const struct entry_bytes bytes = {ops->bytes, ops->len};
    ops_begin(&reader, part, &bytes);
    while (ops_next(&reader, &op))
        ;
    return !reader.wrong;
}

#define REFUSED(part, ...)               \
    do {                                 \
        struct ops ops = {0};            \
        __VA_ARGS__;                     \
        ck_assert(!is_read(part, &ops)); \
        ops_clear(&ops);                 \
    } while (0)

START_TEST(order_and_tables)
{
    static const struct entity_facts facts = {
        .entity = 2, .kind = KIND_CUSTOMER, .name = "acme", .tier = "lite"};
    static const struct entity_facts nobody = {
        .entity = 0, .kind = KIND_CUSTOMER, .name = "acme", .tier = "lite"};
    static const uint64_t ids[] = {1, 2}, falling[] = {2, 1}, twice[] = {2, 2};
    const struct record_key eight = key_integer(8), short_key = key_name("abc", 3);
    uint8_t value[RECORD_MAX];
    REFUSED(PART_EDGE, put_auth(&ops, 7), put_auth(&ops, 7));
    REFUSED(PART_EDGE, put_auth(&ops, 256), put_auth(&ops, 7)); /* as numbers, not as bytes */
    REFUSED(PART_EDGE, put_name(&ops, "b", 2), put_name(&ops, "a", 2));
    REFUSED(PART_EDGE, put_name(&ops, "a", 2), put_auth(&ops, 7));
    REFUSED(PART_EDGE, put_auth(&ops, 7), ops_facts(&ops, &facts, ids, 2));
    REFUSED(PART_EDGE, ops_facts(&ops, &facts, ids, 2), ops_facts(&ops, &facts, ids, 2));
    REFUSED(PART_EDGE, ops_facts(&ops, &facts, falling, 2));
    REFUSED(PART_EDGE, ops_facts(&ops, &facts, twice, 2));
    REFUSED(PART_EDGE, ops_facts(&ops, &facts, ids, 0));
    REFUSED(PART_EDGE, ops_facts(&ops, &nobody, ids, 2));
    REFUSED(PART_EDGE, ops_site(&ops, "b", public), ops_site(&ops, "a", public));
    REFUSED(PART_EDGE, ops_site(&ops, "not a name", public));
    REFUSED(PART_VAULT, ops_site(&ops, "a", public));
    REFUSED(PART_VAULT, put_auth(&ops, 7));
    REFUSED(PART_EDGE, put_index(&ops, "default", 7));
    REFUSED(PART_EDGE, ops_delete(&ops, TABLE_LOG, &eight));
    REFUSED(PART_VAULT, ops_delete(&ops, TABLE_USAGE, &eight));
    REFUSED(PART_EDGE, ops_delete(&ops, TABLE_STATE, &eight));
    REFUSED(PART_EDGE, ops_delete(&ops, TABLE_AUTH, &short_key));
    REFUSED(PART_EDGE, ops_put(&ops, TABLE_AUTH, &eight, "x", 1));
    REFUSED(PART_EDGE, ops_put(&ops, TABLE_NAMES, &short_key, value,
                               number_encode(&eight, 2, value))); /* sealed for another key */
    const struct entity_record whole = {
        .kind = KIND_CUSTOMER, .active = true, .tokens = 1, .name = "acme", .tier = "lite"};
    REFUSED(PART_EDGE,
            ops_put(&ops, TABLE_ENTITIES, &eight, value, entity_encode(&eight, &whole, value)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("entry");
    TCase *tcase = tcase_create("entry");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, round_trip);
    tcase_add_test(tcase, every_bit_counts);
    tcase_add_test(tcase, lengths);
    tcase_add_test(tcase, newer_form);
    tcase_add_test(tcase, order_and_tables);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
