/* SPDX-License-Identifier: ISC */
#include "fleet/trimmed.h"

#include <time.h>
#include <unistd.h>

uint64_t journal_first(const struct fleet_of *fleet)
{
    const char *at =
        strstr(DONE(fleet->site[0], "fleet", "status", "--stale"), "journal  entries ");
    ck_assert_ptr_nonnull(at);
    return strtoull(at + 17, NULL, 10);
}

bool journal_head(const struct fleet_of *fleet, struct head *ret)
{
    size_t len;
    char needs[ENTRY_NEEDS_MAX + 1];
    const char *bytes = file_read(in_folder(fleet->journal, "head"), &len);
    return bytes != NULL && head_decode((const uint8_t *)bytes, len, ret, needs) == ENTRY_GOOD;
}

void sign_head(const struct fleet_of *fleet, int site, int64_t time)
{
    struct config config;
    struct fleet *of;
    struct espt_error err;
    struct head head;
    uint8_t bytes[HEAD_MAX];
    ck_assert(journal_head(fleet, &head));
    ck_assert_int_eq(config_load(&config, fleet->site[site].config, geteuid(), &err), 0);
    ck_assert_int_eq(fleet_new(&of, &config, 1000, &err), 0);
    ck_assert_int_eq(key_load(of, &err), 0);
    head.time = time;
    snprintf(head.site, sizeof head.site, "%s", fleet->site[site].name);
    const size_t len = head_encode(&head, of->secret, bytes);
    file_write(in_folder(fleet->journal, "head"), bytes, len, 0644);
    fleet_free(of);
}

bool journal_begins(const struct fleet_of *fleet, uint64_t first)
{
    /* a command is asked only when the files say so */
    return (fleet->pg != NULL || access(fleet_entry_path(fleet, first - 1), F_OK) != 0) &&
           journal_first(fleet) >= first;
}

void trim_far(const struct fleet_of *fleet, const struct publisher *publisher)
{
    const uint64_t first = feed_far(fleet, publisher);
    AWAIT(journal_begins(fleet, first));
    publisher_rest(publisher);
}

void newcomer(const struct fleet_of *fleet, struct fleet_of *ret)
{
    static const char *const files[] = {"fleet.pub", "reveal.pub", "reveal.key", "tiers.ini"};
    *ret = (struct fleet_of){.pg = fleet->pg};
    fleet_folders(ret, 1);
    ret->journal = fleet->journal;
    fleet_fault(ret, 0, NULL);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t len;
        const char *bytes = file_read(in_folder(fleet->site[0].folder, files[i]), &len);
        ck_assert_ptr_nonnull(bytes);
        file_write(in_folder(ret->site[0].folder, files[i]), bytes, len, i == 2 ? 0600 : 0644);
    }
}

void newcomers_join(const struct fleet_of *fleet)
{
    static struct fleet_of joined[2];
    static const char *as_new[2]; /* copies of the machines before they join */
    for (int edge = 0; edge < 2; edge++) {
        struct member *machine = &joined[edge].site[0];
        if (as_new[edge] == NULL) {
            newcomer(fleet, &joined[edge]);
            as_new[edge] = temp_folder();
            folder_copy(machine->folder, as_new[edge]);
        } else {
            folder_copy(as_new[edge], machine->folder);
        }
        DONE(*machine, "fleet", "join", edge ? "--edge" : NULL);
    }
    struct fleet_of both = {.site = {fleet->site[0], joined[0].site[0]}};
    fleet_same(&both, 0, 1); /* which asks for what is asked of the edge */
    fleet_is_whole(&joined[1].site[0]);
    ck_assert_uint_eq(fleet_stands(&joined[1].site[0]), fleet_stands(&fleet->site[0]));
    DONE(joined[0].site[0], "log", "verify");
}
