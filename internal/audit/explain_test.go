package audit_test

import (
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/audit/audittest"
)

func TestExplain(t *testing.T) {
	verdict := func(change func(e *audit.Event)) audit.Event {
		e := audittest.Event(t, 1, "r")
		change(&e)
		return e
	}
	refused := func(kind sesuai.Kind, measures ...string) audit.Event {
		return audit.Event{Result: audit.Refused, Reason: string(kind), NameScore: -1, NameThreshold: 85, Measures: measures}
	}
	changed := func(action audit.Action, count int64) audit.Event {
		return audit.Event{Result: audit.Changed, NameScore: -1, Action: action, Actor: "root", Count: count}
	}
	data := func(change func(e *audit.Event)) audit.Event {
		return verdict(func(e *audit.Event) {
			e.Endpoint, e.Compared, e.ReplayChecked, e.Percentage = audit.DataVerification, false, false, sesuai.Percentage{}
			e.Attributes = []audit.AttributeOutcome{
				{Attribute: sesuai.NameAttribute, Outcome: sesuai.NonMatch},
				{Attribute: sesuai.DateOfBirthAttribute, Outcome: sesuai.Match},
				{Attribute: sesuai.PlaceOfBirth, Outcome: sesuai.NonMatch},
				{Attribute: sesuai.RT},
			}
			change(e)
		})
	}
	for _, test := range []struct {
		event audit.Event
		want  string
	}{
		{
			data(func(*audit.Event) {}),
			"data verification: name differs: 42 of 85; date of birth matches; place of birth differs; rt not compared",
		},
		{
			data(func(e *audit.Event) {
				e.Reason, e.Attributes, e.Flags = string(sesuai.ReasonNotActive), e.Attributes[1:2], audit.DuplicateRecord
			}),
			"data verification: record not active; date of birth matches; several records of the NIK",
		},
		{
			verdict(func(e *audit.Event) { e.Endpoint, e.Result, e.Reason = audit.FaceMatch, audit.Matched, "MATCH" }),
			"face match: face 81.25 of 75",
		},
		{
			audit.Event{Endpoint: audit.FaceMatch, Result: audit.NotMatched, Reason: "NO_FACE_STORED_IMG"},
			"face match: no face stored img",
		},
		{
			audit.Event{
				Endpoint: audit.PassiveLiveness, Result: audit.Measured, Reason: "HIGH", LivenessKnown: true, Liveness: 0.125, LivenessThreshold: 0.5,
			},
			"passive liveness: high; liveness 0.12 of 0.5",
		},
		{data(func(e *audit.Event) { e.Reason = string(sesuai.ReasonNIKNotFound) }), "data verification: NIK not on record"},
		{
			data(func(e *audit.Event) { e.Result, e.Reason = audit.Unavailable, string(sesuai.KindUnavailable) }),
			"data verification: no answer: the line of the request in the log has the cause",
		},
		{
			verdict(func(*audit.Event) {}),
			"name differs: 42 of 85; date of birth matches; face 81.25 of 75; replay not seen",
		},
		{
			verdict(func(e *audit.Event) {
				e.Flags, e.ReplayChecked = audit.SuspectedReplay|audit.ScoreTooHigh|audit.DuplicateRecord|audit.CoarseAnswer, true
				e.LivenessKnown, e.Liveness, e.LivenessThreshold = true, 0.125, 0.5
				e.Threshold = sesuai.PercentageOf(80.5)
			}),
			"name differs: 42 of 85; date of birth matches; face 81.25 of 80.5; replay seen; liveness 0.12 of 0.5; " +
				"score higher than two photographs of one person give; several records of the NIK; the client was told less",
		},
		{
			verdict(func(e *audit.Event) { e.Flags, e.Actor = audit.Trial, "operator:sari" }),
			"trial by operator:sari: name differs: 42 of 85; date of birth matches; face 81.25 of 75; replay not seen",
		},
		{
			verdict(func(e *audit.Event) {
				e.Compared, e.Percentage, e.ReplayChecked = false, sesuai.Percentage{}, false
				e.DateOfBirth, e.Reason = sesuai.NotCompared, string(sesuai.ReasonNoPortrait)
			}),
			"name differs: 42 of 85; date of birth not compared; face not compared; replay not checked",
		},
		{ // of a schema before 7
			verdict(func(e *audit.Event) { e.NameThreshold, e.ReplayChecked = 0, false }),
			"name differs: 42; date of birth matches; face 81.25 of 75",
		},
		{
			verdict(func(e *audit.Event) { e.Reason, e.NameScore = string(sesuai.ReasonNIKNotFound), -1 }),
			"NIK not on record",
		},
		{
			verdict(func(e *audit.Event) {
				e.Reason, e.Name, e.NameScore, e.DateOfBirth = string(sesuai.ReasonNotActive), sesuai.NotCompared, -1, sesuai.NotCompared
				e.Compared, e.ReplayChecked = false, false
			}),
			"record not active; name not compared; date of birth not compared; face not compared; replay not checked",
		},
		{refused(sesuai.KindFaceNotDetected), "no face found"},
		{refused(sesuai.KindFaceQuality, "sharpness", "eyes_open"), "quality too low: sharpness, eyes_open"},
		{refused(sesuai.KindSuspectedReplay), "replay seen"},
		{
			audit.Event{
				Result: audit.Refused, Reason: string(sesuai.KindSuspectedAttack), LivenessKnown: true, Liveness: 0.125, LivenessThreshold: 0.5,
			},
			"presentation attack suspected; liveness 0.12 of 0.5",
		},
		{
			audit.Event{Result: audit.Unavailable, Reason: string(sesuai.KindUnavailable)},
			"no answer: the line of the request in the log has the cause",
		},
		{changed(audit.ClientRemoved, 1), "client.remove by root"},
		{changed(audit.PeopleImported, 500), "person.import: 500 people by root"},
		{changed(audit.RotationStarted, 2), "keys.rotate: master key 2 by root"},
	} {
		if got := audit.NewEntry(test.event, [32]byte{}).Explain(); got != test.want {
			t.Errorf("Explain = %s\n   want   %s", got, test.want)
		}
	}
}
