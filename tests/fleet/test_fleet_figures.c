/* SPDX-License-Identifier: ISC */
/* fleet status --prometheus: the figures are true, even if the journal cannot be read or is wrong.
 */
#include "fleet/members.h"

#include <unistd.h>

static struct fleet_of fleet;

/* The value of a figure at a site, as text; "-": it is missing. */
static const char *figure(int site, const char *name)
{
    static char value[32];
    char line[128];
    const char *all = DONE(fleet.site[site], "fleet", "status", "--prometheus");
    snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(all, line);
    snprintf(value, sizeof value, "-");
    if (at != NULL)
        sscanf(at + strlen(line), "%31s", value);
    return value;
}

#define FIGURE(site, name, value) ck_assert_str_eq(figure(site, "esp_token_fleet_" name), value)

static void spoil(uint64_t number)
{
    size_t len;
    char *bytes = file_read(fleet_entry_path(&fleet, number), &len);
    bytes[len / 2] ^= 1;
    ck_assert_int_eq(unlink(fleet_entry_path(&fleet, number)), 0);
    file_write(fleet_entry_path(&fleet, number), bytes, len, 0600);
}

START_TEST(figures)
{
    char number[32], away[4200];
    fleet_begin(&fleet, 2);
    const uint64_t entry = fleet_entry(&fleet, 1);
    snprintf(number, sizeof number, "%llu", (unsigned long long)entry);
    FIGURE(1, "entry", number);
    FIGURE(1, "journal_entry", number);
    FIGURE(1, "journal_up", "1");
    FIGURE(1, "behind_entries", "0");
    FIGURE(1, "stopped", "0");
    FIGURE(1, "sites", "2");
    DONE(fleet.site[0], "create", "acme", "a");
    DONE(fleet.site[0], "create", "acme", "b");
    spoil(entry + 1);
    FIGURE(1, "entry", number);
    FIGURE(1, "behind_entries", "2");
    FIGURE(1, "refused_entries", "2");
    FIGURE(1, "stopped", "1");
    spoil(entry + 1); /* as it was */
    FIGURE(1, "refused_entries", "0");
    FIGURE(1, "stopped", "0");
    snprintf(away, sizeof away, "%s.away", fleet.journal);
    ck_assert_int_eq(rename(fleet.journal, away), 0);
    FIGURE(1, "journal_up", "0");
    FIGURE(1, "journal_entry", "-");
    FIGURE(1, "stopped", "-");
    ck_assert_int_eq(rename(away, fleet.journal), 0);
    ck_assert_int_eq(unlink(fleet_entry_path(&fleet, entry + 2)), 0); /* set back */
    FIGURE(1, "behind_entries", "0");
    FIGURE(1, "stopped", "1");
}
END_TEST

START_TEST(in_a_file)
{
    fleet_begin(&fleet, 1);
    const char *path = in_folder(fleet.site[0].folder, "fleet.prom");
    DONE(fleet.site[0], "fleet", "status", "--prometheus", "-o", path);
    const char *written = keep_string(strdup(file_read(path, NULL)));
    ck_assert_str_eq(written, DONE(fleet.site[0], "fleet", "status", "--prometheus"));
    fleet_says(AT(fleet.site[0], "fleet", "status", "-o", path), 2, "belongs to --prometheus");
    fleet_says(AT(fleet.site[0], "--json", "fleet", "status", "--prometheus"), 2, "keep one");
}
END_TEST

int main(void)
{
    use_memory();
    Suite *suite = suite_create("figures of a fleet");
    TCase *tcase = tcase_create("figures");
    tcase_set_timeout(tcase, 120);
    fleet_fixture(tcase, 2);
    tcase_add_test(tcase, figures);
    tcase_add_test(tcase, in_a_file);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
