package audit_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/keyring"
)

// checkpoints returns what the file of checkpoints has.
func (c checked) checkpoints(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(c.file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCheckpoint: a checkpoint is a signed note that any reader of C2SP's form verifies
// with the public key. It is of one trail, and cannot be changed.
func TestCheckpoint(t *testing.T) {
	d := engines.SQLite(t)
	nik, chain := keyring.NewSecret(), keyring.NewSecret()
	c := restart(t, d, nik, chain)
	c.events(t, 3)
	c.change(t, audit.Change{Action: audit.PersonRemoved, Count: 1, State: [32]byte{7}})
	c.change(t, audit.Change{Action: audit.ClientRemoved, Client: "cli_a", Count: 1, State: [32]byte{8}})
	c.check(t, 1)
	good := c.checkpoints(t)
	recorded, err := c.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	heads, err := c.ParseCheckpoints(good)
	if err != nil || len(heads) != 1 || heads[0] != recorded || recorded.People != [32]byte{7} || recorded.Clients != [32]byte{8} {
		t.Errorf("ParseCheckpoints = %v, %v, want %v", heads, err, recorded)
	}
	verifier, err := note.NewVerifier(c.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(good, note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(n.Text, "\n")
	if lines[0] != verifier.Name() || lines[1] != "5" || lines[2] != base64.StdEncoding.EncodeToString(recorded.Hash[:]) ||
		lines[3] != "hash-chain HMAC-SHA-256" || !strings.HasPrefix(lines[4], "time 20") || len(lines) != 8 {
		t.Errorf("the checkpoint is %q", n.Text)
	}

	for name, change := range map[string][2]string{
		"another number": {"\n5\n", "\n4\n"},
		"another time":   {"time 20", "time 21"},
		"another chain":  {"hash-chain", "merkle-tree"},
		"another origin": {"sesuai-audit-", "sesuai-audit_"},
		"state removed":  {"people BwAA", "people CwAA"},
		"no signature":   {"—", "-"},
	} {
		changed := bytes.ReplaceAll(good, []byte(change[0]), []byte(change[1]))
		if _, err := c.ParseCheckpoints(changed); bytes.Equal(changed, good) || sesuai.KindOf(err) != sesuai.KindMalformed {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "x", "[]", "{}", "x\n\n— y z\n", "x\n\n" + lines[0]} {
		if _, err := c.ParseCheckpoints([]byte(text)); sesuai.KindOf(err) != sesuai.KindMalformed {
			t.Errorf("%q: %v", text, err)
		}
	}
	other := newTrail(t, engines.SQLite(t))
	if _, err := other.ParseCheckpoints(good); sesuai.KindOf(err) != sesuai.KindMalformed {
		t.Errorf("of another trail: %v", err)
	}
	if _, err := audit.OpenCheckpoints(good, "no key"); sesuai.KindOf(err) != sesuai.KindMalformed {
		t.Errorf("with no key: %v", err)
	}
	if err := os.WriteFile(c.file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	restart(t, d, nik, chain).assertBroken(t, 0)
}

// TestCheckpointsAreAppended: the file keeps all checkpoints, and one that was written in
// part, as after a power cut, is omitted.
func TestCheckpointsAreAppended(t *testing.T) {
	d := engines.SQLite(t)
	nik, chain := keyring.NewSecret(), keyring.NewSecret()
	c := restart(t, d, nik, chain)
	for range 3 {
		c.events(t, 2)
		c.check(t, 1)
	}
	c.check(t, 1) // without further events there is no further checkpoint
	all := c.checkpoints(t)
	seqs := func(b []byte) (seqs []int64) {
		heads, err := c.ParseCheckpoints(b)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range heads {
			seqs = append(seqs, h.Seq)
		}
		return seqs
	}
	if got := fmt.Sprint(seqs(all)); got != "[2 4 6]" {
		t.Errorf("the checkpoints are of events %s", got)
	}
	last := bytes.LastIndex(all, []byte("\n\nsesuai-audit-"))
	for cut := last + 4; cut < len(all)-1; cut += 11 {
		if err := os.WriteFile(c.file, all[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		next := restart(t, d, nik, chain)
		next.assertWhole(t, 6)
		next.check(t, 1)
		heads, err := next.ParseCheckpoints(next.checkpoints(t))
		if err != nil || len(heads) != 3 || heads[2].Seq != 6 {
			t.Errorf("cut at %d: %d checkpoints, %v", cut, len(heads), err)
		}
	}
}

// TestCheckpointReplayed: a copy of an earlier checkpoint at the end of the file does not
// hide that the whole database was put back to that moment.
func TestCheckpointReplayed(t *testing.T) {
	d := engines.SQLite(t)
	nik, chain := keyring.NewSecret(), keyring.NewSecret()
	c := restart(t, d, nik, chain)
	c.events(t, 3)
	c.check(t, 1)
	earlier := c.checkpoints(t)
	head := `SELECT seq, hash, mac FROM audit_head`
	var seq int64
	var hash, mac []byte
	d.QueryRow(t, head, &seq, &hash, &mac)
	for range 200 { // more than fit into what is read at once
		c.events(t, 1)
		c.check(t, 1)
	}
	d.Exec(t, `DELETE FROM audit_events WHERE seq > $1`, seq)
	d.Exec(t, `UPDATE audit_head SET seq = $1, hash = $2, mac = $3`, seq, hash, mac)
	for _, copies := range []int{0, 1, 200} {
		b := bytes.Join([][]byte{c.checkpoints(t), bytes.Repeat(append([]byte("\n"), earlier...), copies)}, nil)
		if err := os.WriteFile(c.file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		restart(t, d, nik, chain).assertBroken(t, 4)
	}
}

// TestCheckpointsMissing: a start without the file of checkpoints says so, if there were
// events.
func TestCheckpointsMissing(t *testing.T) {
	d := engines.SQLite(t)
	nik, chain := keyring.NewSecret(), keyring.NewSecret()
	const warning = "there is no file of checkpoints"
	c := restart(t, d, nik, chain)
	c.events(t, 1)
	c.check(t, 1)
	again := restart(t, d, nik, chain)
	if err := os.Remove(c.file); err != nil {
		t.Fatal(err)
	}
	missing := restart(t, d, nik, chain)
	missing.assertWhole(t, 1)
	for name, log := range map[string]string{"a new trail": c.log.String(), "with the file": again.log.String()} {
		if strings.Contains(log, warning) {
			t.Errorf("%s: %s", name, log)
		}
	}
	if !strings.Contains(missing.log.String(), warning) {
		t.Errorf("without the file: %s", missing.log)
	}
}

// TestCheckpointOfEarlierVersion: the JSON of versions before schema 14 is compared at the
// start, and replaced by a signed checkpoint.
func TestCheckpointOfEarlierVersion(t *testing.T) {
	d := engines.SQLite(t)
	nik, chain := keyring.NewSecret(), keyring.NewSecret()
	c := restart(t, d, nik, chain)
	c.events(t, 5)
	head, err := c.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The MAC of a head without a base is that of schema 6.
	var mac []byte
	d.QueryRow(t, `SELECT mac FROM audit_head`, &mac)
	old := fmt.Sprintf(`{"version":1,"seq":5,"hash":"%x","people":"","clients":"","mac":"%x"}`, head.Hash, mac)
	for name, path := range map[string]string{"under its old name": "audit-checkpoint.json", "under the same name": "checkpoints.txt"} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(c.file)
			path := filepath.Join(d.Dir, path)
			if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
				t.Fatal(err)
			}
			if heads, err := c.ParseCheckpoints([]byte(old)); err != nil || heads[0] != head {
				t.Errorf("ParseCheckpoints = %v, %v", heads, err)
			}
			next := restart(t, d, nik, chain)
			next.events(t, 1)
			next.check(t, 1)
			if heads, err := c.ParseCheckpoints(next.checkpoints(t)); err != nil || len(heads) != 1 || heads[0].Seq <= 5 {
				t.Errorf("the file has %v, %v", heads, err)
			}
			if b, err := os.ReadFile(path); err == nil && bytes.HasPrefix(b, []byte("{")) {
				t.Error("the old checkpoint is still there")
			}
		})
	}
	forged := strings.Replace(old, hex.EncodeToString(head.Hash[:4]), "00000000", 1)
	_ = os.Remove(c.file)
	if err := os.WriteFile(filepath.Join(d.Dir, "audit-checkpoint.json"), []byte(forged), 0o600); err != nil {
		t.Fatal(err)
	}
	restart(t, d, nik, chain).assertBroken(t, 0)
}
