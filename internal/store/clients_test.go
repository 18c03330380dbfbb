package store_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/keyring"
)

// testHash is a keyed hash under a key that everybody knows.
func testHash(b []byte) [32]byte {
	mac := hmac.New(sha256.New, []byte("test"))
	mac.Write(b)
	return [32]byte(mac.Sum(nil))
}

func client(name string) access.Client {
	return access.Client{
		Name: name, Scopes: []access.Scope{access.FaceVerification},
		Threshold: sesuai.PercentageOf(access.DefaultThreshold), NameMark: access.DefaultNameMark,
		Rate: 2.5, Burst: 10, Replay: access.Enforce, Liveness: access.Log, AddedAt: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
	}
}

func TestClients(t *testing.T) {
	s := open(t, t.TempDir())
	sameClient := cmp.AllowUnexported(sesuai.Percentage{})

	var added []access.Client
	var hashes []access.Hashes
	for _, name := range []string{"b", "a", "c"} {
		c, credentials, err := access.Add(t.Context(), s, testHash, client(name))
		if err != nil {
			t.Fatal(err)
		}
		added = append(added, c)
		hashes = append(hashes, credentials.Hashes(testHash))
	}
	for i, want := range added {
		c, h, found, err := s.ClientByUsername(t.Context(), hashes[i].Username)
		if err != nil || !found || h != hashes[i] {
			t.Errorf("ClientByUsername of %s = %v, %v", want.Name, found, err)
		}
		if diff := cmp.Diff(want, c, sameClient); diff != "" {
			t.Errorf("client %s (-added +stored):\n%s", want.Name, diff)
		}
	}
	listed, err := s.ListClients(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]access.Client{added[1], added[0], added[2]}, listed, sameClient); diff != "" {
		t.Errorf("ListClients (-want +got):\n%s", diff)
	}
	if _, _, found, err := s.ClientByUsername(t.Context(), hashes[0].Password); err != nil || found {
		t.Errorf("a password finds a client: %v, %v", found, err)
	}

	// A taken name is a conflict and changes nothing.
	_, _, err = access.Add(t.Context(), s, testHash, client("a"))
	if sesuai.KindOf(err) != sesuai.KindConflict {
		t.Errorf("AddClient with a name that is taken = %v", err)
	}
	if removed, err := s.RemoveClient(t.Context(), "a"); err != nil || !removed {
		t.Errorf("RemoveClient = %v, %v", removed, err)
	}
	if removed, err := s.RemoveClient(t.Context(), "a"); err != nil || removed {
		t.Errorf("RemoveClient again = %v, %v", removed, err)
	}
	if _, _, found, err := s.ClientByUsername(t.Context(), hashes[1].Username); err != nil || found {
		t.Errorf("a removed client is found: %v, %v", found, err)
	}
	if _, _, err = access.Add(t.Context(), s, testHash, client("a")); err != nil {
		t.Errorf("a removed client's name cannot be used again: %v", err)
	}
}

func TestClientsThatCannotBeRead(t *testing.T) {
	s := open(t, t.TempDir())
	auth := access.NewAuthenticator(access.AuthenticatorOptions{Clients: s, Hash: testHash})
	_, credentials, err := access.Add(t.Context(), s, testHash, client("bank"))
	if err != nil {
		t.Fatal(err)
	}
	r := credentials.Reveal()
	s.ExecForTest(t, inEngine(`UPDATE clients SET password = x'00'`))
	_, err = auth.Authenticate(t.Context(), r.Username, r.Password, r.APIKey)
	if sesuai.KindOf(err) != sesuai.KindUnavailable {
		t.Errorf("Authenticate = %v", err)
	}
	if e, ok := errors.AsType[*sesuai.Error](err); ok && e.Detail != "" {
		t.Errorf("the error shows %q", e.Detail)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s := open(b, b.TempDir())
	hash := access.Hash(s.Hasher(keyring.Credentials))
	auth := access.NewAuthenticator(access.AuthenticatorOptions{Clients: s, Hash: hash})
	_, credentials, err := access.Add(b.Context(), s, hash, client("bank"))
	if err != nil {
		b.Fatal(err)
	}
	r := credentials.Reveal()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := auth.Authenticate(b.Context(), r.Username, r.Password, r.APIKey); err != nil {
			b.Fatal(err)
		}
	}
}
