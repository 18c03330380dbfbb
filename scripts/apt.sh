# Sourced by scripts that need a Debian package.

# install_package PACKAGE PURPOSE installs a package, if this is root on Debian. It
# says so before it starts, and fails if it did not install the package.
install_package() {
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		return 1
	fi
	echo "installing the system package $1 with apt-get, for $2" >&2
	if { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$1"; } >/dev/null 2>&1; then
		return 0
	fi
	echo "the system package $1 could not be installed" >&2
	return 1
}
