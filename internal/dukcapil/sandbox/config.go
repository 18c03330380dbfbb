package sandbox

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/config"
)

// The defaults of Config that more than one place needs.
const (
	DefaultBalikanPath = "/store"
	DefaultQuota       = 100_000
	DefaultStall       = 30 * time.Second
)

// Config is the configuration of a sandbox: a file of its own. Its passwords
// and its token are no secrets, since they open nothing but synthetic people.
type Config struct {
	// Listen is the address and port to serve on, with TLS. Port 0 takes a
	// free one.
	Listen string `yaml:"listen"`
	// TLSCert is the path of a certificate, PEM. Without one, a self-signed
	// certificate is made in the data folder.
	TLSCert string `yaml:"tls_cert"`
	// TLSKey is the path of the certificate's key. It is given together with
	// tls_cert or not at all.
	TLSKey string `yaml:"tls_key"`
	// RSAKey is the path of the private key (PKCS #8, PEM) for the encrypted
	// fields of the face check. A file that does not exist is made. Empty means
	// a file in the data folder.
	RSAKey string `yaml:"rsa_key"`
	// Scheme is the encryption of nik, user_id and password of the face check:
	// pkcs1v15-1 or oaep-sha256-1.
	Scheme string `yaml:"scheme"`
	// Record is the path of a file to which each call is appended, as a line of
	// JSON, before it is answered. Empty means that no record is kept.
	Record string `yaml:"record"`

	// BasePath stands in front of the paths of both checks, such as /api.
	BasePath string `yaml:"base_path"`
	// DataMethod is the last part of the data check's path.
	DataMethod string `yaml:"data_method"`
	// FaceMethod is the last part of the face check's path.
	FaceMethod string `yaml:"face_method"`
	// BalikanPath is the path of the receiver of returned data.
	BalikanPath string `yaml:"balikan_path"`
	// BalikanToken is the bearer token of the receiver. Empty means that there
	// is no receiver.
	BalikanToken string `yaml:"balikan_token"`
	// Accounts are the institutions that may call. No two share a user id.
	Accounts []Account `yaml:"accounts"`
	// CheckConnection compares an account's addresses also with the address
	// that a call comes from, not only with the one in its body.
	CheckConnection bool `yaml:"check_connection"`
	// Hours are the times of day, Jakarta time, at which the data check may be
	// called, such as 06:00-22:00 or 22:00-06:00. Empty means always. The face
	// check has no code for such a refusal.
	Hours string `yaml:"hours"`

	// Data is about the data check.
	Data Service `yaml:"data"`
	// Face is about the face check. It has the keys of data.
	Face Service `yaml:"face"`
	// Balikan is about the receiver of returned data, which has no quota. It
	// has the keys of data.
	Balikan Service `yaml:"balikan"`
	// Stall is how long an answer with the fault stall takes before the
	// connection ends without one.
	Stall time.Duration `yaml:"stall"`
	// Slow is how long an answer takes that is slow on purpose.
	Slow time.Duration `yaml:"slow"`

	// PassScore is the matchScore from which two faces match.
	PassScore float64 `yaml:"pass_score"`
	// Curve converts the percentage of a comparison to the matchScore that is
	// sent: at least two points, with straight lines between. Score and
	// percentage both rise.
	Curve Curve `yaml:"curve"`
	// Decimals is the number of decimals of a matchScore.
	Decimals int `yaml:"decimals" range:"1,9"`
	// MaxImage is the largest size of an image, in bytes before base64.
	MaxImage int `yaml:"max_image" range:"1,1048576"`
	// Quirks are the forms that answers take.
	Quirks Quirks `yaml:"quirks"`
	// Magic answers the magic NIKs as their table says. With false the registry
	// answers about them, as about any other NIK.
	Magic bool `yaml:"magic"`
	// Seed decides everything that is random. The n-th call about a NIK is
	// treated in the same way whatever other calls are made.
	Seed int64 `yaml:"seed"`
}

