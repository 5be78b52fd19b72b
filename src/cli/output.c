#include "cli/output.h"

#include "common/name.h"
#include "common/when.h"

#include <errno.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char stdout_buffer[1 << 14];

static void wipe_and_free(void *memory)
{
    if (memory == NULL)
        return;
    sodium_memzero(memory, malloc_usable_size(memory));
    free(memory);
}

/* What jansson could not take in is missing in a document, without a word from most of its calls.
 */
static bool lacks_json;

static void *take_or_tell(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL)
        lacks_json = true;
    return memory;
}

bool json_lacks(void)
{
    return lacks_json;
}

void output_begin(void)
{
    characters_begin();
    setvbuf(stdout, stdout_buffer, _IOFBF, sizeof stdout_buffer);
    json_set_alloc_funcs(take_or_tell, wipe_and_free);
    table_begin();
}

/* Where functions have been that had a text: what they kept of it in registers was saved there too,
   by the loader as it bound a library's calls. */
static void wipe_stack(void)
{
    sodium_stackzero(1 << 16);
}

int output_flush(struct espt_error *err)
{
    wipe_stack();
    errno = 0;
    if (fflush(stdout) == 0)
        return 0;
    return espt_fail(
        err, ESPT_UNUSABLE,
        "standard output: %s; what was committed is done, see it again by list or show",
        strerror(errno));
}

int output_end(bool changed, struct espt_error *err)
{
    wipe_stack();
    errno = 0;
    bool failed = fflush(stdout) != 0 || ferror(stdout) != 0;
    int why = errno;
    sodium_memzero(stdout_buffer, sizeof stdout_buffer);
    if (fclose(stdout) != 0 && !failed) {
        failed = true;
        why = errno;
    }
    if (lacks_json && !failed)
        return espt_fail(err, ESPT_UNUSABLE,
                         "out of memory: the JSON is not whole; what the command does is "
                         "done, see it again by list or show");
    if (failed)
        return espt_fail(err, ESPT_UNUSABLE, "standard output: %s; %s",
                         why != 0 ? strerror(why) : "not all could be written",
                         changed ? "what the command does is done, see it again by list or show"
                                 : "nothing was changed; see to it, and run the command again");
    return 0;
}

void cli_warn(const struct cli *cli, const char *message)
{
    if (!cli->json) {
        fprintf(stderr, "esp-tokenctl: %s\n", message);
        return;
    }
    json_t *document = json_pack("{s:{s:o}}", "warning", "message", json_bytes(message));
    json_dumpf(document, stderr, JSON_COMPACT);
    json_decref(document);
    fputc('\n', stderr);
}

/* --- words --- */

const char *status_word(bool active)
{
    return active ? "active" : "inactive";
}

const char *token_status(const struct token *token, int64_t now)
{
    if (token->active && token->expires != 0 && now >= token->expires)
        return "expired";
    return token->retiring && token->active ? "retiring" : status_word(token->active);
}

const char *kind_word(enum entity_kind kind)
{
    return kind == KIND_RESELLER ? "reseller" : "customer";
}

static const struct tier *tier_of(const struct entity *entity, const struct tier_table *tiers)
{
    return tiers != NULL ? tier_find(tiers, entity->tier) : NULL;
}

bool over_limit(const struct entity *entity, const struct tier_table *tiers)
{
    const struct tier *tier = tier_of(entity, tiers);
    return tier != NULL && tier->max_tokens != TIER_UNLIMITED && entity->tokens > tier->max_tokens;
}

void limit_text(const struct entity *entity, const struct tier_table *tiers, char *out, size_t size)
{
    const struct tier *tier = tier_of(entity, tiers);
    if (tier == NULL)
        snprintf(out, size, "%u", entity->tokens);
    else if (tier->max_tokens == TIER_UNLIMITED)
        snprintf(out, size, "%u/unlimited", entity->tokens);
    else
        snprintf(out, size, "%u/%u%s", entity->tokens, tier->max_tokens,
                 over_limit(entity, tiers) ? " over the limit" : "");
}

