#!/bin/sh
# Runs every fuzz target in the repository for the given time, one after the other.
#
#   scripts/fuzz.sh 1m
set -eu
tags=$(cat build/tags)
grep -rnoE '^func Fuzz[A-Za-z0-9]+' --include='*_test.go' . | while IFS=: read -r file _ function; do
	target=${function#func }
	echo "$(dirname "$file") $target" >&2
	go test -tags "$tags" -run '^$' -fuzz "^$target\$" -fuzztime "$1" -fuzzminimizetime 10x "$(dirname "$file")"
done
