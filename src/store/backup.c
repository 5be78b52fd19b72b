/* SPDX-License-Identifier: ISC */
#include "store/backup.h"

#include "common/trust.h"
#include "common/when.h"
#include "store/begin.h"
#include "store/clock.h"
#include "store/db/copy.h"
#include "store/db/page_owners.h"
#include "store/db/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANIFEST_MAX 4096
#define HASH_HEX (2UL * crypto_hash_sha256_BYTES)

static int manifest_path(const char *path, char out[static PATH_MAX], struct espt_error *err)
{
    int len = snprintf(out, PATH_MAX, "%s.manifest", path);
    return len > 0 && len < PATH_MAX
               ? 0
               : espt_fail(err, ESPT_USAGE, "the file's name is too long; choose a shorter one");
}

/* --- writing a backup --- */

static int must_be_free(const char *path, struct espt_error *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return 0;
    return espt_fail(err, ESPT_REFUSED, "%s: the file exists already; choose another name", path);
}

int store_facts(struct store *store, struct backup_facts *ret_facts, struct espt_error *err)
{
    struct txn txn;
    int code = store_begin(&txn, store, false, err);
    if (code != 0)
        return code;
    struct backup_facts facts = {.made = clock_now(), .revision = txn.state.revision};
    facts.entities = txn_entries(&txn, TABLE_ENTITIES);
    facts.tokens = txn_entries(&txn, TABLE_TOKENS);
    txn_abort(&txn);
    code = txn.code;
    if (code == 0)
        code = store_log_head(store, &facts.log, err);
    if (code == 0)
        *ret_facts = facts;
    return code;
}

/* Reads the facts of the stamped copy. */
static int read_facts(const struct config *copy, struct backup_facts *ret_facts,
                      struct espt_error *err)
{
    struct store *store;
    int code = db_open_private(&store, copy, err);
    if (code != 0)
        return code;
    code = store_facts(store, ret_facts, err);
    store_close(store);
    return code;
}

static int write_manifest(const char *path, const struct backup_facts *facts,
                          struct espt_error *err)
{
    char manifest[PATH_MAX], text[MANIFEST_MAX], when[WHEN_TEXT_SIZE];
    char sum[HASH_HEX + 1], hash[HASH_HEX + 1];
    bool made = false;
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    int code = manifest_path(path, manifest, err);
    if (code != 0)
        return code;
    when_format(facts->made, when);
    sodium_bin2hex(sum, sizeof sum, facts->sha256, sizeof facts->sha256);
    sodium_bin2hex(hash, sizeof hash, facts->log.hash, sizeof facts->log.hash);
    int len = snprintf(text, sizeof text,
                       "# esp-token backup, schema %d, made %s\n"
                       "# revision %llu, entities %llu, tokens %llu, bytes %llu\n"
                       "# log %llu:%s\n"
                       "%s  %s\n",
                       STORE_SCHEMA, when, (unsigned long long)facts->revision,
                       (unsigned long long)facts->entities, (unsigned long long)facts->tokens,
                       (unsigned long long)facts->bytes, (unsigned long long)facts->log.sequence,
                       hash, sum, name);
    code = publish_file(manifest, text, (size_t)len, 0600, &made, err);
    if (code == 0 && !made)
        code = must_be_free(manifest, err);
    return code;
}

/* `copy` is the finished copy under its temporary name. */
static int finish(const struct config *copy, const char *path, struct backup_facts *facts,
                  struct espt_error *err)
{
    bool made = false;
    int code = owners_prove_file(copy,
                                 "this is a copy of the store, so the store is damaged too; run "
                                 "'esp-tokenctl check'",
                                 err);
    if (code == 0)
        code = copy_stamp(copy, err);
    if (code == 0)
        code = read_facts(copy, facts, err);
    if (code == 0)
        code = copy_digest(copy->store, facts->sha256, &facts->bytes, err);
    if (code == 0)
        code = write_manifest(path, facts, err);
    if (code != 0)
        return code;
    code = publish(copy->store, path, &made, err);
    if (code == 0 && !made)
        code = must_be_free(path, err);
    if (code != 0) {
        char manifest[PATH_MAX];
        struct espt_error ignored;
        if (manifest_path(path, manifest, &ignored) == 0)
            unlink(manifest);
    }
    return code;
}

/* The name must fit in a line of the manifest. */
static int name_must_fit(const char *path, struct espt_error *err)
{
    const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
    for (; *name != '\0'; name++) {
        if ((unsigned char)*name < ' ')
            return espt_fail(err, ESPT_USAGE,
                             "the file's name has a control character; choose another");
    }
    return 0;
}

/* The copy is proved through a mapping. These messages name the real cause: what trust.c says of a
   missing path is about the paths in the configuration. */
