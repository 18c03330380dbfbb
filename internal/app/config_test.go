package app_test

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/kms"
	"github.com/sesuai/sesuai/internal/operator"
	"github.com/sesuai/sesuai/internal/policy"
	"github.com/sesuai/sesuai/internal/telemetry/otlp"
	"github.com/sesuai/sesuai/internal/webhook"
)

func contains(text, word string) bool { return strings.Contains(text, word) }

// other is a value of every key that differs from the default and is in range,
// as text, and the configuration that has them all.
func other() (values map[string]string, want app.Config) {
	values = map[string]string{
		"listen": "127.0.0.2:9090", "data": "/tmp/other", "registry": "postgres://s@127.0.0.3/s", "master_key": "/tmp/other.key", "models": "/tmp/models",
		"core_dumps":    "true",
		"face.manifest": "/tmp/manifest.json", "face.runtime_digest": strings.Repeat("0f", 32), "face.calibration": "/tmp/calibration.json",
		"face.workers": "3", "face.max_pixels": "123456", "face.dominance": "2.5",
		"face.liveness": "true", "face.liveness_threshold": "0.25",
		"limits.max_body": "1048576", "limits.max_in_flight": "7", "limits.memory": "123456789",
		"limits.connections": "99", "limits.connections_per_address": "11", "limits.unready_after": "77s",
		"limits.nik.misses_per_hour": "11", "limits.nik.misses_per_day": "12", "limits.nik.client_misses_per_hour": "13",
		"limits.nik.client_misses_per_day": "14", "limits.nik.attempts_per_day": "15",
		"limits.client.requests_per_day": "16", "limits.client.in_flight": "17", "limits.client.niks_per_day": "18",
		"limits.client.non_matches_flagged": "19", "limits.client.non_matches_per_day": "20", "limits.client.non_match_share": "21",
		"batches.max_rows": "7000", "batches.max_body": "5000000", "batches.per_client": "2", "batches.uploads": "3", "batches.workers": "5",
		"batches.max_age": "48h", "batches.folder": "/tmp/uploads",
		"webhooks.allow_networks": "10.20.0.0/16", "webhooks.allow_http": "true", "webhooks.per_client": "3", "webhooks.keep_log": "72h",
		"timeouts.body": "11s", "timeouts.request": "1m12s", "timeouts.registry": "1.5s", "timeouts.audit": "250ms",
		"replay.max_age":          "36h",
		"disclosure.exact_misses": "5", "disclosure.tens_misses": "20",
		"answers.max_age":      "48h",
		"postgres.connections": "7", "postgres.migrate": "true", "postgres.bin": "/opt/postgresql/bin",
		"audit.check_interval": "7s", "audit.full_check": "8h", "audit.checkpoint_file": "/tmp/checkpoints.txt",
		"audit.checkpoint_events": "9", "audit.checkpoint_interval": "10s", "audit.checkpoint_folder": "/tmp/checkpoints",
		"audit.checkpoint_syslog": "udp://127.0.0.1:514", "audit.keep": "11000h",
		"kms.address": "https://127.0.0.6:8200", "kms.key": "sesuai", "kms.mount": "other", "kms.namespace": "bank",
		"kms.token_file": "/tmp/token", "kms.ca_file": "/tmp/kms.pem", "kms.timeout": "3s",
		"admin.listen": "127.0.0.5:9091", "admin.profiles": "true", "console.listen": "127.0.0.8:8081", "console.origin": "https://console.bank.example:8081",
		"console.oidc.issuer": "https://login.bank.example", "console.oidc.client_id": "sesuai", "console.oidc.client_secret_file": "/tmp/oidc", "console.oidc.ca_file": "/tmp/oidc.pem", "shutdown.delay": "4s",
		"tls.cert": "/tmp/tls.crt", "tls.key": "/tmp/tls.key", "tls.client_certificates": "required", "tls.client_ca": "/tmp/ca.pem",
		"proxies.networks": "10.0.0.0/8, 2001:db8::/32", "proxies.header": "Forwarded",
		"telemetry.otlp_endpoint": "https://127.0.0.7:4318/v1/traces", "telemetry.headers_file": "/tmp/headers", "telemetry.ca_file": "/tmp/otlp.pem",
		"telemetry.sample_ratio": "0.5", "telemetry.trust_parent": "true",
		"log.level": "debug", "log.format": "text",
	}
	maps.Copy(values, otherDukcapil)
	want = app.Config{
		Listen: "127.0.0.2:9090", Data: "/tmp/other", Registry: "postgres://s@127.0.0.3/s", MasterKey: "/tmp/other.key", Models: "/tmp/models",
		Face: app.FaceConfig{
			Manifest: "/tmp/manifest.json", RuntimeDigest: strings.Repeat("0f", 32), Calibration: "/tmp/calibration.json",
			Workers: 3, MaxPixels: 123456, Dominance: 2.5, Liveness: true, LivenessThreshold: 0.25,
		},
		Limits: app.LimitsConfig{
			MaxBody: 1048576, MaxInFlight: 7, Memory: 123456789, Connections: 99, ConnectionsPerAddress: 11, UnreadyAfter: 77 * time.Second,
			NIK:    limit.NIKConfig{MissesPerHour: 11, MissesPerDay: 12, ClientMissesPerHour: 13, ClientMissesPerDay: 14, AttemptsPerDay: 15},
			Client: limit.ClientConfig{RequestsPerDay: 16, InFlight: 17, NIKsPerDay: 18, NonMatchesFlagged: 19, NonMatchesPerDay: 20, NonMatchShare: 21},
		},
		Times: app.TimeoutsConfig{
			Body: 11 * time.Second, Request: 72 * time.Second,
			Registry: 1500 * time.Millisecond, Audit: 250 * time.Millisecond,
		},
		Disclosure: policy.Disclosure{ExactMisses: 5, TensMisses: 20},
		Replay:     app.ReplayConfig{MaxAge: 36 * time.Hour}, Answers: app.AnswersConfig{MaxAge: 48 * time.Hour},
		Postgres: app.PostgresConfig{
			Connections: 7, Migrate: true, Bin: "/opt/postgresql/bin",
		},
		Dukcapil: otherDukcapilConfig(),
		Batches: batch.Config{
			MaxRows: 7000, MaxBody: 5_000_000, PerClient: 2, Uploads: 3, Workers: 5, MaxAge: 48 * time.Hour, Folder: "/tmp/uploads",
		},
		Webhooks: webhook.Config{AllowNetworks: "10.20.0.0/16", AllowHTTP: true, PerClient: 3, KeepLog: 72 * time.Hour},
		Audit: app.AuditConfig{
			CheckInterval: 7 * time.Second, FullCheck: 8 * time.Hour,
			CheckpointEvents: 9, CheckpointInterval: 10 * time.Second, CheckpointFile: "/tmp/checkpoints.txt",
			CheckpointFolder: "/tmp/checkpoints", CheckpointSyslog: "udp://127.0.0.1:514", Keep: 11_000 * time.Hour,
		},
		KMS: kms.Config{
			Address: "https://127.0.0.6:8200", Key: "sesuai", Mount: "other", Namespace: "bank", TokenFile: "/tmp/token", CAFile: "/tmp/kms.pem",
			Timeout: 3 * time.Second,
		},
		Admin: app.AdminConfig{Listen: "127.0.0.5:9091", Profiles: true},
		Console: app.ConsoleConfig{Listen: "127.0.0.8:8081", Origin: "https://console.bank.example:8081", OIDC: operator.OIDCConfig{
			Issuer: "https://login.bank.example", ClientID: "sesuai", ClientSecretFile: "/tmp/oidc", CAFile: "/tmp/oidc.pem",
		}},
		Shutdown: app.ShutdownConfig{Delay: 4 * time.Second},
		TLS:      app.TLSConfig{Cert: "/tmp/tls.crt", Key: "/tmp/tls.key", ClientCertificates: "required", ClientCA: "/tmp/ca.pem"},
		Proxies:  app.ProxiesConfig{Networks: "10.0.0.0/8, 2001:db8::/32", Header: "Forwarded"},
		Telemetry: otlp.Config{
			OTLPEndpoint: "https://127.0.0.7:4318/v1/traces", HeadersFile: "/tmp/headers", CAFile: "/tmp/otlp.pem", SampleRatio: 0.5, TrustParent: true,
		},
		Log: app.LogConfig{Level: "debug", Format: "text"},

		CoreDumps: true,
	}
	for i, m := range face.QualityMeasures {
		values["face.quality.probe."+string(m)] = fmt.Sprintf("%d.5", 11+i)
		values["face.quality.reference."+string(m)] = fmt.Sprintf("%d.25", 31+i)
	}
	want.Face.Quality = face.Limits{
		Probe: face.Quality{
			InterEyeDistance: 11.5, Sharpness: 12.5, UnderExposure: 13.5, OverExposure: 14.5, IlluminationUniformity: 15.5,
			HeadPoseYaw: 16.5, HeadPosePitch: 17.5, HeadPoseRoll: 18.5, EyesOpen: 19.5, MouthOcclusion: 20.5,
			CropOfTheFace: 21.5, UnifiedQualityScore: 22.5,
		},
		Reference: face.Quality{
			InterEyeDistance: 31.25, Sharpness: 32.25, UnderExposure: 33.25, OverExposure: 34.25, IlluminationUniformity: 35.25,
			HeadPoseYaw: 36.25, HeadPosePitch: 37.25, HeadPoseRoll: 38.25, EyesOpen: 39.25, MouthOcclusion: 40.25,
			CropOfTheFace: 41.25, UnifiedQualityScore: 42.25,
		},
	}
	return values, want
}

