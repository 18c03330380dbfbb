package sandbox_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
)

// TestBalikan: data is accepted once.
func TestBalikan(t *testing.T) {
	b := newBed(t, nil)
	const success, sent, wrong = `{"message":"Success"}`, `{"message":"Data sudah pernah dikirim"}`, `{"message":"Format data tidak sesuai"}`
	for _, step := range []struct {
		name   string
		body   any
		token  string
		status int
		answer string
		class  sandbox.Class
		taken  []sandbox.Return
	}{
		{"first", returning("9999000000000001", "a"), "token", 200, success, "accepted", []sandbox.Return{{"9999000000000001", "a"}}},
		{"again", returning("9999000000000001", "a"), "token", 400, sent, "already_sent", nil},
		{"another customer", returning("9999000000000001", "b"), "token", 200, success, "accepted", []sandbox.Return{{"9999000000000001", "b"}}},
		{"in part again", returning("9999000000000002", "a", "9999000000000001", "a"), "token", 400, sent, "already_sent", nil},
		{"what was not taken", returning("9999000000000002", "a"), "token", 200, success, "accepted", []sandbox.Return{{"9999000000000002", "a"}}},
		{"wrong token", returning("9999000000000003", "a"), "other", 401, `{"message":"Unauthorized"}`, "configuration", nil},
		{"no customer", returning("9999000000000003", ""), "token", 400, wrong, "malformed", nil},
		{"no data", returning(), "token", 400, wrong, "malformed", nil},
		{"an object", object{}, "token", 400, wrong, "malformed", nil},
		{"magic", returning(sandbox.MagicPrefix+"3001", "a"), "token", 400, sent, "already_sent", nil},
		{"odd magic", returning(sandbox.MagicPrefix+"3002", "a"), "token", 400, `{"message":"Terjadi kesalahan"}`, "unreadable", nil},
	} {
		r := b.send(sandbox.DefaultBalikanPath, marshal(t, step.body), "Authorization", "Bearer "+step.token)
		if r.status != step.status || string(r.body) != step.answer {
			t.Errorf("%s: %d %s", step.name, r.status, r.body)
		}
		e := b.last()
		if diff := cmp.Diff(step.taken, e.Returned); diff != "" || e.Class != step.class || e.Billed {
			t.Errorf("%s: recorded %+v", step.name, e)
		}
	}
	if r := newBed(t, func(o *sandbox.Options) { o.BalikanToken = "" }).send(sandbox.DefaultBalikanPath, []byte("[]")); r.status != 404 {
		t.Errorf("without a token: %d", r.status)
	}
}

// TestBalikanFaults checks the faults that do not affect the connection.
func TestBalikanFaults(t *testing.T) {
	for name, test := range map[string]struct {
		faults sandbox.Faults
		status int
		answer string
	}{
		"refused": {sandbox.Faults{Refuse: 1, Codes: []string{"Sibuk"}}, 400, `{"message":"Sibuk"}`},
		"empty":   {sandbox.Faults{Empty: 1}, 200, `{}`},
	} {
		b := newBed(t, func(o *sandbox.Options) { o.Balikan.Faults = test.faults })
		r := b.send(sandbox.DefaultBalikanPath, marshal(t, returning("9999000000000001", "a")), "Authorization", "Bearer token")
		if r.status != test.status || string(r.body) != test.answer || len(b.last().Returned) != 0 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
}

// failing is a Recorder that fails.
type failing struct{}

func (failing) Record(sandbox.Entry) error { return errors.New("the disk is full") }

// TestNotOnRecord: a call that cannot be recorded gets no answer.
func TestNotOnRecord(t *testing.T) {
	b := newBed(t, func(o *sandbox.Options) { o.Recorder = failing{} })
	p := b.enrol(1, nil)
	if r := b.send(dataPath, marshal(t, dataBody(p))); r.err == nil {
		t.Errorf("answered %s", r.body)
	}
	if n := b.Counts().Calls[sandbox.DataCheck]; n != 0 || b.Record() != nil {
		t.Errorf("%d calls are counted", n)
	}
}
