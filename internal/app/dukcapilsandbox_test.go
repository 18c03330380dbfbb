package app_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/dukcapil/sandbox"
)

// TestSandboxPage: the example of settings in docs/integrate/dukcapil-sandbox.md
// is one that is read.
func TestSandboxPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/integrate/dukcapil-sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1)
	if len(examples) != 1 {
		t.Fatalf("the page has %d examples of settings, not one", len(examples))
	}
	c, err := loadSandbox(t, string(examples[0][1]))
	if err != nil {
		t.Fatal(err)
	}
	if c.Data.Faults.HTTP500 != .05 || c.Data.Latency.P99.Milliseconds() != 900 || c.Quirks.Texts != "mixed" || c.Data.Quota != sandbox.DefaultQuota {
		t.Errorf("%+v", c)
	}
}

// TestSandboxSettings: unknown keys and values of another type are refused.
func TestSandboxSettings(t *testing.T) {
	for _, text := range []string{"lisen: x", "data: {faults: {stal: 1}}", "seed: 1.5", "accounts: [{ips: [localhost]}]", "a: 1\n---\nb: 2"} {
		if _, err := loadSandbox(t, text); sesuai.KindOf(err) != sesuai.KindConfiguration {
			t.Errorf("%q: %v", text, err)
		}
	}
	if c, err := app.LoadSandboxConfig(""); err != nil || c.Listen == "" {
		t.Errorf("without a file: %+v, %v", c, err)
	}
}

func loadSandbox(t *testing.T, text string) (sandbox.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return app.LoadSandboxConfig(path)
}
