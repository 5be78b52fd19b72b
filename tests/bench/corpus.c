/* SPDX-License-Identifier: ISC */
/*
 * Makes a store like one after years of use: ids in order of creation, in busy and quiet hours; one
 * entity for every three tokens. Each entity starts with one token; the other tokens go to random
 * entities in between. One entity in a hundred is a reseller, and every other customer is under a
 * reseller.
 *
 * The store is written by the store's own apply.c in large transactions. Only the sealed texts are
 * random bytes: no validator reads them, and a million crypto_box_seal calls take a minute.
 */
#include "bench/bench.h"
#include "store/apply.h"
#include "store/keyfile.h"
#include "store/mint.h"
#include "store/reveal.h"

#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKENS_PER_ENTITY 3
#define RESELLERS_ONE_IN 100
#define FIRST_MS (TOKEN_EPOCH_MS + INT64_C(1000) * 3600 * 24 * 365)
#define PER_TRANSACTION 20000
#define HOUR 1000 /* tokens before the pace changes */
#define PACE_MIN 8
#define PACE_DOUBLINGS 8 /* upper limit, above the minimum */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
    (void)st, (void)type, (void)walk;
    return remove(path);
}

/* The folders that exist now; die() removes them, too. */
static struct {
    char path[sizeof((struct corpus *)0)->folder];
    pid_t owner; /* a child that dies leaves its parent's folders alone */
} folders[4];
#define FOLDERS (sizeof folders / sizeof *folders)

static void remove_folder(size_t i)
{
    if (folders[i].owner == getpid())
        nftw(folders[i].path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    folders[i].owner = 0;
}

static void remove_folders(void)
{
    for (size_t i = 0; i < FOLDERS; i++)
        remove_folder(i);
}

static void make_folder(char *folder, size_t room, const char *below)
{
    static bool registered;
    size_t i = 0;
    while (i < FOLDERS && folders[i].owner != 0)
        i++;
    snprintf(folder, room, "%s/esp-bench-XXXXXX", below);
    if (i == FOLDERS || (!registered && atexit(remove_folders) != 0))
        die("too many stores at once");
    registered = true;
    if (mkdtemp(folder) == NULL)
        die("%s: cannot be made", folder);
    snprintf(folders[i].path, sizeof folders[i].path, "%s", folder);
    folders[i].owner = getpid();
}

static const char tiers[] = "[lite]\nrank = 10\nmax_tokens = 1\ndefault = yes\n"
                            "metrics = kpi.* summary.* engagement.*\n"
                            "metrics = traffic.* geo.* topology.*\n\n"
                            "[advanced]\nrank = 20\nmax_tokens = 5\nmetrics = asn.*\n";

/* Milliseconds from one token to the next: random arrivals at a pace that changes, from tens of
   milliseconds to seconds. Never 0, because ids rise. */
static int64_t pause_before(size_t i)
{
    static double pace;
    if (i % HOUR == 0)
        pace = PACE_MIN * exp2(randombytes_uniform(PACE_DOUBLINGS * 64) / 64.0);
    return 1 + (int64_t)(-log((randombytes_random() + 1.0) / 4294967297.0) * pace);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) || close(fd) != 0)
        die("%s: cannot be written", path);
}

static void prepare(struct corpus *corpus, const char *below)
{
    struct espt_error err;
    bool made, made_secret;
    umask(022);
    make_folder(corpus->folder, sizeof corpus->folder, below);
    write_file(corpus->folder, "tiers.ini", tiers);
    write_file(corpus->folder, "esp-token.conf",
               "[store]\npath = tokens.mdb\n[tiers]\npath = tiers.ini\n[usage]\nfolder = usage\n");
    snprintf(corpus->path, sizeof corpus->path, "%s/esp-token.conf", corpus->folder);
    char usage[96];
    snprintf(usage, sizeof usage, "%s/usage", corpus->folder);
    if (mkdir(usage, 0755) != 0)
        die("%s: cannot be made", usage);
    if (config_load(&corpus->config, corpus->path, geteuid(), &err) != 0 ||
        store_create(&corpus->config, &made, &err) != 0 ||
        reveal_create(&corpus->config, &made, &made_secret, &err) != 0 ||
        keyfile_read_public(corpus->config.public_key, corpus->public, &err) != 0)
        die("%s", err.message);
}

/* The latest reseller up to that entity. There is one in each hundred entities, somewhere in the
   first half, so that their numbers are as uneven as in practice; entity 1 is the first. */
static uint32_t reseller_before(uint32_t number)
{
    const uint32_t hundred = (number - 1) / RESELLERS_ONE_IN;
    const uint32_t its =
        hundred * RESELLERS_ONE_IN + 1 + (hundred * 0x9e3779b1u >> 16) % (RESELLERS_ONE_IN / 2);
    return its <= number ? its : reseller_before(hundred * RESELLERS_ONE_IN);
}

/* Names come in random order, as in practice; an odd factor keeps them distinct. */
static void name_entity(char *out, size_t size, uint32_t number)
{
    snprintf(out, size, "%s-%06x", reseller_before(number) == number ? "partner" : "site",
             number * 0x9e3779b1u & 0xffffff);
}

/* Makes entity `number`, counted from 1. */
static void describe(struct entity *ret_entity, uint32_t number, int64_t created)
{
    bool reseller = reseller_before(number) == number;
    *ret_entity = (struct entity){
        .number = number,
        .kind = reseller ? KIND_RESELLER : KIND_CUSTOMER,
        .active = true,
        .created = created,
    };
    name_entity(ret_entity->name, sizeof ret_entity->name, number);
    snprintf(ret_entity->tier, sizeof ret_entity->tier, "advanced");
    if (!reseller && number % 2 == 0)
        name_entity(ret_entity->reseller, sizeof ret_entity->reseller, reseller_before(number));
}

