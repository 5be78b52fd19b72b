/* SPDX-License-Identifier: ISC */
/* The lines of doctor are collected here; print.c prints them. */
#include "cli/doctor/doctor.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct doctor *doctor)
{
    if (doctor->count < doctor->room)
        return true;
    const size_t room = doctor->room == 0 ? 64 : 2 * doctor->room;
    struct doctor_line *lines = reallocarray(doctor->lines, room, sizeof *lines);
    if (lines == NULL || doctor->count >= DOCTOR_LINES_MAX)
        doctor->lacks = true;
    if (lines == NULL)
        return false;
    doctor->lines = lines;
    doctor->room = room;
    return doctor->count < DOCTOR_LINES_MAX;
}

/* Adds -c FILE to the command if the caller gave it. */
static char *complete_remedy(const struct doctor *doctor, const char *remedy)
{
    static const char ctl[] = "esp-tokenctl ";
    char option[REMEDY_MAX], *text = NULL;
    if (strncmp(remedy, ctl, strlen(ctl)) != 0 || !given(doctor->cli, OPTION_CONFIG))
        return strdup(remedy);
    doctor_remedy(option, "-c", doctor->cli->options.config);
    return asprintf(&text, "%s%s %s", ctl, option, remedy + strlen(ctl)) < 0 ? NULL : text;
}

/* Files that share a folder share its faults. */
static bool is_known(const struct doctor *doctor, enum doctor_word word, const char *message)
{
    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_line *line = &doctor->lines[i];
        if (line->part == doctor->part && line->word == word && strcmp(line->message, message) == 0)
            return true;
    }
    return false;
}

static void add(struct doctor *doctor, enum doctor_word word, const char *subject,
                const char *remedy, const char *message)
{
    if (is_known(doctor, word, message))
        return;
    doctor->errors += word == DOCTOR_ERROR;
    doctor->warnings += word == DOCTOR_WARNING;
    if (!make_room(doctor))
        return;
    struct doctor_line line = {.part = doctor->part,
                               .word = word,
                               .subject = strdup(subject),
                               .message = strdup(message),
                               .remedy = remedy != NULL ? complete_remedy(doctor, remedy) : NULL};
    if (line.subject == NULL || line.message == NULL || (remedy != NULL && line.remedy == NULL)) {
        doctor->lacks = true;
        free(line.subject);
        free(line.message);
        free(line.remedy);
        return;
    }
    espt_printable(line.subject);
    espt_printable(line.message);
    if (line.remedy != NULL)
        espt_printable(line.remedy);
    doctor->lines[doctor->count++] = line;
}

static void add_format(struct doctor *doctor, enum doctor_word word, const char *subject,
                       const char *remedy, const char *format, va_list args) ESPT_PRINTF(5, 0);
static void add_format(struct doctor *doctor, enum doctor_word word, const char *subject,
                       const char *remedy, const char *format, va_list args)
{
    char *message = NULL;
    if (vasprintf(&message, format, args) < 0)
        doctor->lacks = true;
    else
        add(doctor, word, subject, remedy, message);
    free(message);
}

void doctor_looked(struct doctor *doctor, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_format(doctor, DOCTOR_LOOKED, "", NULL, format, args);
    va_end(args);
}

void doctor_skipped(struct doctor *doctor, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_format(doctor, DOCTOR_SKIPPED, "", NULL, format, args);
    va_end(args);
}

void doctor_found(struct doctor *doctor, enum doctor_word word, const char *subject,
                  const char *remedy, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_format(doctor, word, subject, remedy, format, args);
    va_end(args);
}

/* Cuts "; run 'COMMAND'" off the message. Returns the command; NULL: there is none. */
static char *cut_remedy(char *message)
{
    static const char mark[] = "; run '";
    char *cut = strstr(message, mark), *end = cut != NULL ? strrchr(message, '\'') : NULL;
    if (cut == NULL || end < cut + strlen(mark) || (end[1] != '\0' && end[1] != ' '))
        return NULL;
    *cut = *end = '\0';
    return cut + strlen(mark);
}

void doctor_failed_mend(struct doctor *doctor, enum doctor_word word, const char *subject,
                        const struct espt_error *why, const char *remedy)
{
    char message[sizeof why->message];
    memcpy(message, why->message, sizeof message);
    (void)cut_remedy(message);
    add(doctor, word, subject, remedy, message);
}

/* The file that the message begins with, if the look at the files found an error in it. What opens
   such a file fails for the same reason. */
static const char *known_culprit(const struct doctor *doctor, const char *message)
{
    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_line *line = &doctor->lines[i];
        const size_t len = strlen(line->subject);
        if (doctor->part != DOCTOR_FILES && line->part == DOCTOR_FILES &&
            line->word == DOCTOR_ERROR && strncmp(message, line->subject, len) == 0 &&
            strncmp(message + len, ": ", 2) == 0)
            return line->subject;
    }
    return NULL;
}

void doctor_failed(struct doctor *doctor, enum doctor_word word, const char *subject,
                   const struct espt_error *why)
{
    const char *culprit = known_culprit(doctor, why->message);
    if (culprit != NULL) {
        doctor_skipped(doctor, "%s, until it is mended", culprit);
        return;
    }
    char message[sizeof why->message];
    memcpy(message, why->message, sizeof message);
    const char *remedy = cut_remedy(message);
    add(doctor, word, subject, remedy, message);
}

const char *doctor_remedy(char out[static REMEDY_MAX], const char *command, const char *path)
{
    static const char plain[] = "/._-+:@%,=";
    size_t used = (size_t)snprintf(out, REMEDY_MAX, "%s ", command);
    for (; *path != '\0' && used + 3 < REMEDY_MAX; path++) {
        const unsigned char byte = (unsigned char)*path;
        if (!isalnum(byte) && byte < 0x80 && strchr(plain, byte) == NULL)
            out[used++] = '\\';
        out[used++] = *path;
    }
    out[used] = '\0';
    return out;
}

void doctor_clear(struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->count; i++) {
        free(doctor->lines[i].subject);
        free(doctor->lines[i].message);
        free(doctor->lines[i].remedy);
    }
    free(doctor->lines);
}
