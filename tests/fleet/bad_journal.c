/* SPDX-License-Identifier: ISC */
/*
 * A journal for tests: the dir journal, with faults. Besides `path`, the settings have a line
 * `fault = WORD`:
 *
 *   failed    append() fails, and nothing is appended
 *   lost      the entry is appended, but the result is always UNKNOWN
 *   late      nothing is appended and the result is UNKNOWN, until the third attempt succeeds
 *   silent    nothing is appended, and the result is UNKNOWN
 *   taken     another entry, the same with one byte more, gets the number first
 *   full      the entry is appended; from then on this process cannot write any page of a store
 *   killed    the process is killed as soon as the entry is appended
 *   early     the process is killed before the entry is appended
 *   unread    reading an entry fails
 *   dropped   clock() takes 2.5 seconds, and then keep() reports that the turn is lost
 *   slow      reading an entry takes a tenth of a second
 *   ahead, behind    the journal's clock is off by 100 seconds
 *   dies-N    the process is killed before its Nth call (from 1) that puts or removes something.
 *             Calls of the publisher's child count too, and then both processes are killed
 *   held      a call that puts or gets a piece waits while the file PATH.hold exists; it creates
 *             PATH.reached to show that it waits
 *   unread-back    the same, only for calls that get a piece
 */
#include "espt/journal.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static const espt_journal_plugin *dir;
static char fault[32], hold[4200], reached[4200];
static unsigned attempts;
static atomic_uint *changes; /* of this process and its children */
static pid_t opener;         /* the process that loaded the plugin, not its child */

/* Moves the word of `fault = WORD` to `fault`; `rest` gets the other lines, for the dir journal. */
static void take_fault(const char *settings, char *rest, size_t size)
{
    const char *line = strstr(settings, "fault = ");
    snprintf(rest, size, "%s", settings);
    fault[0] = '\0';
    if (line == NULL)
        return;
    sscanf(line, "fault = %31s", fault);
    char path[4096] = "";
    sscanf(settings, "path = %4095s", path);
    snprintf(hold, sizeof hold, "%s.hold", path);
    snprintf(reached, sizeof reached, "%s.reached", path);
    char *at = strstr(rest, "fault = ");
    memset(at, ' ', strcspn(at, "\n"));
}

static int open_journal(espt_journal **ret, const char *settings, const char *name, uint32_t pieces,
                        uint32_t limit_ms, char *err, size_t err_len)
{
    char rest[8192];
    take_fault(settings, rest, sizeof rest);
    return dir->open(ret, rest, name, pieces, limit_ms, err, err_len);
}

static int say(int status, char *err, size_t err_len)
{
    snprintf(err, err_len, "the line is down");
    return status;
}

static int read_entry(espt_journal *journal, uint64_t number, espt_journal_entry *ret, char *err,
                      size_t err_len)
{
    if (strcmp(fault, "slow") == 0)
        usleep(100000);
    return strcmp(fault, "unread") == 0 ? say(ESPT_JOURNAL_FAILED, err, err_len)
                                        : dir->read(journal, number, ret, err, err_len);
}

static int read_clock(espt_journal *journal, int64_t *ret_seconds, char *err, size_t err_len)
{
    const int status = dir->clock(journal, ret_seconds, err, err_len);
    if (strcmp(fault, "dropped") == 0) /* called within the turn */
        usleep(2500000);
    *ret_seconds += strcmp(fault, "ahead") == 0 ? 100 : strcmp(fault, "behind") == 0 ? -100 : 0;
    return status;
}

static int append_other(espt_journal *journal, uint64_t number, const espt_journal_entry *entry,
                        char *err, size_t err_len)
{
    espt_journal_entry longer = *entry;
    uint8_t *head = calloc(1, entry->head_len + 1);
    memcpy(head, entry->head, entry->head_len);
    longer.head = head;
    longer.head_len++;
    dir->append(journal, number, &longer, err, err_len);
    free(head);
    return dir->append(journal, number, entry, err, err_len);
}

