#!/bin/sh
# Makes sure that make failover finds Patroni, etcd and HAProxy, which it runs
# itself. As root on Debian it installs the packages once, which the given file
# records. It does not install them again after somebody has removed them.
#
#   scripts/patroni.sh build/patroni
set -eu
file=$1
folders=${PATRONI_FOLDERS:-/usr/bin:/usr/sbin}
policy=${PATRONI_POLICY:-/usr/sbin/policy-rc.d}
. "${0%/*}/apt.sh"

have() {
	for name in patroni etcd haproxy ip; do
		PATH=$folders command -v $name >/dev/null || return 1
	done
}

# install installs Debian's packages without starting their services, now or with
# the machine.
install() {
	[ ! -e "$policy" ] || mv "$policy" "$policy.kept"
	trap 'rm -f "$policy"; [ ! -e "$policy.kept" ] || mv "$policy.kept" "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
	for package in patroni etcd-server haproxy iproute2; do
		install_package $package "make failover" || return 1
	done
	if command -v systemctl >/dev/null; then
		systemctl disable --quiet patroni etcd haproxy 2>/dev/null || true
	fi
}

if ! have && [ ! -e "$file" ] && [ "$(id -u)" = 0 ]; then
	install || true # install_package has printed why
fi
if have; then
	touch "$file"
else
	echo "patroni, etcd-server, haproxy or iproute2 is not installed: make failover needs them" >&2
fi
