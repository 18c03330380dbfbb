// Package sdk_test calls a running sesuai serve with npm's @glair/vision, a client
// of the contract that was written independently of this project.
package sdk_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

const root = "../.."

// The methods of the SDK's identity, and of its faceBio.
const face, data, match, liveness = "faceVerification", "verification", "match", "passiveLiveness"

type call struct {
	Method string            `json:"method"`
	Config map[string]string `json:"config"`
	Param  map[string]any    `json:"param"`
}

type result struct {
	Resolved bool
	Body     map[string]any
}

// sdkTest is a call and the wanted result of it.
type sdkTest struct {
	name string
	call call
	want result
}

func TestMain(m *testing.M) { os.Exit(pgtest.Main{M: m}.Run()) }

// TestVendorSDKOnPostgres is TestVendorSDK with the registry in PostgreSQL.
func TestVendorSDKOnPostgres(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{Fast: true})
	t.Setenv("SESUAI_REGISTRY", server.Database(t))
	t.Setenv("SESUAI_POSTGRES_MIGRATE", "true")
	// Without clients nothing is known of the request but its endpoint.
	vendorSDK(t, func(*process.Demo) { server.Kill(t) }, map[string]any{"nik": nil})
}

func TestVendorSDK(t *testing.T) {
	unanswered := map[string]any{"nik": nil, "name": nil, "date_of_birth": nil}
	vendorSDK(t, func(d *process.Demo) { d.Run(t, "break") }, unanswered)
}

// vendorSDK makes the calls. breakRegistry breaks the registry under the running server.
// A data verification then has the result unanswered.
func vendorSDK(t *testing.T, breakRegistry func(*process.Demo), unanswered map[string]any) {
	sdk := absolute(t, "build/sdk/node_modules/@glair/vision/lib/index.js")
	process.Need(t, sdk)
	d := process.StartDemo(t, root)
	text, empty := filepath.Join(t.TempDir(), "text.jpg"), filepath.Join(t.TempDir(), "empty.jpg")
	write(t, text, "not a photograph")
	write(t, empty, "")

	selfie := filepath.Join(d.Photos, "ayu-selfie.jpg")
	config := func(change ...string) map[string]string {
		m := map[string]string{"baseUrl": d.Address, "username": d.Username, "password": d.Password, "apiKey": d.APIKey}
		for i := 0; i < len(change); i += 2 {
			m[change[i]] = change[i+1]
		}
		return m
	}
	param := func(change ...any) map[string]any {
		m := map[string]any{
			"nik": "9901015203900001", "name": "Ayu Kencana Pratiwi", "date_of_birth": "12-03-1990", "face_image": selfie,
		}
		for i := 0; i < len(change); i += 2 {
			m[change[i].(string)] = change[i+1]
			if change[i+1] == nil { // not given
				delete(m, change[i].(string))
			}
		}
		return m
	}
	claim := func(change ...any) map[string]any {
		return param(append(change, "face_image", nil)...)
	}
	compared := func(ok bool, reason string, outcomes map[string]any) result {
		return result{true, map[string]any{"verification_status": ok, "reason": reason, "result": outcomes}}
	}
	verdict := func(ok bool, reason string, nik, name, born, percentage any) result {
		return compared(ok, reason, map[string]any{"nik": nik, "name": name, "date_of_birth": born, "face_image_percentage": percentage})
	}
	matched := func(status, percentage, words, code string) result {
		return result{true, map[string]any{
			"status": status, "result": map[string]any{"match_percentage": percentage, "match_status": words, "match_status_code": code},
		}}
	}
	refused := func(body map[string]any) result { return result{false, body} }
	denied := refused(map[string]any{"error": "Access to this API has been disallowed"})
	// A percentage at or above the threshold, and one below it.
	const passes, fails = "passes", "fails"

	tests := []sdkTest{
		{"R1", call{face, config(), param()}, verdict(true, "Verification Success", true, true, true, passes)},
		{
			"R1, base URL with a slash at its end",
			call{face, config("baseUrl", d.Address+"/"), param()},
			verdict(true, "Verification Success", true, true, true, passes),
		},
		{
			"R2",
			call{face, config(), param("nik", "9999999999999999")},
			verdict(false, "NIK not found on Dukcapil database", false, nil, nil, 0.0),
		},
		{
			"R3",
			call{face, config(), param("name", "SURYANI HAPSARI")},
			verdict(false, "Name does not match", true, false, true, passes),
		},
		{
			"R4",
			call{face, config(), param("date_of_birth", "13-03-1990")},
			verdict(false, "Date of birth does not match", true, true, false, passes),
		},
		{
			"R5",
			call{face, config(), param("face_image", filepath.Join(d.Photos, "rani-selfie.jpg"))},
			verdict(false, "Selfie image does not pass the threshold", true, true, true, fails),
		},
		{
			"R6",
			call{face, config(), param("nik", "123")},
			refused(map[string]any{"verification_status": false, "reason": "Invalid NIK number format"}),
		},
		{
			"R6, no nik: the SDK sends the text undefined",
			call{face, config(), param("nik", nil)},
			refused(map[string]any{"verification_status": false, "reason": "Invalid NIK number format"}),
		},
		{
			"R7",
			call{face, config(), param("date_of_birth", "1990-03-12")},
			refused(map[string]any{"verification_status": false, "reason": "Invalid date_of_birth format"}),
		},
		{"unknown user", call{face, config("username", "nobody"), param()}, denied},
		{"wrong password", call{face, config("password", "wrong"), param()}, denied},
		{"wrong API key", call{face, config("apiKey", "wrong"), param()}, denied},
		{
			"wrong file type",
			call{face, config(), param("face_image", text)},
			refused(map[string]any{"verification_status": false, "reason": "Unsupported face_image format", "code": "UNSUPPORTED_IMAGE"}),
		},
		{
			"empty file",
			call{face, config(), param("face_image", empty)},
			refused(map[string]any{"verification_status": false, "reason": "No file in request body", "code": "NO_FILE"}),
		},
	}
	tests = append(tests, []sdkTest{
		{"data", call{data, config(), claim()}, compared(true, "Verification Success", map[string]any{"nik": true, "name": true, "date_of_birth": true})},
		{
			"data, no name: the SDK sends the text undefined",
			call{data, config(), claim("name", nil)},
			compared(true, "Verification Success", map[string]any{"nik": true, "date_of_birth": true}),
		},
		{
			"data, not found",
			call{data, config(), claim("nik", "9999999999999999")},
			compared(false, "NIK not found on Dukcapil database", map[string]any{"nik": false, "name": nil, "date_of_birth": nil}),
		},
		{
			"data, the date differs",
			call{data, config(), claim("date_of_birth", "13-03-1990")},
			compared(false, "Date of birth does not match", map[string]any{"nik": true, "name": true, "date_of_birth": false}),
		},
		{
			"data, R6",
			call{data, config(), claim("nik", nil)},
			refused(map[string]any{"verification_status": false, "reason": "Invalid NIK number format"}),
		},
		{
			"data, nothing is claimed",
			call{data, config(), claim("name", nil, "date_of_birth", nil)},
			refused(map[string]any{
				"verification_status": false, "code": "NO_ATTRIBUTE",
				"reason": "You must fill in at least one of the following: name, date_of_birth, no_kk, mother_maiden_name, place_of_birth, address, " +
					"gender, marital_status, job_type, province, city, district, subdistrict, rt, rw",
			}),
		},
		{
			"match",
			call{match, config(), map[string]any{"captured": selfie, "stored": filepath.Join(d.Photos, "ayu-reference.jpg")}},
			matched("success", passes, "match", "MATCH"),
		},
		{
			"match, two people",
			call{match, config(), map[string]any{"captured": selfie, "stored": filepath.Join(d.Photos, "rani-reference.jpg")}},
			matched("success", fails, "not match", "NOT_MATCH"),
		},
		{
			"match, the second is empty",
			call{match, config(), map[string]any{"captured": selfie, "stored": empty}},
			refused(map[string]any{"verification_status": false, "reason": "No file in request body", "code": "NO_FILE", "image": "stored_image"}),
		},
		{
			"match, the first is no photograph",
			call{match, config(), map[string]any{"captured": text, "stored": selfie}},
			refused(map[string]any{
				"verification_status": false, "reason": "Unsupported captured_image format", "code": "UNSUPPORTED_IMAGE", "image": "captured_image",
			}),
		},
		{
			"liveness",
			call{liveness, config(), map[string]any{"image": selfie}},
			result{true, map[string]any{"status": "success", "result": map[string]any{"spoof_percentage": "any", "status": "any"}}},
		},
		{
			"liveness, empty file",
			call{liveness, config(), map[string]any{"image": empty}},
			refused(map[string]any{"verification_status": false, "reason": "No file in request body", "code": "NO_FILE", "image": "image"}),
		},
		{"data, wrong API key", call{data, config("apiKey", "wrong"), claim()}, denied},
	}...)
	calls := make([]call, 0, len(tests))
	for _, test := range tests {
		calls = append(calls, test.call)
	}
	results := run(t, sdk, calls)
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) { check(t, results[i], test.want) })
	}

	t.Run("R8", func(t *testing.T) {
		breakRegistry(d)
		got := run(t, sdk, []call{{face, config(), param()}, {data, config(), claim()}})
		want := verdict(false, "Something wrong in Dukcapil server", nil, nil, nil, nil)
		want.Resolved = false
		check(t, got[0], want)
		want = compared(false, "Something wrong in Dukcapil server", unanswered)
		want.Resolved = false
		check(t, got[1], want)
	})
}

