package webhook

import "net/netip"

// global6 is all of IPv6 that is assigned to global unicast. It leaves out loopback,
// unspecified, unique local, link-local, multicast, IPv4-compatible and NAT64
// addresses (64:ff9b::/96 and 64:ff9b:1::/48).
//
// special are the networks of IPv4 and of global6 that are not public, by the IANA
// IPv4 and IPv6 Special-Purpose Address Registries, and those of multicast.
var (
	global6 = netip.MustParsePrefix("2000::/3")
	special = prefixes(
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
		"192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24",
		"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"2001::/23",     // protocol assignments: Teredo, ORCHID, benchmarking
		"2001:db8::/32", // documentation
		"2002::/16",     // 6to4, which holds an IPv4 address
		"2620:4f:8000::/48",
		"3fff::/20", // documentation
	)
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// Allows reports whether an address may be dialled. An IPv4 address in the form of
// an IPv6 one (::ffff:127.0.0.1) is what the system dials: the IPv4 address.
func (p Policy) Allows(a netip.Addr) bool {
	a = a.Unmap()
	for _, prefix := range p.allowed {
		if prefix.Contains(a.WithZone("")) {
			return true
		}
	}
	if a.Zone() != "" || a.Is6() && !global6.Contains(a) {
		return false
	}
	for _, prefix := range special {
		if prefix.Contains(a) {
			return false
		}
	}
	return a.IsValid()
}
