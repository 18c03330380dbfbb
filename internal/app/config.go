package app

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/httpapi"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/replay"
	"github.com/sesuai/sesuai/internal/store"
	"github.com/sesuai/sesuai/internal/verify"
)

// EnvPrefix begins the name of every environment variable that is read:
// SESUAI_FACE_WORKERS sets the key workers under face.
const EnvPrefix = "SESUAI_"

// Config is the service's configuration: defaults, then the file, then the
// environment, then flags. It holds paths of secrets, never secrets.
type Config struct {
	// Listen is the address and port to serve on.
	Listen string `yaml:"listen"`
	// Data is the folder of the embedded registry, the audit trail and the
	// clients, and of the master key unless that is named.
	Data string `yaml:"data"`
	// Registry is where the registry, the audit trail and the clients are:
	// empty for the data folder, or the URL of a PostgreSQL database, as libpq
	// has it, with a passfile and without a password.
	Registry string `yaml:"registry"`
	// MasterKey is the path of the master key file; empty is master.key in
	// the data folder, which is made at the first start; one that is named
	// here must be there. Further ones are beside it, with their number behind
	// the name.
	MasterKey string `yaml:"master_key"`
	// Models is the folder of the face models and ONNX Runtime; empty is
	// models, beside the working directory or the program's own folder.
	Models   string         `yaml:"models"`
	Face     FaceConfig     `yaml:"face"`
	Limits   LimitsConfig   `yaml:"limits"`
	Times    TimeoutsConfig `yaml:"timeouts"`
	Replay   ReplayConfig   `yaml:"replay"`
	Postgres PostgresConfig `yaml:"postgres"`
	Dukcapil DukcapilConfig `yaml:"dukcapil"`
	Metrics  MetricsConfig  `yaml:"metrics"`
	Log      LogConfig      `yaml:"log"`
}

// FaceConfig is the face engine's part.
type FaceConfig struct {
	// Manifest is the path of a model manifest; empty is the shipped one.
	Manifest string `yaml:"manifest"`
	// Calibration is the id of a shipped calibration, or the path of a file,
	// if it has a path separator or ends in .json; empty is the shipped one
	// that the manifest names.
	Calibration string `yaml:"calibration"`
	// Workers is how many photographs are worked on at once; 0 is the number
	// of cores.
	Workers int `yaml:"workers"`
	// MaxPixels is how many pixels a photograph may have.
	MaxPixels int `yaml:"max_pixels"`
	// Memory is how many bytes all photographs that are being decoded may take
	// together; one that takes more waits until it is alone.
	Memory int64 `yaml:"memory"`
	// Dominance is how many times the area of the next one the largest face
	// must have, or the photograph is refused for several faces.
	Dominance float64 `yaml:"dominance"`
	// Liveness loads the network that measures the liveness of probes; the
	// model manifest must name one. What is done with it is each client's.
	Liveness bool `yaml:"liveness"`
	// LivenessThreshold is the liveness, 0 to 1, under which a photograph is
	// taken for an attack where that is enforced.
	LivenessThreshold float64 `yaml:"liveness_threshold"`
	// Quality is the least that each quality measure must be, 0 to 100.
	Quality face.Limits `yaml:"quality"`
}

// LimitsConfig bounds what callers can take.
type LimitsConfig struct {
	// MaxBody is how many bytes a request may have.
	MaxBody int64 `yaml:"max_body"`
	// MaxInFlight is how many requests are held at once; more are answered
	// 503 with Retry-After.
	MaxInFlight int `yaml:"max_in_flight"`
}

// TimeoutsConfig bounds how long things may take.
type TimeoutsConfig struct {
	// Body is how long a caller may take to send a request.
	Body time.Duration `yaml:"body"`
	// Request is how long a verification may take once it has arrived.
	Request time.Duration `yaml:"request"`
	// Registry is how long the registry may take for one verification.
	Registry time.Duration `yaml:"registry"`
	// Audit is how long an audit event may take to be recorded.
	Audit time.Duration `yaml:"audit"`
}

// ReplayConfig is about photographs that are sent again.
type ReplayConfig struct {
	// MaxAge is how long a photograph that was sent is known again, if it is
	// among the last 32 of its person.
	MaxAge time.Duration `yaml:"max_age"`
}

// PostgresConfig is about a registry in PostgreSQL.
type PostgresConfig struct {
	// Connections is how many connections a node has at most; its replicas
	// have as many each.
	Connections int `yaml:"connections"`
	// Migrate brings the schema up to date at the start. Else sesuai migrate
	// up does.
	Migrate bool `yaml:"migrate"`
	// Replicas are URLs, separated by spaces, of databases that follow the
	// registry's: people are read from them.
	Replicas string `yaml:"replicas"`
	// Staleness is how far a replica may be behind to be read from.
	Staleness time.Duration `yaml:"staleness"`
}

