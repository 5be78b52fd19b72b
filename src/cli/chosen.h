/* SPDX-License-Identifier: ISC */
/* The tokens that edit, retire and remove are about: the operands, or the lines of --from. */
#ifndef ESPT_CLI_CHOSEN_H
#define ESPT_CLI_CHOSEN_H

#include "cli/output.h"

struct chosen {
    struct token_set set;
    struct token_ref *ref; /* owned */
    uint64_t *place;       /* owned: the number of each one's line or operand, from 1 */
    size_t ref_room, place_room;
    bool many;  /* several operands, or --from */
    bool lines; /* of --from */
    struct refused {
        uint64_t place;
        int code;
        char *message;
    } * refused; /* owned: what a dry run would refuse, in the order in which it was found */
    size_t refusals, refused_room;
};

/* Reads the operands or the file. No lock and no transaction is held while the file is read. Also
   call chosen_clear() after a failure. */
ESPT_MUST_USE int chosen_read(struct cli *cli, struct chosen *ret_chosen, struct espt_error *err);
void chosen_clear(struct chosen *chosen);
/* Says in the message of a call that failed which token it is about. Returns the error's code. */
int chosen_fail(struct cli *cli, const struct chosen *chosen, struct espt_error *err);
/* Adds to the message of `err` which TOKEN it is about. */
int chosen_fail_at(struct cli *cli, const struct chosen *chosen, uint64_t place,
                   struct espt_error *err);
/* In a dry run: adds the refusal `err` of the TOKEN at that place. */
ESPT_MUST_USE int chosen_refuse(struct chosen *chosen, uint64_t place, struct espt_error *err);

/* --- chosen_dry.c: dry runs --- */
/* Adds the refusals of the set. */
ESPT_MUST_USE int chosen_take_refused(struct chosen *chosen, struct espt_error *err);
/* Prints what would be refused, in order of place; JSON: returns it as a list. */
ESPT_MUST_USE int chosen_print_refused(struct cli *cli, struct chosen *chosen,
                                       struct espt_error *err);
json_t *chosen_json_refused(struct cli *cli, struct chosen *chosen);
/* Fails as the real run would: with the refusal that was found first. 0: there is none. */
int chosen_fail_refused(struct cli *cli, struct chosen *chosen, struct espt_error *err);

/* --- chosen_print.c --- */
/* Words for what a command does to tokens. */
struct chosen_words {
    const char *list;  /* the member of the JSON document */
    const char *done;  /* "edited" */
    const char *would; /* "would edit": of a dry run */
};
/* Prints the tokens: with --json as a list, else "DONE ID (NAME of ENTITY)" for each, and how many.
   Says how many were named twice. After a dry run also prints each refusal, and fails with the
   first. */
ESPT_MUST_USE int chosen_print(struct cli *cli, struct chosen *chosen,
                               const struct chosen_words *words, struct espt_error *err);
/* As above; a single token that was named alone, and changed, is printed without list and total. */
ESPT_MUST_USE int chosen_print_gone(struct cli *cli, struct chosen *chosen,
                                    const struct chosen_words *words, struct espt_error *err);

#endif
