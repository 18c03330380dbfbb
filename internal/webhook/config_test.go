package webhook_test

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/webhook"
)

func policy(t testing.TB, c webhook.Config) webhook.Policy {
	t.Helper()
	p, err := webhook.NewPolicy(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestConfig(t *testing.T) {
	if err := webhook.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for networks, says := range map[string]string{
		"10.0.0.0/8, fd00::/8,": "", "10.0.0.1/8": "10.0.0.1/8", "10.0.0.1": "10.0.0.1", "10.0.0.0/8 fd00::/8": "fd00", "bank.example": "bank.example",
	} {
		err := webhook.Config{AllowNetworks: networks}.Validate()
		if says == "" && err != nil || says != "" && (sesuai.KindOf(err) != sesuai.KindConfiguration || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v", networks, err)
		}
	}
}

// TestAddresses: what is dialled without being configured is public.
func TestAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "103.10.10.10": true, "172.15.255.255": true, "172.32.0.1": true, "100.63.255.255": true, "100.128.0.1": true,
		"223.255.255.255": true, "2606:4700::1111": true, "2400:cb00::1": true, "::ffff:8.8.8.8": true,

		"0.0.0.0": false, "0.1.2.3": false, "127.0.0.1": false, "127.255.255.254": false, "10.0.0.1": false, "172.16.0.1": false,
		"172.31.255.255": false, "192.168.1.1": false, "100.64.0.1": false, "100.127.255.255": false, "169.254.169.254": false,
		"192.0.0.1": false, "192.0.2.1": false, "192.88.99.1": false, "198.18.0.1": false, "198.19.255.255": false, "198.51.100.1": false,
		"203.0.113.1": false, "224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false, "255.255.255.255": false,

		"::": false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "2606:4700::1111%eth0": false, "fc00::1": false, "fd00:ec2::254": false,
		"fec0::1": false, "ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false,
		"::127.0.0.1": false, "::ffff:0:127.0.0.1": false, "64:ff9b::7f00:1": false, "64:ff9b::808:808": false, "64:ff9b:1::1": false,
		"2002:7f00:1::1": false, "2002:808:808::1": false, "2001::1": false, "2001:db8::1": false, "3fff::1": false, "5f00::1": false, "100::1": false,
		"4000::1": false,
	} {
		if got := new(webhook.Policy).Allows(netip.MustParseAddr(text)); got != want {
			t.Errorf("Allows(%s) = %v", text, got)
		}
	}
	if new(webhook.Policy).Allows(netip.Addr{}) {
		t.Error("no address is allowed")
	}
	p := policy(t, webhook.Config{AllowNetworks: "10.20.0.0/16, fd00::/8, fe80::/10"})
	for text, want := range map[string]bool{
		"10.20.3.4": true, "::ffff:10.20.3.4": true, "10.21.0.1": false, "fd00::1": true, "fe80::1%eth0": true, "127.0.0.1": false, "8.8.8.8": true,
	} {
		if got := p.Allows(netip.MustParseAddr(text)); got != want {
			t.Errorf("Allows(%s) = %v with allowed networks", text, got)
		}
	}
}

func TestURLs(t *testing.T) {
	plain := policy(t, webhook.Config{AllowHTTP: true, AllowNetworks: "127.0.0.0/8"})
	for text, want := range map[string][2]bool{ // by default, and as configured
		"https://bank.example/webhooks?key=1": {true, true}, "HTTPS://bank.example:8443": {true, true}, "https://8.8.8.8/": {true, true},
		"http://bank.example/": {false, true}, "https://127.0.0.1/": {false, true}, "https://[::ffff:127.0.0.1]:99/": {false, true},
		"https://[::1]/": {false, false}, "https://10.0.0.1/": {false, false}, "ftp://bank.example/": {false, false},
		"": {}, "bank.example": {}, "https://": {}, "https://:443/": {}, "https://user@bank.example/": {}, "https://bank.example/#a": {},
		"https://bank.example/\x00": {}, "https://bank.example/" + strings.Repeat("a", 2000): {}, "https://bank.example:65536": {}, "https://bank.example:0": {},
	} {
		for i, p := range []webhook.Policy{{}, plain} {
			err := p.CheckURL(text)
			if (err == nil) != want[i] {
				t.Errorf("%d: CheckURL(%.60q) = %v", i, text, err)
			}
			if err != nil && (sesuai.KindOf(err) != sesuai.KindConfiguration || strings.Contains(err.Error(), "aaaa")) {
				t.Errorf("CheckURL(%.60q) = %v", text, err)
			}
		}
	}
}

// FuzzURL: a URL that is accepted leads by https to a name or to a public address,
// and what is refused is not repeated.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{"https://bank.example/webhooks?key=1", "https://[::ffff:127.0.0.1]:99/", "https://user@8.8.8.8/", "https://bank.example:65536"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if err := new(webhook.Policy).CheckURL(text); err != nil {
			if len(text) > 60 && strings.Contains(err.Error(), text) {
				t.Errorf("%q is repeated", text)
			}
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
			t.Fatalf("%q is accepted", text)
		}
		if a, err := netip.ParseAddr(u.Hostname()); err == nil && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified()) {
			t.Errorf("%q is accepted", text)
		}
	})
}
