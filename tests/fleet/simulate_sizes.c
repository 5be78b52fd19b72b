/* SPDX-License-Identifier: ISC */
/* Measures, at a real feed, the sizes that the simulation uses. */
#include "fleet/simulate.h"

#include "fleet/publisher.h"
#include "fleet/web.h"

#include <signal.h>

#define CHANGES 8

/* Bytes of the headers of an answer and of its request, as curl counts them. */
static void headers(const char *url, const char *tag, double *ret_answer, double *ret_request)
{
    char condition[256];
    unsigned answer, request;
    snprintf(condition, sizeof condition, "If-None-Match: %s", tag);
    const char *argv[] = {
        "curl",    "-s", "-A",        "esp-token", "-H",
        condition, "-o", "/dev/null", "-w",        "%{size_header} %{size_request}",
        url,       NULL};
    const struct run run = run_process(argv, NULL);
    ck_assert_msg(run.status == 0 && sscanf(run.out, "%u %u", &answer, &request) == 2, "curl: %s%s",
                  run.out, run.err);
    *ret_answer = answer;
    *ret_request = request;
}

static const char *tag_of(const char *url)
{
    static char tag[128];
    const char *argv[] = {"curl", "-s", "-o", "/dev/null", "-D", "-", url, NULL};
    const struct run run = run_process(argv, NULL);
    const char *at = strstr(run.out, "ETag: ");
    ck_assert_msg(at != NULL && sscanf(at, "ETag: %127s", tag) == 1, "%s", run.out);
    return tag;
}

/* The bytes that an entry takes in a piece. */
static double entry_bytes(const struct fleet_of *fleet, uint64_t number)
{
    size_t len;
    espt_journal_entry entry;
    const char *bytes = file_read(fleet_entry_path(fleet, number), &len);
    ck_assert(bytes != NULL && entry_file_split(bytes, len, &entry));
    return 8 + (double)(entry.head_len + entry.edge_len);
}

void measure_sizes(struct sizes *ret)
{
    static struct fleet_of fleet;
    struct publisher publisher;
    struct web web;
    char url[128];
    size_t len;
    double tail = 0;
    fleet_begin(&fleet, 1);
    DONE(fleet.site[0], "create", "acme", "web", "-q");
    publisher_prepare(&publisher, &fleet);
    publisher_start(&publisher);
    const uint64_t first = fleet_entry(&fleet, 0); /* the feed begins there */
    publisher_await(&publisher, first);
    for (int i = 0; i < CHANGES; i++)
        DONE(fleet.site[0], "edit", "acme/web", "--status", i % 2 ? "active" : "inactive");
    publisher_await(&publisher, first + CHANGES);
    web_start(&web, publisher.feed, "");
    snprintf(url, sizeof url, "%s/head", web.url);
    *ret = (struct sizes){.entry = entry_bytes(&fleet, first + CHANGES)};
    for (uint64_t number = first; number <= first + CHANGES; number++)
        tail += entry_bytes(&fleet, number);
    ck_assert_ptr_nonnull(file_read(in_folder(publisher.feed, "head"), &len));
    ret->head = (double)len - tail;
    headers(url, "none", &ret->reply, &ret->asks);
    headers(url, tag_of(url), &ret->not_changed, &ret->asks);
    publisher_end(&publisher, SIGTERM);
    web_stop(&web);
}