// asYAML writes dotted keys as a file.
func asYAML(values map[string]string) string {
	var b strings.Builder
	var above []string
	parent := func(key string) string { return key[:strings.LastIndex("."+key, ".")] }
	for _, key := range slices.SortedFunc(maps.Keys(values), func(a, b string) int {
		// Keys of one section stand together.
		return cmp.Or(strings.Compare(parent(a), parent(b)), strings.Compare(a, b))
	}) {
		path := strings.Split(key, ".")
		if !slices.Equal(above, path[:len(path)-1]) {
			shared := 0
			for shared < len(above) && shared < len(path)-1 && above[shared] == path[shared] {
				shared++
			}
			above = path[:len(path)-1]
			for depth := shared; depth < len(above); depth++ {
				fmt.Fprintf(&b, "%s%s:\n", strings.Repeat("  ", depth), above[depth])
			}
		}
		fmt.Fprintf(&b, "%s%s: %s\n", strings.Repeat("  ", len(above)), path[len(path)-1], values[key])
	}
	return b.String()
}

func asEnviron(values map[string]string) []string {
	var environ []string
	for key, value := range values {
		environ = append(environ, "SESUAI_"+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))+"="+value)
	}
	return environ
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sesuai.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKeys: the keys are exactly those that other knows, so that the tests below
// omit none.
func TestKeys(t *testing.T) {
	c := app.DefaultConfig()
	values, _ := other()
	got := make(map[string]string)
	for _, k := range c.Keys() {
		if _, twice := got[k.Name]; twice {
			t.Errorf("%s is there twice", k.Name)
		}
		got[k.Name] = k.Variable(app.EnvPrefix)
	}
	want := make(map[string]string)
	for key := range values {
		want[key] = "SESUAI_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("keys and variables (-want +got):\n%s", diff)
	}
}

