#!/bin/sh
# Prints the build tags for the fast JPEG decoder: "turbojpeg" where
# libjpeg-turbo's header and archive are, nothing where they are not. On a
# Debian machine they are installed first, if that is allowed.
set -eu

have() {
	printf '#include <turbojpeg.h>\nint main(void) { return tjInitDecompress() == 0; }\n' |
		${CC:-gcc} -x c - -o /dev/null -l:libturbojpeg.a -lm 2>/dev/null
}

if ! have && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "installing libturbojpeg0-dev" >&2
	{ apt-get update -q && apt-get install -q -y --no-install-recommends libturbojpeg0-dev; } >/dev/null 2>&1 || true
fi
if have; then
	echo turbojpeg
else
	echo "libturbojpeg0-dev is not here: JPEG is decoded by image/jpeg, which takes two to three times as long" >&2
fi
