package audit_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main{M: m}) }

func mac(key string) audit.MAC {
	return func(b []byte) [32]byte {
		h := hmac.New(sha256.New, []byte(key))
		h.Write(b)
		return [32]byte(h.Sum(nil))
	}
}

// chain returns a chain of n events and its head.
func chain(n int) ([]audit.Entry, audit.Head) {
	entries := make([]audit.Entry, n)
	var head audit.Head
	for i := range entries {
		entries[i] = audit.NewEntry(audit.Event{
			Time: time.UnixMicro(int64(i)), RequestID: fmt.Sprint(i), Client: "cli_a", Result: audit.Verified,
			Reason: "Verification Success", NameScore: -1, Threshold: sesuai.PercentageOf(75),
		}, [32]byte{byte(i)})
		head = head.Link(&entries[i], mac("key"))
	}
	return entries, head
}

func TestChainHolds(t *testing.T) {
	entries, head := chain(20)
	got, err := audit.Head{}.Verify(entries, mac("key"))
	if err != nil || got != head {
		t.Errorf("Verify = %v, %v, want %v", got, err, head)
	}
	if err := got.Check(head); err != nil {
		t.Error(err)
	}
	// Verifying it in parts gives the same.
	part, err := audit.Head{}.Verify(entries[:7], mac("key"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err = part.Verify(entries[7:], mac("key")); err != nil || got != head {
		t.Errorf("Verify in parts = %v, %v", got, err)
	}
}

func TestChainBreaks(t *testing.T) {
	tests := []struct {
		name   string
		change func(entries []audit.Entry) []audit.Entry
		want   int64
	}{
		{"removed", func(e []audit.Entry) []audit.Entry { return slices.Delete(e, 4, 5) }, 5},
		{"swapped", func(e []audit.Entry) []audit.Entry { e[2], e[3] = e[3], e[2]; return e }, 3},
		{"swapped and renumbered", func(e []audit.Entry) []audit.Entry {
			e[2], e[3] = e[3], e[2]
			e[2].Seq, e[3].Seq = 3, 4
			return e
		}, 3},
		{"copied", func(e []audit.Entry) []audit.Entry { return slices.Insert(e, 3, e[2]) }, 4},
		{"forged with another key", func(e []audit.Entry) []audit.Entry {
			e[5].Result = audit.NotVerified
			head := audit.Head{Seq: 5, Hash: e[4].Hash}
			for i := 5; i < len(e); i++ {
				head = head.Link(&e[i], mac("another key"))
			}
			return e
		}, 6},
		{"cut off", func(e []audit.Entry) []audit.Entry { return e[:8] }, 9},
		{"emptied", func([]audit.Entry) []audit.Entry { return nil }, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			entries, recorded := chain(10)
			head, err := audit.Head{}.Verify(test.change(entries), mac("key"))
			if err == nil {
				err = head.Check(recorded)
			}
			broken, ok := errors.AsType[*audit.BrokenError](err)
			if !ok || broken.Seq != test.want {
				t.Errorf("%v, want it broken at %d", err, test.want)
			}
		})
	}
}

// TestEveryFieldIsChained changes each field of an entry in turn, in all
// versions of the encoding. It fails for a new field that is not encoded.
func TestEveryFieldIsChained(t *testing.T) {
	t.Run("version 1", func(t *testing.T) { everyFieldIsChained(t, func(*audit.Entry) {}) })
	t.Run("version 2", func(t *testing.T) {
		everyFieldIsChained(t, func(e *audit.Entry) {
			e.Flags, e.LivenessKnown, e.Liveness = audit.SuspectedReplay, true, 0.25
		})
	})
	t.Run("version 3", func(t *testing.T) {
		everyFieldIsChained(t, func(e *audit.Entry) {
			e.Action, e.Actor, e.Count = audit.PersonReplaced, "root", 1
			e.Before, e.After, e.State = [32]byte{1}, [32]byte{2}, [32]byte{3}
		})
	})
	t.Run("version 4", func(t *testing.T) {
		everyFieldIsChained(t, func(e *audit.Entry) {
			e.NameThreshold, e.ReplayChecked, e.LivenessThreshold, e.Measures = 85, true, 0.25, "sharpness"
		})
	})
	t.Run("version 5", func(t *testing.T) {
		everyFieldIsChained(t, func(e *audit.Entry) { e.Cosine, e.ReferenceLength, e.ProbeLength = 0.25, 3, 4 })
	})
	t.Run("version 6", func(t *testing.T) {
		everyFieldIsChained(t, func(e *audit.Entry) { e.Endpoint, e.Attributes = audit.DataVerification, "name=match" })
	})
	t.Run("version 7", func(t *testing.T) { everyFieldIsChained(t, func(e *audit.Entry) { e.Reference = "order-7" }) })
	t.Run("version 8", func(t *testing.T) {
		everyFieldIsChained(t, func(e *audit.Entry) { e.ConsentID, e.ConsentAt, e.Purpose = "consent-7", 7, "account_opening" })
	})
	t.Run("version 2, changed to version 1", func(t *testing.T) {
		entries, _ := chain(1)
		entries[0].Flags = audit.SuspectedReplay
		audit.Head{}.Link(&entries[0], mac("key"))
		entries[0].Flags = 0
		if _, err := (audit.Head{}).Verify(entries, mac("key")); err == nil {
			t.Error("a flag that was removed does not show")
		}
	})
}

func everyFieldIsChained(t *testing.T, prepare func(e *audit.Entry)) {
	fields := reflect.TypeFor[audit.Entry]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		t.Run(name, func(t *testing.T) {
			entries, _ := chain(1)
			prepare(&entries[0])
			audit.Head{}.Link(&entries[0], mac("key"))
			f := reflect.ValueOf(&entries[0]).Elem().Field(i)
			switch f.Kind() {
			case reflect.String:
				f.SetString(f.String() + "x")
			case reflect.Int, reflect.Int64:
				f.SetInt(f.Int() + 1)
			case reflect.Uint8:
				f.SetUint(f.Uint() + 1)
			case reflect.Bool:
				f.SetBool(!f.Bool())
			case reflect.Float64:
				f.SetFloat(0.5)
			case reflect.Array:
				f.Index(31).SetUint(f.Index(31).Uint() ^ 1)
			default:
				t.Fatalf("a field of kind %s: add here how to change it", f.Kind())
			}
			if _, err := (audit.Head{}).Verify(entries, mac("key")); err == nil {
				t.Error("a change does not show")
			}
		})
	}
}

