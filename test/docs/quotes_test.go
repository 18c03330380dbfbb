package docs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesAreQuoted: docs/operate/systemd.md has the unit and the configuration that
// the packages install, and docs/operate/ha.md the configuration that make failover
// tests.
func TestFilesAreQuoted(t *testing.T) {
	for path, quoted := range map[string]struct{ page, language string }{
		"packaging/sesuai.service":  {"docs/operate/systemd.md", "ini"},
		"packaging/sesuai.yaml":     {"docs/operate/systemd.md", "yaml"},
		"test/failover/etcd.yml":    {"docs/operate/ha.md", "yaml"},
		"test/failover/patroni.yml": {"docs/operate/ha.md", "yaml"},
		"test/failover/haproxy.cfg": {"docs/operate/ha.md", "haproxy"},
	} {
		page, err := os.ReadFile(filepath.Join(root, quoted.page))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), "```"+quoted.language+"\n"+string(b)+"```\n") {
			t.Errorf("%s does not quote %s as it is", quoted.page, path)
		}
	}
}
