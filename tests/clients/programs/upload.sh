#!/usr/bin/env bash
# A CI job's release step on curl, as it grew: answers cut up with sed, multipart written by hand with bare line feeds.
set -euo pipefail

API="${BASE_URL%/}/rest/v1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

api() {
        curl -sS --fail-with-body --max-time 60 -H "Authorization: Bearer $TOKEN" "$@"
}

# field NAME: its first value in the JSON on standard input.
field() {
        sed -E "s/.*\"$1\": ?\"?([^\",}]*).*/\1/;q"
}

answer=$(curl -sS --fail-with-body --max-time 60 -u "$APPLICATION_ID:$APPLICATION_SECRET" -H 'Content-Type: application/json' \
        -d '{"grant_type":"session","expires_in":3600}' "$API/app/session/token")
TOKEN=$(field ust <<<"$answer")
MAGE_ID=$(field mage_id <<<"$answer")

email=$(api "$API/users/$MAGE_ID" | field email)
api -X POST -d '{"m2":[{"label":"ci"}]}' -H 'Content-Type: application/json' "$API/users/$MAGE_ID/keys" >/dev/null
removed=$(api -X DELETE -o /dev/null -w '%{http_code}' "$API/users/$MAGE_ID/keys/ci")

# upload FILE TYPE: prints the file_upload_id.
upload() {
        {
                printf -- '--eqp-boundary\n'
                printf 'Content-Disposition: form-data; name="file[]"; filename="%s"\n' "$(basename "$1")"
                printf 'Content-Type: %s\n\n' "$2"
                cat "$1"
                printf -- '\n--eqp-boundary--\n'
        } >"$work/payload"
        api -X POST -H 'Content-Type: multipart/form-data; boundary=eqp-boundary' --data-binary "@$work/payload" "$API/files/uploads" |
                field file_upload_id
}

printf '%%PDF-1.7\r' >"$work/user.pdf"
printf 'PNG' >"$work/icon.png"
code=$(upload "$PACKAGE" application/zip)
manual=$(upload "$work/user.pdf" application/pdf)
image=$(upload "$work/icon.png" image/png)

for file in "$code" "$manual" "$image"; do
        for ((i = 0; i < 200; i++)); do
                status=$(api "$API/files/uploads/$file" | field malware_status)
                case $status in queued | in-progress) sleep 0.1 ;; *) break ;; esac
        done
done

cat >"$work/package.json" <<END
[{"action": {"technical": "submit", "marketing": "submit"}, "type": "extension", "platform": "M2", "name": "By bash", "version": "1.0.0",
  "version_compatibility": [{"edition": "CE", "versions": ["2.4"]}], "release_notes": "None.", "long_description": "x", "item_id": "bash",
  "artifact": {"file_upload_id": "$code"}, "documentation_artifacts": {"user": {"file_upload_id": "$manual"}}, "license_type": "bsd",
  "media_artifacts": {"icon_image": {"file_upload_id": "$image"}, "gallery_images": [{"file_upload_id": "$image"}]},
  "categories": ["//Extensions//Marketing//SEO/SEM"]}]
END
outcome=$(api -X POST -H 'Content-Type: application/json' --data-binary "@$work/package.json" "$API/products/packages")
total=$(api -D - -o /dev/null "$API/products/packages?limit=-1&sort=+name" | tr -d '\r' | sed -nE 's/^[Xx]-[Tt]otal-[Cc]ount: //p')
sales=$(api "$API/users/$MAGE_ID/reports/sales" | grep -o order_id | wc -l)

printf '{"account":"%s","email":"%s","removed":%s,"submission":"%s","code":%s,"file":"%s","malware_status":"%s","total":%s,"sales":%s}\n' \
        "$MAGE_ID" "$email" "$removed" "$(field submission_id <<<"$outcome")" "$(field code <<<"$outcome")" "$code" "$status" "$total" "$sales"
