package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/dukcapil/ledger"
)

// Config is what the operator configures about the upstream. It is a part of
// the section dukcapil of the service's configuration. Lists and tables are one
// text each, so that an environment variable can set them. No specification of
// Dukcapil's services is public: the defaults are what the working clients of
// several integrators have in common, and whatever differs from agreement to
// agreement is a key.
type Config struct {
	// Parallel makes the face check at the same time as the data check. The
	// answer comes sooner, and a face check is paid for even if the person is
	// not found or not active.
	Parallel bool `yaml:"parallel"`

	Data    DataConfig    `yaml:"data"`
	Face    FaceConfig    `yaml:"face"`
	TLS     TLSConfig     `yaml:"tls"`
	Retry   RetryConfig   `yaml:"retry"`
	Breaker BreakerConfig `yaml:"breaker"`
	// InFlight is the number of questions to each service at the same time. A
	// further one is answered 503 with Retry-After.
	InFlight int `yaml:"in_flight" range:"1,10000"`
	// Hours are the times of day, Jakarta time, at which both services may be
	// called, such as 06:00-22:00. Several are separated by spaces; one that
	// ends before it starts lasts past midnight. Empty means always.
	Hours string `yaml:"hours"`
	// Maintenance are planned stops of both services, Jakarta time, such as
	// 2026-12-01T22:00/2026-12-02T04:00. Several are separated by spaces.
	Maintenance string `yaml:"maintenance"`
}

// DataConfig is about the data check.
type DataConfig struct {
	// URL is the base URL of the data check; it must begin with https://.
	// Required.
	URL string `yaml:"url"`
	// Path is what follows the base URL. {customer} and {method} are replaced.
	Path string `yaml:"path"`
	// Customer replaces {customer} in the path. Required if it is there.
	Customer string `yaml:"customer"`
	// Method replaces {method} in the path. Its name differs from agreement to
	// agreement.
	Method string `yaml:"method"`
	// UserFile is the path of a file of one line: USER_ID. Required.
	UserFile string `yaml:"user_file"`
	// PasswordFile is the path of a file of one line: PASSWORD. Required.
	PasswordFile string `yaml:"password_file"`
	// IP is sent as IP_USER: the address by which the upstream knows this
	// side. Required.
	IP string `yaml:"ip"`
	// Threshold is sent as TRESHOLD (the upstream's spelling): the percentage
	// from which a name reads "Sesuai". Sesuai uses the number in brackets, so
	// this decides only where an answer has no number.
	Threshold int `yaml:"threshold" range:"0,100"`
	// ThresholdAsNumber sends TRESHOLD as a number. Most integrators send a
	// string.
	ThresholdAsNumber bool `yaml:"threshold_as_number"`
	// Keys renames JSON keys, such as "threshold=THRESHOLD name=NAMA". The
	// words to rename are user, password, ip, threshold, nik, name, date,
	// content, code, text, description, response, quota, the other attributes
	// by their names (address, no_kk, rt and so on), and province_code,
	// city_code, district_code and subdistrict_code.
	Keys string `yaml:"keys"`
	// Codes gives each RESPONSE_CODE its class. 05, "05" and 5 are one code;
	// a code that is not listed is answered 503.
	Codes string `yaml:"codes"`
	// Texts gives the code that a text of RESPON, RESPONSE_DESC or RESPONSE
	// stands for where there is no code. Texts are compared as a whole, in
	// lower case and with single spaces.
	Texts string `yaml:"texts"`
	// Duplicate is the status of a NIK that has several records: inactive or
	// active. With active, the upstream must compare its elements.
	Duplicate string `yaml:"duplicate"`
	// Billable are the classes of answers that are billed. The default, each
	// answer about a NIK, is an assumption: compare it with your invoice.
	Billable string `yaml:"billable"`
	// Timeout is the time for one try. With the default, three tries fit into
	// dukcapil.deadline.
	Timeout time.Duration `yaml:"timeout" range:"10ms,1h"`
}