/* --- JSON --- */

json_t *json_time(int64_t when)
{
    char text[WHEN_TEXT_SIZE];
    if (when == WHEN_NEVER)
        return json_null();
    when_format(when, text);
    return json_string(text);
}

json_t *json_text_or_null(const char *text)
{
    return text[0] != '\0' ? json_string(text) : json_null();
}

json_t *json_bytes(const char *bytes)
{
    char *text = NULL;
    size_t len, count;
    FILE *stream = open_memstream(&text, &len);
    for (; stream != NULL && *bytes != '\0'; bytes += count) {
        count = utf8_len(bytes, strlen(bytes));
        if (count > 0)
            fwrite(bytes, count, 1, stream);
        else
            fprintf(stream, "\\x%02x", (unsigned char)*bytes);
        count += count == 0;
    }
    if (stream == NULL || fclose(stream) != 0) {
        free(text);
        return NULL;
    }
    json_t *json = json_string(text);
    free(text);
    return json;
}

json_t *json_of_token(const struct token *token, const char *text, int64_t now)
{
    char id[TOKEN_ID_LEN + 1];
    token_id_format(token->id, id);
    json_t *uses = token->counted ? json_integer((json_int_t)token->uses) : json_null();
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "id", id, "name", token->name,
                  "entity", token->entity, "status", token_status(token, now), "created",
                  json_time(token->created), "expires", json_time(token->expires), "last_used",
                  json_time(token->last_used), "uses", uses);
    if (json != NULL && text != NULL)
        json_object_set_new(json, "token", json_string(text));
    return json;
}

json_t *json_of_entity(const struct entity *entity, const struct tier_table *tiers)
{
    const struct tier *tier = tier_of(entity, tiers);
    json_t *most = tier != NULL && tier->max_tokens != TIER_UNLIMITED
                       ? json_integer(tier->max_tokens)
                       : json_null();
    return json_pack("{s:s, s:s, s:o, s:s, s:b, s:s, s:o, s:i, s:o}", "name", entity->name, "kind",
                     kind_word(entity->kind), "reseller", json_text_or_null(entity->reseller),
                     "tier", entity->tier, "tier_known", tier != NULL, "status",
                     status_word(entity->active), "created", json_time(entity->created), "tokens",
                     (int)entity->tokens, "max_tokens", most);
}

json_t *json_of_tier(const struct tier *tier)
{
    json_t *metrics = json_array();
    for (size_t i = 0; i < tier->patterns; i++)
        json_array_append_new(metrics, json_string(tier->pattern[i]));
    return json_pack("{s:s, s:s, s:i, s:o, s:b, s:o, s:s}", "name", tier->name, "label",
                     tier->label, "rank", (int)tier->rank, "max_tokens",
                     tier->max_tokens == TIER_UNLIMITED ? json_null()
                                                        : json_integer(tier->max_tokens),
                     "default", tier->is_default, "metrics", metrics, "upgrade", tier->upgrade);
}

/* JSON may hold DEL and the control characters of C1 as they are, and a path does: to a terminal
   they would still be what they are. jansson cuts no character in two. */
static int put_escaped(const char *text, size_t len, void *stream)
{
    size_t begin = 0;
    for (size_t i = 0; i < len; i++) {
        const unsigned char *byte = (const unsigned char *)text + i;
        const bool is_c1 = byte[0] == 0xc2 && i + 1 < len && byte[1] >= 0x80 && byte[1] <= 0x9f;
        if (byte[0] != 0x7f && !is_c1)
            continue;
        fwrite(text + begin, 1, i - begin, stream);
        fprintf(stream, "\\u%04x", byte[is_c1]);
        i += is_c1;
        begin = i + 1;
    }
    return fwrite(text + begin, 1, len - begin, stream) == len - begin ? 0 : -1;
}

