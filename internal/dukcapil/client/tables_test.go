package client_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/client"
)

func TestCurve(t *testing.T) {
	c, err := client.ParseCurve("0:0 5:75 10:100")
	if err != nil {
		t.Fatal(err)
	}
	for score, want := range map[float64]float64{-3: 0, 0: 0, 1: 15, 2.5: 37.5, 4.999: 74.99, 5: 75, 6: 80, 8.331: 91.66, 10: 100, 1e9: 100} {
		if got := c.Percentage(score); got != sesuai.PercentageOf(want) {
			t.Errorf("%v is %v, want %v", score, got, want)
		}
	}
	same, _ := client.ParseCurve(" 0.0:0  5e0:75.00\t10:100 ")
	other, _ := client.ParseCurve("0:0 5.1:75 10:100")
	if c.ID() != same.ID() || c.ID() == other.ID() || c.ID() == "" {
		t.Errorf("ids %s, %s, %s", c.ID(), same.ID(), other.ID())
	}
	for _, bad := range []string{
		"", "5:75", "0:0 5", "0:0 5:75 5:80", "0:0 5:75 4:80", "0:10 5:75 6:74", "0:0 5:74", "0:76 5:80", "0:0 5:101", "0:-1 5:75",
		"a:0 5:75", "0:0,5:75", "0:0 NaN:75", "0:0 5:75%", "0:0 inf:75",
	} {
		if _, err := client.ParseCurve(bad); err == nil {
			t.Errorf("%q is a curve", bad)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Float64Range(-5, 20).Draw(t, "a"), rapid.Float64Range(-5, 20).Draw(t, "b")
		if a > b {
			a, b = b, a
		}
		if !c.Percentage(b).AtLeast(c.Percentage(a)) {
			t.Errorf("%v is more than %v", c.Percentage(a), c.Percentage(b))
		}
	})
}

func TestCalendar(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, test := range []struct {
		hours, maintenance, now, opens string
		why                            client.Class
	}{
		{"", "", "2026-11-23T03:00:00+07:00", "2026-11-23T03:00:00+07:00", ""},
		{"06:00-22:00", "", "2026-11-23T05:59:59+07:00", "2026-11-23T06:00:00+07:00", client.Hours},
		{"06:00-22:00", "", "2026-11-22T23:00:00Z", "2026-11-22T23:00:00Z", ""}, // 06:00 in Jakarta
		{"06:00-22:00", "", "2026-11-23T21:59:59+07:00", "2026-11-23T21:59:59+07:00", ""},
		{"06:00-22:00", "", "2026-11-23T22:00:00+07:00", "2026-11-24T06:00:00+07:00", client.Hours},
		{"22:00-04:00", "", "2026-11-23T03:59:59+07:00", "2026-11-23T03:59:59+07:00", ""},
		{"22:00-04:00", "", "2026-11-23T04:00:00+07:00", "2026-11-23T22:00:00+07:00", client.Hours},
		{"00:00-24:00", "", "2026-11-23T23:59:59+07:00", "2026-11-23T23:59:59+07:00", ""},
		{"08:00-12:00 13:00-17:00", "", "2026-11-23T12:30:00+07:00", "2026-11-23T13:00:00+07:00", client.Hours},
		{"08:00-12:00 13:00-17:00", "", "2026-12-31T17:00:00+07:00", "2027-01-01T08:00:00+07:00", client.Hours},
		{"", "2026-12-01T22:00/2026-12-02T04:00", "2026-12-01T22:00:00+07:00", "2026-12-02T04:00:00+07:00", client.Maintenance},
		{"", "2026-12-01T22:00/2026-12-02T04:00", "2026-12-02T04:00:00+07:00", "2026-12-02T04:00:00+07:00", ""},
		{"", "2026-12-02T03:00/2026-12-02T05:00 2026-12-01T22:00/2026-12-02T04:00", "2026-12-01T23:00:00+07:00", "2026-12-02T05:00:00+07:00", client.Maintenance},
		{"06:00-22:00", "2026-12-01T21:00/2026-12-02T04:00", "2026-12-01T21:30:00+07:00", "2026-12-02T06:00:00+07:00", client.Maintenance},
		{"06:00-22:00", "2026-12-02T06:00/2026-12-02T23:00", "2026-12-01T22:30:00+07:00", "2026-12-03T06:00:00+07:00", client.Hours},
	} {
		got, why, err := client.Opens(test.hours, test.maintenance, at(test.now))
		if err != nil || !got.Equal(at(test.opens)) || why != test.why {
			t.Errorf("%s %s at %s: opens %v for %q, %v", test.hours, test.maintenance, test.now, got, why, err)
		}
	}
	for _, bad := range []string{"6-22", "06:00", "06:00-25:00", "06:60-22:00", "06:00-06:00", "24:00-06:00", "-1:00-06:00", "06:00-24:01", "06:00–22:00"} {
		if _, _, err := client.Opens(bad, "", time.Now()); err == nil {
			t.Errorf("%q are hours", bad)
		}
	}
	for _, bad := range []string{"2026-12-01", "2026-12-01T22:00/2026-12-01T22:00", "2026-12-02T22:00/2026-12-01T22:00", "2026-12-01 22:00/2026-12-02 04:00", "2026-13-01T22:00/2027-12-02T04:00"} {
		if _, _, err := client.Opens("", bad, time.Now()); err == nil {
			t.Errorf("%q is a window", bad)
		}
	}
}

