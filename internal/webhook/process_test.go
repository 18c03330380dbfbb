package webhook_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb/sqltest"
	"github.com/sesuai/sesuai/internal/webhook"
)

// job is what a child process is told, in the environment.
type job struct {
	Database sqltest.Database
	Secret   string
}

const jobVariable = "SESUAI_TEST_WEBHOOK_JOB"

// TestChild is run by TestKill in another process. It sends until it is killed.
func TestChild(t *testing.T) {
	text := os.Getenv(jobVariable)
	if text == "" {
		return // not started by TestKill
	}
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		t.Fatal(err)
	}
	raw, err := hex.DecodeString(j.Secret)
	if err != nil {
		t.Fatal(err)
	}
	j.Database.Options.Migrations = engines.Migrations()
	o := localOptions(t, nil)
	if o.Secret, err = keyring.SecretOf(raw); err != nil {
		t.Fatal(err)
	}
	run(t, open(t, j.Database, o).Store, nil)
	select {}
}

// startChild starts a process that sends. kill kills it with SIGKILL.
func startChild(t *testing.T, d sqltest.Database, secret *keyring.Secret) (kill func()) {
	t.Helper()
	text, err := json.Marshal(job{d, hex.EncodeToString(secret.Raw())})
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestChild$")
	child.Env = append(os.Environ(), jobVariable+"="+string(text))
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = child.Process.Kill()
		_ = child.Wait() // it was killed
	})
	t.Cleanup(kill)
	return kill
}

// TestKill kills the process that sends with SIGKILL, again and again, in front of a
// receiver that fails 30 % of the requests. Nothing is lost: the last sender delivers
// what remains.
func TestKill(t *testing.T) {
	engines.Each(t, func(t *testing.T, d sqltest.Database) {
		const messages = 200
		rounds := 4
		if testing.Short() {
			rounds = 2
		}
		secret, c := keyring.NewSecret(), newClock()
		o := localOptions(t, c)
		o.Secret = secret
		s := open(t, d, o)
		r := newReceiver(t, 0.3)
		w := s.register(t, "cli_a", r.url())
		r.secret = func() webhook.Secret { return w.Secret }
		s.add(t, "cli_a", messages)
		for round := range rounds {
			accepted, _, _ := r.counts()
			kill := startChild(t, d, secret)
			r.wait(accepted + 1 + 7*round)
			kill()
		}
		accepted, _, _ := r.counts()
		if accepted == messages {
			t.Error("all were accepted before the last process was killed")
		}
		// What the killed have leased, and what has failed, is due now: the tests of
		// leases show when it is otherwise.
		d.Exec(t, `UPDATE webhook_deliveries SET due_at = 0 WHERE state = 'pending'`)
		c.ticking(t)
		run(t, s.Store, func(o *webhook.SenderOptions) { o.Now = c.Now })
		r.wait(messages)
		eventually(t, "not all are recorded as delivered", func() bool { return s.pending(t) == 0 })
		accepted, requests, rejected := r.counts()
		if accepted != messages || len(s.deliveries(t, "cli_a", false)) != messages {
			t.Errorf("%d messages were accepted", accepted)
		}
		t.Logf("%d messages, %d requests, %d of them failed by the receiver", messages, requests, rejected)
	})
}
