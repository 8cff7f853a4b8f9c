/* Local secret: randomness of the kernel, and its hash by nettle. That is what GnuTLS hashes with; GnuTLS
 * itself would take eqpctl some 10 ms at each start, whatever the verb. */
#include "ctl/local_secret.h"

#include "ctl/complain.h"
#include "lib/secret.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <sys/random.h>

#define ID_BYTES     3
#define SECRET_BYTES (LOCAL_SECRET_LENGTH / 2)

static void put_hex(char *to, const uint8_t *bytes, size_t n)
{
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < n; i++) {
                *to++ = digits[bytes[i] >> 4];
                *to++ = digits[bytes[i] & 15];
        }
        *to = '\0';
}

static void hash_secret(struct local_secret *secret)
{
        struct sha256_ctx context;

        sha256_init(&context);
        sha256_update(&context, LOCAL_SECRET_LENGTH, (const uint8_t *)secret->secret);
        sha256_digest(&context, sizeof(secret->hash), secret->hash);
        explicit_bzero(&context, sizeof(context));
        secret_wipe_stack();
}

static bool fill(struct local_secret *secret, const char *name)
{
        uint8_t bytes[ID_BYTES + SECRET_BYTES];
        char suffix[2 * ID_BYTES + 1];

        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
                return false;
        }
        put_hex(suffix, bytes, ID_BYTES);
        put_hex(secret->secret, bytes + ID_BYTES, SECRET_BYTES);
        explicit_bzero(bytes, sizeof(bytes));
        (void)snprintf(secret->id, sizeof(secret->id), "lk-%s-%s", name, suffix);
        hash_secret(secret);
        return true;
}

struct local_secret *local_secret_new(const char *name)
{
        _cleanup_secret_ struct local_secret *secret = secret_alloc(sizeof(*secret));

        if (!secret || !fill(secret, name)) {
                complain("There is no randomness, or no memory, for a secret.");
                return NULL;
        }
        return take_ptr(secret);
}

void local_secret_print(const struct local_secret *secret, const char *id)
{
        (void)printf("application ID:     %s\napplication secret: %s\n", id, secret->secret);
}
