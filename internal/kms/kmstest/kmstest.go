// Package kmstest is a server that answers like the transit secrets engine of
// Vault, with keys in memory. It is for tests only, and leaves everything else that
// Vault does to Vault.
package kmstest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/sesuai/sesuai/internal/kms"
)

// Names of the key and of the token that the server accepts.
const (
	Key   = "sesuai"
	Token = "hvs.synthetic"
)

// Server is a KMS with one key.
type Server struct {
	URL string

	mu       sync.Mutex
	versions []cipher.AEAD
	calls    map[string]int
	answer   http.HandlerFunc
}

// New starts a server, which is stopped when the test ends.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{calls: make(map[string]int)}
	s.Rotate()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Config is a section kms for the server. The token is in a file of the test.
func (s *Server) Config(t testing.TB) kms.Config {
	t.Helper()
	c := kms.DefaultConfig()
	c.Address, c.Key, c.TokenFile = s.URL, Key, filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(c.TokenFile, []byte(Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return c
}

// Rotate adds a version to the key. Ciphertexts of earlier ones still open.
func (s *Server) Rotate() {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails: crypto/rand
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // only for a key of another length
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.versions = append(s.versions, aead)
}

// Answer has the handler answer from now on. Nil means as Vault does.
func (s *Server) Answer(h http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = h
}

// Hang answers nothing from now on.
func (s *Server) Hang() {
	// The body was read, so the server notices when the caller goes.
	s.Answer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// Calls returns how often an operation was asked for: encrypt or decrypt.
func (s *Server) Calls(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/transit/"), "/")
	s.mu.Lock()
	s.calls[operation]++
	answer := s.answer
	versions := s.versions
	s.mu.Unlock()
	var body struct{ Plaintext, Ciphertext string }
	badBody := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body)
	switch {
	case answer != nil:
		answer(w, r)
	case r.Header.Get("X-Vault-Token") != Token || r.Header.Get("X-Vault-Request") != "true":
		refuse(w, http.StatusForbidden, "permission denied")
	case badBody != nil || r.Method != http.MethodPut && r.Method != http.MethodPost:
		refuse(w, http.StatusBadRequest, "failed to parse JSON input")
	case name != Key:
		refuse(w, http.StatusBadRequest, "encryption key not found")
	case operation == "encrypt":
		plaintext, err := base64.StdEncoding.DecodeString(body.Plaintext)
		if err != nil {
			refuse(w, http.StatusBadRequest, "failed to base64-decode plaintext")
			return
		}
		sealed := versions[len(versions)-1].Seal(nil, nil, plaintext, nil)
		reply(w, "ciphertext", fmt.Sprintf("vault:v%d:%s", len(versions), base64.StdEncoding.EncodeToString(sealed)))
	case operation == "decrypt":
		plaintext, err := open(versions, body.Ciphertext)
		if err != nil {
			refuse(w, http.StatusBadRequest, "cipher: message authentication failed")
			return
		}
		reply(w, "plaintext", base64.StdEncoding.EncodeToString(plaintext))
	default:
		refuse(w, http.StatusNotFound)
	}
}

func open(versions []cipher.AEAD, ciphertext string) ([]byte, error) {
	version, encoded, _ := strings.Cut(strings.TrimPrefix(ciphertext, "vault:v"), ":")
	n, err := strconv.Atoi(version)
	if err != nil || n < 1 || n > len(versions) {
		return nil, fmt.Errorf("no such version")
	}
	sealed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	return versions[n-1].Open(nil, nil, sealed, nil)
}

func reply(w http.ResponseWriter, name, value string) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"request_id": "synthetic", "lease_id": "", "renewable": false, "lease_duration": 0,
		"data": map[string]any{name: value}, "wrap_info": nil, "warnings": nil, "auth": nil, "mount_type": "transit",
	})
}

func refuse(w http.ResponseWriter, status int, errs ...string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": append([]string{}, errs...)})
}
