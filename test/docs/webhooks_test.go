package docs_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sesuai/sesuai/test/process"
)

// snippet matches the blocks of code of a page, with their languages.
var snippet = regexp.MustCompile("(?ms)^```(go|js|python|php)\n(.*?)^```$")

// verifiers make a program of the function verify of each language. The program reads
// secret, id, timestamp, signature and body of messages, one a line, and prints for
// each whether it is genuine.
var verifiers = map[string]struct {
	file, before, after string
	run                 []string
}{
	"go": {"verify.go", `package main

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

`, `
func main() {
	s := bufio.NewScanner(os.Stdin)
	next := func() string { s.Scan(); return s.Text() }
	for s.Scan() {
		secret, h := s.Text(), make(http.Header)
		for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			h.Set(name, next())
		}
		fmt.Println(verify(secret, h, []byte(next())))
	}
}
`, []string{"go", "run"}},
	"js": {"verify.js", "", `
const lines = require('fs').readFileSync(0, 'utf8').split('\n');
for (let i = 0; i + 5 <= lines.length; i += 5) {
  const [secret, id, timestamp, signature, body] = lines.slice(i, i + 5);
  console.log(verify(secret, {'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature}, Buffer.from(body)));
}
`, []string{"node"}},
	"python": {"verify.py", "", `
import sys
lines = sys.stdin.read().split("\n")
for i in range(0, len(lines) - 4, 5):
    secret, id, timestamp, signature, body = lines[i:i + 5]
    headers = {"webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    print(str(verify(secret, headers, body.encode())).lower())
`, []string{"python3"}},
	"php": {"verify.php", "<?php\n", `
foreach (array_chunk(explode("\n", stream_get_contents(STDIN)), 5) as $lines) {
    if (count($lines) < 5) continue;
    [$secret, $id, $timestamp, $signature, $body] = $lines;
    $headers = ['webhook-id' => $id, 'webhook-timestamp' => $timestamp, 'webhook-signature' => $signature];
    echo verify($secret, $headers, $body) ? "true\n" : "false\n";
}
`, []string{"php"}},
}

// TestVerifiers runs the functions of docs/integrate/webhooks.md on messages that are
// genuine and on others.
func TestVerifiers(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/integrate/webhooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	found := snippet.FindAllStringSubmatch(string(page), -1)
	if len(found) != len(verifiers) {
		t.Errorf("%d snippets, want %d", len(found), len(verifiers))
	}
	for _, m := range found {
		t.Run(m[1], func(t *testing.T) {
			v := verifiers[m[1]]
			process.NeedCommand(t, v.run[0])
			path := filepath.Join(t.TempDir(), v.file)
			if err := os.WriteFile(path, []byte(v.before+m[2]+v.after), 0o600); err != nil {
				t.Fatal(err)
			}
			verifyMessages(t, append(v.run, path))
		})
	}
}

// verifyMessages runs a program on messages.
func verifyMessages(t *testing.T, run []string) {
	const id, body = "msg_1", `{"type":"webhook.test","data":{"text":"é <&>"}}`
	key, other := []byte("0123456789abcdef0123456789abcdef"), []byte("fedcba9876543210fedcba9876543210")
	now := time.Now().Unix()
	sign := func(key []byte, id string, at int64, body string) string {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%d.%s", id, at, body)
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	right := sign(key, id, now, body)
	messages := []struct{ about, at, signature, body, want string }{
		{"genuine", fmt.Sprint(now), right, body, "true"},
		{"rotated", fmt.Sprint(now), sign(other, id, now, body) + " " + right, body, "true"},
		{"another key", fmt.Sprint(now), sign(other, id, now, body), body, "false"},
		{"another body", fmt.Sprint(now), right, body + " ", "false"},
		{"another id", fmt.Sprint(now), sign(key, "msg_2", now, body), body, "false"},
		{"another time", fmt.Sprint(now - 1), right, body, "false"},
		{"old", fmt.Sprint(now - 400), sign(key, id, now-400, body), body, "false"},
		{"not yet", fmt.Sprint(now + 400), sign(key, id, now+400, body), body, "false"},
		{"no time", "", right, body, "false"},
		{"no number", "soon", right, body, "false"},
		{"no signature", fmt.Sprint(now), "", body, "false"},
		{"half a signature", fmt.Sprint(now), right[:20], body, "false"},
		{"without the scheme", fmt.Sprint(now), strings.TrimPrefix(right, "v1,"), body, "false"},
	}
	var input strings.Builder
	for _, m := range messages {
		fmt.Fprintf(&input, "whsec_%s\n%s\n%s\n%s\n%s\n", base64.StdEncoding.EncodeToString(key), id, m.at, m.signature, m.body)
	}
	cmd := exec.Command(run[0], run[1:]...)
	cmd.Stdin, cmd.Stderr = strings.NewReader(input.String()), os.Stderr
	out, err := cmd.Output()
	got := strings.Fields(string(out))
	if err != nil || len(got) != len(messages) {
		t.Fatalf("%q, %v", out, err)
	}
	for i, m := range messages {
		if got[i] != m.want {
			t.Errorf("%s: %s, want %s", m.about, got[i], m.want)
		}
	}
}
