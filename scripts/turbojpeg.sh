#!/bin/sh
# Writes the build tags for the fast JPEG decoder: "turbojpeg" where
# libjpeg-turbo's header and archive are, nothing where they are not. The file
# is touched only when that changes, so that make can ask each time and rebuild
# when the library has come or gone.
#
# At the first time, as root on a Debian machine, the library is installed if it
# is missing. Later it is not: whoever has removed it knows why.
#
#   scripts/turbojpeg.sh build/tags
set -eu
file=$1
package=libturbojpeg0-dev
. "${0%/*}/apt.sh"

have() {
	printf '#include <turbojpeg.h>\nint main(void) { return tjInitDecompress() == 0; }\n' |
		${CC:-gcc} -x c - -o /dev/null -l:libturbojpeg.a -lm 2>/dev/null
}

tags=
if have; then
	tags=turbojpeg
elif [ ! -e "$file" ] && install_package $package "the fast JPEG decoder" && have; then
	tags=turbojpeg
fi
if echo "$tags" | cmp -s - "$file"; then
	exit
fi
if [ -z "$tags" ]; then
	echo "$package is not here: JPEG is decoded by image/jpeg, which takes two to three times as long" >&2
fi
echo "$tags" >"$file.new"
mv "$file.new" "$file"
