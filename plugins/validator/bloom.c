/* SPDX-License-Identifier: ISC */
#include "bloom.h"

/* MAP_NORESERVE: pages that are never written use no memory. */
#include <sys/mman.h>

bool bloom_open(struct bloom *ret_bloom, size_t ids)
{
    const size_t words = ids / BLOOM_IDS_IN_WORD + 1;
    void *memory = mmap(NULL, words * sizeof *ret_bloom->word, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    *ret_bloom = (struct bloom){memory, words};
    return true;
}

void bloom_close(struct bloom *bloom)
{
    if (bloom->word != NULL)
        munmap(bloom->word, bloom->words * sizeof *bloom->word);
    *bloom = (struct bloom){0};
}
