/* SPDX-License-Identifier: ISC */
/* Ways to damage a store file. Each draws its details from `chance`, which the caller seeds. */
#ifndef TESTS_DAMAGE_H
#define TESTS_DAMAGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PAGE 4096u

static uint64_t chance;

static uint32_t draw(uint32_t below)
{
    chance += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = chance;
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ x >> 31) % below);
}

static void scribble(uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)draw(256);
}

static void scribble_page(uint8_t *bytes, uint32_t page, uint32_t len)
{
    scribble(bytes + page * PAGE + draw(PAGE - len + 1), len);
}

static void damage_pages(uint8_t *bytes, uint32_t pages)
{
    for (uint32_t i = 1 + draw(3); i > 0; i--)
        scribble_page(bytes, draw(pages), PAGE);
}

static void damage_64_bytes(uint8_t *bytes, uint32_t pages)
{
    scribble_page(bytes, draw(pages), 64);
}

static void damage_64_bytes_in_5(uint8_t *bytes, uint32_t pages)
{
    for (int i = 0; i < 5; i++)
        scribble_page(bytes, draw(pages), 64);
}

static void damage_bit(uint8_t *bytes, uint32_t pages)
{
    bytes[draw(pages * PAGE)] ^= (uint8_t)(1u << draw(8));
}

static void damage_swap(uint8_t *bytes, uint32_t pages)
{
    uint8_t kept[PAGE];
    uint8_t *a = bytes + draw(pages) * PAGE, *b = bytes + draw(pages) * PAGE;
    memcpy(kept, a, PAGE);
    memmove(a, b, PAGE);
    memcpy(b, kept, PAGE);
}

/* A page becomes a copy of another one: sound, but in the wrong place. */
static void damage_copy(uint8_t *bytes, uint32_t pages)
{
    memmove(bytes + draw(pages) * PAGE, bytes + draw(pages) * PAGE, PAGE);
}

/* Damages page headers, node offsets and node headers, where the harm is greatest. */
static void damage_headers(uint8_t *bytes, uint32_t pages)
{
    for (uint32_t i = 1 + draw(8); i > 0; i--)
        bytes[(2 + draw(pages - 2)) * PAGE + draw(48)] = (uint8_t)draw(256);
}

static void damage_numbers(uint8_t *bytes, uint32_t pages)
{
    uint8_t *at = bytes + draw(pages) * PAGE + 2 * draw(PAGE / 2);
    const uint16_t values[] = {0, 1, (uint16_t)draw(64), 0x7fff, 0xffff, (uint16_t)draw(pages)};
    memcpy(at, &values[draw(6)], sizeof *values);
}

static void damage_metas(uint8_t *bytes, uint32_t pages)
{
    (void)pages;
    for (uint32_t i = 1 + draw(4); i > 0; i--)
        bytes[draw(2) * PAGE + draw(152)] = (uint8_t)draw(256);
}

static void damage_one_percent(uint8_t *bytes, uint32_t pages)
{
    for (uint32_t i = 0; i < pages * PAGE / 100; i++)
        bytes[draw(pages * PAGE)] = (uint8_t)draw(256);
}

static void damage_zeros(uint8_t *bytes, uint32_t pages)
{
    memset(bytes + draw(pages) * PAGE, 0, PAGE);
}

static const struct kind {
    const char *name;
    void (*damage)(uint8_t *bytes, uint32_t pages);
} kinds[] = {
    {"random pages", damage_pages},
    {"64 bytes in 1 page", damage_64_bytes},
    {"64 bytes in 5 pages", damage_64_bytes_in_5},
    {"one bit", damage_bit},
    {"pages swapped", damage_swap},
    {"a page as another", damage_copy},
    {"headers", damage_headers},
    {"a number", damage_numbers},
    {"metas", damage_metas},
    {"1 % everywhere", damage_one_percent},
    {"a page of zeros", damage_zeros},
};

#endif
