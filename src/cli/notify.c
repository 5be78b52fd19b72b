/* SPDX-License-Identifier: ISC */
/* notify: runs the administrator's program once for each token that is about to expire, and for
   each stage. */
#include "cli/notify.h"

#include "cli/interrupt.h"
#include "cli/operand.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/progress.h"

#include "common/trust.h"
#include "common/when.h"
#include "store/clock.h"
#include "store/notices.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAID_MAX 160 /* bytes of the program's last line in a message */

struct notify {
    struct cli *cli;
    bool dry;
    struct notices wanted;
    char words[NOTIFY_COMMAND_MAX + 1]; /* the command, cut into argv */
    const char *argv[NOTIFY_ARGS_MAX + 1];
    struct progress progress;
    struct json_stream json;
    uint64_t due, seen, sent, failed;
    struct program_end end; /* of the program that ran last */
};

/* --- the program --- */

/* The folders above it are checked too, so that the path still leads to this file when it is
   executed. */
int notify_check_program(const struct config *config, const char *path, struct espt_error *err)
{
    int fd = -1;
    int code = trust_open(path, geteuid(), TRUST_PUBLIC, &fd, err);
    if (code == 0 && faccessat(fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS) != 0)
        code = espt_fail(err, ESPT_UNUSABLE, "%s: %s; run 'chmod +x %s'", path,
                         errno == EACCES ? "it is not executable" : espt_errno_text(errno), path);
    if (fd >= 0)
        close(fd);
    return code == 0 ? 0 : espt_fail_in(err, "[notify] command in %s", config->file);
}

static int find_program(struct notify *notify, struct espt_error *err)
{
    const struct config *config = &notify->cli->config;
    char *rest = notify->words, *word;
    size_t words = 0;
    if (config->notify.command[0] == '\0')
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: [notify] command is missing; name the program that sends notices",
                         config->file);
    memcpy(notify->words, config->notify.command, sizeof notify->words);
    while (words < NOTIFY_ARGS_MAX && (word = strsep(&rest, " \t")) != NULL) {
        if (word[0] != '\0')
            notify->argv[words++] = word;
    }
    return notify_check_program(config, notify->argv[0], err);
}

static json_t *document(const struct notice *notice)
{
    char id[TOKEN_ID_LEN + 1];
    const struct token *token = &notice->token;
    const struct entity *entity = &notice->entity, *reseller = &notice->reseller;
    token_id_format(token->id, id);
    json_t *above = notice->has_reseller ? json_pack("{s:s, s:s}", "name", reseller->name,
                                                     "contact", reseller->contact)
                                         : json_null();
    return json_pack("{s:s, s:o, s:{s:s, s:s, s:s, s:o}, s:{s:s, s:s, s:s}, s:o}", "stage",
                     notice->stage->word, "expires", json_time(token->expires), "token", "id", id,
                     "name", token->name, "note", token->note, "created", json_time(token->created),
                     "entity", "name", entity->name, "kind", kind_word(entity->kind), "contact",
                     entity->contact, "reseller", above);
}

/* --- what is printed --- */

static int print(struct notify *notify, const struct notice *notice, const char *outcome,
                 const char *message, struct espt_error *err)
{
    const struct token *token = &notice->token;
    char id[TOKEN_ID_LEN + 1], expires[WHEN_TEXT_SIZE], line[sizeof err->message];
    token_id_format(token->id, id);
    when_format(token->expires, expires);
    if (notify->cli->json)
        return json_stream_item(&notify->json,
                                json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "id", id, "name",
                                          token->name, "entity", token->entity, "stage",
                                          notice->stage->word, "expires", expires, "outcome",
                                          outcome, "message",
                                          message != NULL ? json_bytes(message) : json_null()),
                                err);
    progress_end(&notify->progress);
    if (message == NULL) {
        printf("%-4s  %-7s  %s  %s/%s\n", outcome, notice->stage->word, expires, token->entity,
               token->name);
        fflush(stdout);
        return 0;
    }
    snprintf(line, sizeof line, "%s/%s: the notice %s was not sent: %s", token->entity, token->name,
             notice->stage->word, message);
    cli_warn(notify->cli, line);
    return 0;
}

static void why_failed(struct notify *notify, char *out, size_t size)
{
    struct program_end *end = &notify->end;
    const char *said = program_last_line(end);
    const unsigned seconds = notify->cli->config.notify.timeout;
    int used;
    if (end->how == PROGRAM_LATE)
        used = snprintf(out, size, "%s did not end within %u %s and was ended", notify->argv[0],
                        seconds, plural(seconds, "second", "seconds"));
    else if (end->how == PROGRAM_DIED)
        used = snprintf(out, size, "%s was ended by signal %d", notify->argv[0], end->number);
    else
        used = snprintf(out, size, "%s ended with status %d", notify->argv[0], end->number);
    if (said[0] != '\0' && used > 0 && (size_t)used < size)
        snprintf(out + used, size - (size_t)used, ": %.*s%s", SAID_MAX, said,
                 strlen(said) > SAID_MAX ? "..." : "");
}

/* --- one notice --- */

