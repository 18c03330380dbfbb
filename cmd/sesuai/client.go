package main

import (
	"slices"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/access/limit"
	"github.com/sesuai/sesuai/internal/app"
)

// clientSettings are the flags of a client's settings. Those that are nil are not
// given.
type clientSettings struct {
	Scopes        []string `name:"scope" help:"What it may do (a new client: ${scope}): identity.face_verification, identity.verification, face.match, face.passive_liveness, identity.batch. Data verifications of single attributes only: identity.verification:name, identity.verification:address and so on." placeholder:"SCOPE"`
	Threshold     *float64 `help:"The percentage that a face must reach: 75 to 100 (a new client: ${threshold})." placeholder:"PERCENT"`
	NameThreshold *int     `help:"The score that a name must reach: 80 to 100 (a new client: ${name_threshold})." placeholder:"SCORE"`
	Percentage    *string  `help:"How exactly percentages under the threshold are given, at most: exact (two decimals), tens (rounded down) or none (0). After misses on a NIK they are given as tens and then as none, whatever this says (a new client: exact)." placeholder:"exact|tens|none"`
	Rate          *float64 `help:"Requests a second on average; 0 is no limit (a new client: 0)." placeholder:"N"`
	Burst         *int     `help:"Requests at once, where there is a rate; 0 is one second's worth (a new client: 0)." placeholder:"N"`
	RequestsDay   *string  `name:"requests-per-day" help:"Requests that are answered in a day of UTC+7 (a new client: as configured, see limits.client)." placeholder:"N|off|default"`
	InFlight      *string  `name:"in-flight" help:"Requests in progress, on all nodes together (a new client: as configured)." placeholder:"N|off|default"`
	NIKsDay       *string  `name:"niks-per-day" help:"Different NIKs in a day (a new client: as configured)." placeholder:"N|off|default"`
	NonMatchesDay *string  `name:"non-matches-per-day" help:"Answers in a day that do not verify the person, from which it is answered 429 if they are most of its answers (a new client: as configured)." placeholder:"N|off|default"`
	Replay        *string  `help:"About a photograph that was sent before or is the reference's own: off, log (flag it in the audit trail) or enforce (refuse it) (a new client: ${replay})." placeholder:"off|log|enforce"`
	Liveness      *string  `help:"About a photograph that does not look like a living person's: off, log or enforce (a new client: ${liveness})." placeholder:"off|log|enforce"`
	Consent       *string  `help:"What its requests must state of the ground for them: optional (nothing), purpose, or required (purpose, consent_id and consent_given_at) (a new client: optional)." placeholder:"optional|purpose|required"`
	Networks      []string `name:"network" help:"Where it may call from, such as 192.0.2.0/24; may be given several times. any allows every address (a new client: any). The address is that of the connection, or that which a proxy in proxies.networks names." placeholder:"NETWORK|any"`
	Certificates  []string `name:"certificate" help:"The certificates that it may call with: the SHA-256 of a public key in hexadecimal digits; may be given several times. none lets it call without (a new client: none). It takes TLS by Sesuai itself: docs/operate/tls.md." placeholder:"SHA256|none"`
	Expires       *string  `help:"When it is no longer accepted: the last day, in Jakarta, such as 2027-01-31, a time such as 2027-01-31T17:00:00+07:00, or never (a new client: never)." placeholder:"DAY|TIME|never"`
	Note          *string  `help:"A text of yours, such as who to call: at most 200 characters. It is stored in plain text, so it is no place for anything secret or personal." placeholder:"TEXT"`
}

// apply sets what is given. It does not check the ranges: see access.Client.Validate.
func (f clientSettings) apply(c *access.Client) (err error) {
	if len(f.Scopes) > 0 {
		c.Scopes = nil
		for _, scope := range f.Scopes {
			c.Scopes = append(c.Scopes, access.Scope(scope))
		}
	}
	if f.Threshold != nil {
		c.Threshold = threshold(*f.Threshold)
	}
	if f.NameThreshold != nil {
		c.NameThreshold = *f.NameThreshold
	}
	if f.Percentage != nil {
		if c.Precision, err = sesuai.ParsePrecision(*f.Percentage); err != nil {
			return err
		}
	}
	if f.Rate != nil {
		c.Rate = *f.Rate
	}
	if f.Burst != nil {
		c.Burst = *f.Burst
	}
	if err := f.applyLimits(&c.Limits); err != nil {
		return err
	}
	if f.Replay != nil {
		if c.Replay, err = access.ParsePolicy(*f.Replay); err != nil {
			return err
		}
	}
	if f.Liveness != nil {
		if c.Liveness, err = access.ParsePolicy(*f.Liveness); err != nil {
			return err
		}
	}
	if f.Consent != nil {
		if c.Consent, err = access.ParseConsentPolicy(*f.Consent); err != nil {
			return err
		}
	}
	if f.Note != nil {
		c.Note = *f.Note
	}
	if f.Expires != nil {
		if c.ExpiresAt, err = expiry(*f.Expires); err != nil {
			return err
		}
	}
	if err := f.applyCertificates(c); err != nil {
		return err
	}
	return f.applyNetworks(c)
}

// applyCertificates sets the certificates, if any is given.
func (f clientSettings) applyCertificates(c *access.Client) error {
	if len(f.Certificates) == 0 {
		return nil
	}
	c.Certificates = nil
	if slices.Equal(f.Certificates, []string{"none"}) {
		return nil
	}
	for _, text := range f.Certificates {
		fingerprint, err := access.ParseFingerprint(text)
		if err != nil {
			return err
		}
		c.Certificates = append(c.Certificates, fingerprint)
	}
	return nil
}

