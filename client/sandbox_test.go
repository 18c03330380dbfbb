package client_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/client"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/sandbox"
	"github.com/sesuai/sesuai/test/process"
)

// TestSandbox calls a sandbox for every documented answer of every endpoint. A verdict,
// written as the endpoint writes it, must be that answer, and an error must have all of
// it.
func TestSandbox(t *testing.T) {
	t.Setenv("SESUAI_TIMEOUTS_REGISTRY", "200ms")
	t.Setenv("SESUAI_TIMEOUTS_REQUEST", "1s")
	d := process.StartDemo(t, root, "--sandbox")
	c := dial(t, d, func(o *client.Options) { o.MaxAttempts = 1 })
	calls := map[string]func(context.Context, sandbox.Outcome) (string, error){
		httpapi.FaceVerificationPath: func(ctx context.Context, o sandbox.Outcome) (string, error) {
			v, err := c.VerifyFace(ctx, client.FaceRequest{NIK: o.NIK, Name: "Siapa Saja", DateOfBirth: "01-02-1990", Photo: anyPhoto})
			return fmt.Sprintf(`{"verification_status":%t,"reason":%q,"result":{"nik":%s,"name":%s,"date_of_birth":%s,"face_image_percentage":%s}}`,
				v.Verified, v.Reason, wire(v.NIK), wire(v.Name), wire(v.DateOfBirth), v.Face), err
		},
		httpapi.DataVerificationPath: func(ctx context.Context, o sandbox.Outcome) (string, error) {
			r := client.DataRequest{NIK: o.NIK, Claim: map[sesuai.Attribute]string{
				sesuai.NameAttribute: "Siapa Saja", sesuai.DateOfBirthAttribute: "01-02-1990",
			}}
			if o.Attribute != "" {
				r.Claim[o.Attribute] = "1"
			}
			v, err := c.VerifyData(ctx, r)
			further := ""
			for attribute, outcome := range v.Attributes {
				further += fmt.Sprintf(",%q:%s", attribute, wire(outcome))
			}
			return fmt.Sprintf(`{"verification_status":%t,"reason":%q,"result":{"nik":%s,"name":%s,"date_of_birth":%s%s}}`,
				v.Verified, v.Reason, wire(v.NIK), wire(v.Name), wire(v.DateOfBirth), further), err
		},
		httpapi.FaceMatchPath: func(ctx context.Context, o sandbox.Outcome) (string, error) {
			v, err := c.Match(ctx, client.MatchRequest{CallOptions: client.CallOptions{ReferenceID: o.NIK}, Captured: anyPhoto, Stored: anyPhoto})
			fraction := "0"
			if v.Percentage.Known() {
				fraction = strconv.FormatFloat(v.Percentage.Value()/100, 'f', 5, 64)
			}
			return fmt.Sprintf(`{"status":"%s","result":{"match_percentage":%s,"match_status_code":"%s"}}`, success(v.Percentage.Known()), fraction, v.Code), err
		},
		httpapi.PassiveLivenessPath: func(ctx context.Context, o sandbox.Outcome) (string, error) {
			v, err := c.Liveness(ctx, client.LivenessRequest{CallOptions: client.CallOptions{ReferenceID: o.NIK}, Photo: anyPhoto})
			spoof := ""
			if v.Measured {
				spoof = `"spoof_percentage":` + strconv.FormatFloat(v.Spoof, 'f', 5, 64) + ","
			}
			return fmt.Sprintf(`{"status":"%s","result":{%s"status":"%s"}}`, success(v.Measured), spoof, v.Status), err
		},
	}
	verdicts, failures := 0, 0
	for _, outcome := range sandbox.Outcomes {
		for _, want := range outcome.Answers {
			if want.Body == sandbox.Outcomes[0].Answer(want.Endpoint).Body && outcome.NIK != sandbox.Outcomes[0].NIK {
				continue // after 3 seconds, which are more than the timeouts here
			}
			got, err := calls[want.Endpoint](t.Context(), outcome)
			if want.Status == 200 {
				verdicts++
				if words := regexp.MustCompile(`"match_status":"[^"]*",`); err != nil || got != words.ReplaceAllString(want.Body, "") {
					t.Errorf("%s: %s: %s, want %s; %v", want.Endpoint, outcome.Means, got, want.Body, err)
				}
				continue
			}
			failures++
			assertError(t, outcome.Means, want, err)
		}
	}
	if verdicts < 40 || failures < 60 {
		t.Errorf("%d verdicts and %d errors: the table of the sandbox has more", verdicts, failures)
	}
}

var anyPhoto = client.FromBytes([]byte("the sandbox does not look at it"))

// wire returns an outcome as the service writes it.
func wire(o sesuai.Outcome) string {
	return map[sesuai.Outcome]string{sesuai.Match: "true", sesuai.NonMatch: "false", sesuai.NotCompared: "null"}[o]
}

// success returns the status of an answer about photographs.
func success(measured bool) string {
	if measured {
		return "success"
	}
	return "failed"
}

// assertError reports an error that is not what the service answered.
func assertError(t *testing.T, about string, want sandbox.Answer, err error) {
	t.Helper()
	var body struct {
		Reason, Error, Code, Image string
		Measures                   []string
	}
	if err := json.Unmarshal([]byte(want.Body), &body); err != nil {
		t.Fatal(err)
	}
	seconds, _ := strconv.Atoi(cmp.Or(want.RetryAfter, "0"))
	e, ok := errors.AsType[*client.Error](err)
	if !ok || e.Status != want.Status || e.Reason != body.Reason+body.Error || e.Code != body.Code || e.Image != body.Image ||
		strings.Join(e.Measures, " ") != strings.Join(body.Measures, " ") || e.RetryAfter != time.Duration(seconds)*time.Second ||
		(e.Guidance.ID != "") != (body.Code != "") || e.Retryable() != (e.Status == 429 || e.Status == 503) {
		t.Errorf("%s: %s: %+v, want %s", want.Endpoint, about, err, want.Body)
	}
}
