/* SPDX-License-Identifier: ISC */
/* Calls of a journal plugin, for its tests. */
#ifndef TESTS_FLEET_JOURNAL_CALLS_H
#define TESTS_FLEET_JOURNAL_CALLS_H

#include "espt/journal.h"
#include "support/support.h"

#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The KIND in esp_journal_KIND.so; each test program sets it. */
static const char *conformance_kind;

#define LIMIT_MS 20000
static char said[512]; /* the last message */

static inline const espt_journal_plugin *load_from(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(library != NULL, "%s", dlerror());
    const espt_journal_plugin *(*get)(uint32_t) = NULL;
    *(void **)(void *)&get = dlsym(library, "espt_journal_get");
    ck_assert_ptr_nonnull((void *)(uintptr_t)get);
    ck_assert_ptr_null(get(ESPT_JOURNAL_ABI + 0x10000u));
    const espt_journal_plugin *plugin = get(ESPT_JOURNAL_ABI);
    ck_assert_ptr_nonnull(plugin);
    ck_assert_uint_ge(plugin->size, sizeof *plugin);
    ck_assert_str_eq(plugin->kind, conformance_kind);
    return plugin;
}

static inline const char *plugin_file(void)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/esp_journal_%s.so", OUT, conformance_kind);
    return path;
}

static inline const espt_journal_plugin *load(void)
{
    return load_from(plugin_file());
}

/* Copies the plugin, and replaces `words` in its strings by `others` of the same length. There may
   be several places, because with a sanitizer each object file keeps its own strings. */
static inline void copy_altered(const char *to, const char *words, const char *others)
{
    size_t len;
    char *bytes = file_read(plugin_file(), &len), *at = bytes;
    unsigned times = 0;
    while ((at = memmem(at, len - (size_t)(at - bytes), words, strlen(words))) != NULL) {
        memcpy(at, others, strlen(words));
        times++;
    }
    ck_assert_msg(times > 0 && strlen(words) == strlen(others), "%s", words);
    file_write(to, bytes, len, 0755);
}

/* Loads such a copy: a control. */
static inline const espt_journal_plugin *load_altered(const char *words, const char *others)
{
    const char *path = in_folder(temp_folder(), "altered.so");
    copy_altered(path, words, others);
    return load_from(path);
}

static inline espt_journal *opened_for(const espt_journal_plugin *p, const char *settings,
                                       const char *name, uint32_t pieces)
{
    espt_journal *journal = NULL;
    int status = p->open(&journal, settings, name, pieces, LIMIT_MS, said, sizeof said);
    ck_assert_msg(status == ESPT_JOURNAL_DONE, "open: %d: %s", status, said);
    return journal;
}

static inline espt_journal *opened(const espt_journal_plugin *p, const char *settings,
                                   const char *name)
{
    return opened_for(p, settings, name, ESPT_JOURNAL_WHOLE);
}

/* An entry whose pieces differ; the vault is empty. */
static inline espt_journal_entry entry_of(const char *text)
{
    const size_t len = strlen(text);
    const uint8_t *bytes = (const uint8_t *)text;
    return (espt_journal_entry){.head = bytes,
                                .head_len = len,
                                .log = (const uint8_t *)"log\0",
                                .log_len = 4,
                                .edge = bytes,
                                .edge_len = len / 2};
}

static inline int append(const espt_journal_plugin *p, espt_journal *j, uint64_t number,
                         const char *text)
{
    const espt_journal_entry entry = entry_of(text);
    return p->append(j, number, &entry, said, sizeof said);
}

static inline void same_bytes(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    ck_assert_uint_eq(a_len, b_len);
    ck_assert(a_len == 0 || memcmp(a, b, a_len) == 0);
}

static inline void has(const espt_journal_plugin *p, espt_journal *j, uint64_t number,
                       const char *text)
{
    const espt_journal_entry wanted = entry_of(text);
    espt_journal_entry entry;
    const int status = p->read(j, number, &entry, said, sizeof said);
    ck_assert_msg(status == ESPT_JOURNAL_DONE, "%d: %s", status, said);
    same_bytes(entry.head, entry.head_len, wanted.head, wanted.head_len);
    same_bytes(entry.log, entry.log_len, wanted.log, wanted.log_len);
    same_bytes(entry.edge, entry.edge_len, wanted.edge, wanted.edge_len);
    same_bytes(entry.vault, entry.vault_len, wanted.vault, wanted.vault_len);
}

static inline void lacks(const espt_journal_plugin *p, espt_journal *j, uint64_t number)
{
    espt_journal_entry entry;
    const int status = p->read(j, number, &entry, said, sizeof said);
    ck_assert_msg(status == ESPT_JOURNAL_NONE, "%d: %s", status, said);
}

#endif
