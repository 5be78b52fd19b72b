/* SPDX-License-Identifier: ISC */
/* Dry runs of edit, retire and remove: every TOKEN that would be refused. */
#include "cli/chosen.h"
#include "cli/operand.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void load(const struct refused *refused, struct espt_error *ret_err)
{
    ret_err->code = refused->code;
    snprintf(ret_err->message, sizeof ret_err->message, "%s", refused->message);
}

int chosen_take_refused(struct chosen *chosen, struct espt_error *err)
{
    struct espt_error why;
    for (size_t i = 0; i < chosen->set.refusals; i++) {
        const struct token_refusal *refusal = &chosen->set.refusal[i];
        load(&(struct refused){.code = refusal->code, .message = refusal->message}, &why);
        if (chosen_refuse(chosen, chosen->place[refusal->ref], &why) != 0)
            return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    }
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct refused *left = *(const struct refused *const *)a;
    const struct refused *right = *(const struct refused *const *)b;
    return (left->place > right->place) - (left->place < right->place);
}

/* The refusals in order of place. The caller frees the array; NULL: out of memory. */
static const struct refused **in_order(const struct chosen *chosen)
{
    const struct refused **sorted = calloc(chosen->refusals + 1, sizeof *sorted);
    for (size_t i = 0; sorted != NULL && i < chosen->refusals; i++)
        sorted[i] = &chosen->refused[i];
    if (sorted != NULL && chosen->refusals > 1)
        qsort((void *)sorted, chosen->refusals, sizeof *sorted, by_place);
    return sorted;
}

/* Writes the message; of an operand with its text, if that may not be a secret. */
static void describe(const struct cli *cli, const struct chosen *chosen,
                     const struct refused *refused, struct espt_error *ret_err)
{
    load(refused, ret_err);
    if (!chosen->lines)
        fail_naming(ret_err, cli->options.operand[refused->place - 1]);
}

int chosen_print_refused(struct cli *cli, struct chosen *chosen, struct espt_error *err)
{
    const struct refused **sorted = in_order(chosen);
    struct espt_error why;
    if (sorted == NULL)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    for (size_t i = 0; i < chosen->refusals; i++) {
        describe(cli, chosen, sorted[i], &why);
        printf("%s%llu: %s\n", chosen->lines ? "" : "TOKEN ", (unsigned long long)sorted[i]->place,
               why.message);
    }
    free((void *)sorted);
    return 0;
}

json_t *chosen_json_refused(struct cli *cli, struct chosen *chosen)
{
    const struct refused **sorted = in_order(chosen);
    json_t *list = sorted != NULL ? json_array() : NULL;
    struct espt_error why;
    for (size_t i = 0; list != NULL && i < chosen->refusals; i++) {
        describe(cli, chosen, sorted[i], &why);
        json_array_append_new(list, json_pack("{s:I, s:o}", chosen->lines ? "line" : "operand",
                                              (json_int_t)sorted[i]->place, "message",
                                              json_bytes(why.message)));
    }
    free((void *)sorted);
    return list;
}

int chosen_fail_refused(struct cli *cli, struct chosen *chosen, struct espt_error *err)
{
    if (chosen->refusals == 0)
        return 0;
    load(&chosen->refused[0], err);
    return chosen_fail_at(cli, chosen, chosen->refused[0].place, err);
}
