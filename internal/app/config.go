package app

import (
	"os"
	"path/filepath"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/answer"
	"github.com/sesuai/sesuai/internal/batch"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/kms"
	"github.com/sesuai/sesuai/internal/policy"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/telemetry/otlp"
	"github.com/sesuai/sesuai/internal/verify"
	"github.com/sesuai/sesuai/internal/webhook"
)

// EnvPrefix starts the name of every environment variable that is read:
// SESUAI_FACE_WORKERS sets face.workers.
const EnvPrefix = "SESUAI_"

// Config is the service's configuration: the defaults, then the file, then the
// environment, then flags. It holds the paths of secrets, never secrets. The
// comments of its fields are the manual: run make docs after a change.
type Config struct {
	// Listen is the address and port of the API. It speaks HTTPS where tls.cert is
	// set, and otherwise HTTP.
	Listen string `yaml:"listen"`
	// Data is the folder of the embedded registry, the audit trail and the
	// clients, and of the master key unless master_key names it.
	Data string `yaml:"data"`
	// Registry is the URL of a PostgreSQL database for the registry, the audit
	// trail and the clients, in the form of libpq
	// (docs/operate/postgresql.md). A password in it is refused: name a
	// passfile. Empty means an SQLite database in the data folder.
	Registry string `yaml:"registry"`
	// MasterKey is the path of the first master key. Further keys are beside
	// it, with a dot and their number after its name. A file that is named here
	// must exist. A path that starts with $CREDENTIALS_DIRECTORY/ is a credential
	// of systemd (docs/operate/keys.md). Empty means master.key in
	// the data folder, which is made at the first start.
	MasterKey string     `yaml:"master_key"`
	KMS       kms.Config `yaml:"kms"`
	// Models is the folder of the face models and of ONNX Runtime. Empty means
	// models beside the program, or else beside the program's folder. Only root
	// or the user that sesuai runs as may be able to change the folder and what
	// is in it.
	Models     string            `yaml:"models"`
	Face       FaceConfig        `yaml:"face"`
	Limits     LimitsConfig      `yaml:"limits"`
	Times      TimeoutsConfig    `yaml:"timeouts"`
	Replay     ReplayConfig      `yaml:"replay"`
	Disclosure policy.Disclosure `yaml:"disclosure"`
	Answers    AnswersConfig     `yaml:"answers"`
	Postgres   PostgresConfig    `yaml:"postgres"`
	Dukcapil   DukcapilConfig    `yaml:"dukcapil"`
	Webhooks   webhook.Config    `yaml:"webhooks"`
	Audit      AuditConfig       `yaml:"audit"`
	Batches    batch.Config      `yaml:"batches"`
	TLS        TLSConfig         `yaml:"tls"`
	Proxies    ProxiesConfig     `yaml:"proxies"`
	Admin      AdminConfig       `yaml:"admin"`
	Console    ConsoleConfig     `yaml:"console"`
	Shutdown   ShutdownConfig    `yaml:"shutdown"`
	Telemetry  otlp.Config       `yaml:"telemetry"`
	Log        LogConfig         `yaml:"log"`
	// CoreDumps lets a crash write the memory of the process to a file, and lets
	// a debugger of the same user read it. That memory holds photographs,
	// credentials and keys: set it only to find a defect.
	CoreDumps bool `yaml:"core_dumps"`
}

