#!/bin/sh
# Runs every fuzz target in the repository for the given time, a number of them at
# the same time, and lists the executions of each. The output of a target is in
# build/fuzz. A failing target does not stop the others; the status is then 1.
#
#   scripts/fuzz.sh 1m [targets at a time, 1]
set -eu
out=build/fuzz
rm -rf "$out"
mkdir -p "$out"
tags=$(cat build/tags)
export out tags
export time="$1"

grep -rnoE '^func Fuzz[A-Za-z0-9]+' --include='*_test.go' . | sort |
	sed -E 's|^\./||; s|^([^:]*):[0-9]*:func (.*)$|\1 \2|' >"$out/targets"

# The worker of a target computes on one core.
xargs -P "${2:-1}" -L 1 sh -c '
	folder=$(dirname "$0")
	log="$out/$(echo "$folder" | tr / -)-$1.log"
	go test -tags "$tags" -run "^\$" -fuzz "^$1\$" -fuzztime "$time" -fuzzminimizetime 10x -parallel 1 "./$folder" >"$log" 2>&1 &&
		result=passed || result=FAILED
	executions=$(grep -oE "execs: [0-9]+" "$log" | tail -n 1)
	printf "%-6s %-28s %-22s %s\n" "$result" "$folder" "$1" "${executions:-execs: none}"
' <"$out/targets" | tee "$out/summary"

if grep -q '^FAILED' "$out/summary"; then
	echo "a target failed: see $out, and testdata/fuzz of its package" >&2
	exit 1
fi
echo "$(wc -l <"$out/summary") targets of $(wc -l <"$out/targets")"
[ "$(wc -l <"$out/summary")" -eq "$(wc -l <"$out/targets")" ]
