package operator

import (
	"encoding/base32"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
)

// The parameters of codes: those of RFC 6238, which every authenticator has.
const (
	codePeriod = 30 // seconds
	// codeDrift is how many periods a clock may be wrong by: RFC 6238, 5.2.
	codeDrift = 1
)

// newKey returns the key of an authenticator, of 160 bits, as RFC 4226 recommends.
func newKey(name string) (*otp.Key, error) {
	return totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: name, Period: codePeriod, SecretSize: 20})
}

// issuer is what an authenticator shows of whom a code is for.
const issuer = "Sesuai"

// matchCode returns the period that a code is of, if that is now and after the period of
// the last code that was accepted. So each code is accepted once.
func matchCode(secret, code string, last int64, now time.Time) (period int64, ok bool) {
	at := now.Unix() / codePeriod
	for period := at - codeDrift; period <= at+codeDrift; period++ {
		if period > last && hotp.Validate(code, uint64(period), secret) {
			return period, true
		}
	}
	return 0, false
}

// keyOf returns the key of an authenticator that was stored.
func keyOf(name, secret string) (*otp.Key, error) {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		return nil, err
	}
	return totp.Generate(totp.GenerateOpts{Issuer: issuer, AccountName: name, Period: codePeriod, Secret: raw})
}
