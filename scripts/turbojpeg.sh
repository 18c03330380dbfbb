#!/bin/sh
# Writes the build tags for the fast JPEG decoder: "turbojpeg" if libjpeg-turbo's
# header and archive are installed, otherwise nothing. It changes the file only
# if the tags change, so that make can run it each time and rebuild only when the
# library was installed or removed.
#
# The first time, as root on Debian, it installs the library if that is missing. It
# does not install the library again after somebody has removed it.
#
#   scripts/turbojpeg.sh build/tags
set -eu
file=$1
package=libjpeg-dev
. "${0%/*}/apt.sh"

have() {
	printf '#include <stdio.h>\n#include <jpeglib.h>\n#include <jpegint.h>\nint main(void) { return LIBJPEG_TURBO_VERSION_NUMBER == 0 || jpeg_std_error(0) == 0; }\n' |
		${CC:-gcc} -x c - -o /dev/null -l:libjpeg.a -lm 2>/dev/null
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
	echo "$package is not installed: JPEG is decoded by Go's image/jpeg, which takes two to three times as long" >&2
fi
echo "$tags" >"$file.new"
mv "$file.new" "$file"
