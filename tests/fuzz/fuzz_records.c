/*
 * Every decoder, over any bytes: what is decoded can be encoded again, and gives the same bytes.
 * The first byte names the table and whether the rest is sealed here, so that inputs come past the
 * checksum; the second is the key's length.
 */
#include "fuzz/fuzz.h"

#include "common/record_bytes.h"

static void judge_state(const uint8_t *value, size_t len)
{
    struct state_record state;
    uint8_t again[RECORD_MAX];
    if (state_decode(value, len, &state) == STATE_GOOD)
        MUST_HOLD(state_encode(&state, again) == len && memcmp(again, value, len) == 0);
}

#define AGAIN(kind)                                                \
    do {                                                           \
        struct kind##_record record;                               \
        if (kind##_decode(key, value, len, &record))               \
            MUST_HOLD(kind##_encode(key, &record, again) == len && \
                      memcmp(again, value, len) == 0);             \
    } while (0)

static void judge(enum table table, const struct record_key *key, const uint8_t *value, size_t len)
{
    uint8_t again[RECORD_MAX];
    uint32_t number;
    uint64_t id;
    switch (table) {
    case TABLE_STATE:
        judge_state(value, len);
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
    case TABLE_NAMES:
        if (number_decode(key, value, len, &number))
            MUST_HOLD(number_encode(key, number, again) == len && memcmp(again, value, len) == 0);
        break;
    case TABLE_BY_ENTITY:
    case TABLE_FOREIGN:
        if (id_decode(table, key, value, len, &id))
            MUST_HOLD(id_encode(table, key, id, again) == len && memcmp(again, value, len) == 0);
        break;
    default:
        if (empty_decode(table, key, value, len))
            MUST_HOLD(empty_encode(table, key, again) == len && memcmp(again, value, len) == 0);
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
    judge(table, &key, data, size); /* as it is */
    uint8_t value[RECORD_MAX];
    if (size > RECORD_MAX - RECORD_CHECKSUM_LEN - 1)
        size = RECORD_MAX - RECORD_CHECKSUM_LEN - 1;
    struct writer w = write_begin(value);
    write_bytes(&w, data, size);
    size_t len = write_end(&w, table, &key);
    uint8_t *exact = malloc(len); /* so that a byte too far is seen */
    MUST_HOLD(exact != NULL);
    memcpy(exact, value, len);
    judge(table, &key, exact, len);
    free(exact);
    return 0;
}
