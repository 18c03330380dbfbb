#!/bin/sh
# Makes sure that the tests of the console find Debian's Chromium. As root on Debian it
# installs the package once, which the given file records. It does not install the package
# again after somebody has removed it.
#
#   scripts/chromium.sh build/chromium
set -eu
file=$1
package=chromium
program=${CHROMIUM:-/usr/bin/chromium}
. "${0%/*}/apt.sh"

if [ ! -x "$program" ] && [ ! -e "$file" ]; then
	install_package $package "the tests of the console" || true # it has printed why
fi
if [ -x "$program" ]; then
	touch "$file"
else
	echo "$package is not installed: the tests that need it are skipped, or fail if CI is set" >&2
fi