// FaceConfig is about the face engine.
type FaceConfig struct {
	// Manifest is the path of a model manifest, for a model of your own. Empty
	// means the manifest of the fetched models.
	Manifest string `yaml:"manifest"`
	// RuntimeDigest is the SHA-256 that libonnxruntime.so.1 must have, in hex, for
	// an ONNX Runtime of your own. Empty means that of the fetched one.
	RuntimeDigest string `yaml:"runtime_digest"`
	// Calibration is the id of a shipped calibration (asia-2026-11b or
	// general-2026-11b; asia-2026-11 and general-2026-11 are those from before
	// the length of templates counted), or the path of a file from "sesuai face
	// calibrate". A value with a / in it, or that ends in .json, is a path. Empty
	// means the calibration that the manifest names.
	Calibration string `yaml:"calibration"`
	// Workers is the number of photographs and bodies that are processed at the
	// same time; further ones wait, and clients take turns. The only one of a client
	// may be processed in addition, up to twice the number. One worker is kept free
	// for such a client until a quarter of a second after its last request. 0 means
	// the number of cores.
	Workers int `yaml:"workers" range:"0,1024"`
	// MaxPixels is the largest number of pixels of a photograph. A file that
	// takes too much work to decode is refused at fewer pixels: a PNG from 4 to
	// 6 megapixels on (docs/decisions/images.md).
	MaxPixels int `yaml:"max_pixels" range:"10000,200000000"`
	// Dominance is the ratio of the areas of the two largest faces below which
	// a photograph is refused because it shows several faces.
	Dominance float64 `yaml:"dominance" range:"1,1000"`
	// Liveness measures the liveness of probes; the manifest must name a
	// network for it (docs/decisions/pad.md). What follows from the measurement
	// is set for each client.
	Liveness bool `yaml:"liveness"`
	// LivenessThreshold is the liveness, 0 to 1, below which a photograph
	// counts as an attack.
	LivenessThreshold float64     `yaml:"liveness_threshold" range:"0,1"`
	Quality           face.Limits `yaml:"quality" range:"0,100"`
}

// LimitsConfig is about the size and the number of requests.
type LimitsConfig struct {
	// MaxBody is the largest size of a request, in bytes.
	MaxBody int64 `yaml:"max_body" range:"1024,33554432"`
	// MaxInFlight is the number of verifications in progress. A request counts
	// once it has arrived completely. A further one is answered 503 with
	// Retry-After. One client has at most three quarters of them, two have at
	// most three sevenths each, and so on, so that some are left for others.
	MaxInFlight int `yaml:"max_in_flight" range:"1,65536"`
	// Memory is the number of bytes for requests and photographs. One half is
	// for requests: reading and decoding one takes two to three times its size,
	// and one for which there is no memory is answered 503 with Retry-After.
	// Clients share it as they share max_in_flight. The other half is for the
	// pixels of photographs that are being decoded; a photograph that needs
	// more than that waits until it is the only one. It must be at least nine
	// times max_body. The program needs up to 150 MB besides. In a cgroup that
	// has less than that, less is used.
	Memory int64 `yaml:"memory" range:"100663296,1099511627776"`
	// Connections is the number of open connections. A further one is answered
	// 503 and closed. Where the system allows fewer open files, it is less: 256
	// files are kept for other uses.
	Connections int `yaml:"connections" range:"8,1048576"`
	// ConnectionsPerAddress is the number of open connections from one address;
	// for IPv6, from 64 bits of one. 0 means half of connections. A proxy is an
	// address, unless it is in proxies.networks, to which this does not apply.
	ConnectionsPerAddress int `yaml:"connections_per_address" range:"0,1048576"`
	// UnreadyAfter is for how long nine of ten requests must have been refused because
	// there was too much to do, in each sixth of that time, until GET /readyz answers
	// 503. It answers 200 again after a sixth in which fewer were refused, or none
	// came. Requests are answered as before. 0 means that overload does not affect it.
	UnreadyAfter time.Duration `yaml:"unready_after" range:"0s,1h"`

	NIK    limit.NIKConfig    `yaml:"nik"`
	Client limit.ClientConfig `yaml:"client"`
}

// TimeoutsConfig is about time limits.
type TimeoutsConfig struct {
	// Body is the time for a caller to send a request. A third of it is the
	// time for each 64 KiB.
	Body time.Duration `yaml:"body" range:"100ms,1h"`
	// Request is the time for a verification, from the moment at which the
	// request has arrived.
	Request time.Duration `yaml:"request" range:"100ms,1h"`
	// Registry is the time for the registry's answer within one verification.
	Registry time.Duration `yaml:"registry" range:"10ms,1h"`
	// Audit is the time for recording a verification: its audit event and the
	// photograph. If that fails, the event of the failure may take as long again.
	Audit time.Duration `yaml:"audit" range:"10ms,1h"`
}

// ReplayConfig is about photographs that are sent again.
type ReplayConfig struct {
	// MaxAge is how long a photograph is recognised when it is sent again. Of
	// each person the last 64 are remembered that verified the person, the last
	// 32 others whose face matched, and the last 32 of the rest.
	MaxAge time.Duration `yaml:"max_age" range:"1h,87600h"`
}

