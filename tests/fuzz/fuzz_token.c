/* SPDX-License-Identifier: ISC */
/* Token texts, names, metrics and times, as any client or administrator may write them. */
#include "fuzz/fuzz.h"

#include "common/name.h"
#include "common/token.h"
#include "common/when.h"

static void require_token(const char *text, size_t len)
{
    uint64_t id, again;
    if (!token_parse(text, len, &id))
        return;
    char copy[TOKEN_TEXT_LEN], written[TOKEN_ID_LEN + 1];
    MUST_HOLD(len == TOKEN_TEXT_LEN);
    token_id_format(id, written);
    MUST_HOLD(memcmp(written, text + 6, TOKEN_ID_LEN) == 0);
    MUST_HOLD(token_id_parse(written, TOKEN_ID_LEN, &again) && again == id);
    /* no well-formed text differs from another in one byte only */
    memcpy(copy, text, sizeof copy);
    for (size_t i = 0; i < sizeof copy; i++) {
        copy[i] ^= (char)(1 + i % 127);
        MUST_HOLD(!token_parse(copy, sizeof copy, &again));
        copy[i] = text[i];
    }
}

FUZZ(token)
{
    const char *text = (const char *)data;
    uint64_t id;
    require_token(text, size);
    if (token_id_parse(text, size, &id)) {
        char written[TOKEN_ID_LEN + 1];
        token_id_format(id, written);
        MUST_HOLD(size == TOKEN_ID_LEN && memcmp(written, text, size) == 0);
    }
    bool utf8 = utf8_ok(text, size);
    if (text_ok(text, size) || token_name_ok(text, size))
        MUST_HOLD(utf8);
    if (token_name_ok(text, size))
        MUST_HOLD(size >= 1 && size <= TOKEN_NAME_MAX && memchr(text, '\n', size) == NULL);
    if (entity_name_ok(text, size))
        MUST_HOLD(size >= 1 && size <= ENTITY_NAME_MAX && memchr(text, '/', size) == NULL);
    if (tier_name_ok(text, size))
        MUST_HOLD(metric_name_ok(text, size) && size <= TIER_NAME_MAX);
    char *terminated = malloc(size + 1);
    MUST_HOLD(terminated != NULL);
    if (size > 0)
        memcpy(terminated, data, size);
    terminated[size] = '\0';
    int64_t span;
    if (span_parse(terminated, &span))
        MUST_HOLD(span >= 0);
    free(terminated);
    return 0;
}
