/* SPDX-License-Identifier: ISC */
#include "fleet/feed_member.h"

#include <unistd.h>

#define MANY 2500 /* tokens: two rounds of feed_write_much() make a snapshot due */
/* An edge's record of a token has the entity's name. */
#define BULK "an-entity-whose-name-is-as-long-as-a-name-may-be-so-that-it-fill"

void feed_member(struct member *ret, const struct fleet_of *fleet, const struct web *web)
{
    char config[16384], settings[256];
    ret->config = store_folder(&ret->folder);
    snprintf(ret->name, sizeof ret->name, "edge-1");
    unlink(in_folder(ret->folder, "reveal.key"));
    unlink(in_folder(ret->folder, "reveal.pub"));
    snprintf(config, sizeof config, "%s\n[fleet]\njournal = http\nname = edge-1\n",
             file_read(ret->config, NULL));
    file_text(ret->config, config);
    const int len = snprintf(settings, sizeof settings, "url = %s\n", web->url);
    file_write(in_folder(ret->folder, "journal.conf"), settings, (size_t)len, 0600);
    file_text(in_folder(ret->folder, "fleet.pub"),
              file_read(in_folder(fleet->site[0].folder, "fleet.pub"), NULL));
}

void feed_allow_many(const struct fleet_of *fleet)
{
    char text[16384];
    const char *tiers = file_read(in_folder(fleet->site[0].folder, "tiers.ini"), NULL);
    const char *limit = strstr(tiers, "max_tokens = 5");
    ck_assert_ptr_nonnull(limit);
    snprintf(text, sizeof text, "%.*smax_tokens = 5000%s", (int)(limit - tiers), tiers, limit + 14);
    for (int i = 0; i < 2; i++)
        file_text(in_folder(fleet->site[i].folder, "tiers.ini"), text);
}

/* Foreign tokens, because sealing the texts of ordinary ones would take ten times as long. */
static const char *many_tokens(void)
{
    static char lines[MANY * 300];
    if (lines[0] != '\0')
        return lines;
    size_t used = (size_t)snprintf(lines, sizeof lines,
                                   "{\"entity\":{\"name\":\"" BULK
                                   "\",\"kind\":\"customer\",\"tier\":\"advanced\"}}\n");
    for (int i = 0; i < MANY; i++)
        used += (size_t)snprintf(lines + used, sizeof lines - used,
                                 "{\"token\":{\"foreign\":true,\"entity\":\"" BULK
                                 "\",\"name\":\"n%d\","
                                 "\"expires\":null,\"sha256\":\"%064d\"}}\n",
                                 i, i);
    return lines;
}

void feed_write_much(const struct fleet_of *fleet, int round)
{
    const struct member *site = &fleet->site[round % 2];
    fleet_done(CTL(site->config, many_tokens(), "import", "-"));
    DONE(*site, "entity", "remove", BULK, "--yes");
}

void feed_much(const struct fleet_of *fleet, const struct publisher *publisher, int round)
{
    feed_write_much(fleet, round);
    publisher_await(publisher, fleet_last(fleet));
}

uint64_t feed_far(const struct fleet_of *fleet, const struct publisher *publisher)
{
    struct head head;
    ck_assert(publisher_head(publisher, &head));
    uint64_t newest = head.snapshot.number, before = 0, snapshots = 0;
    for (int round = 0; snapshots < 2; round++) {
        ck_assert_int_lt(round, 20);
        feed_much(fleet, publisher, round);
        ck_assert(publisher_head(publisher, &head));
        if (head.snapshot.number == newest)
            continue;
        snapshots++;
        before = newest;
        newest = head.snapshot.number;
    }
    return before;
}
