/* The Accept header (RFC 9110, section 12.5.1), as far as two kinds of answer need it. */
#pragma once

#include "daemon/frontend/api/token_answer.h"

/* What the client likes best of JSON and plain text; JSON on a tie. accept: NULL for no header. False: it
 * wants neither. */
bool media_type_choose(const char *accept, bool text_offered, enum token_form *ret);
