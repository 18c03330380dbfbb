// Package console_test drives Chromium through the console of a running sesuai serve, as
// an operator of each role, and has axe-core look at each page.
package console_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"image"
	"image/draw"
	"image/jpeg"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/test/process"
)

const root = "../.."

// visitor is an operator, and what the pages say in the language of its browser.
type visitor struct {
	Name       string         `json:"name"`
	Role       string         `json:"role"`
	Invitation string         `json:"invitation"`
	Locale     string         `json:"locale"`
	Width      int            `json:"width"`
	Scheme     string         `json:"scheme"`
	Words      map[string]any `json:"words"`
	// Passkey means that it enrols and signs in with a passkey.
	Passkey bool `json:"passkey"`
	// Subject is that at the OpenID provider, for one who signs in there.
	Subject string `json:"subject"`
}

// TestConsole: each role enrols, signs in, finds a verification by its NIK and has it
// explained; an admin changes a client and verifies the trail; a second admin approves what
// the first has proposed. In two languages, on a
// narrow screen and on a dark one: nothing that axe calls serious, no error in the
// browser, no request elsewhere, and the cookie is kept on a loopback address. An operator enrols
// with a passkey, and signs in with it; another one signs in at an OpenID provider.
// SCREENSHOTS=FOLDER writes a picture of each page.
func TestConsole(t *testing.T) {
	chromium := cmp.Or(os.Getenv("CHROMIUM"), "/usr/bin/chromium")
	modules, err := filepath.Abs(filepath.Join(root, "build/console/node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	process.Need(t, chromium, filepath.Join(modules, "playwright-core"), filepath.Join(modules, "axe-core"), filepath.Join(modules, "oidc-provider"))
	address := process.FreeAddress(t)
	t.Setenv("SESUAI_CONSOLE_LISTEN", address)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	issuer := startProvider(t, modules, "http://localhost:"+port)
	d := process.StartDemo(t, root)
	for _, photo := range []string{"ayu-selfie.jpg", "rani-selfie.jpg"} {
		verify(t, d, photo)
	}

	english := map[string]any{
		"signin": "Sign in", "continue": "Continue", "save": "Save", "search": "Search", "verifications": "Face verification",
		"try": "Verify", "under": "the face is under the threshold", "atprovider": "Sign in at 127.0.0.1", "refused": "You are no operator of this console",
		"only": "You need no passkey here", "trial": "trial by operator:admin",
	}
	indonesian := map[string]any{
		"signin": "Masuk", "continue": "Lanjut", "save": "Simpan", "search": "Cari", "verifications": "Verifikasi wajah",
		"try": "Verifikasi", "under": "wajah di bawah ambang", "addpasskey": "Tambah passkey", "signpasskey": "Masuk dengan passkey",
		"trial": "percobaan oleh operator:", "elsewhere": "Passkey memerlukan nama, bukan alamat IP", "failed": "Peramban tidak memakai passkey",
	}
	with := func(words map[string]any, tried []string, explained ...string) map[string]any {
		all := map[string]any{"explained": explained, "tried": tried}
		for key, text := range words {
			all[key] = text
		}
		return all
	}
	approving := with(indonesian, nil)
	approving["acts"], approving["approve"], approving["approved"] = []string{"ambang 90 → 80", "perkara T-1"}, "Setujui", "Disetujui dan dijalankan"
	visitors := []visitor{
		{"admin", "admin", "", "en-GB", 1200, "light", with(english, []string{"everything matches", "Of 1,000,000 pairs", "Sharpness", "Making the template"}, "The percentage is", "of different people about 100 reach this"), false, ""},
		{"auditor", "auditor", "", "id-ID", 1200, "dark", with(indonesian, []string{"semua cocok", "Dari 1.000.000 pasang", "Ketajaman", "Membuat templat"}, "Persentasenya", "sekitar 100 mencapai ini"), false, ""},
		{"support", "support", "", "id-ID", 360, "light", with(indonesian, []string{"semua cocok", "tidak ditampilkan untuk peran Anda"}, "Persentasenya tidak ditampilkan untuk peran Anda"), false, ""},
		// Who approves erases the person that the others ask about.
		{"second", "admin", "", "id-ID", 360, "dark", approving, false, ""},
		{"passkey", "support", "", "id-ID", 360, "light", with(indonesian, nil), true, ""},
		{"provider", "auditor", "", "en-GB", 1200, "dark", with(english, nil), false, "00u1"},
	}
	for i, v := range visitors {
		command := []string{"operator", "add", v.Name, "--role", v.Role}
		if v.Subject != "" {
			command = append(command, "--oidc", v.Subject)
		}
		d.Sesuai.Run(t, &visitors[i], command...)
	}
	in, err := json.Marshal(map[string]any{
		"base": "http://" + address, "passkeys": "http://localhost:" + port, "issuer": issuer, "modules": modules, "chromium": chromium, "operators": visitors, "nik": "9901015203900001",
		"photo": filepath.Join(d.Photos, "ayu-selfie.jpg"), "film": film(t, filepath.Join(d.Photos, "ayu-selfie.jpg")),
		"screenshots": os.Getenv("SCREENSHOTS"),
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "drive.mjs")
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, stderr.Bytes())
	}
	var problems []string
	if err := json.Unmarshal(out, &problems); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, p := range problems {
		t.Error(p)
	}
}

// film returns an MJPEG file of a photograph for Chromium's camera: one JPEG after the other, whose
// width and height are even.
func film(t *testing.T, photo string) string {
	t.Helper()
	file, err := os.Open(photo)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	whole, err := jpeg.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	even := image.NewRGBA(image.Rect(0, 0, whole.Bounds().Dx()&^1, whole.Bounds().Dy()&^1))
	draw.Draw(even, even.Bounds(), whole, whole.Bounds().Min, draw.Src)
	var one bytes.Buffer
	if err := jpeg.Encode(&one, even, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "film.mjpeg")
	if err := os.WriteFile(path, bytes.Repeat(one.Bytes(), 8), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// startProvider starts an OpenID provider for the console at an origin, which the environment
// then names, and returns its issuer.
func startProvider(t *testing.T, modules, origin string) string {
	t.Helper()
	const secret = "a secret for tests"
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	// The host is another site than localhost, so that cookies of one site are not sent.
	in, err := json.Marshal(map[string]string{"modules": modules, "host": "127.0.0.1", "client": "sesuai", "secret": secret, "callback": origin + "/signin/oidc/callback"})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "node", "provider.mjs")
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(stdin.Close(), cmd.Wait()); err != nil {
			t.Error(err)
		}
	})
	if _, err := stdin.Write(append(in, '\n')); err != nil {
		t.Fatal(err)
	}
	issuer, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	issuer = strings.TrimSpace(issuer)
	t.Setenv("SESUAI_CONSOLE_OIDC_ISSUER", issuer)
	t.Setenv("SESUAI_CONSOLE_OIDC_CLIENT_ID", "sesuai")
	t.Setenv("SESUAI_CONSOLE_OIDC_CLIENT_SECRET_FILE", file)
	return issuer
}

// verify asks about Ayu with a photograph.
func verify(t *testing.T, d *process.Demo, photo string) {
	t.Helper()
	file, err := os.ReadFile(filepath.Join(d.Photos, photo))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.Address+"/identity/v1/face-verification", bytes.NewReader(process.Form(file)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", process.FormType)
	d.Sign(r)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
		t.Fatalf("a verification with %s: %s", photo, resp.Status)
	}
}
