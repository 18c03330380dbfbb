package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
)

// Config is what an operator says about the upstream: a section of the
// service's configuration. Lists and tables are texts. What has a default is
// what is publicly known of Dukcapil's services, and agreements differ in it.
type Config struct {
	Data    DataConfig
	Face    FaceConfig
	TLS     TLSConfig
	Retry   RetryConfig
	Breaker BreakerConfig
	// InFlight is how many questions may be put to each service at once.
	InFlight int
	// Hours are the hours, Jakarta time, in which both services may be called:
	// 06:00-22:00, several separated by spaces; empty is always.
	Hours string
	// Maintenance are planned stops of both, Jakarta time:
	// 2026-12-01T22:00/2026-12-02T04:00, several separated by spaces.
	Maintenance string
}

// DataConfig is about the data check.
type DataConfig struct {
	// URL is the base, https alone.
	URL string `yaml:"url"`
	// Path is what follows it, with {customer} and {method}.
	Path     string `yaml:"path"`
	Customer string `yaml:"customer"`
	Method   string `yaml:"method"`
	// UserFile and PasswordFile are paths of files of one line.
	UserFile     string `yaml:"user_file"`
	PasswordFile string `yaml:"password_file"`
	// IP is the address that the upstream knows this side by.
	IP string `yaml:"ip"`
	// Threshold is the percent from which a name reads Sesuai, 0 to 100.
	Threshold int `yaml:"threshold"`
	// ThresholdAsNumber sends it as a number, not as a string.
	ThresholdAsNumber bool `yaml:"threshold_as_number"`
	// Keys renames keys: threshold=THRESHOLD name=NAMA.
	Keys string `yaml:"keys"`
	// Codes are the classes of RESPONSE_CODE, Texts the codes that texts stand
	// for where there is no code.
	Codes string `yaml:"codes"`
	Texts string `yaml:"texts"`
	// Duplicate is the status of a NIK with several records: inactive or
	// active.
	Duplicate string `yaml:"duplicate"`
	// Billable are the classes that are billed.
	Billable string `yaml:"billable"`
	// Timeout bounds one try.
	Timeout time.Duration `yaml:"timeout"`
}

// FaceConfig is about the face check.
type FaceConfig struct {
	// URL is the base, https alone.
	URL string `yaml:"url"`
	// Path is what follows it, with {credential} and {method}.
	Path   string `yaml:"path"`
	Method string `yaml:"method"`
	// CredentialFile, UserFile and PasswordFile are paths of files of one
	// line; PublicKeyFile of Dukcapil's RSA key.
	CredentialFile string `yaml:"credential_file"`
	UserFile       string `yaml:"user_file"`
	PasswordFile   string `yaml:"password_file"`
	PublicKeyFile  string `yaml:"public_key_file"`
	// Scheme is how NIK, user and password are encrypted.
	Scheme   string `yaml:"scheme"`
	Customer string `yaml:"customer"`
	Source   string `yaml:"source"`
	IP       string `yaml:"ip"`
	// Threshold is the score from which the upstream says that faces match.
	// Sesuai goes by Curve.
	Threshold float64 `yaml:"threshold"`
	// Curve maps scores to percentages; 75 is the pass mark.
	Curve string `yaml:"curve"`
	// Suspect is the score from which a photograph is suspected to be made of
	// the portrait on record.
	Suspect float64 `yaml:"suspect"`
	// ImageBytes is how large the JPEG that is sent may be, before base64.
	ImageBytes int    `yaml:"image_bytes"`
	Keys       string `yaml:"keys"`
	Codes      string `yaml:"codes"`
	Billable   string `yaml:"billable"`
	// Timeout bounds one try.
	Timeout time.Duration `yaml:"timeout"`
}