// TestEveryKeyCanBeSet: all at once and each by itself, by file and by
// environment, and what was set prints as a file that sets it again.
func TestEveryKeyCanBeSet(t *testing.T) {
	values, want := other()
	load := func(path string, environ []string) app.Config {
		t.Helper()
		c, err := app.LoadConfig(path, environ)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	byFile := load(writeConfig(t, asYAML(values)), nil)
	if diff := gocmp.Diff(want, byFile); diff != "" {
		t.Errorf("by file (-want +got):\n%s", diff)
	}
	byEnv := load("", asEnviron(values))
	if diff := gocmp.Diff(want, byEnv); diff != "" {
		t.Errorf("by environment (-want +got):\n%s", diff)
	}
	printed, err := want.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(want, load(writeConfig(t, string(printed)), nil)); diff != "" {
		t.Errorf("printed and read again (-want +got):\n%s", diff)
	}
	if err := want.Check(); err != nil {
		t.Error(err)
	}
	for _, key := range []string{ // which need other keys
		"dukcapil.enabled", "kms.address", "kms.key", "kms.token_file", "tls.cert", "tls.key", "tls.client_certificates", "tls.client_ca",
		"telemetry.headers_file", "telemetry.ca_file", "telemetry.sample_ratio", "telemetry.trust_parent",
		"console.oidc.issuer", "console.oidc.client_id", "console.oidc.client_secret_file", "console.oidc.ca_file",
	} {
		delete(values, key)
	}
	for key, value := range values {
		one := map[string]string{key: value}
		a, b := load(writeConfig(t, asYAML(one)), nil), load("", asEnviron(one))
		if a != b || a == app.DefaultConfig() {
			t.Errorf("%s: by file and by environment differ, or do nothing:\n%s", key, gocmp.Diff(a, b))
		}
	}
}

// TestPrecedence: the environment goes before the file, the file before the
// defaults; other variables are nobody's business.
func TestPrecedence(t *testing.T) {
	path := writeConfig(t, "listen: 127.0.0.1:1111\ndata: /tmp/from-file\nface:\n  workers: 5\n")
	c, err := app.LoadConfig(path, []string{
		"SESUAI_LISTEN=127.0.0.1:2222", "SESUAI_CONFIG=/not/read/here", "HOME=/root", "SESUAIX=1", "sesuai_listen=x", "SESUAI",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := app.DefaultConfig()
	want.Listen, want.Data, want.Face.Workers = "127.0.0.1:2222", "/tmp/from-file", 5
	if diff := gocmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestEmptyFile: no file, an empty one and sections with nothing in them are
// the defaults, which are in range.
func TestEmptyFile(t *testing.T) {
	paths := []string{""}
	for _, text := range []string{
		"", "  \n\n", "# all as it comes\n", "---\n", "face:\n", "face:\n  quality:\n", "face:\n  quality: {}\n  workers:\nlog: {}\n",
	} {
		paths = append(paths, writeConfig(t, text))
	}
	for _, path := range paths {
		c, err := app.LoadConfig(path, nil)
		if err != nil || c != app.DefaultConfig() || c.Check() != nil {
			t.Errorf("%+v, %v, %v", c, err, c.Check())
		}
	}
}

// TestStrict: what is misspelt, twice there or of another type is refused with
// the place, never ignored.
func TestStrict(t *testing.T) {
	for _, test := range []struct{ about, text, says string }{
		{"unknown key", "listne: 127.0.0.1:8080\n", "listne"},
		{"unknown key below", "face:\n  wrokers: 2\n", "wrokers"},
		{"a key of another level", "workers: 2\n", "workers"},
		{"capitals", "Listen: 127.0.0.1:8080\n", "Listen"},
		{"twice", "data: a\ndata: b\n", "data"},
		{"a section twice", "log:\n  level: info\nlog:\n  level: debug\n", "log"},
		{"text for a number", "face:\n  workers: many\n", `line 2: face.workers: "many" is not a whole number from 0 to 1024, such as 1`},
		{"a fraction for a whole number", "limits:\n  max_in_flight: 1.5\n", `line 2: limits.max_in_flight: "1.5" is not a whole number from 1 to 65536, such as 64`},
		{"a number too large", "limits:\n  max_body: 99999999999999999999\n", `"99999999999999999999" is not a whole number`},
		{"a duration without a unit", "timeouts:\n  body: 30\n", `line 2: timeouts.body: "30" is not a duration from 100ms to 1h, such as 30s`},
		{"text for yes or no", "face:\n  liveness: maybe\n", `line 2: face.liveness: "maybe" is not true or false`},
		{"a list", "- listen\n", ""},
		{"a text", "listen\n", ""},
		{"not YAML", "listen: [\n", ""},
		{"two documents", "data: a\n---\ndata: b\n", "second document"},
	} {
		t.Run(test.about, func(t *testing.T) {
			_, err := app.LoadConfig(writeConfig(t, test.text), nil)
			assertConfiguration(t, err, "sesuai.yaml, line ", test.says)
		})
	}
	for _, test := range []struct{ environ, says string }{
		{"SESUAI_LISTNE=x", "SESUAI_LISTNE"},
		{"SESUAI_=x", "SESUAI_"},
		{"SESUAI_FACE=x", "SESUAI_FACE"},
		{"SESUAI_FACE.WORKERS=1", "SESUAI_FACE.WORKERS"},
		{"SESUAI_FACE_WORKERS=many", `SESUAI_FACE_WORKERS: "many" is not a whole number from 0 to 1024, such as 1`},
		{"SESUAI_FACE_WORKERS=", `SESUAI_FACE_WORKERS: "" is not a whole number`},
		{"SESUAI_FACE_DOMINANCE=x", `SESUAI_FACE_DOMINANCE: "x" is not a number`},
		{"SESUAI_FACE_LIVENESS=maybe", `SESUAI_FACE_LIVENESS: "maybe" is not true or false`},
		{"SESUAI_FACE_LIVENESS_THRESHOLD=", `SESUAI_FACE_LIVENESS_THRESHOLD: "" is not a number`},
		{"SESUAI_LIMITS_MAX_BODY=10MB", `SESUAI_LIMITS_MAX_BODY: "10MB" is not a whole number from 1024 to 33554432, such as 10485760`},
		{"SESUAI_TIMEOUTS_BODY=30", `SESUAI_TIMEOUTS_BODY: "30" is not a duration from 100ms to 1h, such as 30s`},
	} {
		t.Run(test.environ, func(t *testing.T) {
			_, err := app.LoadConfig("", []string{test.environ})
			assertConfiguration(t, err, test.says)
		})
	}
	_, err := app.LoadConfig(filepath.Join(t.TempDir(), "missing.yaml"), nil)
	assertConfiguration(t, err, "missing.yaml")
	_, err = app.LoadConfig(t.TempDir(), nil)
	assertConfiguration(t, err, "cannot be read")
}

// TestRanges: each key is refused on either side of its range, by its name, and
// accepted at its ends.
func TestRanges(t *testing.T) {
	for _, test := range []struct{ key, tooLow, low, high, tooHigh string }{
		{"face.workers", "-1", "0", "1024", "1025"},
		{"face.max_pixels", "9999", "10000", "200000000", "200000001"},
		{"face.dominance", "0.99", "1", "1000", "1000.1"},
		{"face.liveness_threshold", "-0.01", "0", "1", "NaN"},
		{"face.quality.probe.inter_eye_distance", "-0.1", "0", "100", "100.1"},
		{"face.quality.probe.unified_quality_score", "-0.1", "0", "100", "NaN"},
		{"face.quality.reference.inter_eye_distance", "-0.1", "0", "100", "100.1"},
		{"face.quality.reference.unified_quality_score", "-0.1", "0", "100", "100.1"},
		{"limits.max_body", "1023", "1024", "33554432", "33554433"},
		{"limits.max_in_flight", "0", "1", "65536", "65537"},
		{"limits.memory", "100663295", "100663296", "1099511627776", "1099511627777"},
		{"limits.connections", "7", "8", "1048576", "1048577"},
		{"limits.connections_per_address", "-1", "0", "1048576", "1048577"},
		{"timeouts.body", "99ms", "100ms", "1h", "1h1s"},
		{"timeouts.request", "99ms", "100ms", "1h", "1h1s"},
		{"timeouts.registry", "9ms", "10ms", "1h", "1h1s"},
		{"timeouts.audit", "-1s", "10ms", "1h", "1h1s"},
		{"replay.max_age", "59m", "1h", "87600h", "87601h"},
		{"disclosure.exact_misses", "-1", "0", "100", "101"},
		{"disclosure.tens_misses", "-1", "0", "100", "101"},
		{"postgres.connections", "1", "2", "10000", "10001"},
		{"face.runtime_digest", "0f", "", strings.Repeat("0F", 32), strings.Repeat("0f", 33)},
		{"audit.check_interval", "999ms", "1s", "24h", "25h"},
		{"audit.full_check", "999ms", "1s", "8760h", "8761h"},
		{"audit.keep", "719h", "0s", "876000h", "876001h"},
		{"audit.keep", "887h", "888h", "888h", "-1s"}, // answers.max_age is 720h
		{"listen", "8080", "127.0.0.1:0", ":8080", "::1:8080"},
		{"data", "", "x", "/", ""},
		{"dukcapil.deadline", "99ms", "100ms", "1h", "1h1s"},
		{"admin.listen", "9090", "", ":9090", "::1:9090"},
		{"console.listen", "8081", "localhost:8081", "[::1]:8081", "10.0.0.1:8081"}, // there is no tls.cert
		{"console.listen", ":8081", "", "127.9.9.9:8081", "127.0.0.1:8080"},         // which is listen
		{"console.origin", "localhost:8081", "", "http://localhost:8081", "https://console.bank.example/"},
		{"console.origin", "https://[::1]:8081", "https://console.bank.example", "http://localhost", "http://console.bank.example"},
		{"console.origin", "javascript:alert(1)", "", "https://a.b:1", "https://192.0.2.1"},
		{"tls.client_certificates", "yes", "off", "off", "required"}, // there is no tls.cert
		{"proxies.networks", "10.0.0.1", "", "10.0.0.0/8,2001:db8::/32", "10.0.0.1/8"},
		{"proxies.header", "X-Real-IP", "Forwarded", "X-Forwarded-For", ""},
		{"shutdown.delay", "-1s", "0s", "10m", "11m"},
		{"log.level", "loud", "debug", "error", ""},
		{"log.format", "xml", "auto", "json", "JSON"},
	} {
		t.Run(test.key, func(t *testing.T) {
			check := func(value string) error {
				c, err := app.LoadConfig("", asEnviron(map[string]string{test.key: value}))
				if checked := c.Check(); (checked == nil) != (err == nil) {
					t.Errorf("%s: loaded %v, checked %v", value, err, checked)
				}
				return err
			}
			for _, value := range []string{test.low, test.high} {
				if err := check(value); err != nil {
					t.Errorf("%s: %v", value, err)
				}
			}
			for _, value := range []string{test.tooLow, test.tooHigh} {
				assertConfiguration(t, check(value), "SESUAI_"+strings.ToUpper(strings.ReplaceAll(test.key, ".", "_")))
			}
		})
	}
}

// TestIncompleteProvider: a section of OpenID Connect in which something is missing is
// refused with the key that is.
func TestIncompleteProvider(t *testing.T) {
	for key, missing := range map[string]string{
		"console.oidc.client_id": "console.oidc.issuer",
		"console.oidc.issuer":    "console.oidc.client_id",
	} {
		_, err := app.LoadConfig("", asEnviron(map[string]string{key: "https://login.bank.example"}))
		assertConfiguration(t, err, missing)
	}
	_, err := app.LoadConfig("", asEnviron(map[string]string{"console.oidc.issuer": "http://login.bank.example", "console.oidc.client_id": "sesuai"}))
	assertConfiguration(t, err, "CONSOLE_OIDC_ISSUER")
}