// TestConfigIsStrict: what is wrong is refused with its key, and no text of a
// secret.
func TestConfigIsStrict(t *testing.T) {
	u := newUpstream(t)
	if err := u.config().Check(); err != nil {
		t.Fatal(err)
	}
	u.write(t, "empty", "")
	u.write(t, "two-lines", "geheim-a\ngeheim-b\n")
	for _, test := range []struct {
		key    string
		change func(c *client.Config)
	}{
		{"data.url", func(c *client.Config) { c.Data.URL = "" }},
		{"data.url", func(c *client.Config) { c.Data.URL = "http://10.0.0.1" }},
		{"data.url", func(c *client.Config) { c.Data.URL = "https://geheim@10.0.0.1" }},
		{"data.path", func(c *client.Config) { c.Data.Path = "dukcapil" }},
		{"data.path", func(c *client.Config) { c.Data.Customer = "" }},
		{"data.path", func(c *client.Config) { c.Data.Path = "/{methode}" }},
		{"data.path", func(c *client.Config) { c.Data.Path = "/x?y=z" }},
		{"data.user_file", func(c *client.Config) { c.Data.UserFile = "" }},
		{"data.password_file", func(c *client.Config) { c.Data.PasswordFile = u.dir + "/missing" }},
		{"data.password_file", func(c *client.Config) { c.Data.PasswordFile = u.dir }},
		{"data.password_file", func(c *client.Config) { c.Data.PasswordFile = u.dir + "/empty" }},
		{"data.password_file", func(c *client.Config) { c.Data.PasswordFile = u.dir + "/two-lines" }},
		{"data.ip", func(c *client.Config) { c.Data.IP = "" }},
		{"data.threshold", func(c *client.Config) { c.Data.Threshold = 101 }},
		{"data.keys", func(c *client.Config) { c.Data.Keys = "treshold=X" }},
		{"data.keys", func(c *client.Config) { c.Data.Keys = "name=NIK" }},
		{"data.keys", func(c *client.Config) { c.Data.Keys = "name=A name=B" }},
		{"data.codes", func(c *client.Config) { c.Data.Codes = "00=found 13=notfound" }},
		{"data.codes", func(c *client.Config) { c.Data.Codes = "00=found 0=not_found" }},
		{"data.codes", func(c *client.Config) { c.Data.Codes = "00=found 13=match" }},
		{"data.codes", func(c *client.Config) { c.Data.Codes = "" }},
		{"data.texts", func(c *client.Config) { c.Data.Texts = "data tidak ditemukan=77" }},
		{"data.texts", func(c *client.Config) { c.Data.Texts = "a=13; A =05" }},
		{"data.duplicate", func(c *client.Config) { c.Data.Duplicate = "deceased" }},
		{"data.billable", func(c *client.Config) { c.Data.Billable = "found match" }},
		{"data.timeout", func(c *client.Config) { c.Data.Timeout = 0 }},
		{"face.url", func(c *client.Config) { c.Face.URL = "ftp://x" }},
		{"face.path", func(c *client.Config) { c.Face.Path = "/{method}" }},
		{"face.credential_file", func(c *client.Config) { c.Face.CredentialFile = "" }},
		{"face.public_key_file", func(c *client.Config) { c.Face.PublicKeyFile = u.dir + "/two-lines" }},
		{"face.scheme", func(c *client.Config) { c.Face.Scheme = "none" }},
		{"face.curve", func(c *client.Config) { c.Face.Curve = "0:0 5:70" }},
		{"face.image_bytes", func(c *client.Config) { c.Face.ImageBytes = 1 }},
		{"face.codes", func(c *client.Config) { c.Face.Codes = "6018=found" }},
		{"face.keys", func(c *client.Config) { c.Face.Keys = "score=errorCode" }},
		{"face.billable", func(c *client.Config) { c.Face.Billable = "yes" }},
		{"tls.pins", func(c *client.Config) { c.TLS.Pins = "sha256/abc" }},
		{"tls.ca_file", func(c *client.Config) { c.TLS.CAFile = u.dir + "/user" }},
		{"tls.client_cert_file", func(c *client.Config) { c.TLS.ClientCertFile = u.dir + "/user" }},
		{"tls.client_key_file", func(c *client.Config) {
			c.TLS.ClientCertFile, c.TLS.ClientKeyFile = u.dir+"/user", u.dir+"/password"
		}},
		{"retry.tries", func(c *client.Config) { c.Retry.Tries = 0 }},
		{"retry.max_delay", func(c *client.Config) { c.Retry.MaxDelay = c.Retry.Delay }},
		{"breaker.rate", func(c *client.Config) { c.Breaker.Rate = 50 }},
		{"breaker.trials", func(c *client.Config) { c.Breaker.Trials = 0 }},
		{"in_flight", func(c *client.Config) { c.InFlight = 0 }},
		{"hours", func(c *client.Config) { c.Hours = "06.00-22.00" }},
		{"maintenance", func(c *client.Config) { c.Maintenance = "tomorrow" }},
	} {
		c := u.config()
		test.change(&c)
		err := c.Check()
		if sesuai.KindOf(err) != sesuai.KindConfiguration || !strings.Contains(err.Error(), "configuration: dukcapil."+test.key) {
			t.Errorf("%s: %v", test.key, err)
			continue
		}
		for _, secret := range []string{"geheim", userID, password} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: %v", test.key, err)
			}
		}
	}
}