// AnswersConfig is about the answers that clients can look up
// (docs/integrate/api.md).
type AnswersConfig struct {
	// MaxAge is how long a client can look up what it was answered. Answers are
	// stored sealed, and removed within an hour after that. 0 means that none is
	// stored to be looked up. That of a request with an Idempotency-Key is kept for 24
	// hours in any case.
	MaxAge time.Duration `yaml:"max_age" range:"0s,87600h"`
}

// PostgresConfig is about a registry in PostgreSQL.
type PostgresConfig struct {
	// Connections is the largest number of connections of one node.
	Connections int `yaml:"connections" range:"2,10000"`
	// Migrate brings the database schema up to date at the start. With false
	// the service does not start on an older schema; run "sesuai migrate up".
	Migrate bool `yaml:"migrate"`
	// Bin is the folder of pg_dump and pg_restore, which "sesuai backup" and "sesuai
	// restore" run. Their major version must not be older than the server's. Empty
	// means that they are on the path.
	Bin string `yaml:"bin"`
}

// ShutdownConfig is about how the service stops, on SIGTERM.
type ShutdownConfig struct {
	// Delay is how long the service goes on accepting requests when it is told to stop.
	// GET /readyz answers 503 from the start of it: choose the time in which every load
	// balancer sees that. 0 refuses new connections at once.
	Delay time.Duration `yaml:"delay" range:"0s,10m"`
}

// LogConfig is about the log, which goes to standard error.
type LogConfig struct {
	// Level is the lowest level that is logged: debug, info, warn or error.
	Level string `yaml:"level"`
	// Format is the format of a line: json, text, or auto, which is text on a
	// terminal and json elsewhere.
	Format string `yaml:"format"`
}

// DefaultConfig is the configuration without a file.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8080",
		Data:   "./data",
		KMS:    kms.DefaultConfig(),
		Face: FaceConfig{
			MaxPixels: face.DefaultMaxPixels,
			Dominance: face.DefaultDominance,
			Quality:   face.DefaultLimits,

			LivenessThreshold: face.DefaultLivenessThreshold,
		},
		Limits: LimitsConfig{
			MaxBody: httpapi.DefaultMaxBody, MaxInFlight: httpapi.DefaultMaxInFlight,
			Memory: 512 << 20, Connections: 4096, UnreadyAfter: time.Minute,
			NIK: limit.DefaultConfig().NIK, Client: limit.DefaultConfig().Client,
		},
		Times: TimeoutsConfig{
			Body: httpapi.DefaultBodyTimeout, Request: httpapi.DefaultTimeout,
			Registry: verify.DefaultRegistryTimeout, Audit: verify.DefaultAuditTimeout,
		},
		Replay:     ReplayConfig{MaxAge: replay.DefaultMaxAge},
		Disclosure: policy.DefaultDisclosure(),
		Answers:    AnswersConfig{MaxAge: answer.DefaultMaxAge},
		Postgres:   PostgresConfig{Connections: sqldb.DefaultConnections},
		Dukcapil:   defaultDukcapil(),
		Webhooks:   webhook.DefaultConfig(),
		Audit:      defaultAudit(),
		Batches:    batch.DefaultConfig(),
		TLS:        TLSConfig{ClientCertificates: clientCertificatesOff},
		Proxies:    ProxiesConfig{Header: string(httpapi.XForwardedFor)},
		Telemetry:  otlp.DefaultConfig(),
		Log:        LogConfig{Level: "info", Format: "auto"},
	}
}

// YAML is the configuration as a file that LoadConfig reads.
func (c Config) YAML() ([]byte, error) { return yaml.Marshal(c) }

// JSON is the configuration as JSON, which LoadConfig reads, too.
func (c Config) JSON() ([]byte, error) {
	b, err := c.YAML()
	if err != nil {
		return nil, err
	}
	return yaml.YAMLToJSON(b)
}

// modelsDir is the folder of the models: the configured one, else models beside
// the program, else models beside the program's folder (bin/sesuai in a
// checkout). It is never looked for in the working directory, where others may
// have put one.
func (c Config) modelsDir() string {
	if c.Models != "" {
		return c.Models
	}
	program, err := os.Executable()
	if err != nil {
		program = "/" // it has been deleted, say: there is nothing beside it
	}
	beside := filepath.Join(filepath.Dir(program), "models")
	if _, err := os.Stat(beside); err == nil {
		return beside
	}
	return filepath.Join(filepath.Dir(program), "..", "models")
}
