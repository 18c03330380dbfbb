// Package sandbox gives fixed answers about fixed synthetic NIKs, so that an
// integrator can see every answer of the API without real people. It has one table
// of outcomes, with the answers that they lead to, and wraps the registry, the face
// engine and the verifier of a service to bring them about. Policy, audit trail and
// HTTP stay the real ones. It leaves storing and wiring to others, and shares nothing
// with the sandbox of Dukcapil's services, which stands in for them in front of a
// real Sesuai.
package sandbox

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
)

// Header is the header of every response of a service that is a sandbox. Its value
// is true.
const Header = "Sesuai-Sandbox"

// Prefix starts the NIK of every outcome. Four digits follow. The region 990000 does
// not exist, and the date is valid.
const Prefix = "990000010170"

// syntheticProvince starts every synthetic NIK. The numbers of provinces go from 11
// to 97.
const syntheticProvince = "99"

// Synthetic reports whether nobody real can have the NIK, since its province does not
// exist.
func Synthetic(nik sesuai.NIK) bool { return strings.HasPrefix(nik.Reveal(), syntheticProvince) }

// Outcome is what a NIK stands for. What a field does not say is as if everything
// agreed.
type Outcome struct {
	// NIK is Prefix and four digits.
	NIK string
	// Means says what the NIK stands for, for the documentation.
	Means string
	// Attribute is what the outcome is about besides name and date of birth; "" if
	// it is about none.
	Attribute sesuai.Attribute
	// Answers are the answers of the endpoints. An endpoint that is not there
	// answers as for the first of Outcomes.
	Answers []Answer

	// refused is the error with which any verification fails at once.
	refused error
	// replay is whether the photograph was sent before.
	replay bool
	// captured is what is found in a photograph, and stored what is found in the
	// second one of a face match.
	captured, stored photograph
	// failed is the error of the registry, or of what else is asked.
	failed error
	// takes is how long that takes; forever, until the request ends.
	takes time.Duration
	// status and the rest are what the registry says.
	status     sesuai.Status
	unknown    bool // the NIK is not on record
	noPortrait bool
	name, date bool                // they differ
	attribute  *registry.Agreement // of Attribute
	percentage float64             // of the face; 0 stands for alike
}

// forever is longer than any request.
const forever = time.Duration(1<<63 - 1)

// photograph is what is found in a photograph.
type photograph struct {
	finding face.Finding
	failed  []face.Measure // of face.LowQuality
	refused error          // the file cannot be used
	spoof   float64        // 1 - liveness; 0 stands for live
}

// What is found if an outcome does not say otherwise. The figures are those of the
// examples of the contract.
const (
	alike = 82.04
	live  = 0.02611
)

// model stands for a model and a calibration in events.
const model = "sandbox"

// Answer returns the answer of the endpoint with this path.
func (o Outcome) Answer(endpoint string) Answer {
	for _, a := range slices.Concat(o.Answers, Outcomes[0].Answers) {
		if a.Endpoint == endpoint {
			return a
		}
	}
	return Answer{}
}

// outcomes are Outcomes by their NIK.
var outcomes = func() map[string]*Outcome {
	all := make(map[string]*Outcome, len(Outcomes))
	for i := range Outcomes {
		all[Outcomes[i].NIK] = &Outcomes[i]
	}
	return all
}()

// wait waits as long as the outcome takes, and returns how asking ends. The error has
// kind sesuai.KindUnavailable.
func (o *Outcome) wait(ctx context.Context) error {
	if o.takes > 0 {
		select {
		case <-time.After(o.takes):
		case <-ctx.Done():
		}
	}
	if err := ctx.Err(); err != nil {
		return &sesuai.Error{Kind: sesuai.KindUnavailable, Err: err}
	}
	return o.failed
}

// compared returns the percentage of the faces.
func (o *Outcome) compared() sesuai.Percentage {
	if o.percentage == 0 {
		return sesuai.PercentageOf(alike)
	}
	return sesuai.PercentageOf(o.percentage)
}
