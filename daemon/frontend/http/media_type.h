/* The Accept header (RFC 9110, section 12.5.1), as far as two kinds of answer need it. */
#pragma once

#include <stdbool.h>

/* How a token can be answered. */
enum token_form { TOKEN_AS_JSON, TOKEN_AS_TEXT, _TOKEN_FORM_COUNT };

/* The client's preference of JSON and plain text; JSON on a tie. accept: NULL for no header. False: it
 * wants neither. */
bool media_type_choose(const char *accept, bool text_offered, enum token_form *ret);
