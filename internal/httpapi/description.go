package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/sesuai/sesuai/internal/openapi"
)

// document is what the Server shows to everybody: the description of the API, and the key
// of signatures. It is the same for all, and needs no credentials.
type document struct {
	path, contentType string
	// read returns the content and its ETag, or why they cannot be had.
	read func() (content, error)
}

type content struct {
	body []byte
	tag  string
}

// KeySetPath is where the public key of signatures is.
const KeySetPath = "/.well-known/jwks.json"

// documents returns those of the Server.
func (s *Server) documents() []document {
	if s.o.Signer == nil {
		return descriptions
	}
	keys := once(func() ([]byte, error) { return s.o.Signer.KeySet(), nil })
	return append(slices.Clone(descriptions), document{KeySetPath, "application/jwk-set+json", keys})
}

// descriptions are those of every Server. The page refers to the style sheet by its path.
var descriptions = []document{
	{"/openapi.yaml", "application/yaml", once(func() ([]byte, error) { return openapi.Description(), nil })},
	{"/docs", "text/html; charset=utf-8", once(openapi.Page)},
	{"/docs/style.css", "text/css; charset=utf-8", once(func() ([]byte, error) { return openapi.Style(), nil })},
}

// once makes a content when it is first asked for.
func once(body func() ([]byte, error)) func() (content, error) {
	return sync.OnceValues(func() (content, error) {
		b, err := body()
		sum := sha256.Sum256(b)
		return content{b, `"` + hex.EncodeToString(sum[:16]) + `"`}, err
	})
}

// contentSecurityPolicy lets a page load its style sheet and nothing else, and run
// nothing.
const contentSecurityPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serve handles GET of the document.
func (d document) serve(w *reply, r *http.Request) error {
	c, err := d.read()
	if err != nil {
		return err
	}
	header := w.Header()
	header.Set("ETag", c.tag)
	header.Set("Cache-Control", "public, max-age=3600")
	header.Set("Content-Security-Policy", contentSecurityPolicy)
	if strings.Contains(r.Header.Get("If-None-Match"), c.tag) {
		w.write(http.StatusNotModified, "", nil)
		return nil
	}
	w.write(http.StatusOK, d.contentType, c.body)
	return nil
}