// LogConfig is about the log on standard error.
type LogConfig struct {
	// Level is debug, info, warn or error.
	Level string `yaml:"level"`
	// Format is json, text, or auto: text on a terminal, json elsewhere.
	Format string `yaml:"format"`
}

// DefaultConfig is the configuration that needs no file.
func DefaultConfig() Config {
	return Config{
		Listen: "127.0.0.1:8080",
		Data:   "./data",
		Face: FaceConfig{
			MaxPixels: face.DefaultMaxPixels,
			Memory:    face.DefaultMemory,
			Dominance: face.DefaultDominance,
			Quality:   face.DefaultLimits,

			LivenessThreshold: face.DefaultLivenessThreshold,
		},
		Limits: LimitsConfig{MaxBody: httpapi.DefaultMaxBody, MaxInFlight: httpapi.DefaultMaxInFlight},
		Times: TimeoutsConfig{
			Body: httpapi.DefaultBodyTimeout, Request: httpapi.DefaultTimeout,
			Registry: verify.DefaultRegistryTimeout, Audit: verify.DefaultAuditTimeout,
		},
		Replay:   ReplayConfig{MaxAge: replay.DefaultMaxAge},
		Postgres: PostgresConfig{Connections: store.DefaultConnections, Staleness: store.DefaultStaleness},
		Dukcapil: defaultDukcapil(),
		Log:      LogConfig{Level: "info", Format: "auto"},
	}
}

// LoadConfig reads the file (none if path is empty) over the defaults, and the
// environment (as os.Environ gives it) over the file. Keys and variables that
// are not known are errors, as are values out of range: a limit that is
// misspelt must not silently be another. Every error has kind
// sesuai.KindConfiguration and says where.
func LoadConfig(path string, environ []string) (Config, error) {
	c := DefaultConfig()
	if path != "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return c, badConfig("the file cannot be read: %v", err)
		}
		if err := decodeStrict(b, &c); err != nil {
			return c, badConfig("%s: %v", path, err)
		}
	}
	if err := c.applyEnv(environ); err != nil {
		return c, err
	}
	return c, nil
}

func decodeStrict[T any](b []byte, into *T) error {
	read := *into // the decoder clears what it finds nothing for
	d := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict(), yaml.CustomUnmarshaler(wholeNumber[int]), yaml.CustomUnmarshaler(wholeNumber[int64]))
	err := d.Decode(&read)
	if errors.Is(err, io.EOF) {
		return nil // empty, or nothing but comments
	}
	if err != nil {
		// The message shows the file's line with a pointer under it.
		return errors.New(yaml.FormatError(err, false, true))
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return errors.New("there is a second document, after ---")
	}
	*into = read
	return nil
}

// wholeNumber reads a number that the decoder by itself would cut to a whole
// one.
func wholeNumber[T int | int64](into *T, text []byte) error {
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return fmt.Errorf("%s is not a whole number", bytes.TrimSpace(text))
	}
	*into = T(n)
	return nil
}

func badConfig(format string, args ...any) error {
	return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "configuration: " + fmt.Sprintf(format, args...)}
}

// Keys lists every key of the configuration, dotted, in the order of the
// structs, with the name of its environment variable.
func (c *Config) Keys() []Key {
	return keysOf(reflect.ValueOf(c).Elem(), "")
}

// Key is one key of the configuration.
type Key struct {
	// Name is dotted: face.workers.
	Name string
	// Env is its environment variable: SESUAI_FACE_WORKERS.
	Env   string
	value reflect.Value
}

func keysOf(v reflect.Value, prefix string) []Key {
	var keys []Key
	for i := range v.NumField() {
		name := prefix + v.Type().Field(i).Tag.Get("yaml")
		if v.Field(i).Kind() == reflect.Struct {
			keys = append(keys, keysOf(v.Field(i), name+".")...)
			continue
		}
		env := EnvPrefix + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
		keys = append(keys, Key{name, env, v.Field(i)})
	}
	return keys
}

// applyEnv reads the variables that begin with EnvPrefix, but for
// SESUAI_CONFIG, which names the file, and what Kubernetes sets.
func (c *Config) applyEnv(environ []string) error {
	byEnv := make(map[string]Key)
	for _, k := range c.Keys() {
		byEnv[k.Env] = k
	}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, EnvPrefix) || name == EnvPrefix+"CONFIG" {
			continue
		}
		k, ok := byEnv[name]
		if !ok && isServiceLink(name, value) {
			continue
		}
		if !ok {
			return badConfig("there is no key for the environment variable %s", name)
		}
		if err := k.set(value); err != nil {
			return badConfig("%s: %v", name, err)
		}
	}
	return nil
}

