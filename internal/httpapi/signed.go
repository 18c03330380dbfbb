package httpapi

import (
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/signature"
)

const (
	// signatureHeader has the detached signature of an answer.
	signatureHeader = "X-Jws-Signature"
	// preferenceApplied names the preferences that were honoured (RFC 7240).
	preferenceApplied = "Preference-Applied"
	// preferenceSigned is the preference of a signed answer.
	preferenceSigned = "return=signed"
)

// signing signs the answers to a client.
type signing struct {
	signer *signature.Signer
	// endpoint is the name of the endpoint that is answered.
	endpoint string
	client   string
}

// signingFor returns what signs the answer to a request; nil if it does not prefer that.
func (s *Server) signingFor(header http.Header, endpoint, client string) *signing {
	if s.o.Signer == nil || !prefersSigned(header["Prefer"]) {
		return nil
	}
	return &signing{s.o.Signer, endpoint, client}
}

// sign returns the signature of an answer, with its body in it.
func (s *signing) sign(endpoint, request string, status int, body []byte, basis answer.Basis) (string, error) {
	statement := sesuai.Statement{
		RequestID: request, Endpoint: endpoint, Status: status, Time: basis.Time, Client: s.client,
		Threshold: basis.Threshold, Model: basis.Model, Calibration: basis.Calibration,
	}
	if len(basis.Images) > 0 {
		statement.Images = make(map[string]string, len(basis.Images))
		for _, image := range basis.Images {
			statement.Images[image.Field] = hex.EncodeToString(image.SHA256[:])
		}
	}
	return s.signer.Sign(body, statement)
}

// sign signs an answer that is about to be written, if the caller prefers that. One
// that cannot be signed is given without: it is recorded already.
func (w *reply) sign(status int, body []byte) {
	if w.signing == nil || w.basis.Time.IsZero() || w.status != 0 {
		return
	}
	header := w.Header()
	signed, err := w.signing.sign(w.signing.endpoint, header.Get(requestIDHeader), status, body, w.basis)
	if err != nil {
		w.cause = err
		return
	}
	header.Set(signatureHeader, signature.Detach(signed))
	header.Set(preferenceApplied, preferenceSigned)
}

// prefersSigned reports whether the Prefer headers of a request (RFC 7240) ask for a signed
// answer. Of a preference that is given twice only the first counts.
func prefersSigned(headers []string) bool {
	for rest := strings.Join(headers, ","); rest != ""; {
		var preference string
		preference, rest = cutUnquoted(rest, ',')
		preference, _ = cutUnquoted(preference, ';') // without parameters
		name, value, _ := strings.Cut(preference, "=")
		if strings.EqualFold(strings.TrimSpace(name), "return") {
			return strings.Trim(strings.TrimSpace(value), `"`) == "signed"
		}
	}
	return false
}

// cutUnquoted cuts a text at the first separator that is not in a quoted string.
func cutUnquoted(text string, separator byte) (before, after string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == separator && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}