// FaceConfig is about the face check.
type FaceConfig struct {
	// URL is the base URL of the face check; it must begin with https://.
	// Required.
	URL string `yaml:"url"`
	// Path is what follows the base URL. {credential} must be in it;
	// {credential} and {method} are replaced.
	Path string `yaml:"path"`
	// Method replaces {method} in the path.
	Method string `yaml:"method"`
	// CredentialFile is the path of a file of one line that replaces
	// {credential} in the path. The URL is secret with it, so it is in no log
	// and no error. Required.
	CredentialFile string `yaml:"credential_file"`
	// UserFile is the path of a file of one line: user_id. Required.
	UserFile string `yaml:"user_file"`
	// PasswordFile is the path of a file of one line: password. Required.
	PasswordFile string `yaml:"password_file"`
	// PublicKeyFile is the path of Dukcapil's RSA public key, at least 1024
	// bits, as PEM or as base64 without a frame. Required.
	PublicKeyFile string `yaml:"public_key_file"`
	// Scheme is the encryption of nik, user_id and password: pkcs1v15-1
	// (RSAES-PKCS1-v1_5) or oaep-sha256-1 (RSAES-OAEP with SHA-256), base64
	// after either. It has a version because the upstream has changed it once.
	Scheme string `yaml:"scheme"`
	// Customer is sent as customer_id.
	Customer string `yaml:"customer"`
	// Source is sent as transactionSource.
	Source string `yaml:"source"`
	// IP is sent as ip: the address by which the upstream knows this side.
	// Required.
	IP string `yaml:"ip"`
	// Threshold is sent as threshold: the score from which the upstream says
	// that faces match. Sesuai does not use its conclusion. Set it to the
	// score that dukcapil.face.curve has at 75, and the disagreements that
	// are counted mean something.
	Threshold float64 `yaml:"threshold" range:"0,1000"`
	// Curve converts the upstream's scores to percentages: points of a score
	// and a percentage, with straight lines between. Scores rise, percentages
	// never fall, and 75, the default threshold of a client, must be within
	// them. The curve's id is made of its points and is written to the audit
	// event with the raw score.
	Curve string `yaml:"curve"`
	// Suspect is the score from which the audit event says that the photograph
	// may be made from the portrait on record: living people score 5 to 9.5.
	Suspect float64 `yaml:"suspect" range:"0,1000000"`
	// ImageBytes is the largest size of the JPEG that is sent, in bytes before
	// base64.
	ImageBytes int `yaml:"image_bytes" range:"10000,10485760"`
	// Keys renames JSON keys, such as "score=SCORE". The words to rename are
	// transaction, source, customer, nik, threshold, image, template, type,
	// position, user, password, ip, error, code, status, score, quota, uid and
	// result.
	Keys string `yaml:"keys"`
	// Codes gives each errorCode its class; a code that is not listed is
	// answered 503.
	Codes string `yaml:"codes"`
	// Billable are the classes of answers that are billed.
	Billable string `yaml:"billable"`
	// Timeout is the time for one try. After a time-out the face check is not
	// repeated: the call may have been billed.
	Timeout time.Duration `yaml:"timeout" range:"10ms,1h"`
}

// DefaultConfig has what is publicly known of the services. URLs, accounts and
// files have no default.
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

// Validate reports every key whose value is not valid, as an error of kind
// sesuai.KindConfiguration. It opens no file.
func (c Config) Validate() error {
	_, err := c.read()
	return badConfig(err)
}

// Check reports what New would: every key that is not valid, or whose file
// cannot be used.
func (c Config) Check() error {
	r, err := New(Options{Config: c, CallLog: noCalls{}, Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		r.Close()
	}
	return err
}

// noCalls is the call log of a Registry that makes no call.
type noCalls struct{}

func (noCalls) Start(context.Context, ledger.Call) (int64, error) {
	return 0, errors.New("there is no call log")
}

func (noCalls) Complete(context.Context, int64, ledger.Completion) error {
	return errors.New("there is no call log")
}

func (noCalls) Cancel(context.Context, int64) error { return errors.New("there is no call log") }

func badConfig(err error) error {
	return config.Refuse(config.Under("dukcapil", err))
}

// settings is a parsed configuration.
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

// read parses every text of the configuration. The error joins a
// config.Mistake for each that is wrong.
func (c Config) read() (settings, error) {
	s := settings{
		data: dataWire{threshold: c.Data.Threshold, asNumber: c.Data.ThresholdAsNumber, ip: c.Data.IP},
		face: faceWire{
			model: "dukcapil-face-" + strings.ToLower(c.Face.Method), suspect: c.Face.Suspect, threshold: c.Face.Threshold,
			source: c.Face.Source, customer: c.Face.Customer, ip: c.Face.IP,
		},
	}
	var err error
	errs := []error{config.CheckRanges(&c), c.Retry.check()}
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
		{"data.texts", func() error {
			if s.data.codes == nil {
				return nil // the codes are a mistake already
			}
			s.data.texts, err = parseTexts(c.Data.Texts, s.data.codes)
			return err
		}},
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
		errs = append(errs, config.About(step.key, step.do()))
	}
	return s, errors.Join(errs...)
}

// check reports delays that do not grow.
func (c RetryConfig) check() error {
	if c.MaxDelay <= c.Delay {
		return config.Mistakef("retry.max_delay", "%s is not longer than retry.delay (%s)", c.MaxDelay, c.Delay)
	}
	return nil
}

// base checks a base URL and drops a slash at its end. Without TLS everybody on
// the path could read people and credentials.
func base(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("a URL that begins with https:// is needed, without user and query, such as https://10.0.0.1")
	}
	return strings.TrimSuffix(text, "/"), nil
}

// fill replaces the placeholders of the path and appends it to the base.
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
	// The credential is filled in for each call.
	if u, err := url.Parse(base + strings.ReplaceAll(path, credentialPlace, "x")); err != nil || u.RawQuery != "" || u.Fragment != "" ||
		strings.ContainsAny(u.Path, "{}") {
		return "", errors.New("it is not the path of a URL")
	}
	return base + path, nil
}

const credentialPlace = "{credential}"

func address(text string) error {
	if net.ParseIP(text) == nil {
		return fmt.Errorf("%s is not an IP address, such as 10.0.0.2", config.Quote(text))
	}
	return nil
}
