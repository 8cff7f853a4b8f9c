#!/bin/sh
# man-page.sh SCDOC <PAGE.scd >PAGE: a man page in which no path and no word for programs is broken.
#
# scdoc forbids to hyphenate and to justify before .TH, which allows both again: so it is said behind it, too. And
# lines are not broken at a hyphen that is there, which is no hyphen but a minus, to be searched for and copied.
set -eu
text=$("$1")
printf '%s\n' "$text" | sed -e '/^\.TH /a\
.nh\
.ad l' -e "/^[.']/b" -e '/^\\h/b' -e 's/\\-/-/g' -e 's/-/\\-/g'
