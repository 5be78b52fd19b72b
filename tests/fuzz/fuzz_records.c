/* SPDX-License-Identifier: ISC */
/*
 * Every decoder on any bytes. A decoded record is encoded to the same bytes again. A value of the
 * previous schema is encoded to one of this schema with the same fields. The first byte chooses the
 * table, and whether the harness writes the checksum, so that inputs pass it. The second byte is
 * the key's length.
 */
#include "fuzz/fuzz.h"

#include "common/record_bytes.h"

static void require_state(const uint8_t *value, size_t len)
{
    struct state_record state;
    uint8_t again[RECORD_MAX];
    if (state_decode(value, len, &state) == STATE_GOOD && state.schema == STORE_SCHEMA)
        MUST_HOLD(state_encode(&state, again) == len && memcmp(again, value, len) == 0);
}

static bool is_old(const uint8_t *value)
{
    return value[0] != RECORD_VERSION;
}

#define SAME() MUST_HOLD(is_old(value) || (now_len == len && memcmp(again, value, len) == 0))
#define AGAIN(kind)                                                    \
    do {                                                               \
        struct kind##_record record, other;                            \
        uint8_t third[RECORD_MAX];                                     \
        if (kind##_decode(key, value, len, &record)) {                 \
            const size_t now_len = kind##_encode(key, &record, again); \
            SAME();                                                    \
            MUST_HOLD(kind##_decode(key, again, now_len, &other));     \
            MUST_HOLD(kind##_encode(key, &other, third) == now_len &&  \
                      memcmp(third, again, now_len) == 0);             \
        }                                                              \
    } while (0)

static void check_decoder(enum table table, const struct record_key *key, const uint8_t *value,
                          size_t len)
{
    uint8_t again[RECORD_MAX];
    uint32_t number;
    uint64_t id;
    switch (table) {
    case TABLE_STATE:
        require_state(value, len);
        break;
    case TABLE_AUTH:
        AGAIN(auth);
        break;
    case TABLE_ENTITIES:
        AGAIN(entity);
        break;
    case TABLE_RESELLERS:
        AGAIN(reseller);
        break;
    case TABLE_TOKENS:
        AGAIN(token);
        break;
    case TABLE_USAGE:
        AGAIN(usage);
        break;
    case TABLE_NOTICES:
        AGAIN(notice);
        break;
    case TABLE_NAMES:
        if (number_decode(key, value, len, &number)) {
            const size_t now_len = number_encode(key, number, again);
            SAME();
        }
        break;
    case TABLE_BY_ENTITY:
    case TABLE_FOREIGN:
        if (id_decode(table, key, value, len, &id)) {
            const size_t now_len = id_encode(table, key, id, again);
            SAME();
        }
        break;
    default:
        if (empty_decode(table, key, value, len)) {
            const size_t now_len = empty_encode(table, key, again);
            SAME();
        }
    }
}

FUZZ(records)
{
    if (size < 2)
        return 0;
    enum table table = (enum table)(data[0] % TABLE_COUNT);
    struct record_key key = table == TABLE_STATE ? key_state() : (struct record_key){0};
    size_t key_len = data[1] % (RECORD_KEY_MAX + 1);
    data += 2;
    size -= 2;
    if (table != TABLE_STATE) {
        key.len = key_len < size ? key_len : size;
        memcpy(key.bytes, data, key.len);
        data += key.len;
        size -= key.len;
    }
    check_decoder(table, &key, data, size); /* unchanged */
    uint8_t value[RECORD_MAX];
    if (size > RECORD_MAX - RECORD_CHECKSUM_LEN - 1)
        size = RECORD_MAX - RECORD_CHECKSUM_LEN - 1;
    struct writer w = write_begin(value);
    if (table == TABLE_STATE)
        value[0] = 2; /* in every schema */
    write_bytes(&w, data, size);
    size_t len = write_end(&w, table, &key);
    uint8_t *exact = malloc(len); /* so that ASan sees a byte too far */
    MUST_HOLD(exact != NULL);
    memcpy(exact, value, len);
    check_decoder(table, &key, exact, len);
    free(exact);
    return 0;
}