// Account is the access of one institution.
type Account struct {
	// UserID is the account's user id for both checks.
	UserID string `yaml:"user_id"`
	// Password is the account's password for both checks.
	Password string `yaml:"password"`
	// Customer is the account's part of the data check's path.
	Customer string `yaml:"customer"`
	// Credential is the account's part of the face check's path.
	Credential string `yaml:"credential"`
	// IPs are the addresses that the account may call from. An empty list
	// allows every address.
	IPs []netip.Addr `yaml:"ips"`
	// InstitutionInactive makes the data check answer RESPONSE_CODE 16, and the
	// face check errorCode 5001.
	InstitutionInactive bool `yaml:"institution_inactive"`
	// UserInactive makes the data check answer RESPONSE_CODE 17, and the face
	// check errorCode 5001.
	UserInactive bool `yaml:"user_inactive"`
}

// Service has the settings of one service.
type Service struct {
	// Quota is the number of billed calls of an account that are answered on
	// one day in Jakarta; 0 means the default. With a negative number every
	// call is answered that the quota is used up.
	Quota   int     `yaml:"quota"`
	Latency Latency `yaml:"latency"`
	Faults  Faults  `yaml:"faults"`
}

// DefaultConfig has one account, whose every part is "sandbox".
func DefaultConfig() Config {
	const name = "sandbox"
	return Config{
		Listen: "127.0.0.1:8643", Scheme: SchemePKCS1v15,
		DataMethod: "CALL_VERIFY_BY_ELEMEN", FaceMethod: "CALL_FR", BalikanPath: DefaultBalikanPath, BalikanToken: name,
		Accounts: []Account{{UserID: name, Password: name, Customer: name, Credential: name}},
		Data:     Service{Quota: DefaultQuota}, Face: Service{Quota: DefaultQuota},
		Stall: DefaultStall, Slow: 3 * time.Second,
		PassScore: 5, Curve: DefaultCurve, Decimals: 3, MaxImage: 195_000,
		Magic: true, Seed: 1,
	}
}

// check reports the first key that is not valid, and fills in the quotas.
func (c *Config) check() error {
	for _, path := range []struct{ name, value string }{
		{"base path", c.BasePath}, {"balikan path", c.BalikanPath}, {"data method", "/" + c.DataMethod}, {"face method", "/" + c.FaceMethod},
	} {
		if path.value != "" && (path.value[0] != '/' || strings.ContainsAny(path.value, "{} ?#%") || strings.HasSuffix(path.value, "/")) {
			return fmt.Errorf("the %s cannot be part of a path", path.name)
		}
	}
	switch {
	case schemes[c.Scheme] == nil:
		return fmt.Errorf("the schemes are %s and %s", SchemePKCS1v15, SchemeOAEP)
	case c.BalikanPath == "" && c.BalikanToken != "":
		return errors.New("the receiver of returned data needs a path")
	case len(c.Accounts) == 0:
		return errors.New("an account is needed")
	}
	seen := make(map[string]bool)
	for _, a := range c.Accounts {
		if a.UserID == "" || a.Password == "" || a.Customer == "" || a.Credential == "" {
			return errors.New("an account needs a user id, a password, a customer and a credential")
		}
		if seen[a.UserID] {
			return errors.New("two accounts have the same user id")
		}
		seen[a.UserID] = true
	}
	for _, service := range []*Service{&c.Data, &c.Face, &c.Balikan} {
		if service.Quota == 0 {
			service.Quota = DefaultQuota
		}
		if err := errors.Join(service.Latency.check(), service.Faults.check()); err != nil {
			return err
		}
	}
	for _, code := range c.Face.Faults.Codes {
		if _, err := strconv.Atoi(code); err != nil {
			return errors.New("the face check's codes are numbers")
		}
	}
	return errors.Join(config.CheckRanges(c), c.Curve.check(), c.Quirks.check())
}
