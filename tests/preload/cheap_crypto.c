/* SPDX-License-Identifier: ISC */
/*
 * Loaded by LD_PRELOAD: libsodium's two slow functions, for tests of something else. Deriving a key
 * from a passphrase takes half a second and 256 MiB, and sealing a token's text a tenth of a
 * millisecond, which counts where a test creates tens of thousands of tokens.
 * The results are as good as libsodium's for everything but an attacker:
 * - crypto_pwhash: another passphrase, salt or limit gives another key.
 * - crypto_box_seal: the secret key opens the box. The boxes of one thread share one ephemeral key.
 */
#include <dlfcn.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef int (*pwhash_fn)(unsigned char *, unsigned long long, const char *, unsigned long long,
                         const unsigned char *, unsigned long long, size_t, int);

static pwhash_fn next_pwhash;

/* dlsym may allocate, which a test may make fail later */
__attribute__((constructor)) static void find(void)
{
    *(void **)(void *)&next_pwhash = dlsym(RTLD_NEXT, "crypto_pwhash");
}

EXPORT int crypto_pwhash(unsigned char *const out, unsigned long long out_len,
                         const char *const passphrase, unsigned long long passphrase_len,
                         const unsigned char *const salt, unsigned long long ops, size_t mem,
                         int algorithm)
{
    unsigned char salted[crypto_pwhash_SALTBYTES];
    if (next_pwhash == NULL)
        abort();
    memcpy(salted, salt, sizeof salted);
    for (size_t i = 0; i < 8; i++) {
        salted[i] ^= (unsigned char)(ops >> 8 * i);
        salted[8 + i] ^= (unsigned char)(mem >> 8 * i);
    }
    return next_pwhash(out, out_len, passphrase, passphrase_len, salted, crypto_pwhash_OPSLIMIT_MIN,
                       crypto_pwhash_MEMLIMIT_MIN, algorithm);
}

EXPORT int crypto_box_seal(unsigned char *box, const unsigned char *text,
                           unsigned long long text_len, const unsigned char *public)
{
    static _Thread_local bool made;
    static _Thread_local unsigned char to[crypto_box_PUBLICKEYBYTES],
        ours[crypto_box_PUBLICKEYBYTES], both[crypto_box_BEFORENMBYTES],
        nonce[crypto_box_NONCEBYTES];
    if (!made || memcmp(to, public, sizeof to) != 0) {
        unsigned char secret[crypto_box_SECRETKEYBYTES];
        crypto_generichash_state state;
        made = false;
        crypto_box_keypair(ours, secret);
        if (crypto_box_beforenm(both, public, secret) != 0)
            return -1;
        /* the nonce of a sealed box */
        crypto_generichash_init(&state, NULL, 0, sizeof nonce);
        crypto_generichash_update(&state, ours, sizeof ours);
        crypto_generichash_update(&state, public, crypto_box_PUBLICKEYBYTES);
        crypto_generichash_final(&state, nonce, sizeof nonce);
        memcpy(to, public, sizeof to);
        made = true;
    }
    memcpy(box, ours, sizeof ours);
    return crypto_box_easy_afternm(box + sizeof ours, text, text_len, nonce, both);
}