func (k Key) set(text string) error {
	switch v := k.value.Addr().Interface().(type) {
	case *string:
		*v = text
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("true or false is needed")
		}
		*v = b
	case *time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("a duration such as 10s is needed")
		}
		*v = d
	case *float64:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return errors.New("a number is needed")
		}
		*v = f
	default: // int and int64
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errors.New("a whole number is needed")
		}
		k.value.SetInt(n)
	}
	return nil
}

// Check reports the first value that is out of range, as an error of kind
// sesuai.KindConfiguration.
func (c *Config) Check() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return badConfig("listen: an address and port such as 127.0.0.1:8080 is needed")
	}
	if c.Data == "" {
		return badConfig("data: a folder is needed")
	}
	if c.Registry != "" && !store.IsPostgresURL(c.Registry) {
		return badConfig("registry: empty, or a URL that begins with postgres:// is needed")
	}
	if c.Postgres.Replicas != "" && c.Registry == "" {
		return badConfig("postgres.replicas: an embedded registry has none")
	}
	type inRange struct {
		key          string
		v, low, high float64
	}
	ranges := []inRange{
		{"face.workers", float64(c.Face.Workers), 0, 1024},
		{"face.max_pixels", float64(c.Face.MaxPixels), 10_000, 200_000_000},
		{"face.memory", float64(c.Face.Memory), 16 << 20, 1 << 40},
		{"face.dominance", c.Face.Dominance, 1, 1000},
		{"face.liveness_threshold", c.Face.LivenessThreshold, 0, 1},
		{"limits.max_body", float64(c.Limits.MaxBody), 1 << 10, 1 << 30},
		{"limits.max_in_flight", float64(c.Limits.MaxInFlight), 1, 1 << 16},
		{"timeouts.body (seconds)", c.Times.Body.Seconds(), 0.1, 3600},
		{"timeouts.request (seconds)", c.Times.Request.Seconds(), 0.1, 3600},
		{"timeouts.registry (seconds)", c.Times.Registry.Seconds(), 0.01, 3600},
		{"timeouts.audit (seconds)", c.Times.Audit.Seconds(), 0.01, 3600},
		{"postgres.connections", float64(c.Postgres.Connections), 2, 10_000},
		{"postgres.staleness (seconds)", c.Postgres.Staleness.Seconds(), 0.2, 3600},
		{"replay.max_age (hours)", c.Replay.MaxAge.Hours(), 1, 10 * 365 * 24},
	}
	for _, k := range keysOf(reflect.ValueOf(c.Face.Quality), "face.quality.") {
		ranges = append(ranges, inRange{k.Name, k.value.Float(), 0, 100})
	}
	for _, r := range ranges {
		if !(r.v >= r.low && r.v <= r.high) {
			return badConfig("%s must be from %g to %g", r.key, r.low, r.high)
		}
	}
	for _, check := range []func() error{c.checkDukcapil, c.Metrics.check} {
		if err := check(); err != nil {
			return err
		}
	}
	if _, err := c.Log.level(); err != nil {
		return err
	}
	switch c.Log.Format {
	case "auto", "text", "json":
		return nil
	default:
		return badConfig("log.format must be auto, text or json")
	}
}

// YAML is the configuration as a file that LoadConfig reads.
func (c Config) YAML() ([]byte, error) { return yaml.Marshal(c) }

// MasterKeyPath is where the master key of that number is.
func (c Config) MasterKeyPath(id byte) string { return keyring.Path(c.masterKeyPath(), id) }

// JSON is what YAML is, as JSON: such a file LoadConfig reads, too.
func (c Config) JSON() ([]byte, error) {
	b, err := c.YAML()
	if err != nil {
		return nil, err
	}
	return yaml.YAMLToJSON(b)
}

// masterKeyPath is where the first master key is.
func (c Config) masterKeyPath() string {
	if c.MasterKey != "" {
		return c.MasterKey
	}
	return filepath.Join(c.Data, "master.key")
}

// modelsDir is where the models are: as configured, else models in the working
// directory, else models beside the folder of the program (bin/sesuai in a
// checkout).
func (c Config) modelsDir() string {
	if c.Models != "" {
		return c.Models
	}
	const here = "models"
	if _, err := os.Stat(here); err == nil {
		return here
	}
	if program, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(program), "..", here)
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	return here
}