// DefaultConfig is what is known publicly; URLs, accounts and files are not.
func DefaultConfig() Config {
	return Config{
		Data: DataConfig{
			Path: "/dukcapil/get_json/{customer}/{method}", Method: "CALL_VERIFY_BY_ELEMEN", Threshold: 80,
			Codes: "00=found 01=found 13=not_found 15=not_found 08=not_found 11=deceased 14=inactive 12=duplicate " +
				"03=configuration 04=configuration 10=configuration 09=configuration 16=configuration 17=configuration " +
				"06=configuration 07=configuration 05=quota",
			Texts: "data tidak ditemukan=13; meninggal dunia=11; " +
				"data ditemukan, status tidak aktif silakan hubungi dinas dukcapil=14; " +
				"login gagal=03; kuota akses hari ini telah habis=05",
			Duplicate: "inactive",
			Billable:  "found not_found deceased inactive duplicate",
			Timeout:   6 * time.Second,
		},
		Face: FaceConfig{
			Path: "/api/face-recognition/dukcapil/{credential}/{method}", Method: "CALL_FR",
			Scheme: SchemePKCS1v15, Source: "sesuai", Threshold: 1,
			Curve: "0:0 5:75 10:100", Suspect: 9.5, ImageBytes: 195_000,
			Codes: "6018=match 6019=no_match 6020=no_portrait 6015=image 6006=image " +
				"5000=busy 6012=busy 6014=busy 5002=busy " +
				"5001=configuration 5003=configuration 5004=configuration 5005=configuration 5006=configuration 9002=configuration",
			Billable: "match no_match",
			Timeout:  15 * time.Second,
		},
		Retry:    RetryConfig{Tries: 3, Delay: 200 * time.Millisecond, MaxDelay: 2 * time.Second},
		Breaker:  BreakerConfig{Rate: 0.5, Window: 30 * time.Second, Minimum: 10, Delay: 15 * time.Second, Trials: 3},
		InFlight: 32,
	}
}

// Validate reports the first key whose text or number is not as it must be; it
// opens no file. The error is one of kind sesuai.KindConfiguration.
func (c Config) Validate() error {
	if _, err := c.read(); err != nil {
		return badConfig(err)
	}
	return nil
}

// Check reports what is wrong with the configuration, its files included, as
// New does.
func (c Config) Check() error {
	r, err := New(Options{Config: c, Ledger: noLedger{}, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		r.Close()
	}
	return err
}

// noLedger is for a Registry that makes no call.
type noLedger struct{}

func (noLedger) Begin(context.Context, ledger.Call) (int64, error) {
	return 0, errors.New("there is no ledger")
}

func (noLedger) End(context.Context, int64, ledger.Ending) error {
	return errors.New("there is no ledger")
}

func (noLedger) Withdraw(context.Context, int64) error { return errors.New("there is no ledger") }

func badConfig(err error) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "configuration: dukcapil." + err.Error()}
}

// settings are a configuration that was read.
type settings struct {
	data         dataWire
	dataURL      string
	dataBillable map[Class]bool
	face         faceWire
	faceURL      string // with {credential}
	faceBillable map[Class]bool
	encrypt      encrypter
	calendar     calendar
}

// read reads every text of the configuration. Errors name the key.
func (c Config) read() (settings, error) {
	s := settings{
		data: dataWire{threshold: c.Data.Threshold, asNumber: c.Data.ThresholdAsNumber, ip: c.Data.IP},
		face: faceWire{
			model: "dukcapil-face-" + strings.ToLower(c.Face.Method), suspect: c.Face.Suspect, threshold: c.Face.Threshold,
			source: c.Face.Source, customer: c.Face.Customer, ip: c.Face.IP,
		},
	}
	var err error
	for _, step := range []struct {
		key string
		do  func() error
	}{
		{"data.url", func() error { s.dataURL, err = base(c.Data.URL); return err }},
		{"data.path", func() error {
			s.dataURL, err = fill(s.dataURL, c.Data.Path, map[string]string{"{customer}": c.Data.Customer, "{method}": c.Data.Method})
			return err
		}},
		{"data.keys", func() error { s.data.keys, err = parseKeys(c.Data.Keys, dataKeys); return err }},
		{"data.codes", func() error { s.data.codes, err = parseCodes(c.Data.Codes, dataClasses); return err }},
		{"data.texts", func() error { s.data.texts, err = parseTexts(c.Data.Texts, s.data.codes); return err }},
		{"data.billable", func() error { s.dataBillable, err = parseClasses(c.Data.Billable, dataClasses); return err }},
		{"data.ip", func() error { return address(c.Data.IP) }},
		{"data.duplicate", func() error {
			if c.Data.Duplicate != "active" && c.Data.Duplicate != "inactive" {
				return errors.New("it must be inactive or active")
			}
			s.data.duplicate, err = sesuai.ParseStatus(c.Data.Duplicate)
			return err
		}},
		{"face.url", func() error { s.faceURL, err = base(c.Face.URL); return err }},
		{"face.path", func() error {
			if !strings.Contains(c.Face.Path, credentialPlace) {
				return fmt.Errorf("%s is not in it", credentialPlace)
			}
			s.faceURL, err = fill(s.faceURL, c.Face.Path, map[string]string{"{method}": c.Face.Method})
			return err
		}},
		{"face.keys", func() error { s.face.keys, err = parseKeys(c.Face.Keys, faceKeys); return err }},
		{"face.codes", func() error { s.face.codes, err = parseCodes(c.Face.Codes, faceClasses); return err }},
		{"face.billable", func() error { s.faceBillable, err = parseClasses(c.Face.Billable, faceClasses); return err }},
		{"face.ip", func() error { return address(c.Face.IP) }},
		{"face.curve", func() error { s.face.curve, err = ParseCurve(c.Face.Curve); return err }},
		{"face.scheme", func() error { s.encrypt, err = encrypterOf(c.Face.Scheme); return err }},
		{"tls.pins", func() error { _, err := parsePins(c.TLS.Pins); return err }},
		{"hours", func() error { s.calendar.hours, err = parseHours(c.Hours); return err }},
		{"maintenance", func() error { s.calendar.maintenance, err = parseMaintenance(c.Maintenance); return err }},
	} {
		if err := step.do(); err != nil {
			return s, fmt.Errorf("%s: %w", step.key, err)
		}
	}
	return s, c.ranges()
}