static int append(espt_journal *journal, uint64_t number, const espt_journal_entry *entry,
                  char *err, size_t err_len)
{
    attempts++;
    if (strcmp(fault, "failed") == 0)
        return say(ESPT_JOURNAL_FAILED, err, err_len);
    if (strcmp(fault, "silent") == 0 || (strcmp(fault, "late") == 0 && attempts < 3))
        return say(ESPT_JOURNAL_UNKNOWN, err, err_len);
    if (strcmp(fault, "taken") == 0)
        return append_other(journal, number, entry, err, err_len);
    if (strcmp(fault, "early") == 0)
        raise(SIGKILL);
    const int status = dir->append(journal, number, entry, err, err_len);
    if (strcmp(fault, "killed") == 0)
        raise(SIGKILL);
    if (strcmp(fault, "lost") == 0)
        return say(ESPT_JOURNAL_UNKNOWN, err, err_len);
    if (strcmp(fault, "full") == 0) {
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096});
    }
    return status;
}

/* --- what the publisher calls --- */

static void count_change(void)
{
    if (strncmp(fault, "dies-", 5) != 0 ||
        atomic_fetch_add(changes, 1) + 1 != (unsigned)atoi(fault + 5))
        return;
    if (getpid() != opener)
        kill(opener, SIGKILL);
    raise(SIGKILL);
}

static void be_held(bool gets)
{
    const bool holds = strcmp(fault, "held") == 0 || (gets && strcmp(fault, "unread-back") == 0);
    while (holds && access(hold, F_OK) == 0) {
        close(creat(reached, 0600));
        usleep(10000);
    }
}

static int get(espt_journal *journal, const char *name, const uint8_t **ret_bytes, size_t *ret_len,
               char *err, size_t err_len)
{
    be_held(true);
    return dir->get(journal, name, ret_bytes, ret_len, err, err_len);
}

static int put(espt_journal *journal, const char *name, const uint8_t *bytes, size_t len, char *err,
               size_t err_len)
{
    count_change();
    be_held(false);
    return dir->put(journal, name, bytes, len, err, err_len);
}

static int drop(espt_journal *journal, const char *name, char *err, size_t err_len)
{
    count_change();
    return dir->drop(journal, name, err, err_len);
}

static int head_put(espt_journal *journal, const uint8_t *bytes, size_t len, char *err,
                    size_t err_len)
{
    count_change();
    return dir->head_put(journal, bytes, len, err, err_len);
}

static int trim(espt_journal *journal, uint64_t first, char *err, size_t err_len)
{
    count_change();
    return dir->trim(journal, first, err, err_len);
}

/* Reports that the turn is lost, as a process finds that was frozen for too long. */
static int keep(espt_journal *journal, char *err, size_t err_len)
{
    return strcmp(fault, "dropped") == 0 ? say(ESPT_JOURNAL_FAILED, err, err_len)
                                         : dir->keep(journal, err, err_len);
}

__attribute__((visibility("default"))) const espt_journal_plugin *espt_journal_get(uint32_t abi)
{
    static espt_journal_plugin plugin;
    const espt_journal_plugin *(*dir_get)(uint32_t) = NULL;
    void *library = dlopen(DIR_JOURNAL, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        return NULL;
    *(void **)(void *)&dir_get = dlsym(library, "espt_journal_get");
    dir = dir_get(abi);
    opener = getpid();
    changes =
        mmap(NULL, sizeof *changes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (dir == NULL || changes == MAP_FAILED)
        return NULL;
    plugin = *dir;
    plugin.kind = "bad";
    plugin.open = open_journal;
    plugin.read = read_entry;
    plugin.append = append;
    plugin.clock = read_clock;
    plugin.keep = keep;
    plugin.get = get;
    plugin.put = put;
    plugin.drop = drop;
    plugin.head_put = head_put;
    plugin.trim = trim;
    return &plugin;
}
