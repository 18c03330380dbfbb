#!/bin/sh
# Sees to it that the tests find PostgreSQL 15, of which they start servers of
# their own: as root on a Debian machine it is installed if it has never been
# here, which the named file records. Whoever has removed it knows why.
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

# install has Debian's package not make a server that starts with the machine.
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
	install || true # what it is about, it has said
fi
if have; then
	touch "$file"
else
	echo "$package is not here: what needs it is skipped, or fails if CI is set" >&2
fi