// ranges reports the first number that is out of range.
func (c Config) ranges() error {
	const hour = 3600
	for _, r := range []struct {
		key          string
		v, low, high float64
	}{
		{"data.threshold", float64(c.Data.Threshold), 0, 100},
		{"data.timeout (seconds)", c.Data.Timeout.Seconds(), 0.01, hour},
		{"face.threshold", c.Face.Threshold, 0, 1000},
		{"face.suspect", c.Face.Suspect, 0, 1e6},
		{"face.image_bytes", float64(c.Face.ImageBytes), 10_000, 10 << 20},
		{"face.timeout (seconds)", c.Face.Timeout.Seconds(), 0.01, hour},
		{"retry.tries", float64(c.Retry.Tries), 1, 10},
		{"retry.delay (seconds)", c.Retry.Delay.Seconds(), 0.001, hour},
		{"retry.max_delay (seconds)", c.Retry.MaxDelay.Seconds(), math.Nextafter(c.Retry.Delay.Seconds(), hour+1), hour},
		{"breaker.rate", c.Breaker.Rate, 0.01, 1},
		{"breaker.window (seconds)", c.Breaker.Window.Seconds(), 1, hour},
		{"breaker.minimum", float64(c.Breaker.Minimum), 1, 10_000},
		{"breaker.delay (seconds)", c.Breaker.Delay.Seconds(), 0.1, hour},
		{"breaker.trials", float64(c.Breaker.Trials), 1, 100},
		{"in_flight", float64(c.InFlight), 1, 10_000},
	} {
		if !(r.v >= r.low && r.v <= r.high) {
			return fmt.Errorf("%s must be from %.4g to %.4g", r.key, r.low, r.high)
		}
	}
	return nil
}

// base is a URL without what follows it. Anything but https would show people
// and credentials to whoever is on the way.
func base(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("a URL that begins with https:// is needed, without user and query")
	}
	return strings.TrimSuffix(text, "/"), nil
}

// fill puts the values into the path and the path behind the base.
func fill(base, path string, values map[string]string) (string, error) {
	if !strings.HasPrefix(path, "/") {
		return "", errors.New("it must begin with /")
	}
	for place, value := range values {
		if strings.Contains(path, place) && value == "" {
			return "", fmt.Errorf("%s is in it, and there is none", place)
		}
		path = strings.ReplaceAll(path, place, url.PathEscape(value))
	}
	// What is left to be filled in is filled in for each call.
	if u, err := url.Parse(base + strings.ReplaceAll(path, credentialPlace, "x")); err != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.ContainsAny(u.Path, "{}") {
		return "", errors.New("it is not the path of a URL")
	}
	return base + path, nil
}

const credentialPlace = "{credential}"

func address(text string) error {
	if net.ParseIP(text) == nil {
		return errors.New("an IP address is needed")
	}
	return nil
}
