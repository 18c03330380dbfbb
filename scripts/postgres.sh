#!/bin/sh
# Makes sure that the tests find PostgreSQL 15, of which they start their own
# servers. As root on Debian it installs the package once, which the given file
# records. It does not install the package again after somebody has removed it.
#
#   scripts/postgres.sh build/postgres
set -eu
file=$1
package=postgresql-15
folder=${POSTGRES:-/usr/lib/postgresql/15/bin}
clusters=${POSTGRES_CLUSTERS:-/etc/postgresql-common/createcluster.d}
. "${0%/*}/apt.sh"

have() {
	[ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]
}

# install installs Debian's package without the server that it would create and
# start with the machine.
install() {
	none=$clusters/sesuai-none.conf
	mkdir -p "$clusters"
	echo 'create_main_cluster = false' >"$none"
	status=0
	install_package $package "the tests" || status=$?
	rm -f "$none"
	return $status
}

if ! have && [ ! -e "$file" ] && [ "$(id -u)" = 0 ]; then
	install || true # install_package has printed why
fi
if have; then
	touch "$file"
else
	echo "$package is not installed: the tests that need it are skipped, or fail if CI is set" >&2
fi
