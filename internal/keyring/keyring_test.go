package keyring_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/sesuai/sesuai/internal/keyring"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newKey(t testing.TB, seed byte) *keyring.Key {
	t.Helper()
	k, err := keyring.NewKey(1, master(seed))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func master(seed byte) []byte {
	b := make([]byte, keyring.MasterKeySize)
	for i := range b {
		b[i] = seed + byte(i)
	}
	return b
}

// sealer is any type that seals.
type sealer interface {
	Seal(plaintext, associated []byte) []byte
	Open(sealed, associated []byte) ([]byte, error)
}

// bucket makes a sealer of a master key's subkey.
type bucket struct {
	key *keyring.Key
	use keyring.SealKey
	n   byte
}

func (b bucket) Seal(plaintext, associated []byte) []byte {
	return b.key.Seal(b.use, b.n, plaintext, associated)
}

func (b bucket) Open(sealed, associated []byte) ([]byte, error) {
	return b.key.Open(b.use, b.n, sealed, associated)
}

// secretBucket makes a sealer of a secret's subkey.
type secretBucket struct {
	secret *keyring.Secret
	n      byte
}

func (b secretBucket) Seal(plaintext, associated []byte) []byte {
	return b.secret.Seal(b.n, plaintext, associated)
}

func (b secretBucket) Open(sealed, associated []byte) ([]byte, error) {
	return b.secret.Open(b.n, sealed, associated)
}

func TestSealOpensOnlyWhereItBelongs(t *testing.T) {
	numbered, err := keyring.NewKey(2, master(1))
	if err != nil {
		t.Fatal(err)
	}
	data := keyring.NewDataKey(1)
	same, err := keyring.DataKeyOf(1, bytes.Clone(data.Raw()))
	if err != nil {
		t.Fatal(err)
	}
	underAnother, err := keyring.DataKeyOf(2, data.Raw())
	if err != nil {
		t.Fatal(err)
	}
	secret := keyring.NewSecret()
	sameSecret, err := keyring.SecretOf(bytes.Clone(secret.Raw()))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name        string
		sealer, too sealer
		others      map[string]sealer
	}{
		{
			"master key",
			bucket{newKey(t, 1), keyring.PersonKeys, 7},
			bucket{newKey(t, 1), keyring.PersonKeys, 7},
			map[string]sealer{
				"another use":                    bucket{newKey(t, 1), keyring.Secrets, 7},
				"another bucket":                 bucket{newKey(t, 1), keyring.PersonKeys, 8},
				"another key":                    bucket{newKey(t, 2), keyring.PersonKeys, 7},
				"the key under another's number": bucket{numbered, keyring.PersonKeys, 7},
			},
		},
		{
			"data key", data, same,
			map[string]sealer{"another data key": keyring.NewDataKey(1), "under another master key's number": underAnother},
		},
		{
			"secret",
			secretBucket{secret, 7},
			secretBucket{sameSecret, 7},
			map[string]sealer{
				"another bucket": secretBucket{secret, 8}, "another secret": secretBucket{keyring.NewSecret(), 7}, "a data key": data,
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			plaintext, row := []byte("what is stored"), []byte("row 1")
			sealed := test.sealer.Seal(plaintext, row)
			for _, s := range []sealer{test.sealer, test.too} {
				if got, err := s.Open(sealed, row); err != nil || !bytes.Equal(got, plaintext) {
					t.Fatalf("Open = %q, %v", got, err)
				}
			}
			if bytes.Contains(sealed, plaintext) {
				t.Error("the plaintext is in the ciphertext")
			}
			if bytes.Equal(sealed, test.sealer.Seal(plaintext, row)) {
				t.Error("sealing twice gave the same: the nonce is not random")
			}
			for what, s := range test.others {
				if got, err := s.Open(sealed, row); err == nil {
					t.Errorf("%s: opened as %q", what, got)
				}
			}
			for what, b := range map[string][]byte{"nothing": nil, "only a key id": sealed[:1]} {
				if _, err := test.sealer.Open(b, row); err == nil {
					t.Errorf("%s: opened", what)
				}
			}
			if _, err := test.sealer.Open(sealed, []byte("row 2")); err == nil {
				t.Error("opened in another row")
			}
			for i := range sealed { // key id, nonce, ciphertext and tag alike
				changed := bytes.Clone(sealed)
				changed[i] ^= 1
				if _, err := test.sealer.Open(changed, row); err == nil {
					t.Errorf("opened with byte %d changed", i)
				}
			}
		})
	}
}

func TestHashDependsOnKeyAndUse(t *testing.T) {
	key, text := newKey(t, 1), []byte("9999000000000001")
	seen := map[[32]byte]string{}
	for _, use := range []keyring.HashKey{keyring.NIKIndex, keyring.TemplateLink, keyring.ProbeLink, keyring.PersonKeyLink} {
		sum := key.Hash(use, text)
		if before, ok := seen[sum]; ok {
			t.Errorf("the hashes for %q and %q are the same", use, before)
		}
		seen[sum] = string(use)
		if sum != newKey(t, 1).Hash(use, text) {
			t.Errorf("the hash for %q is not always the same", use)
		}
		if sum == newKey(t, 2).Hash(use, text) {
			t.Errorf("the hash for %q does not depend on the master key", use)
		}
	}
	secret := keyring.NewSecret()
	same, err := keyring.SecretOf(bytes.Clone(secret.Raw()))
	if err != nil || same.Hash(text) != secret.Hash(text) || keyring.NewSecret().Hash(text) == secret.Hash(text) {
		t.Errorf("a secret's hash does not depend on the secret alone (%v)", err)
	}
}