// applyLimits sets the limits that are given.
func (f clientSettings) applyLimits(l *limit.Settings) error {
	for _, given := range []struct {
		text  *string
		value *int
	}{
		{f.RequestsDay, &l.RequestsPerDay}, {f.InFlight, &l.InFlight}, {f.NIKsDay, &l.NIKsPerDay}, {f.NonMatchesDay, &l.NonMatchesPerDay},
	} {
		if given.text == nil {
			continue
		}
		var err error
		if *given.value, err = limit.ParseSetting(*given.text); err != nil {
			return err
		}
	}
	return nil
}

// applyNetworks sets the networks, if any is given.
func (f clientSettings) applyNetworks(c *access.Client) error {
	if len(f.Networks) == 0 {
		return nil
	}
	c.Networks = nil
	if slices.Equal(f.Networks, []string{"any"}) {
		return nil
	}
	for _, text := range f.Networks {
		network, err := access.ParseNetwork(text)
		if err != nil {
			return err
		}
		c.Networks = append(c.Networks, network)
	}
	return nil
}

// expiry returns the time that --expires means: the end of a day, or a time.
func expiry(text string) (time.Time, error) {
	if text == "never" {
		return time.Time{}, nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, text, sesuai.Jakarta); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, &sesuai.Error{
			Kind:   sesuai.KindConfiguration,
			Detail: "--expires is a day, such as 2027-01-31, a time, such as 2027-01-31T17:00:00+07:00, or never",
		}
	}
	return at, nil
}

// threshold is a threshold as given; one out of range is not known, so that it
// is refused, and not rounded or cut to one that is in range.
func threshold(v float64) sesuai.Percentage {
	if !(v >= access.MinThreshold && v <= 100) {
		return sesuai.Percentage{}
	}
	return sesuai.PercentageOf(v)
}

// clientArgument is the name of a client as an argument.
type clientArgument struct {
	Name string `arg:"" help:"The client's name."`
}

type clientAdd struct {
	Name string `arg:"" help:"A name for the client; unique."`
	clientSettings
}

func (c *clientAdd) Run(s *session) error {
	client := access.Client{
		Name: c.Name, Scopes: []access.Scope{access.DefaultScope}, AddedAt: time.Now(),
		Threshold: sesuai.PercentageOf(access.DefaultThreshold), NameThreshold: access.DefaultNameThreshold,
	}
	if err := c.apply(&client); err != nil {
		return err
	}
	return s.withNewStorage(func(storage *app.Storage) error {
		_, credentials, err := access.Add(s, storage.Clients, storage.Hash, client)
		if err != nil {
			return err
		}
		r := credentials.Reveal()
		return s.printCredentials(r, r, "")
	})
}

// printCredentials prints credentials, or asJSON, and a further line about them.
func (s *session) printCredentials(asJSON any, r access.Revealed, further string) error {
	return s.print(asJSON, "username  %s\npassword  %s\napi key   %s\nThey are not kept and cannot be shown again.\n%s",
		r.Username, r.Password, r.APIKey, further)
}

type clientSet struct {
	clientArgument
	clientSettings
}

// Help is what --help says of the command besides its flags.
func (clientSet) Help() string {
	return "What is not given stays as it is, and so do the credentials. It holds from the next request on, on every node, and is an " +
		"event of the audit trail."
}

func (c *clientSet) Run(s *session) error { return s.changeClient(c.Name, c.apply) }

// changeClient changes the settings of a client and prints them.
func (s *session) changeClient(name string, change func(*access.Client) error) error {
	return s.withStorage(func(storage *app.Storage) error {
		client, found, err := storage.Clients.ChangeClient(s, name, change)
		if err != nil {
			return err
		}
		return s.printClient(storage, client, found)
	})
}

type clientShow struct{ clientArgument }

func (c *clientShow) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		client, found, err := s.clientNamed(storage, c.Name)
		if err != nil {
			return err
		}
		return s.printClient(storage, client, found)
	})
}

// clientNamed returns the client of a name; false if there is none.
func (s *session) clientNamed(storage *app.Storage, name string) (access.Client, bool, error) {
	clients, err := storage.Clients.ListClients(s)
	i := slices.IndexFunc(clients, func(c access.Client) bool { return c.Name == name })
	if err != nil || i < 0 {
		return access.Client{}, false, err
	}
	return clients[i], true, nil
}

// noClient prints that there is no client of the name that was given.
func (s *session) noClient(asJSON map[string]bool) error {
	if err := s.print(asJSON, "there is no client of this name\n"); err != nil {
		return err
	}
	return negativeAnswer{}
}

type clientRemove struct{ clientArgument }

func (c *clientRemove) Run(s *session) error {
	return s.withStorage(func(storage *app.Storage) error {
		removed, err := storage.RemoveClient(s, c.Name)
		if err != nil {
			return err
		}
		if !removed {
			return s.noClient(map[string]bool{"removed": false})
		}
		return s.print(map[string]bool{"removed": true}, "removed\n")
	})
}

// clientNames returns the names of the clients by their IDs.
func (s *session) clientNames(storage *app.Storage) (map[string]string, error) {
	clients, err := storage.Clients.ListClients(s)
	names := make(map[string]string, len(clients))
	for _, c := range clients {
		names[c.ID] = c.Name
	}
	return names, err
}
