/* SPDX-License-Identifier: ISC */
#include "cli/chosen.h"

#include "cli/lines.h"
#include "cli/operand.h"
#include "common/grow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int chosen_refuse(struct chosen *chosen, uint64_t place, struct espt_error *err)
{
    struct refused *all =
        grown(chosen->refused, chosen->refusals, &chosen->refused_room, sizeof *chosen->refused);
    chosen->refused = all != NULL ? all : chosen->refused;
    char *message = strdup(err->message);
    if (all == NULL || message == NULL) {
        free(message);
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    }
    struct refused *added = &all[chosen->refusals++];
    added->place = place;
    added->code = err->code;
    added->message = message;
    return 0;
}

static int add(struct chosen *chosen, const char *text, uint64_t place, struct espt_error *err)
{
    const size_t count = chosen->set.refs;
    if (count == TOKENS_AT_ONCE)
        return espt_fail(err, ESPT_USAGE, "more than %d TOKENs; give fewer at a time",
                         TOKENS_AT_ONCE);
    struct token_ref *ref = grown(chosen->ref, count, &chosen->ref_room, sizeof *ref);
    chosen->ref = ref != NULL ? ref : chosen->ref;
    uint64_t *places = grown(chosen->place, count, &chosen->place_room, sizeof *places);
    chosen->place = places != NULL ? places : chosen->place;
    if (ref == NULL || places == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    chosen->set.ref = ref;
    places[count] = place;
    int code = token_ref_parse(&ref[count], text, err);
    chosen->set.refs += code == 0;
    return code != 0 && chosen->set.dry ? chosen_refuse(chosen, place, err) : code;
}

static int add_lines(struct cli *cli, struct chosen *chosen, struct espt_error *err)
{
    struct lines lines;
    int code = lines_open(&lines, cli->options.from, err);
    if (code != 0)
        return code;
    while ((code = lines_next(&lines, err)) > 0) {
        code = add(chosen, lines.line, lines.number, err);
        if (code != 0) {
            lines_fail_in(&lines, err);
            break;
        }
    }
    lines_close(&lines);
    return code;
}

int chosen_fail_at(struct cli *cli, const struct chosen *chosen, uint64_t place,
                   struct espt_error *err)
{
    const char *name = cli->options.from;
    if (chosen->lines)
        return espt_fail_in(err, "%s:%llu", strcmp(name, "-") == 0 ? "standard input" : name,
                            (unsigned long long)place);
    if (err->code == ESPT_MISSING) {
        cli->missing = (int)place; /* suggest_name() names it, with the nearest name */
        return err->code;
    }
    if (!chosen->many)
        return err->code;
    fail_naming(err, cli->options.operand[place - 1]);
    return espt_fail_in(err, "TOKEN %llu", (unsigned long long)place);
}

static int add_operands(struct cli *cli, struct chosen *chosen, struct espt_error *err)
{
    for (int i = 0; i < cli->options.operands; i++) {
        const uint64_t place = (uint64_t)i + 1;
        int code = add(chosen, cli->options.operand[i], place, err);
        if (code != 0)
            return code == ESPT_UNUSABLE ? code : chosen_fail_at(cli, chosen, place, err);
    }
    return 0;
}

int chosen_read(struct cli *cli, struct chosen *ret_chosen, struct espt_error *err)
{
    const bool lines = given(cli, OPTION_FROM);
    *ret_chosen = (struct chosen){.lines = lines,
                                  .many = lines || cli->options.operands > 1,
                                  .set.dry = given(cli, OPTION_DRY_RUN)};
    return lines ? add_lines(cli, ret_chosen, err) : add_operands(cli, ret_chosen, err);
}

void chosen_clear(struct chosen *chosen)
{
    tokens_clear(&chosen->set);
    free(chosen->ref);
    free(chosen->place);
    for (size_t i = 0; i < chosen->refusals; i++)
        free(chosen->refused[i].message);
    free(chosen->refused);
    *chosen = (struct chosen){.many = false};
}

int chosen_fail(struct cli *cli, const struct chosen *chosen, struct espt_error *err)
{
    const size_t at = chosen->set.failed;
    if (err->code == ESPT_UNUSABLE || at >= chosen->set.refs)
        return err->code;
    return chosen_fail_at(cli, chosen, chosen->place[at], err);
}