static int folder_must_serve(const char *path, struct espt_error *err)
{
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    const size_t len = slash != NULL && slash != path ? (size_t)(slash - path) : 1;
    if (len >= sizeof folder)
        return 0;
    if (slash != NULL)
        memcpy(folder, path, len);
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return espt_fail(err, ESPT_UNUSABLE, "%s: there is no such folder; create it first",
                         folder);
    if (fd < 0)
        return 0; /* trust_folder_of() says why */
    int code = trust_filesystem(fd, folder, err);
    if (code != 0)
        espt_add(err, "; then move the backup and its manifest");
    close(fd);
    return code;
}

int backup_require(const char *path, struct espt_error *err)
{
    struct stat st;
    const bool there = stat(path, &st) == 0;
    if (!there && errno == ENOENT)
        return espt_fail(err, ESPT_UNUSABLE, "%s: there is no such file; name a backup", path);
    if (there && S_ISDIR(st.st_mode))
        return espt_fail(err, ESPT_UNUSABLE, "%s: it is a folder; name a backup in it", path);
    return 0;
}

static int manifest_must_be_there(const char *manifest, struct espt_error *err)
{
    if (access(manifest, F_OK) != 0 && errno == ENOENT)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: there is no such file; copy it from where the backup was made, or "
                         "give --no-manifest to check the records alone",
                         manifest);
    return 0;
}

int store_backup(struct store *store, const char *path, struct backup_facts *ret_facts,
                 struct espt_error *err)
{
    char manifest[PATH_MAX];
    struct config copy = store->config;
    struct backup_facts facts;
    int code = name_must_fit(path, err);
    if (code == 0)
        code = manifest_path(path, manifest, err);
    if (code == 0)
        code = folder_must_serve(path, err);
    if (code == 0)
        code = trust_folder_of(path, geteuid(), err);
    if (code == 0)
        code = must_be_free(path, err);
    if (code == 0)
        code = must_be_free(manifest, err);
    if (code != 0)
        return code;
    if (!publish_temporary(path, copy.store, sizeof copy.store))
        return espt_fail(err, ESPT_USAGE, "the file's name is too long; choose a shorter one");
    code = copy_write(store, copy.store, true, err);
    if (code == 0)
        code = finish(&copy, path, &facts, err);
    if (code != 0)
        unlink(copy.store);
    else
        *ret_facts = facts;
    return code;
}

/* --- verifying a backup by its manifest --- */

static bool read_number(const char *text, const char *word, uint64_t *ret_number)
{
    const char *at = strstr(text, word);
    if (at == NULL)
        return false;
    *ret_number = strtoull(at + strlen(word), NULL, 10);
    return true;
}

/* Returns 0 if the text holds no time. */
static int64_t read_made(const char *text)
{
    static const char word[] = ", made ";
    char when[WHEN_TEXT_SIZE] = "";
    int64_t made;
    const char *at = strstr(text, word);
    if (at != NULL)
        snprintf(when, sizeof when, "%.*s", (int)strcspn(at + sizeof word - 1, "\n"),
                 at + sizeof word - 1);
    return moment_parse(when, &made) ? made : 0;
}

/* Only the hash is verified; the facts are comments for people. */
static bool parse_manifest(char *text, struct backup_facts *ret_facts)
{
    struct backup_facts facts = {0};
    size_t len = 0;
    if (strncmp(text, "# esp-token backup", 18) != 0 ||
        !read_number(text, "revision ", &facts.revision) ||
        !read_number(text, "entities ", &facts.entities) ||
        !read_number(text, "tokens ", &facts.tokens))
        return false;
    facts.made = read_made(text);
    char *line = text, *next;
    while (line[0] == '#' && (next = strchr(line, '\n')) != NULL)
        line = next + 1;
    if (strcspn(line, " ") != HASH_HEX ||
        sodium_hex2bin(facts.sha256, sizeof facts.sha256, line, HASH_HEX, NULL, &len, NULL) != 0 ||
        len != sizeof facts.sha256)
        return false;
    *ret_facts = facts;
    return true;
}

int backup_verify(const char *path, struct backup_facts *ret_facts, struct espt_error *err)
{
    char manifest[PATH_MAX], *text;
    size_t len;
    struct backup_facts facts;
    uint8_t sum[crypto_hash_sha256_BYTES];
    int code = manifest_path(path, manifest, err);
    if (code == 0)
        code = manifest_must_be_there(manifest, err);
    if (code == 0)
        code = trust_read(manifest, geteuid(), TRUST_PUBLIC, MANIFEST_MAX, &text, &len, err);
    if (code != 0)
        return code;
    bool good = parse_manifest(text + bom_len(text, len), &facts);
    free(text);
    if (!good)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: not a manifest as backup writes it; take another backup", manifest);
    code = copy_digest(path, sum, &facts.bytes, err);
    if (code == 0 && memcmp(sum, facts.sha256, sizeof sum) != 0)
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: its SHA-256 differs from the one in its manifest; take another "
                         "backup",
                         path);
    if (code == 0)
        *ret_facts = facts;
    return code;
}
