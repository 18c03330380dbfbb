package app

import (
	"regexp"
	"strings"
)

// servicePort is the one variable of a service link that is told from a key of
// ours by its value.
const servicePort = EnvPrefix + "PORT"

// serviceLink is how the others are named: for a port number the protocol and
// what is told of it, for the service its host and its ports, each by itself if
// it has a name (a DNS label, in capitals with _ for -).
var serviceLink = regexp.MustCompile(`^` + EnvPrefix +
	`(PORT_[0-9]+_(TCP|UDP)(_PROTO|_PORT|_ADDR)?|SERVICE_HOST|SERVICE_PORT(_[A-Z0-9]([A-Z0-9_]*[A-Z0-9])?)?)$`)

// isServiceLink reports whether an environment variable is one of those that
// Kubernetes sets in every pod beside a Service named sesuai (SERVICE_HOST,
// SERVICE_PORT, and the older ones of Docker's links; see "Discovering
// services" in its documentation). They are nobody's configuration, and to
// refuse them would keep the service from starting under its own name.
func isServiceLink(name, value string) bool {
	if name == servicePort {
		return strings.HasPrefix(value, "tcp://") || strings.HasPrefix(value, "udp://")
	}
	return serviceLink.MatchString(name)
}
