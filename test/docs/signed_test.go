package docs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/signature"
	"github.com/sesuai/sesuai/test/process"
)

// verifyAnswers makes a program of the function of docs/integrate/signed.md. It reads a list
// of [key set, signature, body], and prints for each the request id, or why it has none.
const verifyAnswers = `
const results = JSON.parse(require('node:fs').readFileSync(0)).map(([jwks, signature, body]) => {
  try {
    return verifyAnswer(jwks, signature, Buffer.from(body)).request_id;
  } catch (e) {
    return 'error: ' + e.message;
  }
});
console.log(JSON.stringify(results));
`

// TestSignedAnswerInNode runs the function of docs/integrate/signed.md, which verifies by the
// crypto of Node alone, on answers that are as they were signed and on others.
func TestSignedAnswerInNode(t *testing.T) {
	process.NeedCommand(t, "node")
	page, err := os.ReadFile(filepath.Join(root, "docs/integrate/signed.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := snippet.FindAllStringSubmatch(string(page), -1)
	if len(found) != 1 || found[0][1] != "js" {
		t.Fatalf("the page has %d snippets", len(found))
	}
	path := filepath.Join(t.TempDir(), "verify.js")
	if err := os.WriteFile(path, []byte(found[0][2]+verifyAnswers), 0o600); err != nil {
		t.Fatal(err)
	}

	const body = `{"reason":"é <&>","percentage":0.50000}`
	mine, other := newSigner(t), newSigner(t)
	signed, err := mine.Sign([]byte(body), sesuai.Statement{
		RequestID: `request "1"`, Endpoint: "face_match", Status: 200, Time: time.Unix(1, 0).UTC(), Client: "cli_a", Images: map[string]string{"stored_image": "00"},
	})
	if err != nil {
		t.Fatal(err)
	}
	detached := signature.Detach(signed)
	at := len(detached) - 50
	changed := detached[:at] + map[bool]string{true: "B", false: "A"}[detached[at] == 'A'] + detached[at+1:]
	answers := []struct {
		set             *signature.Signer
		signature, body string
		want            string
	}{
		{mine, detached, body, `request "1"`},
		{mine, detached, body + "\n", "error: changed"},
		{mine, detached, strings.Replace(body, "0.50000", "0.5", 1), "error: changed"},
		{mine, changed, body, "error: changed"},
		{other, detached, body, "error: signed by another key"},
		{mine, "eyJhbGciOiJub25lIn0..", body, "error: not the signature of an answer"},                                       // {"alg":"none"}
		{mine, "eyJhbGciOiJIUzI1NiIsInR5cCI6InNlc3VhaS1hbnN3ZXIrandzIn0..AA", body, "error: not the signature of an answer"}, // HS256
	}
	var input [][3]any
	var want []string
	for _, a := range answers {
		input, want = append(input, [3]any{json.RawMessage(a.set.KeySet()), a.signature, a.body}), append(want, a.want)
	}
	encoded, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", path)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(encoded)), os.Stderr
	out, err := cmd.Output()
	var got []string
	if err != nil || json.Unmarshal(out, &got) != nil || !slices.Equal(got, want) {
		t.Errorf("node: %s, %v (-want +got):\n%s", out, err, cmp.Diff(want, got))
	}
}

// newSigner returns a Signer with a key of its own.
func newSigner(t *testing.T) *signature.Signer {
	t.Helper()
	s, err := signature.New(signature.Options{Key: keyring.NewSecret().Signer(keyring.SignedAnswers)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
