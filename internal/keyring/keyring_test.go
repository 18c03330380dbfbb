package keyring_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/sesuai/sesuai/internal/keyring"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRing(t testing.TB, seed byte) *keyring.Ring {
	t.Helper()
	ring, err := keyring.New(master(seed))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func master(seed byte) []byte {
	b := make([]byte, keyring.MasterKeySize)
	for i := range b {
		b[i] = seed + byte(i)
	}
	return b
}

func TestSealOpensOnlyWhereItBelongs(t *testing.T) {
	ring, other := newRing(t, 1), newRing(t, 2)
	plaintext, row := []byte("what is stored"), []byte("row 1")
	sealed := ring.Seal(keyring.Attributes, plaintext, row)

	if got, err := ring.Open(keyring.Attributes, sealed, row); err != nil || !bytes.Equal(got, plaintext) {
		t.Fatalf("Open = %q, %v", got, err)
	}
	if bytes.Contains(sealed, plaintext) {
		t.Error("the plaintext is in the ciphertext")
	}
	if bytes.Equal(sealed, ring.Seal(keyring.Attributes, plaintext, row)) {
		t.Error("sealing twice gave the same: the nonce is not random")
	}

	refused := map[string]func() ([]byte, error){
		"another row":   func() ([]byte, error) { return ring.Open(keyring.Attributes, sealed, []byte("row 2")) },
		"another use":   func() ([]byte, error) { return ring.Open(keyring.Template, sealed, row) },
		"another key":   func() ([]byte, error) { return other.Open(keyring.Attributes, sealed, row) },
		"nothing":       func() ([]byte, error) { return ring.Open(keyring.Attributes, nil, row) },
		"only a key id": func() ([]byte, error) { return ring.Open(keyring.Attributes, sealed[:1], row) },
	}
	for what, open := range refused {
		if got, err := open(); err == nil {
			t.Errorf("%s: opened as %q", what, got)
		}
	}
	for i := range sealed { // key id, nonce, ciphertext and tag alike
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := ring.Open(keyring.Attributes, changed, row); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
	}
}

func TestHashDependsOnKeyAndUse(t *testing.T) {
	ring, text := newRing(t, 1), []byte("9999000000000001")
	seen := map[[32]byte]string{}
	for _, k := range []keyring.HashKey{keyring.NIKIndex, keyring.TemplateLink, keyring.AuditNIK, keyring.AuditChain, keyring.Credentials} {
		sum := ring.Hash(k, text)
		if before, ok := seen[sum]; ok {
			t.Errorf("the hashes for %q and %q are the same", k, before)
		}
		seen[sum] = string(k)
		if sum != ring.Hasher(k)(text) || sum != newRing(t, 1).Hash(k, text) {
			t.Errorf("the hash for %q is not always the same", k)
		}
		if sum == newRing(t, 2).Hash(k, text) {
			t.Errorf("the hash for %q does not depend on the master key", k)
		}
	}
}

// TestDerivationIsStable holds the derivation still: were it to change, no
// stored data could be read any more. The values were made with another
// implementation of RFC 5869.
func TestDerivationIsStable(t *testing.T) {
	ring := newRing(t, 1)
	if got, want := fmt.Sprintf("%x", ring.KeyCheck()), "1d470746cb964bab0bb06787a6d62ab3"; got != want {
		t.Errorf("key check value %s, want %s", got, want)
	}
	sum := ring.Hash(keyring.NIKIndex, []byte("9999000000000001"))
	if got, want := fmt.Sprintf("%x", sum[:8]), "808ca469a826a835"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestMatches(t *testing.T) {
	ring := newRing(t, 1)
	check, other := ring.KeyCheck(), newRing(t, 2).KeyCheck()
	if !ring.Matches(check[:]) {
		t.Error("a ring does not match its own key check value")
	}
	if ring.Matches(other[:]) || ring.Matches(nil) || ring.Matches(check[:4]) {
		t.Error("a ring matches what is not its key check value")
	}
}

func TestRingPrintsNothing(t *testing.T) {
	ring := newRing(t, 'A')
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "ring", ring)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("", "ring", ring)
	//lint:ignore SA9005 that nothing is exported is what this shows
	encoded, err := json.Marshal(ring)
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %x %q", ring, ring, ring, ring, ring, *ring) + log.String() + string(encoded)
	for _, secret := range []string{"ABCD", "41424344", "65 66 67", "0x41"} {
		if bytes.Contains([]byte(printed), []byte(secret)) {
			t.Errorf("a printed ring shows its key: %s", printed)
		}
	}
}

func TestNewRefusesOtherSizes(t *testing.T) {
	for _, size := range []int{0, 16, 31, 33, 64} {
		if _, err := keyring.New(make([]byte, size)); err == nil {
			t.Errorf("a master key of %d bytes was taken", size)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	ring, text := newRing(b, 1), []byte("9999000000000001")
	b.ReportAllocs()
	for b.Loop() {
		ring.Hash(keyring.NIKIndex, text)
	}
}

func BenchmarkOpenTemplate(b *testing.B) {
	ring, row := newRing(b, 1), []byte("row 1")
	sealed := ring.Seal(keyring.Template, make([]byte, 2049), row)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ring.Open(keyring.Template, sealed, row); err != nil {
			b.Fatal(err)
		}
	}
}
