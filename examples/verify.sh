#!/bin/sh
# Verifies a person with curl 7.71 or newer.
#
#   verify.sh NIK NAME DD-MM-YYYY PHOTOGRAPH
#
# The exit status is 0 if the person is verified, 1 if something differs, and 2 if there
# is no answer. Every user of a machine can see arguments: in a real program a claim
# comes from elsewhere. curl gets it, and the credentials, on its standard input.
set -eu

# escaped TEXT is one line, in which \ stands before each " and \.
escaped() { printf %s "$1" | tr '\r\n' '  ' | sed 's/[\\"]/\\&/g'; }

# quoted NAME VALUE is a line of a configuration of curl.
quoted() { printf '%s = "%s"\n' "$1" "$(escaped "$2")"; }

key=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')

# To standard output curl would write the answers of all attempts.
answer=$(mktemp) || exit 2
trap 'rm -f "$answer"' EXIT

# curl waits as long as Retry-After says. All attempts have one Idempotency-Key.
status=$({
	quoted user "$API_USERNAME:$API_PASSWORD"
	quoted header "x-api-key: $API_KEY"
	quoted header "Idempotency-Key: $key"
	quoted header "X-Request-Id: $key"
	quoted form-string "nik=$1"
	quoted form-string "name=$2"
	quoted form-string "date_of_birth=$3"
	quoted form "face_image=@\"$(escaped "$4")\""
} | curl --silent --config - --retry 3 --retry-all-errors --retry-max-time 60 --max-time 60 --max-filesize 1048576 \
	--output "$answer" --write-out '%{http_code}' "$API_URL/identity/v1/face-verification") || {
	echo "no answer: curl failed" >&2
	exit 2
}
body=$(cat "$answer")

# text KEY is the text or the number of a key. Keys have a fixed order and no spaces around them.
text() { printf %s "$body" | sed -n 's/.*"'"$1"'":"\{0,1\}\([^",}]*\).*/\1/p'; }

case "$status $body" in
'200 {"verification_status":true,'*) echo "verified: $(text face_image_percentage)" ;;
'200 {"verification_status":false,'*)
	echo "not verified: $(text reason)"
	exit 1
	;;
*)
	echo "no answer: $status $(text reason)$(text error)" >&2
	exit 2
	;;
esac
