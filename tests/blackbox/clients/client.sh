#!/usr/bin/env bash
# A client of the EQP API as a shell script has it: BASE_URL, APPLICATION_ID and APPLICATION_SECRET are all that it is told.
# It knows nothing of a broker. Prints the token, then the account, or on the first error what the API says.
set -euo pipefail

# call METHOD PATH [curl's options]: the status, then the body.
call() {
        local method=$1 path=$2
        shift 2
        curl -sS -X "$method" -w '%{stderr}%{http_code}' -H 'Accept: application/json' "$@" "$BASE_URL$path" 2>status
}

field() {
        sed -E "s/.*\"$1\": ?\"?([^\",}]*).*/\1/" <<<"$2"
}

expect_200() {
        if [ "$(cat status)" != 200 ]; then
                printf 'error %s %s\n' "$(cat status)" "$(sed -E 's/.*"message": ?"((\\.|[^"\\])*)".*/\1/' <<<"$1")"
                exit 0
        fi
}

cd "$(mktemp -d)"
answer=$(call POST /rest/v1/app/session/token -u "$APPLICATION_ID:$APPLICATION_SECRET" \
        -H 'Content-Type: application/json' -d '{"grant_type":"session","expires_in":7200}')
expect_200 "$answer"
token=$(field ust "$answer")
printf 'token %s %s\n' "$token" "$(field expires_in "$answer")"
answer=$(call GET "/rest/v1/users/$(field mage_id "$answer")" -H "Authorization: Bearer $token")
expect_200 "$answer"
printf 'account %s\n' "$(field mage_id "$answer")"