// TestNeighbouringTextsAreApart: moving characters from one text to the next
// changes the hash.
func TestNeighbouringTextsAreApart(t *testing.T) {
	a, b := audit.Entry{RequestID: "ab", Client: "c"}, audit.Entry{RequestID: "a", Client: "bc"}
	if (audit.Head{}).Link(&a, mac("key")) == (audit.Head{}).Link(&b, mac("key")) {
		t.Error("two different events have the same hash")
	}
}

func TestNewEntry(t *testing.T) {
	nik, err := sesuai.ParseNIK("9999000000000001")
	if err != nil {
		t.Fatal(err)
	}
	event := audit.Event{
		Time: time.UnixMicro(1234567), RequestID: "r", Client: "c", NIK: nik, Result: audit.NotVerified,
		Reason: "Name does not match", NIKOutcome: sesuai.Match, Name: sesuai.NonMatch, DateOfBirth: sesuai.NotCompared,
		NameScore: 40, Compared: true, Percentage: sesuai.PercentageOf(81.25), Score: 0.5,
		Threshold: sesuai.PercentageOf(75), Model: "m", Calibration: "s", Duration: 1500 * time.Microsecond,
		Flags: audit.SuspectedReplay, LivenessKnown: true, Liveness: 0.25,
		NameThreshold: 85, ReplayChecked: true, LivenessThreshold: 0.125, Measures: []string{"sharpness", "eyes_open"},
		Cosine: 0.625, ReferenceLength: 3.5, ProbeLength: 2.75,
		Endpoint: audit.DataVerification, Reference: "order-7",
		Consent: sesuai.Consent{ID: "consent-7", GivenAt: time.UnixMicro(7), Purpose: "account_opening"},
		Attributes: []audit.AttributeOutcome{
			{Attribute: sesuai.NameAttribute, Outcome: sesuai.NonMatch}, {Attribute: sesuai.RT, Outcome: sesuai.Match}, {Attribute: sesuai.RW},
		},
	}
	want := audit.Entry{
		Time: 1234567, RequestID: "r", Client: "c", NIK: [32]byte{1}, Result: audit.NotVerified,
		Reason: "Name does not match", NIKOutcome: sesuai.Match, Name: sesuai.NonMatch,
		NameScore: 40, Compared: true, Percentage: 8125, Score: 0.5, Threshold: 7500, Model: "m", Calibration: "s",
		Flags: audit.SuspectedReplay, LivenessKnown: true, Liveness: 0.25,
		NameThreshold: 85, ReplayChecked: true, LivenessThreshold: 0.125, Measures: "sharpness eyes_open",
		Cosine: 0.625, ReferenceLength: 3.5, ProbeLength: 2.75, Duration: 1500,
		Endpoint: audit.DataVerification, Attributes: "name=non_match rt=match rw=not_compared", Reference: "order-7",
		ConsentID: "consent-7", ConsentAt: 7, Purpose: "account_opening",
	}
	if diff := cmp.Diff(want, audit.NewEntry(event, [32]byte{1})); diff != "" {
		t.Errorf("NewEntry (-want +got):\n%s", diff)
	}

	// Without a comparison there is no score, and an unknown percentage is -1.
	event.Compared, event.Percentage, event.Threshold = false, sesuai.Percentage{}, sesuai.Percentage{}
	want.Compared, want.Percentage, want.Threshold, want.Score = false, -1, -1, 0
	want.Cosine, want.ReferenceLength, want.ProbeLength = 0, 0, 0
	if diff := cmp.Diff(want, audit.NewEntry(event, [32]byte{1})); diff != "" {
		t.Errorf("NewEntry without a comparison (-want +got):\n%s", diff)
	}
	event.LivenessKnown = false
	if e := audit.NewEntry(event, [32]byte{1}); e.LivenessKnown || e.Liveness != 0 {
		t.Errorf("unknown liveness is stored as %v", e.Liveness)
	}
	event.LivenessKnown, event.Liveness = true, math.NaN()
	if e := audit.NewEntry(event, [32]byte{1}); e.LivenessKnown || e.Liveness != 0 {
		t.Errorf("NaN is stored as %v", e.Liveness)
	}
	event.Compared, event.Score = true, math.NaN()
	if score := audit.NewEntry(event, [32]byte{1}).Score; score != 0 {
		t.Errorf("NaN is stored as %v", score)
	}
	event.ProbeLength = math.Inf(1)
	if e := audit.NewEntry(event, [32]byte{1}); e.Cosine != 0 || e.ReferenceLength != 0 || e.ProbeLength != 0 {
		t.Errorf("an infinite length is stored: %v", e.ProbeLength)
	}
}

