package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/client"
	"github.com/sesuai/sesuai/internal/app"
)

type answerVerify struct {
	Body          string            `arg:"" optional:"" help:"File with the body of the answer, byte for byte. A signature of a look-up has it in it." placeholder:"FILE"`
	Keys          string            `required:"" help:"File with the key set: /.well-known/jwks.json of the service, or the output of sesuai answer keys." placeholder:"FILE"`
	Signature     string            `xor:"signature" required:"" help:"The signature: what X-Jws-Signature has." placeholder:"TEXT"`
	SignatureFile string            `xor:"signature" required:"" help:"File with the signature." placeholder:"FILE"`
	Image         map[string]string `help:"An image that was sent, by the name of its field: the signature must be for it." placeholder:"FIELD=FILE"`
}

// Help is what --help says of the command besides its flags.
func (answerVerify) Help() string {
	return "It needs nothing but these files: no configuration, no database and no network. What is printed is signed, unless it says why not. " +
		"Exit status: 0 if the signature is valid, 1 if not, 2 if a file could not be read."
}

// verifiedAnswer is what answerVerify prints as JSON.
type verifiedAnswer struct {
	Valid bool `json:"valid"`
	// Why says why it is not valid.
	Why   string `json:"why,omitempty"`
	KeyID string `json:"key_id,omitempty"`
	*sesuai.Statement
	Body string `json:"body,omitempty"`
}

func (c *answerVerify) Run(s *session) error {
	set, err := os.ReadFile(c.Keys)
	if err != nil {
		return err
	}
	keys, err := client.ParseSigningKeys(set)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Keys, err)
	}
	text := []byte(c.Signature)
	if c.SignatureFile != "" {
		if text, err = os.ReadFile(c.SignatureFile); err != nil {
			return err
		}
	}
	var body []byte
	if c.Body != "" {
		if body, err = os.ReadFile(c.Body); err != nil {
			return err
		}
	}
	signed, why := keys.Verify(headerValue(string(text)), body)
	if why == nil {
		if why, err = c.verifyImages(signed); err != nil {
			return err
		}
	}
	if why != nil {
		if err := s.print(verifiedAnswer{Why: why.Error()}, "not valid: %s\n", why); err != nil {
			return err
		}
		return negativeAnswer{}
	}
	return s.print(verifiedAnswer{Valid: true, KeyID: signed.KeyID, Statement: &signed.Statement, Body: string(signed.Body)}, "%s", describeSigned(signed))
}

// headerValue returns the value of a header line, or the text itself.
func headerValue(text string) string {
	if name, value, found := strings.Cut(text, ":"); found && strings.EqualFold(strings.TrimSpace(name), "X-Jws-Signature") {
		text = value
	}
	return strings.TrimSpace(text)
}

// verifyImages returns why an answer is not for the images.
func (c *answerVerify) verifyImages(signed client.Signed) (why, err error) {
	for _, field := range slices.Sorted(maps.Keys(c.Image)) {
		sum, err := sumOf(c.Image[field])
		if err != nil {
			return nil, err
		}
		switch of, sent := signed.Images[field]; {
		case !sent:
			return fmt.Errorf("the signature is valid, and for no image %s", field), nil
		case of != sum:
			return fmt.Errorf("the signature is valid, but for another image %s", field), nil
		}
	}
	return nil, nil
}

// sumOf returns the SHA-256 of a file in hexadecimal.
func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, f)
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, f.Close())
}

// describeSigned says what is in a signed answer.
func describeSigned(signed client.Signed) string {
	var b strings.Builder
	b.WriteString("the signature is valid\n")
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-13s%s\n", name, value)
		}
	}
	line("key", signed.KeyID)
	line("request id", signed.RequestID)
	line("endpoint", signed.Endpoint)
	line("status", strconv.Itoa(signed.Status))
	line("time", signed.Time.UTC().Format(time.RFC3339Nano))
	line("client", signed.Client)
	if signed.Threshold != 0 {
		line("threshold", strconv.FormatFloat(signed.Threshold, 'f', -1, 64))
	}
	line("model", signed.Model)
	line("calibration", signed.Calibration)
	for _, field := range slices.Sorted(maps.Keys(signed.Images)) {
		line("image", field+" "+signed.Images[field])
	}
	if signed.Sandbox {
		line("sandbox", "the answer is that of a sandbox, and about nobody")
	}
	line("body", string(signed.Body))
	return b.String()
}

type answerKeys struct{}

// Help is what --help says of the command besides its flags.
func (answerKeys) Help() string {
	return "Prints what the service has at /.well-known/jwks.json. The private key is derived from a secret of the database, and is never shown."
}

func (answerKeys) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		signer, err := storage.AnswerSigner(false)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.stdout, "%s\n", signer.KeySet())
		return err
	})
}
