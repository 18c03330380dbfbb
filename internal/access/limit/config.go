package limit

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sesuai/sesuai"
)

// Config are the limits of an installation. A limit of 0 is off.
type Config struct {
	NIK    NIKConfig    `yaml:"nik"`
	Client ClientConfig `yaml:"client"`
}

// NIKConfig limits what may be asked about one NIK. A miss is an answer that does not
// verify the person, and a photograph that is refused, since it cannot be decoded or for
// what it shows, after five others were. What exceeds a limit is answered 429 before the
// registry is asked, whether or not the NIK is on record (docs/operate/limits.md).
type NIKConfig struct {
	// MissesPerHour is the number of misses on one NIK in the last hour, of all
	// clients together. 0 is no limit.
	MissesPerHour int `yaml:"misses_per_hour" range:"0,1000"`
	// MissesPerDay is that of the last 24 hours.
	MissesPerDay int `yaml:"misses_per_day" range:"0,1000"`
	// ClientMissesPerHour is the number of misses of one client on one NIK in the last
	// hour. 0 is no limit.
	ClientMissesPerHour int `yaml:"client_misses_per_hour" range:"0,1000"`
	// ClientMissesPerDay is that of the last 24 hours.
	ClientMissesPerDay int `yaml:"client_misses_per_day" range:"0,1000"`
	// AttemptsPerDay is the number of answers about one NIK in the last 24 hours,
	// verified ones included, to all clients together. 0 is no limit.
	AttemptsPerDay int `yaml:"attempts_per_day" range:"0,1000"`
}

// on reports whether a limit needs what is stored about a NIK.
func (c NIKConfig) on() bool { return c != NIKConfig{} }

// ClientConfig limits what a client may ask in a day, which starts at midnight of
// UTC+7. "sesuai client set" sets other limits for one client.
type ClientConfig struct {
	// RequestsPerDay is the number of requests that are answered in a day. Errors do
	// not count. 0 is no limit.
	RequestsPerDay int `yaml:"requests_per_day" range:"0,1000000000"`
	// InFlight is the number of requests of a client in progress, on all nodes
	// together. 0 is no limit.
	InFlight int `yaml:"in_flight" range:"0,65536"`
	// NIKsPerDay is the number of different NIKs in a day. They are stored, as keyed
	// hashes, only while there is such a limit. 0 is no limit.
	NIKsPerDay int `yaml:"niks_per_day" range:"0,1000000000"`
	// NonMatchesFlagged is the number of answers in a day that said that the NIK is not
	// on record or that something differs, from which a client is flagged in the audit
	// trail, the log and the metrics, if their share exceeds non_match_share. 0 is never.
	NonMatchesFlagged int `yaml:"non_matches_flagged" range:"0,1000000000"`
	// NonMatchesPerDay is the number from which such a client is answered 429 until
	// the day is over. 0 is never.
	NonMatchesPerDay int `yaml:"non_matches_per_day" range:"0,1000000000"`
	// NonMatchShare is the share of such answers, in percent, that must be exceeded.
	NonMatchShare int `yaml:"non_match_share" range:"1,99"`
}

// on reports whether a limit needs what is stored about a client.
func (c ClientConfig) on() bool {
	return c.RequestsPerDay > 0 || c.InFlight > 0 || c.NIKsPerDay > 0 || c.NonMatchesPerDay > 0
}

// DefaultConfig returns the default limits.
func DefaultConfig() Config {
	return Config{
		NIK:    NIKConfig{MissesPerHour: 10, MissesPerDay: 30, ClientMissesPerHour: 10, ClientMissesPerDay: 30},
		Client: ClientConfig{NonMatchesFlagged: 100, NonMatchesPerDay: 1000, NonMatchShare: 50},
	}
}

// Off is the value of a setting that is no limit.
const Off = -1

// Settings are the limits of one client in place of the configured ones. 0 means the
// configured one, and Off none.
type Settings struct {
	RequestsPerDay, InFlight, NIKsPerDay, NonMatchesPerDay int
}

// maxSetting is the greatest limit that a client may have.
const maxSetting = 1_000_000_000

// fields are the settings by their names.
func (s *Settings) fields() []field {
	return []field{
		{RequestsPerDay, &s.RequestsPerDay},
		{InFlight, &s.InFlight},
		{NIKsPerDay, &s.NIKsPerDay},
		{NonMatchesPerDay, &s.NonMatchesPerDay},
	}
}

// field is a setting: its name and value.
type field struct {
	name  Name
	value *int
}

// String returns the settings that differ from the configuration, as ParseSettings reads
// them: "requests_per_day=1000 niks_per_day=-1"; "" if none does.
func (s Settings) String() string {
	var all []string
	for _, f := range s.fields() {
		if *f.value != 0 {
			all = append(all, string(f.name)+"="+strconv.Itoa(*f.value))
		}
	}
	return strings.Join(all, " ")
}

// ParseSettings parses what Settings.String returned. The error has kind
// sesuai.KindConfiguration.
func ParseSettings(text string) (s Settings, err error) {
	for part := range strings.FieldsSeq(text) {
		name, value, _ := strings.Cut(part, "=")
		n, err := strconv.Atoi(value)
		i := slices.IndexFunc(s.fields(), func(f field) bool { return string(f.name) == name })
		if err != nil || i < 0 || n == 0 {
			return Settings{}, &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: "the limits of a client cannot be read"}
		}
		*s.fields()[i].value = n
	}
	return s, s.Validate()
}

// ParseSetting parses the limit of a client: a number, off or default. The error has kind
// sesuai.KindConfiguration.
func ParseSetting(text string) (int, error) {
	switch n, err := strconv.Atoi(text); {
	case text == "off":
		return Off, nil
	case text == "default":
		return 0, nil
	case err != nil || n < 1 || n > maxSetting:
		return 0, &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: fmt.Sprintf("a limit of a client is a number from 1 to %d, off or default", maxSetting)}
	default:
		return n, nil
	}
}

// Validate returns an error of kind sesuai.KindConfiguration if a setting is out of its
// range.
func (s Settings) Validate() error {
	for _, f := range s.fields() {
		if *f.value < Off || *f.value > maxSetting {
			return &sesuai.Error{Kind: sesuai.KindConfiguration, Detail: fmt.Sprintf("a client's %s is a number from 1 to %d, off or default", f.name, maxSetting)}
		}
	}
	return nil
}

// with returns the limits of a client with these settings.
func (c ClientConfig) with(s Settings) ClientConfig {
	limits := []*int{&c.RequestsPerDay, &c.InFlight, &c.NIKsPerDay, &c.NonMatchesPerDay}
	for i, f := range s.fields() {
		if *f.value != 0 {
			*limits[i] = max(*f.value, 0)
		}
	}
	return c
}
