// Package sdk_test calls a running sesuai serve with npm's @glair/vision, a client
// of the contract that was written independently of this project.
package sdk_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
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
	vendorSDK(t, func(string) { server.Kill(t) }, map[string]any{"nik": nil})
}

func TestVendorSDK(t *testing.T) {
	unanswered := map[string]any{"nik": nil, "name": nil, "date_of_birth": nil}
	vendorSDK(t, func(data string) { demo(t, "break", "--data", data) }, unanswered)
}

// vendorSDK makes the calls. breakRegistry breaks the registry of a data folder
// under the running server. A data verification then has the result unanswered.
func vendorSDK(t *testing.T, breakRegistry func(data string), unanswered map[string]any) {
	sdk := absolute(t, "build/sdk/node_modules/@glair/vision/lib/index.js")
	process.Need(t, sdk)
	folder := t.TempDir()
	demo(t, "prepare", "--data", folder)
	address := serve(t, folder)
	var c process.Credentials // of the demo's client
	b, err := os.ReadFile(filepath.Join(folder, "demo-client.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	text, empty := filepath.Join(folder, "text.jpg"), filepath.Join(folder, "empty.jpg")
	write(t, text, "not a photograph")
	write(t, empty, "")

	photos := absolute(t, "build/demo/photos")
	selfie := filepath.Join(photos, "ayu-selfie.jpg")
	config := func(change ...string) map[string]string {
		m := map[string]string{"baseUrl": address, "username": c.Username, "password": c.Password, "apiKey": c.APIKey}
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
			call{face, config("baseUrl", address+"/"), param()},
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
			call{face, config(), param("face_image", filepath.Join(photos, "rani-selfie.jpg"))},
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
			call{match, config(), map[string]any{"captured": selfie, "stored": filepath.Join(photos, "ayu-reference.jpg")}},
			matched("success", passes, "match", "MATCH"),
		},
		{
			"match, two people",
			call{match, config(), map[string]any{"captured": selfie, "stored": filepath.Join(photos, "rani-reference.jpg")}},
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
		breakRegistry(folder)
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

// demo runs bin/demo, which make test builds.
func demo(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), absolute(t, "bin/demo"), args...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("bin/demo %s: %v\n%s", args[0], err, out)
	}
}

// serve runs bin/sesuai serve until the test ends and returns its address.
func serve(t *testing.T, data string) string {
	t.Helper()
	cmd := exec.Command(absolute(t, "bin/sesuai"), "serve", "--json", "--data", data, "--listen", "127.0.0.1:0")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "SESUAI_LOG_LEVEL=error", "SESUAI_FACE_LIVENESS=true")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_, _ = io.Copy(io.Discard, stdout)
		if err := cmd.Wait(); err != nil {
			t.Errorf("sesuai serve: %v", err)
		}
	})
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatalf("sesuai serve did not start: %v", err)
	}
	var started struct{ Address string }
	if err := json.Unmarshal(line, &started); err != nil {
		t.Fatal(err)
	}
	return started.Address
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