/* Makes a token created at `ms`, and writes its text to `text`. Its record names `key` as the id of
   its reveal key, but the sealed text is random. */
static void draw(struct token_full *ret_token, int64_t ms, const struct entity *entity,
                 unsigned nth, uint32_t key, char text[static TOKEN_TEXT_LEN])
{
    char drawn[TOKEN_TEXT_LEN + 1];
    *ret_token = (struct token_full){
        .token = {.id = mint_id(ms),
                  .active = true,
                  .has_text = true,
                  .created = ms / 1000,
                  .expires = INT64_C(1) << 33},
        .entity = entity->number,
    };
    if (nth == 0)
        snprintf(ret_token->token.name, sizeof ret_token->token.name, "default");
    else
        snprintf(ret_token->token.name, sizeof ret_token->token.name, "dashboard-%u", nth);
    snprintf(ret_token->token.entity, sizeof ret_token->token.entity, "%s", entity->name);
    randombytes_buf(ret_token->sealed, sizeof ret_token->sealed);
    ret_token->key = key;
    mint_text(ret_token->token.id, drawn);
    token_digest(drawn, ret_token->digest);
    memcpy(text, drawn, TOKEN_TEXT_LEN);
}

static void commit(struct store *store, struct changes *changes)
{
    struct espt_error err;
    struct txn txn;
    if (txn_begin(&txn, store, true, &err) != 0)
        die("%s", err.message);
    apply(&txn, changes);
    if (txn_commit(&txn) != 0)
        die("%s", err.message);
    changes->count = 0;
}

/* The entities that get further tokens, in random order. */
struct wanted {
    struct want {
        uint32_t entity;
        unsigned nth;
    } * want;
    size_t count;
};

static struct want take_any(struct wanted *wanted)
{
    size_t i = randombytes_uniform((uint32_t)wanted->count);
    struct want taken = wanted->want[i];
    wanted->want[i] = wanted->want[--wanted->count];
    return taken;
}

/* Adds an entity with its first token, every second time while entities are left; otherwise another
   token for an existing entity. */
static struct want next_token(struct wanted *wanted, struct changes *changes, size_t i, int64_t ms,
                              size_t count)
{
    const uint32_t number = (uint32_t)(i / 2) + 1;
    struct txn unused = {0};
    struct change change = {.type = CHANGE_ENTITY_ADD};
    if (i % 2 != 0 || number > count / TOKENS_PER_ENTITY + 1)
        return take_any(wanted);
    describe(&change.entity.after, number, ms / 1000);
    changes_add(changes, &unused, &change);
    for (unsigned nth = 1; nth < TOKENS_PER_ENTITY; nth++)
        wanted->want[wanted->count++] = (struct want){number, nth};
    return (struct want){number, 0};
}

static void fill(struct corpus *corpus, struct store *store)
{
    struct changes changes = {0};
    struct txn unused = {0};
    struct wanted wanted = {calloc(corpus->count + TOKENS_PER_ENTITY, sizeof *wanted.want), 0};
    if (wanted.want == NULL)
        die("out of memory");
    int64_t ms = FIRST_MS;
    for (size_t i = 0; i <= corpus->count; i++) { /* one more token, for a writer to edit */
        char spare[TOKEN_TEXT_LEN];
        struct entity entity;
        struct change change = {.type = CHANGE_TOKEN_ADD};
        ms += pause_before(i);
        const struct want next = next_token(&wanted, &changes, i, ms, corpus->count);
        describe(&entity, next.entity, 0);
        draw(&change.token.after, ms, &entity, next.nth, key_id(corpus->public),
             i < corpus->count ? corpus->text[i] : spare);
        changes_add(&changes, &unused, &change);
        if (i == corpus->count / 2) {
            snprintf(corpus->entity, sizeof corpus->entity, "%s", entity.name);
            memcpy(corpus->own, corpus->text[i], sizeof corpus->own);
        }
        if (i == corpus->count)
            token_id_format(change.token.after.token.id, corpus->edited);
        if (changes.count >= PER_TRANSACTION || i == corpus->count)
            commit(store, &changes);
    }
    changes_clear(&changes);
    free(wanted.want);
}

static void shuffle(struct corpus *corpus)
{
    for (size_t i = corpus->count; i > 1; i--) {
        size_t j = randombytes_uniform((uint32_t)i);
        char kept[TOKEN_TEXT_LEN];
        memcpy(kept, corpus->text[i - 1], sizeof kept);
        memcpy(corpus->text[i - 1], corpus->text[j], sizeof kept);
        memcpy(corpus->text[j], kept, sizeof kept);
    }
}

void corpus_make(struct corpus *ret_corpus, const char *below, size_t count)
{
    struct espt_error err;
    struct store *store;
    *ret_corpus = (struct corpus){.count = count};
    ret_corpus->text = malloc(count * sizeof *ret_corpus->text);
    if (ret_corpus->text == NULL)
        die("out of memory");
    int64_t begin = clock_ns();
    prepare(ret_corpus, below);
    if (store_open(&store, &ret_corpus->config, &err) != 0)
        die("%s", err.message);
    fill(ret_corpus, store);
    store_close(store);
    shuffle(ret_corpus);
    progress("a store of %zu tokens in %s, made in %.1f s", count, ret_corpus->folder,
             (double)(clock_ns() - begin) / 1e9);
}

void corpus_remove(struct corpus *corpus)
{
    free(corpus->text);
    for (size_t i = 0; i < FOLDERS; i++) {
        if (strcmp(folders[i].path, corpus->folder) == 0)
            remove_folder(i);
    }
}
