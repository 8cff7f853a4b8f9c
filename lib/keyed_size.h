/* The size of the digests by which keys are told apart (HMAC-SHA256), and of the salts that they are made
 * with. */
#pragma once

#define KEYED_SALT_SIZE   32
#define KEYED_DIGEST_SIZE 32
