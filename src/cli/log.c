/* The audit log: shown, followed, and proven. */
#include "cli/output.h"

#include "common/when.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FOLLOW_MS 500
#define HASH_HEX (2 * LOG_HASH_LEN + 1)

/* --- what a change says of itself --- */

static const struct {
    const char *done, *word;
} whats[] = {
    [LOG_ADD] = {"added", "add"},
    [LOG_SET] = {"changed", "set"},
    [LOG_REMOVE] = {"removed", "remove"},
    [LOG_REVEAL] = {"text shown", "reveal"},
    [LOG_NOTE] = {"", "note"},
};

static const char *or_dash(const char *text)
{
    return text[0] != '\0' ? text : "-";
}

static void print_pair(const char *field, const char *before, const char *after)
{
    if (strcmp(before, after) != 0)
        printf(" %s %s -> %s", field, or_dash(before), or_dash(after));
}

static const char *expires_text(const struct token *token, char out[static WHEN_TEXT_SIZE])
{
    if (token->expires == WHEN_NEVER)
        return "never";
    when_format(token->expires, out);
    return out;
}

static const char *state_word(const struct token *token)
{
    return token->retiring ? "retiring" : status_word(token->active);
}

static void print_token_change(const struct log_change *change)
{
    const struct token *before = &change->before.token, *after = &change->after.token;
    const struct token *token = change->what == LOG_ADD ? after : before;
    char id[TOKEN_ID_LEN + 1], old[WHEN_TEXT_SIZE], new[WHEN_TEXT_SIZE];
    token_id_format(token->id, id);
    printf("token %s/%s (%s) %s", token->entity, token->name, id, whats[change->what].done);
    if (change->what == LOG_SET) {
        print_pair("name", before->name, after->name);
        print_pair("status", state_word(before), state_word(after));
        print_pair("expires", expires_text(before, old), expires_text(after, new));
    } else if (change->what == LOG_ADD) {
        printf(" expires %s", expires_text(after, new));
    }
}

static void print_entity_change(const struct log_change *change)
{
    const struct entity *before = &change->before.entity, *after = &change->after.entity;
    const struct entity *entity = change->what == LOG_ADD ? after : before;
    printf("%s %s %s", kind_word(entity->kind), entity->name, whats[change->what].done);
    if (change->what == LOG_SET) {
        print_pair("name", before->name, after->name);
        print_pair("tier", before->tier, after->tier);
        print_pair("status", status_word(before->active), status_word(after->active));
        print_pair("reseller", before->reseller, after->reseller);
    } else if (change->what == LOG_ADD) {
        printf(" tier %s, reseller %s", after->tier, or_dash(after->reseller));
    }
}

/* --- which are asked for --- */

struct listing {
    struct cli *cli;
    struct json_stream json;
    bool follows;   /* one document a line */
    int64_t since;  /* Unix seconds; 0: all */
    uint64_t token; /* id */
    bool by_token;
    uint64_t next; /* sequence number that has not been seen */
};

