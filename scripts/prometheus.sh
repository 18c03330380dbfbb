#!/bin/sh
# Unpacks Debian's package prometheus into a folder. It is not installed, so there is no
# service that would start with the machine. It needs apt, and root to update its lists.
#
#   scripts/prometheus.sh build/prometheus
set -eu
folder=$1
mkdir -p "$folder"
cd "$folder"
if [ "$(id -u)" = 0 ]; then
	apt-get update -q >/dev/null
fi
apt-get download -q prometheus >/dev/null
dpkg-deb -x prometheus_*.deb .
rm prometheus_*.deb
usr/bin/prometheus --version
