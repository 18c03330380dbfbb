#!/bin/sh
# Runs every fuzz target in the repository for as long as it is told, one
# after the other.
#
#   scripts/fuzz.sh 1m
set -eu
for target in $(grep -rhoE '^func Fuzz[A-Za-z0-9]+' --include='*_test.go' . | cut -d' ' -f2 | sort -u); do
	folder=$(dirname "$(grep -rlE "^func $target\(" --include='*_test.go' . | head -n 1)")
	echo "$folder $target" >&2
	go test -run '^$' -fuzz "^$target\$" -fuzztime "$1" "$folder"
done
