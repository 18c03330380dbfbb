package app_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
)

// TestSandboxPage: the keys in docs/dukcapil-sandbox.md are the ones there are,
// with their defaults.
func TestSandboxPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/dukcapil-sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "```")
	var texts []string
	for _, b := range blocks {
		if text, ok := strings.CutPrefix(b, "yaml\n"); ok {
			texts = append(texts, text)
		}
	}
	if len(texts) != 2 {
		t.Fatalf("the page has %d examples of settings, not two", len(texts))
	}
	load := func(text string) app.SandboxConfig {
		path := filepath.Join(t.TempDir(), "settings.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := app.LoadSandboxConfig(path)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if diff := cmp.Diff(app.DefaultSandboxConfig(), load(texts[0]), cmpopts.EquateEmpty(), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Error(diff)
	}
	if c := load(texts[1]); c.Data.Faults.HTTP500 != .05 || c.Data.Latency.P99.Milliseconds() != 900 || c.Quirks.Texts != "mixed" {
		t.Errorf("%+v", c)
	}
}

// TestSandboxSettings: what is misspelt or of another kind is refused.
func TestSandboxSettings(t *testing.T) {
	for _, text := range []string{"lisen: x", "data: {faults: {stal: 1}}", "seed: 1.5", "accounts: [{ips: [localhost]}]", "a: 1\n---\nb: 2"} {
		path := filepath.Join(t.TempDir(), "settings.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := app.LoadSandboxConfig(path); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("%q: %v", text, err)
		}
	}
	if c, err := app.LoadSandboxConfig(""); err != nil || c.Listen == "" {
		t.Errorf("without a file: %+v, %v", c, err)
	}
}
