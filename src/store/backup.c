#include "store/backup.h"

#include "common/trust.h"
#include "common/when.h"
#include "store/clock.h"
#include "store/copy.h"
#include "store/publish.h"

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

/* --- making one --- */

static int must_be_free(const char *path, struct espt_error *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return 0;
    return espt_fail(err, ESPT_REFUSED, "%s: there is a file already; choose another name", path);
}

int store_facts(struct store *store, struct backup_facts *ret_facts, struct espt_error *err)
{
    struct txn txn;
    int code = txn_begin(&txn, store, false, err);
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

/* What the copy says of itself once it is stamped. */
static int read_facts(const struct config *copy, struct backup_facts *ret_facts,
                      struct espt_error *err)
{
    struct store *store;
    int code = store_open(&store, copy, err);
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
    int code = copy_stamp(copy, err);
    if (code == 0)
        code = read_facts(copy, facts, err);
    copy_forget_locks(copy->store);
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

/* A line of the manifest holds it. */
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

/* --- holding one against its manifest --- */

static bool read_number(const char *text, const char *word, uint64_t *ret_number)
{
    const char *at = strstr(text, word);
    if (at == NULL)
        return false;
    *ret_number = strtoull(at + strlen(word), NULL, 10);
    return true;
}

/* The facts are comments, for people: what counts is the hash. */
static bool parse_manifest(char *text, struct backup_facts *ret_facts)
{
    struct backup_facts facts = {0};
    size_t len = 0;
    if (strncmp(text, "# esp-token backup", 18) != 0 ||
        !read_number(text, "revision ", &facts.revision) ||
        !read_number(text, "entities ", &facts.entities) ||
        !read_number(text, "tokens ", &facts.tokens))
        return false;
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
        code = trust_read(manifest, geteuid(), TRUST_PUBLIC, MANIFEST_MAX, &text, &len, err);
    if (code != 0)
        return code;
    bool good = parse_manifest(text, &facts);
    free(text);
    if (!good)
        return espt_fail(err, ESPT_UNUSABLE,
                         "%s: not a manifest as backup writes it; take another backup", manifest);
    code = copy_digest(path, sum, &facts.bytes, err);
    if (code == 0 && memcmp(sum, facts.sha256, sizeof sum) != 0)
        code = espt_fail(err, ESPT_UNUSABLE,
                         "%s: it is not the file that its manifest was written for (another "
                         "SHA-256); take another backup",
                         path);
    if (code == 0)
        *ret_facts = facts;
    return code;
}
