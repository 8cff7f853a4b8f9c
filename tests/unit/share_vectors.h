/* Written by share_vectors.py, which says of what these are the results. */
#pragma once

#include <stddef.h>

struct share_vector {
        const char *name;
        size_t size; /* of the sealed session */
        const char *session_sha256;
        const char *cool_down_sha256;
};

static const struct share_vector vectors[] = {
        {
                "eqp1:{342eaefca59bf883e35f99f6781bfcf3}",
                561,
                "30420e74d43541e05ec62377566fcfa6a6a1803043d074dc76e6c136b6402e73",
                "80b3fd065931e10c85c1de6dd25db47c96428116f7344136509bbc1eca55693e",
        },
        {
                "eqp1:{17ba4dab8bd24b3339e3420f94e38ed5}",
                561,
                "16d6d4ae89fdb57687f6d55555052127314424bd11324d8ec9182b68ec7461ca",
                "cf55a062be6dfb44f06ef9b351485cc32c655900d65855320c7fea6a00edb9dd",
        },
        {
                "eqp1:{2a0eaaa9a01cbe210e8ba9b44293aeb8}",
                561,
                "12b04af22faa6f8c91e9788b559b694c3a53a3e204165ef61bac601736ea733d",
                "1d0722a8bdaf90b38773500013420f05a721d82a691da0a2b83b139bf64b74fc",
        },
        {
                "eqp1:{5f2e31741a6e5549d6be7d77308f1295}",
                4657,
                "37a0a8818d3600f0307af3822cbe7aa855250c88296b38b2754a5fb57413ba20",
                "c972fc3e0d44f119c377d3227d0e75002f7639286af29de9bd9e3e8adf64e990",
        },
};
