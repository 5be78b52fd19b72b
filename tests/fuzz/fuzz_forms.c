/* SPDX-License-Identifier: ISC */
/*
 * TOKEN as an argument of the real options. It is an id or ENTITY/NAME, never both, and it is
 * formatted to the same text again. A token's text anywhere in an argument is a usage error, and
 * the message repeats no part of it. \x01 stands for a token's text, \x02 for an id.
 */
#include "fuzz/words.h"

#include "cli/cli.h"
#include "common/name.h"

#include <getopt.h>

#define ARGUMENT_MAX 1024
#define CULPRIT_MAX 20 /* bytes: longer words are not repeated */
#define ID UINT64_C(1234567890123456789)

static char secret[TOKEN_TEXT_LEN + 1], id_text[TOKEN_ID_LEN + 1];

/* The message is one line without control characters. It names the argument only if that is too
   short to be a secret, or could be one of the message's own words. */
static void require_error(const struct espt_error *err, const char *argument)
{
    MUST_HOLD(err->code == ESPT_USAGE && err->message[0] != '\0');
    for (const char *c = err->message; *c != '\0'; c++)
        MUST_HOLD((unsigned char)*c >= ' ' && *c != 0x7f);
    MUST_HOLD(strstr(err->message, TOKEN_PREFIX) == NULL);
    const bool own_words =
        strlen(argument) < CULPRIT_MAX || strpbrk(argument, "0123456789") == NULL;
    MUST_HOLD(own_words || strstr(err->message, argument) == NULL);
}

static bool is_id(const char *text)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    unsigned __int128 value = 0;
    if (strlen(text) != TOKEN_ID_LEN || strspn(text, digits) != TOKEN_ID_LEN)
        return false;
    for (size_t i = 0; i < TOKEN_ID_LEN; i++)
        value = value * 62 + (unsigned)(strchr(digits, text[i]) - digits);
    return value <= UINT64_MAX;
}

static bool is_pair(const char *text)
{
    const char *slash = strchr(text, '/');
    return slash != NULL && entity_name_ok(text, (size_t)(slash - text)) &&
           token_name_ok(slash + 1, strlen(slash + 1));
}

static void require_form(const char *text)
{
    struct token_ref ref, untouched;
    struct espt_error err = {0};
    char again[ENTITY_NAME_MAX + TOKEN_NAME_MAX + 2];
    memset(&ref, 0x5a, sizeof ref);
    untouched = ref;
    const int code = token_ref_parse(&ref, text, &err);
    MUST_HOLD(code == (is_id(text) || is_pair(text) ? 0 : ESPT_USAGE));
    MUST_HOLD(!is_id(text) || !is_pair(text));
    if (code != 0) {
        MUST_HOLD(memcmp(&ref, &untouched, sizeof ref) == 0);
        MUST_HOLD(strstr(err.message, "ENTITY/NAME") != NULL);
        require_error(&err, text);
        return;
    }
    MUST_HOLD(ref.by_id == is_id(text));
    MUST_HOLD(ref.by_id ? ref.entity[0] == '\0' && ref.name[0] == '\0' : ref.id == 0);
    if (ref.by_id)
        token_id_format(ref.id, again);
    else
        snprintf(again, sizeof again, "%s/%s", ref.entity, ref.name);
    MUST_HOLD(strcmp(again, text) == 0);
}

static void require_options(const char *text)
{
    static char *const ways[][4] = {
        {"esp-tokenctl", "show", "--"},
        {"esp-tokenctl", "show"},
        {"esp-tokenctl", "log", "--token"},
        {"esp-tokenctl"},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char *argv[5] = {0};
        int argc = 0;
        const struct command *command = NULL;
        struct options options = {0};
        struct espt_error err = {0};
        for (; ways[i][argc] != NULL; argc++)
            argv[argc] = ways[i][argc];
        argv[argc] = strdup(text);
        MUST_HOLD(argv[argc] != NULL);
        char *argument = argv[argc++];
        optind = 0; /* from the beginning, as in a new process */
        const int code = options_parse(&options, argc, argv, &command, &err);
        MUST_HOLD(code == 0 || code == ESPT_USAGE);
        if (code != 0)
            require_error(&err, text);
        if (word_secret(text) != NULL) {
            MUST_HOLD(code == ESPT_USAGE);
            MUST_HOLD(strstr(err.message, "a secret is never an argument") != NULL);
        } else if (i == 0 && code == 0) {
            MUST_HOLD(options.operands == 1 && strcmp(options.operand[0], text) == 0);
        } else if (i == 2 && code == 0) {
            MUST_HOLD(strcmp(options.token, text) == 0);
        }
        free(argument);
    }
}

FUZZ(forms)
{
    const struct word words[] = {{'\x01', secret}, {'\x02', id_text}};
    static char room[ARGUMENT_MAX];
    if (secret[0] == '\0') {
        word_token(ID, secret);
        token_id_format(ID, id_text);
        MUST_HOLD(word_secret(secret) == secret && is_id(id_text));
    }
    words_put(words, 2, data, strnlen((const char *)data, size), room, sizeof room);
    char *text = strdup(room); /* memory of exactly its size */
    MUST_HOLD(text != NULL);
    require_form(text);
    require_options(text);
    free(text);
    return 0;
}
