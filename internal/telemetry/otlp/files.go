package otlp

import (
	"crypto/x509"
	"errors"
	"net/textproto"
	"os"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/fileperm"
)

// maxHeaders is the greatest size of a file of headers, in bytes.
const maxHeaders = 16 << 10

// The keys of the files.
const (
	headersKey = "telemetry.headers_file"
	caKey      = "telemetry.ca_file"
)

// CheckFiles returns what New would refuse of the files, as mistakes of package config.
func (c Config) CheckFiles() error {
	_, err1 := readHeaders(c.HeadersFile)
	_, err2 := readCertificates(c.CAFile)
	return errors.Join(err1, err2)
}

// readHeaders reads a file of headers; none if path is "". Its errors have nothing of
// what is in the file.
func readHeaders(path string) (map[string]string, error) {
	headers := make(map[string]string)
	if path == "" {
		return headers, nil
	}
	text, err := fileperm.ReadPrivate(path, maxHeaders)
	if err != nil {
		return nil, config.Mistakef(headersKey, "%v", err)
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value)
		if _, twice := headers[name]; !ok || twice || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return nil, config.Mistakef(headersKey, "%s, line %d: a header is needed that is not there yet, such as Authorization: Bearer …", path, n)
		}
		headers[name] = value
	}
	return headers, nil
}

// readCertificates reads a file of certificates; nil, for those of the system, if path
// is "".
func readCertificates(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, config.Mistakef(caKey, "%v", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, config.Mistakef(caKey, "%s has no certificate in PEM", path)
	}
	return pool, nil
}