// check compares a result with the wanted one, in which a percentage may be
// "passes" or "fails", and a liveness and its status "any". It ignores guidance.
func check(t *testing.T, got, want result) {
	t.Helper()
	delete(got.Body, "guidance")
	if r, ok := got.Body["result"].(map[string]any); ok {
		if want.Body["result"].(map[string]any)["spoof_percentage"] == "any" {
			spoof, number := r["spoof_percentage"].(float64)
			status, text := r["status"].(string)
			if number && spoof >= 0 && spoof <= 1 && text && slices.Contains([]string{"LOW", "MODERATE", "HIGH"}, status) {
				r["spoof_percentage"], r["status"] = "any", "any"
			}
		}
		for key, whole := range map[string]float64{"face_image_percentage": 100, "match_percentage": 1} {
			if w, ok := want.Body["result"].(map[string]any)[key].(string); ok {
				p, number := r[key].(float64)
				if number && (p >= 0.75*whole) == (w == "passes") && p >= 0 && p <= whole {
					r[key] = w
				}
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the SDK's result (-want +got):\n%s", diff)
	}
}

// run makes the calls with the SDK.
func run(t *testing.T, sdk string, calls []call) []result {
	t.Helper()
	in, err := json.Marshal(map[string]any{"modulePath": sdk, "calls": calls})
	if err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), "node", "calls.mjs")
	node.Stdin = bytes.NewReader(in)
	node.Stderr = os.Stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	var results []result
	if err := json.Unmarshal(out, &results); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(results) != len(calls) {
		t.Fatalf("%d results of %d calls", len(results), len(calls))
	}
	return results
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	a, err := filepath.Abs(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
