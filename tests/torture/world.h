/* SPDX-License-Identifier: ISC */
/* A store with every kind of right that can be revoked. src/store changes it within the test's
   process, a hundred times as fast as esp-tokenctl would. A failure ends the test. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "abi/host.h"
#include "common/config.h"
#include "common/tier.h"
#include "store/store.h"

#include <sys/mman.h>

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#define UNUSED __attribute__((unused))

static struct config world_config;
static struct tier_table *world_tiers;
static struct store *world;
static struct espt_error world_err;

#define WORLD(call) ck_assert_msg((call) == 0, "%s: %s", #call, world_err.message)

static const char world_table[] =
    "[low]\nrank = 10\nmax_tokens = unlimited\ndefault = yes\nmetrics = kpi.*\n"
    "[high]\nrank = 20\nmax_tokens = unlimited\nmetrics = asn.*\n";

/* The size of the run: the number in ESPT_TORTURE_ROUNDS, or `brief` if that is not set. */
static inline unsigned rounds(unsigned brief)
{
    const char *text = getenv("ESPT_TORTURE_ROUNDS");
    unsigned count = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 0;
    return count > 0 ? count : brief;
}

UNUSED static void *share_memory(size_t size)
{
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    return map;
}

/* Makes folder, configuration, tier table and store unless they exist, and opens the store. */
UNUSED static void world_open(void)
{
    if (config == NULL) {
        config = store_folder(&folder);
        file_text(in_folder(folder, "tiers.ini"), world_table);
    }
    WORLD(config_load(&world_config, config, geteuid(), &world_err));
    if (world_tiers == NULL)
        WORLD(tier_table_load(&world_tiers, world_config.tiers, geteuid(), &world_err));
    WORLD(store_open(&world, &world_config, &world_err));
}

UNUSED static void world_close(void)
{
    store_close(world);
    world = NULL;
}

UNUSED static struct text world_add(const char *name, enum entity_kind kind, const char *reseller,
                                    const char *tier)
{
    const struct entity_new wanted = {
        .name = name, .kind = kind, .reseller = reseller, .tier = tier};
    struct entity entity;
    struct token token;
    struct text text = {0};
    WORLD(store_entity_add(world, world_tiers, &wanted, &entity, &token, text.bytes, &world_err));
    return text;
}

UNUSED static struct text world_create(const char *entity, const char *name)
{
    const struct token_new wanted = {.entity = entity, .name = name};
    struct token token;
    struct text text = {0};
    WORLD(store_token_create(world, world_tiers, &wanted, &token, text.bytes, &world_err));
    return text;
}

static inline struct token_ref world_ref(const char *entity, const char *name)
{
    struct token_ref ref = {.by_id = false};
    snprintf(ref.entity, sizeof ref.entity, "%s", entity);
    snprintf(ref.name, sizeof ref.name, "%s", name);
    return ref;
}

UNUSED static void world_remove(const char *entity, const char *name)
{
    const struct token_ref ref = world_ref(entity, name);
    struct token token;
    WORLD(store_token_get(world, &ref, &token, &world_err));
    WORLD(store_token_remove(world, &token, true, &world_err));
}

UNUSED static void world_switch_token(const char *entity, const char *name, int active)
{
    const struct token_ref ref = world_ref(entity, name);
    const struct token_edit edit = {.active = &active};
    struct token token;
    WORLD(store_token_edit(world, &ref, &edit, &token, &world_err));
}

UNUSED static void world_edit(const char *entity, const struct entity_edit *edit)
{
    struct entity shown;
    WORLD(store_entity_edit(world, world_tiers, entity, edit, &shown, NULL, NULL, &world_err));
}

UNUSED static void world_switch_entity(const char *entity, int active)
{
    const struct entity_edit edit = {.active = &active};
    world_edit(entity, &edit);
}

#endif
