package httpapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ProxyHeader is the header in which a proxy names the caller.
type ProxyHeader string

// The headers.
const (
	// XForwardedFor lists addresses; each proxy appends the one that it was called from.
	XForwardedFor ProxyHeader = "X-Forwarded-For"
	// Forwarded is the header of RFC 7239, of which the parameter for is read.
	Forwarded ProxyHeader = "Forwarded"
)

// Proxies are the proxies that are trusted to name the caller. The zero Proxies trusts
// none.
type Proxies struct {
	Networks []netip.Prefix
	Header   ProxyHeader
}

// trusts reports whether a proxy has the address.
func (p Proxies) trusts(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(p.Networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// caller returns the address of who called the first of the proxies: the last address
// in the header that is not a proxy's. What is before it, anybody may have written. If no
// proxy made the connection, the caller is who did. It is the zero Addr if it is not
// known.
func (p Proxies) caller(r *http.Request) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	address := from.Addr()
	named := p.named(r)
	for i := len(named) - 1; i >= 0 && p.trusts(address); i-- {
		address = parseNode(named[i]) // the zero Addr is nobody's
	}
	return address
}

// named returns what the header names, each with its port if it has one.
func (p Proxies) named(r *http.Request) []string {
	lines := r.Header.Values(string(p.Header))
	if len(lines) == 0 {
		return nil
	}
	elements := strings.Split(strings.Join(lines, ","), ",")
	if p.Header == XForwardedFor {
		return elements
	}
	for i, element := range elements {
		elements[i] = ""
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(pair, "=")
			if strings.EqualFold(strings.TrimSpace(name), "for") {
				elements[i] = strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
	}
	return elements
}

// parseNode parses an address, with a port or without; the zero Addr if it is none, such
// as the names of RFC 7239, 6.3.
func parseNode(text string) netip.Addr {
	text = strings.TrimSpace(text)
	if node, err := netip.ParseAddrPort(text); err == nil {
		return node.Addr()
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return address
}
