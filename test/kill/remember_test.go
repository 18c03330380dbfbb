package kill_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/test/process"
)

// TestKillBetweenProbeAndEvent kills the service while it verifies one person after
// the other. A photograph that is sent again afterwards counts as sent before if,
// and only if, the event of the first time is recorded.
func TestKillBetweenProbeAndEvent(t *testing.T) {
	program(t)
	const rounds, callers, enough, people = 3, 6, 15, 100
	data := filepath.Join(t.TempDir(), "data")
	importAlike(t, data, people)
	photo := readFile(t, photosDir+"/ayu-selfie.jpg")
	next := 0
	for range rounds {
		s := serve(t, data)
		var mu sync.Mutex
		var group sync.WaitGroup
		var sent []int
		reached := make(chan struct{})
		answered := 0
		for range callers {
			group.Go(func() {
				for {
					mu.Lock()
					person := next
					next++
					sent = append(sent, person)
					mu.Unlock()
					if person >= people {
						t.Error("the service outlives everybody")
						return
					}
					status, err := s.verifyAlike(person, "first", photo)
					if err != nil {
						return // killed
					}
					mu.Lock()
					if status != http.StatusOK {
						t.Errorf("person %d: %d", person, status)
					}
					if answered++; answered == enough {
						close(reached)
					}
					mu.Unlock()
				}
			})
		}
		<-reached
		s.Kill(t)
		group.Wait()
		assertSound(t, data)

		s = serve(t, data)
		for _, person := range sent {
			if status, err := s.verifyAlike(person, "again", photo); err != nil || status != http.StatusOK {
				t.Fatalf("person %d: %d, %v", person, status, err)
			}
		}
		s.Stop(t)
		flags := flagsOf(t, data)
		recorded := 0
		for _, person := range sent {
			_, first := flags[alikeRequest(person, "first")]
			if first {
				recorded++
			}
			if seen := flags[alikeRequest(person, "again")].Has(audit.SuspectedReplay); seen != first {
				t.Errorf("person %d: the first event is recorded: %t; the photograph was sent before: %t", person, first, seen)
			}
		}
		t.Logf("%d sent, %d answered, %d recorded", len(sent), answered, recorded)
	}
}

// alikeRequest is the id of a request about one of the people who are alike.
func alikeRequest(person int, about string) string { return fmt.Sprintf("%d-%s", person, about) }

// alikeNIK is the NIK of one of the people who are alike.
func alikeNIK(person int) string { return fmt.Sprintf("990101520390%04d", person+1) }

// importAlike puts people on record who differ from Ayu in nothing but the NIK.
func importAlike(t *testing.T, data string, people int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("nik,name,date_of_birth,photo\n")
	for person := range people {
		fmt.Fprintf(&b, "%s,AYU KENCANA PRATIWI,12-03-1990,ayu-reference.jpg\n", alikeNIK(person))
	}
	list := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(list, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	sesuai(t, nil, "person", "import", list, "--photos", photosDir, "--data", data)
}

// verifyAlike requests a verification of one of the people who are alike.
func (s *server) verifyAlike(person int, about string, photo []byte) (status int, err error) {
	form := bytes.Replace(process.Form(photo), []byte(alikeNIK(0)), []byte(alikeNIK(person)), 1)
	r, err := http.NewRequest(http.MethodPost, s.address+path, bytes.NewReader(form))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", process.FormType)
	r.Header.Set("X-Request-Id", alikeRequest(person, about))
	s.Sign(r)
	resp, err := s.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// flagsOf are the flags of each request whose event is recorded.
func flagsOf(t *testing.T, data string) map[string]audit.Flags {
	t.Helper()
	storage := openStorage(t, data)
	events, err := storage.Trail.Events(t.Context(), audit.Filter{})
	if err := errors.Join(err, storage.Close()); err != nil {
		t.Fatal(err)
	}
	found := make(map[string]audit.Flags)
	for _, e := range events {
		found[e.RequestID] = e.Flags
	}
	return found
}