const sealedOnce = "01000102030405060708090a0bf299256f128d9122f5e834c44fa4f043e72b4b856ab74ac53b893cfdc928"

// TestDerivationIsStable fails if the derivation of keys changes, which would
// make all stored data unreadable. The expected values come from another
// implementation of RFC 5869.
func TestDerivationIsStable(t *testing.T) {
	key := newKey(t, 1)
	if got, want := fmt.Sprintf("%x", key.Check()), "1d470746cb964bab0bb06787a6d62ab3"; got != want {
		t.Errorf("key check value %s, want %s", got, want)
	}
	sum := key.Hash(keyring.NIKIndex, []byte("9999000000000001"))
	if got, want := fmt.Sprintf("%x", sum[:8]), "808ca469a826a835"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
	// Sealed once, in bucket 3.
	sealed, err := hex.DecodeString(sealedOnce)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.Open(keyring.PersonKeys, 3, sealed, []byte("row")); err != nil || string(got) != "stays readable" {
		t.Errorf("what was sealed before opens as %q, %v", got, err)
	}
}

func TestMatches(t *testing.T) {
	key := newKey(t, 1)
	check, other := key.Check(), newKey(t, 2).Check()
	if !key.Matches(check[:]) {
		t.Error("a key does not match its own key check value")
	}
	if key.Matches(other[:]) || key.Matches(nil) || key.Matches(check[:4]) {
		t.Error("a key matches what is not its key check value")
	}
}

// TestKeysPrintNothing tries fmt's verbs, slog and JSON.
func TestKeysPrintNothing(t *testing.T) {
	ring, err := keyring.New(master('A'))
	if err != nil {
		t.Fatal(err)
	}
	data, err := keyring.DataKeyOf(1, master('A'))
	if err != nil {
		t.Fatal(err)
	}
	secret, err := keyring.SecretOf(master('A'))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []any{ring, newKey(t, 'A'), data, secret} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("", "key", k)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("", "key", k)
		encoded, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		printed := fmt.Sprintf("%v %+v %#v %s %x %q %d", k, k, k, k, k, k, k) + log.String() + string(encoded)
		for _, shown := range []string{"ABCD", "41424344", "65 66 67", "0x41"} {
			if bytes.Contains([]byte(printed), []byte(shown)) {
				t.Errorf("a printed %T shows its key: %s", k, printed)
			}
		}
	}
}

func TestNewRefusesOtherSizes(t *testing.T) {
	for _, size := range []int{0, 16, 31, 33, 64} {
		if _, err := keyring.New(make([]byte, size)); err == nil {
			t.Errorf("a master key of %d bytes was taken", size)
		}
		if _, err := keyring.DataKeyOf(1, make([]byte, size)); err == nil {
			t.Errorf("a data key of %d bytes was taken", size)
		}
		if _, err := keyring.SecretOf(make([]byte, size)); err == nil {
			t.Errorf("a secret of %d bytes was taken", size)
		}
	}
	if _, err := keyring.NewKey(0, master(1)); err == nil {
		t.Error("a key without a number was taken")
	}
}

func BenchmarkHash(b *testing.B) {
	key, text := newKey(b, 1), []byte("9999000000000001")
	b.ReportAllocs()
	for b.Loop() {
		key.Hash(keyring.NIKIndex, text)
	}
}

func BenchmarkOpenPerson(b *testing.B) {
	key, row := newKey(b, 1), []byte("row 1")
	data := keyring.NewDataKey(1)
	personKey := key.Seal(keyring.PersonKeys, 1, data.Raw(), row)
	template := data.Seal(make([]byte, 600), row)
	b.ReportAllocs()
	for b.Loop() {
		raw, err := key.Open(keyring.PersonKeys, 1, personKey, row)
		if err != nil {
			b.Fatal(err)
		}
		d, err := keyring.DataKeyOf(1, raw)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := d.Open(template, row); err != nil {
			b.Fatal(err)
		}
	}
}

// TestDerive: a derived secret is the same each time, and neither the one that it is
// derived from nor that of another name.
func TestDerive(t *testing.T) {
	secret := keyring.NewSecret()
	derived := secret.Derive(keyring.Answers)
	sealed := derived.Seal(7, []byte("plain"), []byte("place"))
	again := secret.Derive(keyring.Answers)
	if plain, err := again.Open(7, sealed, []byte("place")); err != nil || string(plain) != "plain" || again.Hash(nil) != derived.Hash(nil) {
		t.Errorf("Open = %q, %v", plain, err)
	}
	for about, other := range map[string]*keyring.Secret{
		"its source": secret, "another name": secret.Derive("other"), "another source": keyring.NewSecret().Derive(keyring.Answers),
	} {
		if _, err := other.Open(7, sealed, []byte("place")); err == nil || other.Hash(nil) == derived.Hash(nil) {
			t.Errorf("%s opens what a derived secret has sealed, or has its hashes", about)
		}
	}
}
