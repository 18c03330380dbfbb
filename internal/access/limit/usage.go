package limit

import (
	"context"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// Usage is how much of a limit is used now.
type Usage struct {
	Limit Name `json:"limit"`
	Used  int  `json:"used"`
	// Max is the limit; 0 if it is off.
	Max int `json:"max"`
}

// NIKUsage returns what is used of the limits of a NIK, by a client if that is not "", and
// else by all together. Requests in progress do not count. The error has kind
// sesuai.KindUnavailable.
func (s *Store) NIKUsage(ctx context.Context, nik sesuai.NIK, client string) ([]Usage, error) {
	now, c := s.o.Now(), s.o.Config.NIK
	hash := s.hash(nik.Reveal())
	got, err := s.read(ctx, s.o.DB.Engine(), s.o.DB.Read(), query{niks: []string{hash}, now: now, limit: maxRead})
	if err != nil {
		return nil, sqldb.Unavailable(ctx, "reading the misses on a NIK", err)
	}
	in := func(window time.Duration) (t tally) {
		for _, one := range got.niks[hash] {
			if one.at.After(now.Add(-window)) && (client == "" || one.client == client) {
				t.add(one.kind, 1)
			}
		}
		return t
	}
	if client != "" {
		return []Usage{
			{ClientMissesPerHour, in(Hour).total(), c.ClientMissesPerHour},
			{ClientMissesPerDay, in(Day).total(), c.ClientMissesPerDay},
		}, nil
	}
	return []Usage{
		{MissesPerHour, in(Hour).total(), c.MissesPerHour},
		{MissesPerDay, in(Day).total(), c.MissesPerDay},
		{AttemptsPerDay, in(Day).attempts(), c.AttemptsPerDay},
	}, nil
}

// ClientUsage is what a client has used today.
type ClientUsage struct {
	Limits []Usage `json:"limits"`
	// Answers are those about a person, of which NonMatchesPerDay counts some.
	Answers int `json:"answers"`
	// Flagged and Stopped are whether it has too large a share of non-matches.
	Flagged bool `json:"flagged"`
	Stopped bool `json:"stopped"`
}

// ClientUsage returns what a client with these settings has used today. The error has kind
// sesuai.KindUnavailable.
func (s *Store) ClientUsage(ctx context.Context, client string, own Settings) (ClientUsage, error) {
	c := s.o.Config.Client.with(own)
	got, err := s.read(ctx, s.o.DB.Engine(), s.o.DB.Read(), query{clients: []string{client}, now: s.o.Now(), limit: maxRead})
	if err != nil {
		return ClientUsage{}, sqldb.Unavailable(ctx, "reading what a client has used", err)
	}
	day := got.clients[client].day
	return ClientUsage{
		Limits: []Usage{
			{RequestsPerDay, int(day.requests), c.RequestsPerDay},
			{NIKsPerDay, int(day.niks), c.NIKsPerDay},
			{NonMatchesPerDay, int(day.nonMatches), c.NonMatchesPerDay},
		},
		Answers: int(day.answers), Flagged: day.flagged, Stopped: day.stopped,
	}, nil
}

// ResetClient removes what a client has used today, in a transaction that records that.
// The error has kind sesuai.KindUnavailable.
func (s *Store) ResetClient(ctx context.Context, client string) error {
	today := dayOf(s.o.Now())
	return s.reset(ctx, audit.Change{Client: client}, []sqldb.Statement{
		{Query: `DELETE FROM limit_clients WHERE client = $1 AND day = $2`, Args: []any{client, today}},
		{Query: `DELETE FROM limit_niks WHERE client = $1 AND day = $2`, Args: []any{client, today}},
	})
}

// ResetNIK removes the misses on a NIK, in a transaction that records that. The error has
// kind sesuai.KindUnavailable.
func (s *Store) ResetNIK(ctx context.Context, nik sesuai.NIK) error {
	return s.reset(ctx, audit.Change{NIK: nik}, []sqldb.Statement{
		{Query: `DELETE FROM limit_misses WHERE nik = $1`, Args: []any{[]byte(s.hash(nik.Reveal()))}},
	})
}

// reset runs statements and records a change. Nothing is completed meanwhile.
func (s *Store) reset(ctx context.Context, c audit.Change, statements []sqldb.Statement) error {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	c.Action = audit.LimitsReset
	err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
		return s.o.Trail.ChangeLockedTx(ctx, tx, c, func() error { return tx.ExecAll(ctx, statements) })
	})
	if err != nil {
		return sqldb.Unavailable(ctx, "resetting limits", err)
	}
	return nil
}
