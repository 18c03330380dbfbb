#!/bin/sh
# Fetches the packages of a lock file in third_party/ with the npm client, and
# keeps only the files that the lock file lists. It checks every tarball against
# its pinned SHA-512, and every file against its SHA-256 before it renames the
# file to its path. It does not fetch a file again that exists and is correct.
#
# ARCH is the architecture, as uname -m has it, if it is not this machine's.
#
#   scripts/fetch.sh third_party/models.lock
set -eu
# Sesuai refuses models that others may change.
umask 022

lock=$1
arch=${ARCH:-$(uname -m)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

is() { # is SHA256 FILE
	[ -f "$2" ] && [ "$(sha256sum "$2" | cut -d' ' -f1)" = "$1" ]
}

fetch() { # fetch NAME@VERSION SHA512
	echo "fetching $1" >&2
	tarball=$(cd "$work" && npm pack --ignore-scripts --silent "$1" | tail -n 1)
	got=$(openssl dgst -sha512 -binary "$work/$tarball" | base64 | tr -d '\n')
	if [ "$got" != "$2" ]; then
		echo "fetch: $1: its SHA-512 is $got, not $2 as in $lock" >&2
		exit 1
	fi
}

package='' sha512='' tarball=''
while read -r kind a b c d; do
	case $kind in
	package)
		package=$a sha512=$b tarball=''
		;;
	file)
		[ "$c" = any ] || [ "$c" = "$arch" ] || continue
		is "$b" "$d" && continue
		[ -n "$tarball" ] || fetch "$package" "$sha512"
		tar -xzf "$work/$tarball" --no-same-owner -C "$work" "$a"
		if ! is "$b" "$work/$a"; then
			echo "fetch: $package: the SHA-256 of $a differs from that in $lock" >&2
			exit 1
		fi
		mkdir -p "$(dirname "$d")"
		chmod 0644 "$work/$a"
		mv "$work/$a" "$d.new"
		mv "$d.new" "$d"
		;;
	esac
done <"$lock"