// TestOlderVersions: the hash of an entry without flags is what it was before
// there were flags, that of one with flags what it was before there were changes,
// that of a change what it was before there were explanations, that of an explained
// verification what it was before there were lengths, that of one with lengths
// what it was before there were data verifications, that of one of these what it
// was before there were references, and that of one with a reference what it was
// before there was consent, so that older trails stay valid.
func TestOlderVersions(t *testing.T) {
	e := audit.Entry{
		Time: 5, RequestID: "r", Client: "c", NIK: [32]byte{9}, Result: audit.Verified, Reason: "x",
		NIKOutcome: sesuai.Match, NameScore: 7, Compared: true, Percentage: 8, Threshold: 9, Score: 0.5, Model: "m",
		Calibration: "s", Duration: 3,
	}
	audit.Head{}.Link(&e, mac("key"))
	const want = "a7b8772717311dcb7360310bc3c2d5aa1d96f92e996a9d515d06470c86c85939"
	if got := fmt.Sprintf("%x", e.Hash); got != want {
		t.Errorf("the hash is %s, and was %s", got, want)
	}
	e.Flags, e.LivenessKnown, e.Liveness = audit.SuspectedReplay, true, 0.25
	audit.Head{}.Link(&e, mac("key"))
	const flagged = "d35bb74db486f458886ac7ba187485f15818ae42d341aef697ce8582c82bccbc"
	if got := fmt.Sprintf("%x", e.Hash); got != flagged {
		t.Errorf("with flags the hash is %s, and was %s", got, flagged)
	}
	e.Action, e.Actor, e.Count = audit.PersonReplaced, "root", 1
	e.Before, e.After, e.State = [32]byte{1}, [32]byte{2}, [32]byte{3}
	audit.Head{}.Link(&e, mac("key"))
	const changed = "530b635d125eaf4291959953e68adf4c4b60a850974fecb2f8218ac2951c75b5"
	if got := fmt.Sprintf("%x", e.Hash); got != changed {
		t.Errorf("with a change the hash is %s, and was %s", got, changed)
	}
	e.NameThreshold, e.ReplayChecked, e.LivenessThreshold, e.Measures = 85, true, 0.25, "sharpness"
	audit.Head{}.Link(&e, mac("key"))
	const explained = "7a97e1f45b858f0a97bdeca255da17e474227e19a0fc3a4a5c98ee4d658b9ff5"
	if got := fmt.Sprintf("%x", e.Hash); got != explained {
		t.Errorf("with an explanation the hash is %s, and was %s", got, explained)
	}
	e.Cosine, e.ReferenceLength, e.ProbeLength = 0.25, 3, 4
	audit.Head{}.Link(&e, mac("key"))
	const computed = "fe10d39c8862f51875bad60880e90ffcb623d48427db03938266e99d999aa3aa"
	if got := fmt.Sprintf("%x", e.Hash); got != computed {
		t.Errorf("with lengths the hash is %s, and was %s", got, computed)
	}
	e.Endpoint, e.Attributes = audit.DataVerification, "name=match"
	audit.Head{}.Link(&e, mac("key"))
	const claimed = "2a901a437031887d6e2faa4e4ca81a62e8b60f6c38cd8dfe79b11dd171d9cbfb"
	if got := fmt.Sprintf("%x", e.Hash); got != claimed {
		t.Errorf("with attributes the hash is %s, and was %s", got, claimed)
	}
}

