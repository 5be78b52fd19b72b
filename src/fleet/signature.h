/* SPDX-License-Identifier: ISC */
/*
 * Signatures of the fleet: Ed25519ph over a label, its zero byte, and the bytes. Each kind of thing
 * that is signed has its own label, so that no signature of one kind is one of another.
 */
#ifndef ESPT_FLEET_SIGNATURE_H
#define ESPT_FLEET_SIGNATURE_H

#include <sodium.h>
#include <stdbool.h>
#include <stdint.h>

void signature_make(const char *label, const uint8_t *bytes, size_t len,
                    const uint8_t secret[static crypto_sign_SECRETKEYBYTES],
                    uint8_t ret_signature[static crypto_sign_BYTES]);
bool signature_good(const char *label, const uint8_t *bytes, size_t len,
                    const uint8_t signature[static crypto_sign_BYTES],
                    const uint8_t key[static crypto_sign_PUBLICKEYBYTES]);

#endif
