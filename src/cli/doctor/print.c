/* SPDX-License-Identifier: ISC */
/* Prints the lines of doctor for a terminal, for a pipe, or as JSON. */
#include "cli/doctor/doctor.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *word, *title;
} parts[DOCTOR_PARTS] = {
    [DOCTOR_CONFIG] = {"config", "Configuration"},
    [DOCTOR_GROUP] = {"group", "Group"},
    [DOCTOR_FILES] = {"files", "Files"},
    [DOCTOR_STORE] = {"store", "Store"},
    [DOCTOR_TIERS] = {"tiers", "Tier table"},
    [DOCTOR_KEY] = {"key", "Reveal key"},
    [DOCTOR_USAGE] = {"usage", "Use counts"},
    [DOCTOR_NOTIFY] = {"notify", "Notices"},
    [DOCTOR_PORTAL] = {"portal", "Portal"},
    [DOCTOR_SPACE] = {"space", "Space"},
    [DOCTOR_CLOCK] = {"clock", "Clock"},
    [DOCTOR_UNITS] = {"units", "Units"},
    [DOCTOR_HOSTS] = {"hosts", "Hosts"},
    [DOCTOR_READERS] = {"readers", "Readers and locks"},
};

static const struct {
    const char *word, *sign, *ascii;
    enum colour colour;
} words[] = {
    [DOCTOR_LOOKED] = {"ok", "✓", "+", COLOUR_GREEN},
    [DOCTOR_SKIPPED] = {"skipped", "–", "-", COLOUR_NONE},
    [DOCTOR_WARNING] = {"warning", "!", "!", COLOUR_MAGENTA},
    [DOCTOR_ERROR] = {"error", "✗", "x", COLOUR_RED},
};

static void print_sign(enum doctor_word word)
{
    const char *sign = in_utf8() ? words[word].sign : words[word].ascii;
    const bool colours = in_colour(stdout) && words[word].colour != COLOUR_NONE;
    printf("  %s%s%s ", colours ? colour_sequence(words[word].colour) : "", sign,
           colours ? COLOUR_END : "");
}

static void draw_line(const struct doctor_line *line, size_t width)
{
    const size_t indent = 4;
    const bool found = line->word >= DOCTOR_WARNING, skipped = line->word == DOCTOR_SKIPPED;
    print_sign(line->word);
    const char *lead = found ? words[line->word].word : skipped ? "not looked at" : "";
    if (lead[0] != '\0')
        printf("%s: ", lead);
    print_wrapped(line->message, indent + (lead[0] != '\0' ? strlen(lead) + 2 : 0), indent, width);
    if (line->remedy != NULL)
        printf("%*srun '%s'\n", (int)indent, "", line->remedy);
}

static void draw_part(const struct doctor *doctor, enum doctor_part part, size_t width)
{
    const char *strong = in_colour(stdout) ? "\033[1m" : "", *end = strong[0] ? COLOUR_END : "";
    bool begun = false;
    for (size_t i = 0; i < doctor->count; i++) {
        if (doctor->lines[i].part != part)
            continue;
        if (!begun)
            printf("%s%s%s\n", strong, parts[part].title, end);
        begun = true;
        draw_line(&doctor->lines[i], width);
    }
}

/* The parts with findings come last, where a small terminal still shows them. */
static void draw(const struct doctor *doctor)
{
    const size_t width = terminal_columns();
    bool found[DOCTOR_PARTS] = {false};
    for (size_t i = 0; i < doctor->count; i++)
        found[doctor->lines[i].part] |= doctor->lines[i].word >= DOCTOR_WARNING;
    for (int last = 0; last <= 1; last++) {
        for (enum doctor_part part = 0; part < DOCTOR_PARTS; part++) {
            if (found[part] == last)
                draw_part(doctor, part, width);
        }
    }
    putchar('\n');
}

/* A finding is one line, so that scripts can count and search them. */
static void print_lines(const struct doctor *doctor)
{
    for (size_t i = 0; i < doctor->count; i++) {
        const struct doctor_line *line = &doctor->lines[i];
        if (line->word == DOCTOR_LOOKED)
            continue;
        printf("%-7s  %-7s  %s", words[line->word].word, parts[line->part].word, line->message);
        if (line->remedy != NULL)
            printf("; run '%s'", line->remedy);
        putchar('\n');
    }
}

static void print_total(const struct doctor *doctor)
{
    if (doctor->errors + doctor->warnings == 0)
        puts("no problems found");
    else
        printf("%zu error%s, %zu warning%s\n", doctor->errors, doctor->errors == 1 ? "" : "s",
               doctor->warnings, doctor->warnings == 1 ? "" : "s");
}

static json_t *json_of_line(const struct doctor_line *line)
{
    if (line->word < DOCTOR_WARNING)
        return json_pack("{s:s, s:o}", "kind", parts[line->part].word, "message",
                         json_bytes(line->message));
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "kind", parts[line->part].word, "severity",
                     words[line->word].word, "subject", json_bytes(line->subject), "message",
                     json_bytes(line->message), "remedy",
                     line->remedy != NULL ? json_bytes(line->remedy) : json_null());
}

static int print_json(const struct doctor *doctor, struct espt_error *err)
{
    json_t *lists[3] = {json_array(), json_array(), json_array()};
    for (size_t i = 0; i < doctor->count; i++) {
        const enum doctor_word word = doctor->lines[i].word;
        const size_t list = word >= DOCTOR_WARNING ? 0 : word == DOCTOR_LOOKED ? 1 : 2;
        json_array_append_new(lists[list], json_of_line(&doctor->lines[i]));
    }
    return json_print(json_pack("{s:o, s:o, s:o}", "findings", lists[0], "looked_at", lists[1],
                                "not_looked_at", lists[2]),
                      err);
}

int doctor_report(struct doctor *doctor, struct espt_error *err)
{
    if (doctor->lacks && doctor->count < DOCTOR_LINES_MAX)
        return espt_fail(err, ESPT_UNUSABLE, "out of memory");
    int code = 0;
    if (doctor->cli->json) {
        code = print_json(doctor, err);
    } else {
        if (at_terminal(stdout))
            draw(doctor);
        else
            print_lines(doctor);
        print_total(doctor);
    }
    return code != 0 ? code : doctor->errors + doctor->warnings > 0 ? 1 : 0;
}
