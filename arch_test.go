package sesuai_test

import (
	"bufio"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sesuai/sesuai"

// mayImport is what each package may import besides the standard library: a
// request only ever moves down. "." is the root package, and what begins with
// a host is a dependency; docs/decisions/dependencies.md says why each is
// there.
var mayImport = map[string][]string{
	".": {},
	// For those who call the service. It has no dependency: the root package imports
	// the standard library alone.
	"client": {"."},

	"cmd/sesuai": {
		".", "internal/app", "internal/httpapi", "internal/verify", "internal/access", "internal/access/limit", "internal/audit", "internal/enrol",
		"internal/evaluation", "internal/evaluation/report", "internal/face", "internal/dukcapil/ledger", "internal/name", "internal/registry", "internal/rows",
		"internal/dukcapil/sandbox", "internal/atomicfile", "internal/batch", "internal/bench", "internal/operator", "internal/webhook", "internal/subject", "internal/retention", "client",
		"github.com/alecthomas/kong", "github.com/schollz/progressbar/v3", "golang.org/x/term", "filippo.io/age",
	},
	"internal/bench": {
		".", "internal/app", "internal/httpapi", "internal/access", "internal/face", "internal/face/drawing", "internal/registry", "internal/synthetic",
		"golang.org/x/sync/errgroup",
	},
	"internal/app": {
		".", "internal/httpapi", "internal/admin", "internal/verify", "internal/policy", "internal/enrol", "internal/access", "internal/admission", "internal/face",
		"internal/face/ort", "internal/face/turbo", "internal/keyring", "internal/kms", "internal/replay", "internal/sandbox",
		"internal/sqldb", "internal/vault", "internal/people", "internal/audit", "internal/recorder", "internal/jobs", "internal/batch", "internal/answer",
		"internal/access/limit", "internal/config", "internal/atomicfile", "internal/fileperm", "internal/registry", "internal/dukcapil/client", "internal/dukcapil/sandbox", "internal/dukcapil/ledger", "internal/dukcapil/balikan",
		"internal/webhook", "internal/signature", "internal/subject", "internal/retention", "internal/tlsfile", "internal/telemetry", "internal/telemetry/otlp",
		"internal/backup", "internal/doctor", "internal/cgroup", "internal/operator", "internal/approval", "internal/console",
		"github.com/goccy/go-yaml", "github.com/prometheus/client_golang/prometheus",
		"github.com/prometheus/client_golang/prometheus/collectors", "github.com/prometheus/client_golang/prometheus/promhttp",
		"golang.org/x/sys/unix",
	},
	"internal/admin": {".", "internal/httpapi"},
	"internal/console": {
		".", "internal/access", "internal/access/limit", "internal/approval", "internal/audit", "internal/face", "internal/httpapi", "internal/operator", "golang.org/x/text/language",
		"github.com/boombuler/barcode/qr", "internal/registry", "internal/telemetry", "internal/verify", "golang.org/x/time/rate",
	},
	"internal/approval": {".", "internal/audit", "internal/keyring", "internal/operator", "internal/sqldb"},
	"internal/operator": {
		".", "internal/access", "internal/audit", "internal/keyring", "internal/sqldb", "golang.org/x/crypto/argon2",
		"internal/config", "internal/fileperm", "github.com/coreos/go-oidc/v3/oidc", "golang.org/x/oauth2",
		"github.com/go-webauthn/webauthn/protocol", "github.com/go-webauthn/webauthn/protocol/webauthncose", "github.com/go-webauthn/webauthn/webauthn",
		"github.com/pquerna/otp", "github.com/pquerna/otp/hotp", "github.com/pquerna/otp/totp",
	},
	"internal/config":    {".", "github.com/goccy/go-yaml", "github.com/goccy/go-yaml/ast", "github.com/goccy/go-yaml/parser"},
	"internal/tlsfile":   {"internal/fileperm"},
	"internal/cgroup":    {},
	"internal/doctor":    {"internal/cgroup", "golang.org/x/sys/unix"},
	"internal/admission": {},
	"internal/httpapi": {
		".", "internal/verify", "internal/answer", "internal/access", "internal/admission", "internal/batch", "internal/rows", "internal/openapi",
		"internal/signature", "internal/telemetry", "github.com/go-json-experiment/json/jsontext",
	},
	"internal/telemetry": {},
	// The only one that knows OpenTelemetry.
	"internal/telemetry/otlp": {
		"internal/config", "internal/fileperm", "internal/telemetry", "golang.org/x/net/http/httpguts",
		"go.opentelemetry.io/otel/attribute", "go.opentelemetry.io/otel/codes", "go.opentelemetry.io/otel/propagation", "go.opentelemetry.io/otel/trace",
		"go.opentelemetry.io/otel/sdk/resource", "go.opentelemetry.io/otel/sdk/trace",
		"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp",
	},
	"internal/openapi":   {"github.com/goccy/go-yaml"},
	"internal/signature": {".", "github.com/go-jose/go-jose/v4"},
	"internal/verify": {
		".", "internal/policy", "internal/face", "internal/registry", "internal/audit", "internal/access", "internal/access/limit", "internal/replay", "internal/admission", "internal/answer",
		"internal/telemetry",
	},
	"internal/enrol": {
		".", "internal/face", "internal/registry", "internal/rows", "golang.org/x/sync/errgroup",
		"github.com/go-json-experiment/json", "github.com/go-json-experiment/json/jsontext",
	},
	"internal/sandbox":   {".", "internal/httpapi", "internal/verify", "internal/registry", "internal/face", "internal/access", "internal/access/limit"}, // nothing of internal/dukcapil/sandbox
	"internal/rows":      {".", "github.com/go-json-experiment/json", "github.com/go-json-experiment/json/jsontext"},
	"internal/policy":    {"."},
	"internal/name":      {".", "golang.org/x/text/unicode/norm"},
	"internal/attribute": {".", "internal/name", "golang.org/x/text/unicode/norm"},
	"internal/face":      {".", "internal/admission", "internal/telemetry", "internal/face/drawing", "internal/fileperm", "github.com/go-json-experiment/json"},
	"internal/face/ort": {
		".", "internal/face", "internal/fileperm",
		"github.com/yalue/onnxruntime_go", "golang.org/x/sys/unix", "google.golang.org/protobuf/encoding/protowire",
	},
	"internal/face/turbo": {"internal/face"},
	"internal/evaluation": {".", "internal/face", "internal/atomicfile", "golang.org/x/sync/errgroup"},
	"internal/evaluation/report": {
		"internal/evaluation",
		"gonum.org/v1/plot", "gonum.org/v1/plot/font", "gonum.org/v1/plot/plotter",
		"gonum.org/v1/plot/vg", "gonum.org/v1/plot/vg/draw", "gonum.org/v1/plot/vg/vgsvg",
	},
	"internal/registry":        {".", "internal/face", "internal/attribute"},
	"internal/replay":          {".", "internal/face"},
	"internal/dukcapil/ledger": {".", "internal/keyring", "internal/sqldb"},
	"internal/dukcapil/balikan": {
		".", "internal/config", "internal/dukcapil/ledger", "internal/keyring", "internal/sqldb", "internal/backlog", "internal/backoff",
		"github.com/prometheus/client_golang/prometheus",
	},
	"internal/webhook": {
		".", "internal/config", "internal/keyring", "internal/sqldb", "internal/audit", "internal/backlog", "internal/backoff",
		"github.com/prometheus/client_golang/prometheus",
	},
	"internal/retention": {".", "internal/audit", "internal/sqldb"},
	"internal/subject": {
		".", "internal/answer", "internal/audit", "internal/batch", "internal/people", "internal/webhook", "internal/dukcapil/balikan", "internal/dukcapil/ledger",
		"internal/retention",
	},
	"internal/backlog": {"github.com/prometheus/client_golang/prometheus"},
	"internal/backoff": {},
	"internal/dukcapil/client": {
		".", "internal/registry", "internal/attribute", "internal/face", "internal/access", "internal/dukcapil/ledger", "internal/config",
		"github.com/failsafe-go/failsafe-go", "github.com/failsafe-go/failsafe-go/bulkhead",
		"github.com/failsafe-go/failsafe-go/circuitbreaker", "github.com/failsafe-go/failsafe-go/retrypolicy",
		"github.com/prometheus/client_golang/prometheus",
		"github.com/go-json-experiment/json", "github.com/go-json-experiment/json/jsontext",
	},
	"internal/dukcapil/sandbox": {".", "internal/registry", "internal/face", "internal/config", "internal/atomicfile"}, // nothing of the client
	"internal/registry/registrytest": {
		".", "internal/registry", "internal/face", "internal/name", "internal/conformance", "github.com/google/go-cmp/cmp",
	},
	"internal/synthetic": {".", "internal/registry", "internal/face"},
	"internal/audit": {
		".", "internal/sqldb", "internal/keyring", "internal/atomicfile", "github.com/prometheus/client_golang/prometheus",
		"golang.org/x/mod/sumdb/note",
	},
	"internal/access":       {".", "internal/access/limit", "internal/name", "internal/keyring", "internal/sqldb", "internal/audit", "golang.org/x/time/rate"},
	"internal/access/limit": {".", "internal/keyring", "internal/sqldb", "internal/audit"},
	"internal/answer":       {".", "internal/keyring", "internal/sqldb", "github.com/go-json-experiment/json"},
	"internal/recorder":     {".", "internal/access/limit", "internal/answer", "internal/audit", "internal/sqldb", "internal/vault", "internal/replay", "internal/dukcapil/balikan", "internal/webhook"},
	"internal/keyring":      {".", "internal/fileperm"},
	"internal/kms":          {".", "internal/config", "internal/fileperm", "github.com/hashicorp/vault/api"},
	"internal/kms/kmstest":  {"internal/kms"},
	"internal/fileperm":     {},
	"internal/backup":       {"filippo.io/age"},
	"internal/atomicfile":   {"github.com/google/renameio/v2"},
	"internal/people": {
		".", "internal/registry", "internal/face", "internal/name", "internal/keyring", "internal/replay", "internal/vault", "internal/sqldb",
		"internal/audit", "golang.org/x/sync/errgroup",
	},
	"internal/batch": {
		".", "internal/access", "internal/admission", "internal/answer", "internal/jobs", "internal/keyring", "internal/rows", "internal/sqldb", "filippo.io/age",
		"golang.org/x/sync/errgroup",
	},
	"internal/jobs": {
		"internal/sqldb", "github.com/riverqueue/river", "github.com/riverqueue/river/riverdriver", "github.com/riverqueue/river/rivertype",
		"github.com/riverqueue/river/riverdriver/riverdatabasesql", "github.com/riverqueue/river/riverdriver/riversqlite",
	},
	"internal/vault": {".", "internal/keyring", "internal/sqldb", "internal/audit"},
	"internal/sqldb": {
		".", "github.com/pressly/goose/v3", "github.com/pressly/goose/v3/lock", "modernc.org/sqlite", "modernc.org/sqlite/lib",
		"github.com/jackc/pgx/v5", "github.com/jackc/pgx/v5/pgconn", "github.com/jackc/pgx/v5/stdlib",
	},

	// For tests alone.
	"internal/tlsfile/tlsfiletest": {},
	"internal/sqldb/sqltest":       {"internal/sqldb", "internal/sqldb/pgtest"},
	"internal/replay/replaytest": {
		".", "internal/replay", "internal/registry/registrytest", "internal/conformance", "internal/audit", "internal/audit/audittest", "internal/access/limit", "internal/answer", "internal/verify",
	},
	"internal/dukcapil/ledger/ledgertest":  {".", "internal/dukcapil/ledger", "internal/conformance", "github.com/google/go-cmp/cmp"},
	"internal/dukcapil/balikan/outboxtest": {".", "internal/dukcapil/balikan", "internal/conformance", "github.com/google/go-cmp/cmp"},
	"internal/vault/vaulttest":             {"internal/keyring", "internal/sqldb"},
	"internal/operator/operatortest":       {"github.com/descope/virtualwebauthn", "github.com/go-jose/go-jose/v4"},
	"internal/sqldb/pgtest":                {"github.com/jackc/pgx/v5"},
	"internal/audit/audittest":             {".", "internal/audit", "internal/sqldb", "internal/conformance", "github.com/google/go-cmp/cmp"},
	"internal/answer/answertest":           {".", "internal/answer", "internal/conformance", "github.com/google/go-cmp/cmp"},
	"internal/access/accesstest":           {".", "internal/access", "internal/access/limit", "internal/conformance", "github.com/google/go-cmp/cmp", "github.com/google/go-cmp/cmp/cmpopts"},
	"internal/openapi/openapitest": {
		"internal/openapi", "github.com/getkin/kin-openapi/openapi3", "github.com/getkin/kin-openapi/openapi3filter",
		"github.com/getkin/kin-openapi/routers", "github.com/getkin/kin-openapi/routers/gorillamux",
	},
	"internal/telemetry/otlp/otlptest": {
		"go.opentelemetry.io/proto/otlp/collector/trace/v1", "go.opentelemetry.io/proto/otlp/common/v1", "google.golang.org/protobuf/proto",
	},
	"internal/conformance":   {},
	"internal/face/facetest": {},
	"internal/face/drawing":  {},

	// Around the product, not of it: they use it as anyone would.
	"examples/go-client": {"client"},
	"examples/go-form":   {},
	"test/process":       {},
	"demo/registrybench": {".", "internal/registry", "internal/synthetic", "internal/face", "golang.org/x/sync/errgroup"},
	"demo": {
		"internal/face", "internal/face/ort", "internal/face/turbo", "internal/face/facetest", // to measure them alone
		".", "demo/registrybench", "internal/app", "internal/bench", "internal/access", "internal/httpapi", "github.com/jackc/pgx/v5",
		"github.com/alecthomas/kong", "modernc.org/sqlite", "golang.org/x/sync/errgroup",
	},
}

// mayUseC is where cgo may stand; everywhere else the code builds and runs
// without a C compiler.
var mayUseC = []string{"internal/face/ort", "internal/face/turbo"}

// longestFile is how many lines a file may have: longer ones hold more than
// one idea.
const longestFile = 500

// packages parses every package of the product, without its tests, by folder.
func packages(t *testing.T) map[string][]*ast.File {
	t.Helper()
	found := make(map[string][]*ast.File)
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"build", "tools", "testdata", "models", "data", "bin"}, p)) {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") {
			return nil
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if n := strings.Count(string(b), "\n"); n > longestFile {
			t.Errorf("%s has %d lines; over %d a file holds more than one idea", p, n, longestFile)
		}
		if strings.HasSuffix(p, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, b, parser.ParseComments)
		if err != nil {
			return err
		}
		found[path.Dir(filepath.ToSlash(p))] = append(found[path.Dir(filepath.ToSlash(p))], f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestImportsGoDownward(t *testing.T) {
	for folder, files := range packages(t) {
		allowed, ok := mayImport[folder]
		if !ok {
			t.Errorf("%s is not in the table of what may import what", folder)
			continue
		}
		for _, f := range files {
			for _, spec := range f.Imports {
				imported := strings.Trim(spec.Path.Value, `"`)
				if imported == "C" {
					if !slices.Contains(mayUseC, folder) {
						t.Errorf(`%s has import "C"; cgo stands in %v alone`, folder, mayUseC)
					}
					continue
				}
				if imported == module {
					imported = "."
				}
				imported = strings.TrimPrefix(imported, module+"/")
				host, _, _ := strings.Cut(imported, "/")
				ours := imported == "." || mayImport[imported] != nil
				if !ours && !strings.Contains(host, ".") {
					continue // the standard library
				}
				if !slices.Contains(allowed, imported) {
					t.Errorf("%s may not import %s: a request only ever moves down", folder, imported)
				}
			}
		}
	}
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	for folder, files := range packages(t) {
		comments := 0
		for _, f := range files {
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
					t.Errorf("%s has an init function: registration is done by whoever wires", folder)
				}
			}
			if f.Doc == nil {
				continue
			}
			comments++
			text := strings.Join(strings.Fields(f.Doc.Text()), " ")
			if sentences := strings.Count(text+" ", ". "); strings.HasPrefix(folder, "internal/") && sentences < 2 {
				t.Errorf("%s: its comment needs two sentences: what the package is for, and what it leaves to others", folder)
			}
		}
		if comments != 1 {
			t.Errorf("%s has %d package comments, not one", folder, comments)
		}
	}
}

// TestArchitectureIsDocumented holds the table of docs/reference/architecture.md
// to the packages that exist: one line each.
func TestArchitectureIsDocumented(t *testing.T) {
	f, err := os.Open("docs/reference/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := make(map[string]int)
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "| `"); ok {
			folder, _, _ := strings.Cut(rest, "`")
			lines[folder]++
		}
	}
	found := packages(t)
	for folder := range found {
		if lines[folder] != 1 {
			t.Errorf("docs/reference/architecture.md has %d lines about %s, not one", lines[folder], folder)
		}
	}
	for folder := range lines {
		if found[folder] == nil {
			t.Errorf("docs/reference/architecture.md speaks of %s, which is not there", folder)
		}
	}
}