static int run_program(struct notify *notify, const struct notice *notice, struct espt_error *err)
{
    json_t *json = document(notice);
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL, *line = NULL;
    json_decref(json);
    if (text == NULL || asprintf(&line, "%s\n", text) < 0) {
        free(text);
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    }
    const struct program program = {.argv = notify->argv,
                                    .input = line,
                                    .seconds = notify->cli->config.notify.timeout,
                                    .heard = STDERR_FILENO};
    program_run(&program, &notify->end);
    free(text);
    free(line);
    if (notify->end.how != PROGRAM_NOT_STARTED)
        return 0;
    return espt_fail(
        err, ESPT_UNUSABLE, "%s: %s; check the program, its first line and [notify] command in %s",
        notify->argv[0], espt_errno_text(notify->end.number), notify->cli->config.file);
}

static int remember(struct notify *notify, const struct notice *notice, struct espt_error *err)
{
    int code = store_notice_sent(notify->cli->store, notice, err);
    if (code != 0)
        return espt_fail_in(err,
                            "%s/%s: the notice was sent, but this could not be remembered, "
                            "so it will be sent again",
                            notice->token.entity, notice->token.name);
    notify->sent++;
    return print(notify, notice, "sent", NULL, err);
}

static int send_one(struct notify *notify, const struct notice *notice, struct espt_error *err)
{
    char why[NOTIFY_COMMAND_MAX + SAID_MAX + 64];
    if (notify->dry)
        return print(notify, notice, "due", NULL, err);
    int code = run_program(notify, notice, err);
    if (code != 0 || notify->end.how == PROGRAM_INTERRUPTED)
        return code;
    if (notify->end.how == PROGRAM_EXITED && notify->end.number == 0)
        return remember(notify, notice, err);
    notify->failed++;
    why_failed(notify, why, sizeof why);
    return print(notify, notice, "failed", why, err);
}

/* --- all of them --- */

static int send_all(struct notify *notify, struct espt_error *err)
{
    struct store *store = notify->cli->store;
    struct notice next;
    bool found = true;
    int code = 0;
    for (uint64_t from = 0; code == 0 && interrupt_number() == 0;) {
        if (!notify->dry)
            notify->wanted.now = clock_now(); /* a run may take hours */
        code = store_notice_next(store, &notify->wanted, from, &next, &found, err);
        if (code != 0 || !found)
            break;
        notify->seen++;
        code = send_one(notify, &next, err);
        progress_step(&notify->progress, notify->seen, notify->seen);
        if (next.token.id == UINT64_MAX)
            break;
        from = next.token.id + 1;
    }
    return code;
}

static int total(struct notify *notify, struct espt_error *err)
{
    if (notify->cli->json)
        return json_stream_end_with(&notify->json,
                                    json_pack("{s:I, s:I, s:I, s:b}", "due",
                                              (json_int_t)notify->due, "sent",
                                              (json_int_t)notify->sent, "failed",
                                              (json_int_t)notify->failed, "dry_run", notify->dry),
                                    err);
    const unsigned long long sent = notify->dry ? notify->seen : notify->sent;
    if (notify->due == 0)
        puts("no notices are due");
    else
        printf("%llu %s %s, %llu failed\n", sent, sent == 1 ? "notice" : "notices",
               notify->dry ? "would be sent" : "sent", (unsigned long long)notify->failed);
    return 0;
}

static int verdict(struct notify *notify, int code, struct espt_error *err)
{
    const unsigned long long sent = notify->sent, failed = notify->failed, due = notify->due;
    if (code == 0 && notify->cli->died_of != 0)
        return espt_fail(err, ESPT_REFUSED,
                         "interrupted; %llu of %llu %s sent; run 'esp-tokenctl notify' again for "
                         "the others",
                         sent, due, plural(due, "notice was", "notices were"));
    if (code == 0 && failed > 0)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%llu of %llu %s not sent; the next run tries %s again", failed, due,
                         plural(due, "notice was", "notices were"), plural(failed, "it", "them"));
    return code;
}

static int run_locked(struct notify *notify, struct espt_error *err)
{
    struct cli *cli = notify->cli;
    struct espt_error ignored;
    int code = store_notice_count(cli->store, &notify->wanted, &notify->due, err);
    if (code == 0 && notify->due > 0 && !notify->dry)
        code = store_notice_try(cli->store, err);
    if (code != 0)
        return code;
    interrupt_catch();
    progress_begin(&notify->progress, "notices", notify->due);
    code = send_all(notify, err);
    progress_end(&notify->progress);
    cli->died_of = interrupt_release();
    const int told = total(notify, code == 0 ? err : &ignored);
    return verdict(notify, code != 0 ? code : told, err);
}

static int parse_within(struct cli *cli, int64_t *ret_seconds, struct espt_error *err)
{
    const char *text = cli->options.within;
    *ret_seconds = 0;
    if (text == NULL || span_parse(text, ret_seconds))
        return 0;
    espt_fail(err, ESPT_USAGE, "not a span; give one such as 7d");
    fail_naming(err, text);
    return espt_fail_in(err, "--within");
}

int run_notify(struct cli *cli, struct espt_error *err)
{
    struct notify notify = {.cli = cli,
                            .dry = given(cli, OPTION_DRY_RUN),
                            .wanted = {.now = cli->now, .stages = &cli->config.notify},
                            .json.name = "notices"};
    int lock = -1;
    int code = parse_within(cli, &notify.wanted.within, err);
    if (code == 0)
        code = cli_store(cli, err);
    if (code == 0 && !notify.dry)
        code = find_program(&notify, err);
    if (code == 0 && !notify.dry)
        code = store_notice_lock(cli->store, &lock, err);
    if (code == 0)
        code = run_locked(&notify, err);
    if (lock >= 0)
        close(lock);
    return code;
}