func TestFlags(t *testing.T) {
	both := audit.SuspectedReplay | audit.SuspectedPresentationAttack
	for f, want := range map[audit.Flags]string{
		0: "", audit.SuspectedReplay: "SUSPECTED_REPLAY",
		audit.SuspectedPresentationAttack: "SUSPECTED_PRESENTATION_ATTACK", both: "SUSPECTED_REPLAY SUSPECTED_PRESENTATION_ATTACK",
	} {
		if f.String() != want {
			t.Errorf("flags %d are %q, want %q", uint8(f), f, want)
		}
		if got, err := audit.ParseFlags(want); err != nil || got != f {
			t.Errorf("ParseFlags(%q) = %d, %v", want, uint8(got), err)
		}
	}
	if got := audit.Trial.String(); got != "TRIAL" || uint8(audit.Trial) != 1<<5 { // both are in hashes or stored
		t.Errorf("a trial is %d, %q", uint8(audit.Trial), got)
	}
	for _, bad := range []string{" ", "REPLAY", "SUSPECTED_PRESENTATION_ATTACK SUSPECTED_REPLAY", "SUSPECTED_REPLAY SUSPECTED_REPLAY"} {
		if _, err := audit.ParseFlags(bad); err == nil {
			t.Errorf("ParseFlags(%q) is no error", bad)
		}
	}
	if !both.Has(audit.SuspectedReplay) || audit.SuspectedReplay.Has(both) {
		t.Error("Has does not tell one flag from both")
	}
}