static bool is_asked(const struct listing *listing, const struct log_change *change)
{
    const char *name = listing->cli->options.entity;
    if (name == NULL && !listing->by_token)
        return true;
    if (change->what == LOG_NOTE)
        return false;
    if (listing->by_token)
        return change->is_token && (change->before.token.id == listing->token ||
                                    change->after.token.id == listing->token);
    const char *names[] = {change->before.entity.name,     change->after.entity.name,
                           change->before.entity.reseller, change->after.entity.reseller,
                           change->before.token.entity,    change->after.token.entity};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

/* --- for people --- */

/* A line a change; at a terminal, whose width it would pass, what is the entry's stands before all
   of its changes. */
static void print_change(const struct log_entry *entry, const struct log_change *change, bool first)
{
    char when[WHEN_TEXT_SIZE], who[256];
    when_format(entry->time, when);
    const char *behind = entry->actor.sudo[0] != '\0' ? entry->actor.sudo : entry->actor.login;
    snprintf(who, sizeof who, "%s%s%s%s%s", behind, behind[0] != '\0' ? ">" : "", entry->actor.user,
             entry->as[0] != '\0' ? " as " : "", entry->as);
    if (!at_terminal(stdout))
        printf("%s  %-18s %-13s ", when, who, entry->actor.command);
    else if (first)
        printf("%s  %s  %s\n  ", when, who, entry->actor.command);
    else
        fputs("  ", stdout);
    if (change->what == LOG_NOTE)
        printf("%s %s", change->word, change->detail);
    else if (change->is_token)
        print_token_change(change);
    else
        print_entity_change(change);
    putchar('\n');
}

/* --- JSON --- */

static json_t *json_of_token_state(const struct token *token)
{
    char id[TOKEN_ID_LEN + 1], expires[WHEN_TEXT_SIZE];
    token_id_format(token->id, id);
    return json_pack("{s:s, s:s, s:s, s:s, s:o}", "id", id, "name", token->name, "entity",
                     token->entity, "status", state_word(token), "expires",
                     token->expires == WHEN_NEVER ? json_null()
                                                  : json_string(expires_text(token, expires)));
}

static json_t *json_of_entity_state(const struct entity *entity)
{
    return json_pack("{s:s, s:s, s:o, s:s, s:s}", "name", entity->name, "kind",
                     kind_word(entity->kind), "reseller", json_text_or_null(entity->reseller),
                     "tier", entity->tier, "status", status_word(entity->active));
}

static json_t *json_of_change(const struct log_change *change)
{
    if (change->what == LOG_NOTE)
        return json_pack("{s:s, s:s, s:s}", "what", whats[LOG_NOTE].word, "word", change->word,
                         "detail", change->detail);
    json_t *before = NULL, *after = NULL;
    if (change->what != LOG_ADD)
        before = change->is_token ? json_of_token_state(&change->before.token)
                                  : json_of_entity_state(&change->before.entity);
    if (change->what == LOG_ADD || change->what == LOG_SET)
        after = change->is_token ? json_of_token_state(&change->after.token)
                                 : json_of_entity_state(&change->after.entity);
    return json_pack("{s:s, s:s, s:o, s:o}", "what", whats[change->what].word, "subject",
                     change->is_token ? "token" : "entity", "before",
                     before != NULL ? before : json_null(), "after",
                     after != NULL ? after : json_null());
}

static json_t *json_of_entry(const struct log_entry *entry, json_t *changes)
{
    char when[WHEN_TEXT_SIZE], hash[HASH_HEX];
    when_format(entry->time, when);
    sodium_bin2hex(hash, sizeof hash, entry->hash, sizeof entry->hash);
    return json_pack("{s:I, s:s, s:I, s:s, s:o, s:o, s:o, s:s, s:o, s:s}", "sequence",
                     (json_int_t)entry->sequence, "time", when, "revision",
                     (json_int_t)entry->revision, "user", entry->actor.user, "login",
                     json_text_or_null(entry->actor.login), "sudo",
                     json_text_or_null(entry->actor.sudo), "as", json_text_or_null(entry->as),
                     "command", entry->actor.command, "changes", changes, "hash", hash);
}

static int on_entry(void *arg, const struct log_entry *entry, struct espt_error *err)
{
    struct listing *listing = arg;
    struct log_place place = {0};
    struct log_change change;
    json_t *changes = listing->cli->json ? json_array() : NULL;
    size_t shown = 0;
    listing->next = entry->sequence + 1;
    while (entry->time >= listing->since && log_next_change(entry, &place, &change)) {
        if (!is_asked(listing, &change))
            continue;
        if (listing->cli->json)
            json_array_append_new(changes, json_of_change(&change));
        else
            print_change(entry, &change, shown++ == 0);
    }
    if (json_array_size(changes) == 0) {
        json_decref(changes);
        return 0;
    }
    json_t *document = json_of_entry(entry, changes);
    if (listing->follows)
        return json_print_line(document, err);
    return json_stream_item(&listing->json, document, err);
}

/* --- the commands --- */

/* A span counts back from now. */
static int parse_since(const struct cli *cli, int64_t *ret_since, struct espt_error *err)
{
    const char *text = cli->options.since;
    int64_t span;
    if (text == NULL)
        return 0;
    if (span_parse(text, &span)) {
        *ret_since = cli->now > span ? cli->now - span : 0;
        return 0;
    }
    int code = when_parse(text, cli->now, ret_since, err);
    return code != 0 ? espt_fail_in(err, "--since") : 0;
}

/* By its id, also of a token that is no more. */
static int parse_token(struct listing *listing, struct espt_error *err)
{
    const char *text = listing->cli->options.token;
    struct token_ref ref;
    struct token token;
    if (text == NULL)
        return 0;
    int code = token_ref_parse(&ref, text, err);
    if (code == 0 && !ref.by_id) {
        code = store_token_get(listing->cli->store, &ref, &token, err);
        ref.id = token.id;
    }
    listing->by_token = true;
    listing->token = ref.id;
    return code;
}

static int follow(struct cli *cli, struct listing *listing, struct espt_error *err)
{
    int code = 0;
    while (code == 0) {
        if (fflush(stdout) != 0)
            return espt_fail(err, ESPT_UNUSABLE, "standard output: %s", strerror(errno));
        nanosleep(&(struct timespec){.tv_nsec = FOLLOW_MS * 1000000L}, NULL);
        code = store_log_each(cli->store, listing->next, on_entry, listing, err);
    }
    return code;
}

int run_log(struct cli *cli, struct espt_error *err)
{
    struct listing listing = {.cli = cli, .json.name = "entries", .next = 1};
    const bool follows = listing.follows = given(cli, OPTION_FOLLOW);
    int code = parse_since(cli, &listing.since, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = parse_token(&listing, err);
    if (code != 0)
        return code;
    code = store_log_each(cli->store, 0, on_entry, &listing, err);
    if (code == 0 && follows)
        code = follow(cli, &listing, err);
    if (code == 0 && cli->json && !follows)
        json_stream_end(&listing.json);
    return code;
}

/* NUMBER:HASH, as `log verify` prints it. */
static int parse_pin(const char *text, struct log_head *ret_pin, struct espt_error *err)
{
    char *end = NULL;
    size_t len = 0;
    struct log_head pin = {.sequence = strtoull(text, &end, 10)};
    if (strspn(text, "0123456789") == 0 || *end != ':' ||
        sodium_hex2bin(pin.hash, sizeof pin.hash, end + 1, strlen(end + 1), NULL, &len, NULL) !=
            0 ||
        len != sizeof pin.hash)
        return espt_fail(err, ESPT_USAGE, "--pin takes NUMBER:HASH as log verify prints it");
    *ret_pin = pin;
    return 0;
}

int run_log_verify(struct cli *cli, struct espt_error *err)
{
    struct log_head pin, head;
    char hash[HASH_HEX];
    const char *text = cli->options.pin;
    int code = text != NULL ? parse_pin(text, &pin, err) : 0;
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0)
        code = store_log_verify(cli->store, text != NULL ? &pin : NULL, &head, err);
    if (code != 0)
        return code;
    sodium_bin2hex(hash, sizeof hash, head.hash, sizeof head.hash);
    if (cli->json)
        return json_print(
            json_pack("{s:I, s:s}", "entries", (json_int_t)head.sequence, "hash", hash), err);
    printf("%llu:%s\n", (unsigned long long)head.sequence, hash);
    return 0;
}
