/* SPDX-License-Identifier: ISC */
/*
 * A host whose locale classifies the upper half of all bytes as white space (some old locales do so
 * for a few bytes): none of our texts is cut. inih calls isspace(), which reads the table below.
 */
#include "torture/world.h"

#include <ctype.h>

static bool peculiar;

/* Replaces libc's function, for the plugin as well. */
__attribute__((visibility("default"))) const unsigned short **__ctype_b_loc(void)
{
    static const unsigned short **(*real)(void);
    static unsigned short table[384];
    static const unsigned short *peculiar_table = table + 128;
    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "__ctype_b_loc");
    if (!peculiar)
        return real();
    memcpy(table, *real() - 128, sizeof table);
    for (int byte = 0x80; byte <= 0xff; byte++)
        table[128 + byte] = table[byte - 128] = _ISspace;
    return &peculiar_table;
}

/* "voila" with an accent ends in the bytes c3 a0. */
static const char accents[] =
    "[low]\nlabel = voil\xc3\xa0\nrank = 10\nmax_tokens = unlimited\n"
    "default = yes\nmetrics = kpi.*\nupgrade = \xc3\xa0;\xc3\xa0 demain \xc3\xa0\n";

static void read_tiers(void)
{
    struct tier_table *table;
    WORLD(tier_table_parse(&table, "tiers.ini", accents, sizeof accents - 1, &world_err));
    ck_assert_str_eq(table->tier[0].label, "voil\xc3\xa0");
    ck_assert_str_eq(table->tier[0].upgrade, "\xc3\xa0;\xc3\xa0 demain \xc3\xa0");
    tier_table_free(table);
}

static void read_config(const char *name)
{
    struct config read;
    char text[256], path[64];
    snprintf(text, sizeof text, "[store]\npath = /srv/%s\n[tiers]\npath = t.ini\n", name);
    WORLD(config_parse(&read, "/etc/c.conf", text, strlen(text), &world_err));
    snprintf(path, sizeof path, "/srv/%s", name);
    ck_assert_str_eq(read.store, path);
}

START_TEST(texts_are_not_cut)
{
    peculiar = false;
    read_tiers();
    read_config("caf\xc3\xa9.mdb-\xc3\x85");
    peculiar = true;
    ck_assert(isspace(0xa0));
    read_tiers();
    read_config("caf\xc3\xa9.mdb-\xc3\x85");
    read_config("\xc3\x85");
    peculiar = false;
}
END_TEST

START_TEST(a_host_validates)
{
    world_open();
    const struct text text = world_add("shop", KIND_CUSTOMER, NULL, NULL);
    world_close();
    tier_table_free(world_tiers);
    file_text(in_folder(folder, "tiers.ini"), accents);
    host_load();
    peculiar = true;
    host_open();
    ck_assert_int_eq(verdict(&text), ESPT_ALLOW);
    ck_assert_int_eq(plugin->refresh(ctx, NULL, 0), 1);
    host_teardown();
    peculiar = false;
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("locale");
    TCase *tcase = tcase_create("locale");
    tcase_add_test(tcase, texts_are_not_cut);
    tcase_add_test(tcase, a_host_validates);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
