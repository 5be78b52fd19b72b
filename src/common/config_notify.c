/* SPDX-License-Identifier: ISC */
#include "common/config_setting.h"

#include "common/ini.h"
#include "common/when.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"
#define STAGE_MAX (INT64_C(3650) * 24 * 3600)

/* The next word of a list. Moves *at to what follows. 0: there is none. */
static size_t next_word(const char **at, const char **ret_word)
{
    *ret_word = *at + strspn(*at, BLANKS);
    const size_t len = strcspn(*ret_word, BLANKS);
    *at = *ret_word + len;
    return len;
}

/* These set one key. They return NULL, or what is wrong with the value and what to write. */
static const char *parse_command(struct config_notify *notify, const char *value)
{
    const char *word;
    size_t words = 0;
    for (const char *at = value; next_word(&at, &word) > 0;)
        words++;
    if (value[0] != '/')
        return "command does not begin with an absolute path; write /usr/local/sbin/notify-mail";
    if (words > NOTIFY_ARGS_MAX || strlen(value) > NOTIFY_COMMAND_MAX)
        return "command is too long; write a script that holds it";
    memcpy(notify->command, value, strlen(value) + 1);
    return NULL;
}

static bool parse_stage(const char *word, size_t len, struct notify_stage *ret_stage)
{
    int64_t seconds = 0;
    if (len >= sizeof ret_stage->word)
        return false;
    memcpy(ret_stage->word, word, len);
    ret_stage->word[len] = '\0';
    if (strcmp(ret_stage->word, NOTIFY_EXPIRED) != 0 &&
        (!span_parse(ret_stage->word, &seconds) || seconds > STAGE_MAX))
        return false;
    ret_stage->seconds = (uint32_t)seconds;
    return true;
}

static const char *parse_stages(struct config_notify *notify, const char *value)
{
    const char *word;
    size_t count = 0, len;
    struct notify_stage stage;
    for (const char *at = value; (len = next_word(&at, &word)) > 0;) {
        if (!parse_stage(word, len, &stage))
            return "a stage is neither expired nor a span up to 3650d; write 30d 7d 1d expired";
        for (size_t i = 0; i < count; i++) {
            if (notify->stage[i].seconds == stage.seconds)
                return "a stage is given twice; remove one";
        }
        if (count == NOTIFY_STAGES_MAX)
            return "there are more than 16 stages; remove some";
        notify->stage[count++] = stage;
    }
    notify->count = count;
    return count > 0 ? NULL : "stages is empty; write 30d 7d 1d expired";
}

static const char *parse_timeout(struct config_notify *notify, const char *value)
{
    const size_t digits = strspn(value, "0123456789");
    unsigned long seconds = 0;
    if (digits > 0 && digits < 6 && value[digits] == '\0')
        seconds = strtoul(value, NULL, 10);
    if (seconds < 1 || seconds > NOTIFY_TIMEOUT_MAX)
        return "timeout is not a number of seconds from 1 to 3600; write 60";
    notify->timeout = (unsigned)seconds;
    return NULL;
}

void notify_default(struct config_notify *ret_notify)
{
    *ret_notify = (struct config_notify){
        .timeout = NOTIFY_TIMEOUT_DEFAULT,
        .count = 4,
        .stage = {{30 * 86400, "30d"}, {7 * 86400, "7d"}, {86400, "1d"}, {0, NOTIFY_EXPIRED}},
    };
}

static int set_notify(struct reading *r, const char *fault, int line, struct espt_error *err)
{
    return fault != NULL ? ini_fault(err, r->file, line, "%s", fault) : 0;
}

int set_notify_command(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return set_notify(r, parse_command(&r->config->notify, value), line, err);
}

int set_notify_stages(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return set_notify(r, parse_stages(&r->config->notify, value), line, err);
}

int set_notify_timeout(struct reading *r, const char *value, int line, struct espt_error *err)
{
    return set_notify(r, parse_timeout(&r->config->notify, value), line, err);
}
