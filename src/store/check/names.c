/* SPDX-License-Identifier: ISC */
/* Finds names of tokens that an older version accepted and this one refuses (specification §5.5).
   They are kept: nothing is damaged, and only a person can choose other names. */
#include "store/check/check.h"

#include "common/grow.h"
#include "store/name_form.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name that is not in NFC, as it would be in NFC. */
struct form {
    char composed[TOKEN_NAME_MAX + 1];
    uint64_t id;
};

/* Those of one entity. */
struct forms {
    uint32_t entity;
    size_t count, room;
    struct form *form; /* owned */
};

static void report(struct check *check, uint64_t id, const char *what)
{
    char text[TOKEN_ID_LEN + 1];
    token_id_format(id, text);
    check_report(check, "name", text, "%s; run 'esp-tokenctl edit %s --name' to give it another",
                 what, text);
}

static void report_twin(struct check *check, uint64_t id, uint64_t other)
{
    char what[128], text[TOKEN_ID_LEN + 1];
    token_id_format(other, text);
    snprintf(what, sizeof what, "its name and that of token %s are the same in Unicode's form NFC",
             text);
    report(check, id, what);
}

static void form_add(struct check *check, struct forms *forms, const struct form *form)
{
    struct form *more = grown(forms->form, forms->count, &forms->room, sizeof *more);
    if (more == NULL) {
        txn_fail(check->txn, ESPT_UNUSABLE, "out of memory");
        return;
    }
    forms->form = more;
    forms->form[forms->count++] = *form;
}

static int by_form(const void *a, const void *b)
{
    const struct form *left = a, *right = b;
    const int order = strcmp(left->composed, right->composed);
    return order != 0 ? order : (left->id > right->id) - (left->id < right->id);
}

/* Compares the names of one entity, once all are known. */
static void compare(struct check *check, struct forms *forms)
{
    if (forms->count > 1)
        qsort(forms->form, forms->count, sizeof *forms->form, by_form);
    for (size_t i = 0; i < forms->count; i++) {
        const struct form *form = &forms->form[i];
        const struct record_key key =
            key_by_entity(forms->entity, form->composed, strlen(form->composed));
        struct record_value value;
        uint64_t other;
        if (check_look_up(check, TABLE_BY_ENTITY, &key, &value) &&
            id_decode(TABLE_BY_ENTITY, &key, value.data, value.len, &other))
            report_twin(check, form->id, other);
        else if (i > 0 && strcmp(form[-1].composed, form->composed) == 0)
            report_twin(check, form->id, form[-1].id);
    }
    forms->count = 0;
}

static void check_name(struct check *check, struct forms *forms, const struct walk *walk)
{
    struct form form;
    char name[TOKEN_NAME_MAX + 1];
    const size_t len = walk->key.len - sizeof forms->entity;
    const char *from = (const char *)walk->key.bytes + sizeof forms->entity;
    if (len > TOKEN_NAME_MAX || plain_len(from, len) == len || !utf8_ok(from, len) ||
        !id_decode(TABLE_BY_ENTITY, &walk->key, walk->value.data, walk->value.len, &form.id))
        return;
    memcpy(name, from, len);
    name[len] = '\0';
    if (!name_is_visible(name))
        report(check, form.id, "its name cannot be seen");
    if (!name_is_composed(name) && name_composed(name, form.composed))
        form_add(check, forms, &form);
}

void check_token_names(struct check *check)
{
    struct forms forms = {0};
    struct walk walk;
    walk_begin(&walk, check->txn, TABLE_BY_ENTITY, NULL, 0);
    while (walk_next(&walk)) {
        uint32_t number;
        if (walk.key.len <= sizeof number)
            continue; /* reported by check_indexes() */
        memcpy(&number, walk.key.bytes, sizeof number);
        number = be32toh(number);
        if (number != forms.entity)
            compare(check, &forms);
        forms.entity = number;
        if (walk.key.bytes[sizeof number] !=
            '\0') /* else it is retiring, under its successor's name */
            check_name(check, &forms, &walk);
    }
    compare(check, &forms);
    walk_end(&walk);
    free(forms.form);
}
