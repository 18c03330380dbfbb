package app

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Flag is a key that is set on the command line.
type Flag struct {
	// Name is the flag's, such as --listen, Key the key's, and Value what the key
	// is set to.
	Name, Key, Value string
}

// LoadConfig reads the file (none if path is empty) over the defaults, the
// environment (as os.Environ gives it) over the file, and flags over the
// environment. Unknown keys and unknown variables are errors, so that a misspelt
// limit does not silently keep its default. It checks all values without opening
// another file. The error has kind sesuai.KindConfiguration and names every
// mistake with its place.
func LoadConfig(path string, environ []string, flags ...Flag) (Config, error) {
	l, err := load(path, environ, flags)
	return l.Config, config.Refuse(l.locate(errors.Join(err, l.mistakes())))
}

// loaded is a configuration, and where its keys were set.
type loaded struct {
	Config
	path  string
	lines config.Lines
	// names are the names of the variable or flag that set a key.
	names map[string]string
}

// load reads file, environment and flags. What cannot be read is in the error,
// and its key keeps its value.
func load(path string, environ []string, flags []Flag) (loaded, error) {
	l := loaded{Config: DefaultConfig(), path: path, names: make(map[string]string)}
	var errs []error
	if path != "" {
		lines, err := readFile(path, &l.Config)
		l.lines = lines
		for _, m := range config.Mistakes(err) {
			if m.Key == "metrics" {
				m.What = renamed
			}
			errs = append(errs, m)
		}
	}
	byKey, byVariable := make(map[string]config.Key), make(map[string]config.Key)
	for _, k := range config.Keys(&l.Config) {
		byKey[k.Name], byVariable[k.Variable(EnvPrefix)] = k, k
	}
	errs = append(errs, l.applyEnv(environ, byVariable))
	for _, f := range flags {
		errs = append(errs, l.set(f.Name, byKey[f.Key], f.Value))
	}
	return l, errors.Join(errs...)
}

// renamed says what became of a key of earlier versions.
const renamed = "metrics.listen is admin.listen now: docs/operate/upgrade.md"

// readFile reads a configuration file over the values in into, a pointer to a
// struct.
func readFile(path string, into any) (config.Lines, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, config.Mistakef("", "the file cannot be read: %v", err)
	}
	return config.Decode(b, into)
}

// applyEnv reads the variables that start with EnvPrefix, except SESUAI_CONFIG,
// which names the file, and those that Kubernetes sets.
func (l *loaded) applyEnv(environ []string, byVariable map[string]config.Key) error {
	var errs []error
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, EnvPrefix) || name == EnvPrefix+"CONFIG" {
			continue
		}
		k, ok := byVariable[name]
		switch {
		case ok:
			errs = append(errs, l.set(name, k, value))
		case name == EnvPrefix+"METRICS_LISTEN":
			errs = append(errs, config.Mistakef("", "%s: %s", name, renamed))
		case !isServiceLink(name, value):
			errs = append(errs, config.Mistakef("", "there is no key for the environment variable %s", name))
		}
	}
	return errors.Join(errs...)
}

// set sets a key to what the variable or flag of that name has.
func (l *loaded) set(name string, k config.Key, value string) error {
	l.names[k.Name] = name
	return config.About(k.Name, k.Set(value))
}

// locate says of each mistake where the key was set.
func (l *loaded) locate(err error) error {
	return config.Locate(err, func(m config.Mistake) string {
		if name, ok := l.names[m.Key]; ok && m.Line == 0 {
			return name
		}
		if m.Line == 0 {
			m.Line = l.lines[m.Key]
		}
		return inFile(l.path, m)
	})
}

// inFile is the place of a mistake in a file, as far as it is known.
func inFile(path string, m config.Mistake) string {
	place := m.Key
	if m.Line != 0 {
		place = strings.TrimSuffix(fmt.Sprintf("%s, line %d: %s", path, m.Line, m.Key), ": ")
	}
	return place
}

// Keys lists the keys of the configuration in the order of its fields.
func (c *Config) Keys() []config.Key { return config.Keys(c) }

// Check reports every value that is not valid, as an error of kind
// sesuai.KindConfiguration. It opens no file, and may look host names up.
func (c *Config) Check() error { return config.Refuse(c.mistakes()) }

// mistakes returns what Check reports.
func (c *Config) mistakes() error {
	return errors.Join(
		config.CheckRanges(c), c.checkListen(), c.checkData(), c.checkRuntimeDigest(),
		c.KMS.Validate(), c.checkDukcapil(), c.Webhooks.Validate(), c.TLS.check(), c.Proxies.check(), c.Admin.check(), c.checkConsole(), c.Telemetry.Validate(), c.checkPorts(), c.Limits.check(), c.Log.check(), c.Audit.check(), c.checkAuditKeep(),
	)
}

func (c *Config) checkListen() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return config.Mistakef("listen", "%s is not an address and port, such as 127.0.0.1:8080", config.Quote(c.Listen))
	}
	return nil
}

func (c *Config) checkData() error {
	var errs []error
	if c.Data == "" {
		errs = append(errs, config.Mistakef("data", "a folder is needed, such as ./data"))
	}
	if c.Registry != "" {
		errs = append(errs, config.About("registry", sqldb.CheckURL(c.Registry)))
	}
	return errors.Join(errs...)
}

func (c *Config) checkRuntimeDigest() error {
	if digest, err := hex.DecodeString(c.Face.RuntimeDigest); err != nil || len(digest) != 0 && len(digest) != sha256.Size {
		return config.Mistakef("face.runtime_digest", "%s is neither empty nor 64 hexadecimal digits", config.Quote(c.Face.RuntimeDigest))
	}
	return nil
}

// checkPorts refuses one port for two listeners. An address without a host includes all
// others. Host names are looked up only if the ports are the same.
func (c *Config) checkPorts() error {
	return errors.Join(
		notTaken("admin.listen", c.Admin.Listen, "127.0.0.1:9090", "listen", c.Listen),
		notTaken("console.listen", c.Console.Listen, "127.0.0.1:8081", "listen", c.Listen),
		notTaken("console.listen", c.Console.Listen, "127.0.0.1:8081", "admin.listen", c.Admin.Listen),
	)
}

// notTaken refuses the address of a key that another key has. example is one to use.
func notTaken(key, address, example, other, taken string) error {
	port := portOf(address)
	if port == 0 || port != portOf(taken) {
		return nil
	}
	a, err1 := net.ResolveTCPAddr("tcp", address)
	b, err2 := net.ResolveTCPAddr("tcp", taken)
	if err1 != nil || err2 != nil {
		return nil
	}
	if everyHost(a) || everyHost(b) || a.IP.Equal(b.IP) && a.Zone == b.Zone {
		return config.Mistakef(key, "%s is taken by %s (%s); another port is needed, such as %s", address, other, taken, example)
	}
	return nil
}

// portOf returns the port of an address, which may have a name. It is 0 if there is
// none, or if the system is to choose one.
func portOf(address string) int {
	_, port, _ := net.SplitHostPort(address)
	n, _ := net.LookupPort("tcp", port)
	return n
}

func everyHost(a *net.TCPAddr) bool { return a.IP == nil || a.IP.IsUnspecified() }
