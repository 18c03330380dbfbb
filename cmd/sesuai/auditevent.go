package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
)

// shownEvent is an event as it is printed. It has nothing of the person: not even
// the keyed hash of the NIK.
type shownEvent struct {
	Seq         int64        `json:"seq"`
	Time        time.Time    `json:"time"`
	RequestID   string       `json:"request_id,omitempty"`
	Reference   string       `json:"reference_id,omitempty"`
	ConsentID   string       `json:"consent_id,omitempty"`
	ConsentAt   *time.Time   `json:"consent_given_at,omitempty"`
	Purpose     string       `json:"purpose,omitempty"`
	Client      string       `json:"client,omitempty"`
	ClientName  string       `json:"client_name,omitempty"`
	Result      audit.Result `json:"result"`
	Reason      string       `json:"reason,omitempty"`
	Explanation string       `json:"explanation"`
	*shownVerification
	*shownChange
}

// shownVerification is what only an event of a verification has. What was not
// recorded is left out, or null.
type shownVerification struct {
	Endpoint          string            `json:"endpoint"`
	NIK               string            `json:"nik"`
	Name              string            `json:"name"`
	DateOfBirth       string            `json:"date_of_birth"`
	Attributes        map[string]string `json:"attributes,omitempty"`
	NameScore         *int              `json:"name_score"`
	NameThreshold     int               `json:"name_threshold,omitempty"`
	Percentage        sesuai.Percentage `json:"face_image_percentage"`
	Threshold         sesuai.Percentage `json:"threshold"`
	Score             *float64          `json:"score"`
	Cosine            *float64          `json:"cosine,omitempty"`
	ReferenceLength   float64           `json:"reference_length,omitempty"`
	ProbeLength       float64           `json:"probe_length,omitempty"`
	Model             string            `json:"model,omitempty"`
	Calibration       string            `json:"calibration,omitempty"`
	Flags             []string          `json:"flags"`
	ReplayChecked     bool              `json:"replay_checked"`
	Liveness          *float64          `json:"liveness"`
	LivenessThreshold float64           `json:"liveness_threshold,omitempty"`
	Measures          []string          `json:"measures,omitempty"`
	DurationMS        float64           `json:"duration_ms"`
}

// shownChange is what only an event of a change has.
type shownChange struct {
	Action audit.Action `json:"action"`
	Actor  string       `json:"actor"`
	Count  int64        `json:"count"`
}

func showEvent(e audit.Entry, names map[string]string) shownEvent {
	v := shownEvent{
		Seq: e.Seq, Time: time.UnixMicro(e.Time).In(sesuai.Jakarta), RequestID: e.RequestID, Reference: e.Reference,
		ConsentID: e.ConsentID, ConsentAt: known(e.ConsentAt != 0, time.UnixMicro(e.ConsentAt).In(sesuai.Jakarta)), Purpose: e.Purpose,
		Client: e.Client, ClientName: names[e.Client], Result: e.Result, Reason: e.Reason, Explanation: e.Explain(),
	}
	if e.Result == audit.Changed {
		v.shownChange = &shownChange{e.Action, e.Actor, e.Count}
		return v
	}
	v.shownVerification = &shownVerification{
		Endpoint: e.Endpoint.String(),
		NIK:      e.NIKOutcome.String(), Name: e.Name.String(), DateOfBirth: e.DateOfBirth.String(), Attributes: outcomes(e.Attributes),
		NameScore: known(e.NameScore >= 0, e.NameScore), NameThreshold: e.NameThreshold,
		Percentage: ofHundredths(e.Percentage), Threshold: ofHundredths(e.Threshold),
		Score: known(e.Compared, e.Score), Cosine: known(e.ProbeLength > 0, e.Cosine),
		ReferenceLength: e.ReferenceLength, ProbeLength: e.ProbeLength, Model: e.Model, Calibration: e.Calibration,
		Flags: strings.Fields(e.Flags.String()), ReplayChecked: e.ReplayChecked,
		Liveness: known(e.LivenessKnown, e.Liveness), LivenessThreshold: e.LivenessThreshold,
		Measures: strings.Fields(e.Measures), DurationMS: float64(e.Duration) / 1000,
	}
	return v
}

// outcomes returns stored outcomes by the names of their attributes.
func outcomes(stored string) map[string]string {
	all := make(map[string]string)
	for _, text := range strings.Fields(stored) {
		name, outcome, _ := strings.Cut(text, "=")
		all[name] = outcome
	}
	return all
}

// known returns v if it is known, else nil.
func known[T any](is bool, v T) *T {
	if !is {
		return nil
	}
	return &v
}

// ofHundredths returns a stored percentage.
func ofHundredths(stored int) sesuai.Percentage {
	if stored < 0 {
		return sesuai.Percentage{}
	}
	return sesuai.PercentageOf(float64(stored) / 100)
}

// lines are the lines of audit show, in two columns.
func (v shownEvent) lines() [][]string {
	client := v.Client
	if v.ClientName != "" {
		client = fmt.Sprintf("%s (%s)", v.ClientName, v.Client)
	}
	lines := [][]string{
		{"event", fmt.Sprint(v.Seq)},
		{"time", v.Time.Format(time.RFC3339Nano)},
		{"request", cmp.Or(v.RequestID, "-")},
		{"client", cmp.Or(client, "-")},
		{"result", string(v.Result)},
		{"reason", cmp.Or(v.Reason, "-")},
		{"explanation", v.Explanation},
	}
	if v.shownVerification == nil {
		return lines
	}
	return append(lines, [][]string{
		{"endpoint", v.Endpoint},
		{"reference", cmp.Or(v.Reference, "-")},
		{"consent", v.consent()},
		{"purpose", cmp.Or(v.Purpose, "-")},
		{"score", v.score()},
		{"flags", cmp.Or(strings.Join(v.Flags, ", "), "-")},
		{"model", cmp.Or(v.Model, "-")},
		{"calibration", cmp.Or(v.Calibration, "-")},
		{"duration", fmt.Sprintf("%g ms", v.DurationMS)},
	}...)
}

// consent says which consent was stated, and when it was given.
func (v shownEvent) consent() string {
	text := cmp.Or(v.ConsentID, "-")
	if v.ConsentAt != nil {
		text += " of " + v.ConsentAt.Format(time.RFC3339)
	}
	return text
}

// score says what the score is, and what it was computed from.
func (v *shownVerification) score() string {
	if v.Score == nil {
		return "-"
	}
	text := fmt.Sprintf("%.4f", *v.Score)
	if v.Cosine == nil {
		return text
	}
	reference := "not known"
	if v.ReferenceLength > 0 {
		reference = fmt.Sprintf("%.2f", v.ReferenceLength)
	}
	return fmt.Sprintf("%s; cosine %.4f; length of the reference %s, of the probe %.2f", text, *v.Cosine, reference, v.ProbeLength)
}
