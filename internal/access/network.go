package access

import (
	"net/netip"
	"slices"
	"strings"
)

// ParseNetwork parses a network, such as 192.0.2.0/24, or one address. The error has
// kind sesuai.KindConfiguration.
func ParseNetwork(text string) (netip.Prefix, error) {
	network, err := netip.ParsePrefix(text)
	if err != nil {
		address, err := netip.ParseAddr(text)
		if err != nil || address.Zone() != "" {
			return netip.Prefix{}, invalidNetwork()
		}
		network = netip.PrefixFrom(address, address.BitLen())
	}
	return network, validateNetworks([]netip.Prefix{network})
}

func validateNetworks(networks []netip.Prefix) error {
	if len(networks) > MaxNetworks {
		return invalid("a client has at most %d networks", MaxNetworks)
	}
	for i, n := range networks {
		switch {
		// Of an address that is IPv4 in IPv6, only the IPv4 one is compared.
		case !n.IsValid() || n.Masked() != n || n.Addr().Is4In6():
			return invalidNetwork()
		case slices.Contains(networks[:i], n):
			return invalid("network %s is given twice", n)
		}
	}
	return nil
}

func invalidNetwork() error {
	return invalid("a network is an address, or an address and a number of bits, all others being 0: 192.0.2.7, 192.0.2.0/24, 2001:db8::/32")
}

// calledFrom reports whether the client may call from an address. The zero Addr,
// which is not known, is in no network.
func (c Client) calledFrom(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return len(c.Networks) == 0 || slices.ContainsFunc(c.Networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// originsText returns networks and certificates as they are stored, separated by spaces.
// They share a column: to a program that does not know certificates, a client with one is
// one that was altered, and it does not accept the client without it.
func originsText(networks []netip.Prefix, certificates []Fingerprint) string {
	texts := make([]string, 0, len(networks)+len(certificates))
	for _, n := range networks {
		texts = append(texts, n.String())
	}
	for _, f := range certificates {
		texts = append(texts, certificatePrefix+f.String())
	}
	return strings.Join(texts, " ")
}

// parseOrigins parses what originsText returned.
func parseOrigins(text string) (networks []netip.Prefix, certificates []Fingerprint, err error) {
	for _, field := range strings.Fields(text) {
		if stored, ok := strings.CutPrefix(field, certificatePrefix); ok {
			f, err := ParseFingerprint(stored)
			if err != nil {
				return nil, nil, errAltered
			}
			certificates = append(certificates, f)
			continue
		}
		n, err := netip.ParsePrefix(field)
		if err != nil {
			return nil, nil, errAltered
		}
		networks = append(networks, n)
	}
	return networks, certificates, nil
}
