# Read by scripts that need a system package of Debian's.

# install_package PACKAGE PURPOSE installs it, if this is root on Debian, and
# says in one line whether it has; it fails where it has not.
install_package() {
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		return 1
	fi
	if { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$1"; } >/dev/null 2>&1; then
		echo "installed the system package $1, for $2" >&2
	else
		echo "the system package $1 could not be installed" >&2
		return 1
	fi
}
