package httpapi_test

import (
	"net/netip"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/httpapi"
)

// TestProxies: the caller is the last address that is not a proxy's, whatever a caller
// has written before it, and headers are read from proxies alone.
func TestProxies(t *testing.T) {
	const proxy, inner, outside = "10.20.0.1:1234", "10.20.0.2", "198.51.100.7:1234"
	refusing := func(a *attempts) httpapi.Authenticator {
		return authenticate(func(attempt access.Attempt) (access.Client, error) {
			a.all = append(a.all, attempt)
			return access.Client{}, &sesuai.Error{Kind: sesuai.KindUnauthenticated} // which is not held
		})
	}
	for _, test := range []struct {
		name, remote string
		header       httpapi.ProxyHeader
		lines        []string
		other        string // what the header that is not read says
		want         string
	}{
		{"no proxy", outside, httpapi.XForwardedFor, []string{"192.0.2.1"}, "", "198.51.100.7"},
		{"no proxy, Forwarded", outside, httpapi.Forwarded, []string{"for=192.0.2.1"}, "", "198.51.100.7"},
		{"one proxy", proxy, httpapi.XForwardedFor, []string{"192.0.2.1"}, "", "192.0.2.1"},
		{"a forged one before", proxy, httpapi.XForwardedFor, []string{"203.0.113.9, 192.0.2.1"}, "", "192.0.2.1"},
		{"a forged line before", proxy, httpapi.XForwardedFor, []string{"203.0.113.9", "192.0.2.1"}, "", "192.0.2.1"},
		{"a forged proxy before", proxy, httpapi.XForwardedFor, []string{"203.0.113.9, " + inner + ", 192.0.2.1"}, "", "192.0.2.1"},
		{"a chain", proxy, httpapi.XForwardedFor, []string{"203.0.113.9, 192.0.2.1, " + inner}, "", "192.0.2.1"},
		{"a chain in lines", proxy, httpapi.XForwardedFor, []string{"192.0.2.1", inner}, "", "192.0.2.1"},
		{"proxies alone", proxy, httpapi.XForwardedFor, []string{inner}, "", inner},
		{"no header", proxy, httpapi.XForwardedFor, nil, "for=192.0.2.1", "10.20.0.1"},
		{"the other header", proxy, httpapi.XForwardedFor, []string{"192.0.2.1"}, "for=203.0.113.9", "192.0.2.1"},
		{"not an address", proxy, httpapi.XForwardedFor, []string{"192.0.2.1, somebody"}, "", ""},
		{"nothing", proxy, httpapi.XForwardedFor, []string{""}, "", ""},
		{"nothing at the end", proxy, httpapi.XForwardedFor, []string{"192.0.2.1,"}, "", ""},
		{"with a port", proxy, httpapi.XForwardedFor, []string{"192.0.2.1:5678"}, "", "192.0.2.1"},
		{"IPv6", "[2001:db8::1]:1", httpapi.XForwardedFor, []string{"2001:db8:1::7"}, "", "2001:db8:1::7"},
		{"IPv4 in IPv6", "[::ffff:10.20.0.1]:1", httpapi.XForwardedFor, []string{"192.0.2.1, ::ffff:10.20.0.2"}, "", "192.0.2.1"},
		{"Forwarded", proxy, httpapi.Forwarded, []string{`for=203.0.113.9, For="192.0.2.1:5678";proto=https;by=` + inner}, "203.0.113.9", "192.0.2.1"},
		{"Forwarded, IPv6", proxy, httpapi.Forwarded, []string{`proto=https;for="[2001:db8:1::7]"`}, "", "2001:db8:1::7"},
		{"Forwarded, unknown", proxy, httpapi.Forwarded, []string{`for=192.0.2.1, for=unknown`}, "", ""},
		{"Forwarded without for", proxy, httpapi.Forwarded, []string{`for=192.0.2.1, proto=https`}, "", ""},
	} {
		s, a := newService(), new(attempts)
		s.options.Authenticator = refusing(a)
		s.options.Proxies = httpapi.Proxies{
			Networks: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("2001:db8::/48")}, Header: test.header,
		}
		r := postParts(everyPart()...)
		r.RemoteAddr = test.remote
		r.Header[string(test.header)] = test.lines
		if other := (map[httpapi.ProxyHeader]string{httpapi.XForwardedFor: "Forwarded", httpapi.Forwarded: "X-Forwarded-For"})[test.header]; test.other != "" {
			r.Header.Set(other, test.other)
		}
		resp := s.do(r)
		_ = resp.Body.Close()
		var want netip.Addr
		if test.want != "" {
			want = netip.MustParseAddr(test.want)
		}
		if len(a.all) != 1 || a.all[0].From != want {
			t.Errorf("%s: got %+v, want %v", test.name, a.all, want)
		}
	}
}
