package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPackagingIsQuoted: docs/operate/systemd.md has the unit and the configuration
// that the packages install.
func TestPackagingIsQuoted(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/operate/systemd.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, language := range map[string]string{"sesuai.service": "ini", "sesuai.yaml": "yaml"} {
		b, err := os.ReadFile(filepath.Join(root, "packaging", name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "```"+language+"\n"+string(b)+"```\n") {
			t.Errorf("docs/operate/systemd.md does not quote packaging/%s as it is", name)
		}
	}
}