/* Nothing is printed of a document that lacks something. */
static int dump(json_t *document, size_t flags, struct espt_error *err)
{
    const bool lacks = document == NULL || lacks_json;
    int rc = lacks ? -1 : json_dump_callback(document, put_escaped, stdout, flags);
    json_decref(document);
    if (rc == 0)
        putchar('\n');
    return rc == 0 ? 0
                   : espt_fail(err, ESPT_UNUSABLE,
                               "the JSON could not be written: %s; what the command does is done, "
                               "see it again by list or show",
                               lacks || lacks_json ? "out of memory" : strerror(errno));
}

int json_print(json_t *document, struct espt_error *err)
{
    return dump(document, JSON_INDENT(2), err);
}

static void begin_stream(struct json_stream *stream)
{
    printf("{\n  \"%s\": [", stream->name);
    stream->begun = true;
}

int json_stream_item(struct json_stream *stream, json_t *item, struct espt_error *err)
{
    char *text = item != NULL ? json_dumps(item, JSON_INDENT(2)) : NULL;
    json_decref(item);
    if (text == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    if (!stream->begun)
        begin_stream(stream);
    else
        putchar(',');
    char *rest = text, *line;
    while ((line = strsep(&rest, "\n")) != NULL)
        printf("\n    %s", line);
    wipe_and_free(text);
    return 0;
}

void json_stream_end(struct json_stream *stream)
{
    if (stream->begun)
        fputs("\n  ", stdout);
    else
        begin_stream(stream);
    fputs("]\n}\n", stdout);
}

int json_print_line(json_t *document, struct espt_error *err)
{
    return dump(document, JSON_COMPACT, err);
}

/* --- for people --- */

static void print_field(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%-9s %s\n", name, value);
}

/* The time whole; how far it is from now, for a person at a terminal. */
static void print_time(FILE *out, const char *name, int64_t when, int64_t now)
{
    char text[WHEN_TEXT_SIZE] = "never", away[WHEN_AWAY_SIZE];
    if (when != WHEN_NEVER)
        when_format(when, text);
    fprintf(out, "%-9s %s", name, text);
    if (when != WHEN_NEVER && at_terminal(out) && when_away(when, now, away))
        fprintf(out, " (%s)", away);
    fputc('\n', out);
}

static void print_status(FILE *out, const char *status)
{
    const char *colour = status_colour(status);
    if (colour != NULL && in_colour(out))
        fprintf(out, "%-9s %s%s%s\n", "status", colour_sequence(colour), status, COLOUR_END);
    else
        print_field(out, "status", status);
}

void print_token(FILE *out, const struct token *token, const char *text, int64_t now)
{
    char id[TOKEN_ID_LEN + 1];
    token_id_format(token->id, id);
    print_field(out, "id", id);
    print_field(out, "name", token->name);
    print_field(out, "entity", token->entity);
    print_status(out, token_status(token, now));
    print_time(out, "created", token->created, now);
    print_time(out, "expires", token->expires, now);
    if (token->counted) {
        char uses[24];
        snprintf(uses, sizeof uses, "%llu", (unsigned long long)token->uses);
        print_time(out, "last used", token->last_used, now);
        print_field(out, "uses", uses);
    }
    if (text != NULL)
        print_field(out, "token", text);
}

void print_new_token(const struct token *token, const char *text, int64_t now)
{
    char id[TOKEN_ID_LEN + 1];
    token_id_format(token->id, id);
    print_token(stdout, token, text, now);
    printf("\nSee the text again by: esp-tokenctl show %s --reveal\n", id);
}

void print_entity(FILE *out, const struct entity *entity, const struct tier_table *tiers)
{
    char limit[64];
    limit_text(entity, tiers, limit, sizeof limit);
    const bool unknown = tiers != NULL && tier_of(entity, tiers) == NULL;
    print_field(out, "name", entity->name);
    print_field(out, "kind", kind_word(entity->kind));
    print_field(out, "reseller", entity->reseller[0] != '\0' ? entity->reseller : "-");
    fprintf(out, "%-9s %s%s\n", "tier", entity->tier, unknown ? " (not in the tier table)" : "");
    print_status(out, status_word(entity->active));
    print_time(out, "created", entity->created, time(NULL));
    print_field(out, "tokens", limit);
}
