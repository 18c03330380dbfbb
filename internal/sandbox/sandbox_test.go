package sandbox_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/registry/registrytest"
	"github.com/sesuai/sesuai/internal/sandbox"
)

// front is a registry with a sandbox in front of it.
type front struct {
	*registrytest.Memory
	*sandbox.Registry
}

func (f front) Ask(ctx context.Context, q registry.Question) (registry.Answer, error) {
	return f.Registry.Ask(ctx, q)
}

func (f front) Prepare(ctx context.Context, q registry.Question) (func(*face.Probe) (registry.Answer, error), error) {
	return f.Registry.Prepare(ctx, q)
}

// TestConformance: about people who are on record, a sandbox answers as the registry
// behind it.
func TestConformance(t *testing.T) {
	registrytest.Run(t, func(*testing.T) registry.Enroller {
		memory := registrytest.NewMemory()
		return front{memory, sandbox.NewRegistry(memory)}
	})
}

// TestNobodyRealIsAskedAbout: not even if they are on record.
func TestNobodyRealIsAskedAbout(t *testing.T) {
	memory := registrytest.NewMemory()
	r := sandbox.NewRegistry(memory)
	p := registrytest.Person(t, 1)
	p.NIK = parse(t, "3201010101700001")
	if _, err := memory.Enrol(t.Context(), p, nil); err != nil {
		t.Fatal(err)
	}
	answer, err := r.Ask(t.Context(), registry.Question{Claim: registrytest.Claim(p)})
	if err != nil || answer.Found || memory.Calls("Ask")+memory.Calls("Prepare") != 0 {
		t.Errorf("Ask = %+v, %v", answer, err)
	}
}

// contract are the bodies that the contract gives for face verifications.
var contract = []string{
	`{"verification_status":true,"reason":"Verification Success","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":82.04}}`,
	`{"verification_status":false,"reason":"NIK not found on Dukcapil database","result":{"nik":false,"name":null,"date_of_birth":null,"face_image_percentage":0}}`,
	`{"verification_status":false,"reason":"Name does not match","result":{"nik":true,"name":false,"date_of_birth":true,"face_image_percentage":82.04}}`,
	`{"verification_status":false,"reason":"Date of birth does not match","result":{"nik":true,"name":true,"date_of_birth":false,"face_image_percentage":82.04}}`,
	`{"verification_status":false,"reason":"Selfie image does not pass the threshold","result":{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":41.07}}`,
	`{"verification_status":false,"reason":"Invalid NIK number format"}`,
	`{"verification_status":false,"reason":"Invalid date_of_birth format"}`,
	`{"verification_status":false,"reason":"Something wrong in Dukcapil server","result":{"nik":null,"name":null,"date_of_birth":null,"face_image_percentage":null}}`,
}

// TestTable: the table has R1 to R8 to the byte, every NIK is one that nobody has and
// stands there once, and each outcome says what an endpoint answers.
func TestTable(t *testing.T) {
	bodies := make(map[string]bool)
	for _, m := range sandbox.Mistakes {
		bodies[m.Body] = true
	}
	seen := make(map[string]bool)
	for _, o := range sandbox.Outcomes {
		if !strings.HasPrefix(o.NIK, sandbox.Prefix) || !sandbox.Synthetic(parse(t, o.NIK)) || seen[o.NIK] {
			t.Errorf("%s cannot stand for an outcome, or stands for two", o.NIK)
		}
		seen[o.NIK] = true
		if o.Means == "" || len(o.Answers) == 0 {
			t.Errorf("%s stands for nothing", o.NIK)
		}
		for _, a := range o.Answers {
			bodies[a.Body] = true
			if !slices.Contains(sandbox.Endpoints, a.Endpoint) {
				t.Errorf("%s: there is no endpoint %s", o.NIK, a.Endpoint)
			}
		}
	}
	for _, body := range contract {
		if !bodies[body] {
			t.Errorf("the table lacks %s", body)
		}
	}
	if len(sandbox.Outcomes[0].Answers) != len(sandbox.Endpoints) {
		t.Error("the first outcome does not answer for all endpoints")
	}
}

// TestTime: a slow registry takes its time, and one that does not answer takes all of
// the request's. Neither outlives the request.
func TestTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := sandbox.NewRegistry(registrytest.NewMemory())
		ask := func(limit time.Duration, nik string) (time.Duration, error) {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			start := time.Now()
			_, err := r.Ask(ctx, registry.Question{Claim: sesuai.Claim{NIK: parse(t, nik)}})
			return time.Since(start), err
		}
		if took, err := ask(time.Minute, sandbox.Prefix+"0505"); took != 3*time.Second || err != nil {
			t.Errorf("a slow one: %s, %v", took, err)
		}
		for _, number := range []string{"0504", "0505"} {
			took, err := ask(time.Second, sandbox.Prefix+number)
			if took != time.Second || sesuai.KindOf(err) != sesuai.KindUnavailable || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %s, %v", number, took, err)
			}
		}
	})
}

func parse(t *testing.T, text string) sesuai.NIK {
	t.Helper()
	nik, err := sesuai.ParseNIK(text)
	if err != nil {
		t.Fatal(err)
	}
	return nik
}
