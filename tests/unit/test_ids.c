/* SPDX-License-Identifier: ISC */
/* If a drawn id is in use, another is drawn (specification §2). The test's source of ids repeats
 * one. */
#include "store/batch.h"
#include "store/mint.h"
#include "torture/world.h"

uint64_t __wrap_mint_id(int64_t unix_ms);
uint64_t __real_mint_id(int64_t unix_ms);

static uint64_t planted[4]; /* 0: draw a real id */
static size_t drawn;

uint64_t __wrap_mint_id(int64_t unix_ms)
{
    const uint64_t id = drawn < sizeof planted / sizeof *planted ? planted[drawn] : 0;
    drawn++;
    return id != 0 ? id : __real_mint_id(unix_ms);
}

static void plant(uint64_t first, uint64_t second, uint64_t third)
{
    planted[0] = first;
    planted[1] = second;
    planted[2] = third;
    drawn = 0;
}

static void setup(void)
{
    world_open();
    host_load();
    host_open();
}

static void teardown(void)
{
    host_teardown();
    world_close();
    tier_table_free(world_tiers);
}

static uint64_t id_of(const char *entity, const char *name)
{
    const struct token_ref ref = world_ref(entity, name);
    struct token token;
    WORLD(store_token_get(world, &ref, &token, &world_err));
    return token.id;
}

static void both_stand(const struct text *first, const struct text *second)
{
    size_t findings;
    ck_assert_str_ne(first->bytes, second->bytes);
    ck_assert_int_eq(verdict(first), ESPT_ALLOW);
    ck_assert_int_eq(verdict(second), ESPT_ALLOW);
    WORLD(store_check(world, world_tiers, NULL, NULL, NULL, NULL, &findings, &world_err));
    ck_assert_uint_eq(findings, 0);
}

START_TEST(id_in_use_in_the_store)
{
    const uint64_t taken = mint_id(TOKEN_EPOCH_MS + 1000), next = taken + 1;
    plant(taken, taken, 0);
    const struct text first = world_add("shop", KIND_CUSTOMER, NULL, NULL);
    ck_assert_uint_eq(drawn, 1);
    plant(taken, taken, next);
    const struct text second = world_create("shop", "second");
    ck_assert_uint_eq(drawn, 3);
    ck_assert_uint_eq(id_of("shop", "default"), taken);
    ck_assert_uint_eq(id_of("shop", "second"), next);
    both_stand(&first, &second);
}
END_TEST

/* An id that was drawn in the same transaction is not in a table yet. */
START_TEST(id_in_use_in_the_transaction)
{
    const uint64_t taken = mint_id(TOKEN_EPOCH_MS + 1000), next = taken + 1;
    const struct token_new wanted[] = {{.entity = "shop", .name = "one"},
                                       {.entity = "shop", .name = "two"}};
    struct text texts[2] = {0};
    struct batch *batch;
    struct token token;
    world_add("shop", KIND_CUSTOMER, NULL, NULL);
    plant(taken, taken, next);
    WORLD(batch_open(&batch, world, world_tiers, false, &world_err));
    for (size_t i = 0; i < 2; i++)
        WORLD(batch_token_create(batch, &wanted[i], &token, texts[i].bytes, &world_err));
    WORLD(batch_commit(batch, &world_err));
    batch_close(batch);
    ck_assert_uint_eq(drawn, 3);
    ck_assert_uint_eq(id_of("shop", "one"), taken);
    ck_assert_uint_eq(id_of("shop", "two"), next);
    both_stand(&texts[0], &texts[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ids");
    TCase *tests = tcase_create("ids");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, id_in_use_in_the_store);
    tcase_add_test(tests, id_in_use_in_the_transaction);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
