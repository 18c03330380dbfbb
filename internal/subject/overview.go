package subject

import (
	"context"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/retention"
)

// Overview is what is stored of people in general, and who asks what for: the state now,
// and what happened in a period. It names nobody.
type Overview struct {
	At   time.Time `json:"at"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Stored are the tables that have something of a person.
	Stored []Stored `json:"stored"`
	// Asked is who asked, and what for.
	Asked []AskedFor `json:"asked"`
	// Reports and Erasures are how many there were.
	Reports  int64 `json:"reports"`
	Erasures int64 `json:"erasures"`
	// Runs are what was removed for its age, by day and table.
	Runs []retention.Run `json:"retention_runs"`
}

// Stored is a table that has something of a person.
type Stored struct {
	Table string `json:"table"`
	Holds string `json:"holds"`
	Rows  int64  `json:"rows"`
	// Oldest is the time of the oldest row; nil if there is none, or no time.
	Oldest *time.Time `json:"oldest,omitempty"`
	// Retention is the key of the configuration, or words, and Keep its value; "" if
	// there is none, or it has no limit.
	Retention string `json:"retention"`
	Keep      string `json:"keep,omitempty"`
}

// AskedFor is how often a client asked through one endpoint for one purpose.
type AskedFor struct {
	Client     string `json:"client"`
	ClientName string `json:"client_name,omitempty"`
	Endpoint   string `json:"endpoint"`
	Purpose    string `json:"purpose"`
	Requests   int64  `json:"requests"`
	Consents   int64  `json:"with_consent"`
}

// OverviewOptions are what an Overview is made of.
type OverviewOptions struct {
	// PostgreSQL is whether the database is one of PostgreSQL.
	PostgreSQL bool
	// Count returns the number of rows of a table, and the smallest value of a column;
	// 0 if there is no row or the column is "".
	Count func(ctx context.Context, table, column string) (rows, oldest int64, err error)
	Asked func(ctx context.Context, from, to time.Time) ([]audit.Asked, error)
	// Actions counts what operators did.
	Actions func(ctx context.Context, from, to time.Time) (map[audit.Action]int64, error)
	Runs    func(ctx context.Context, from, to retention.Day) ([]retention.Run, error)
	Clients func(ctx context.Context) (map[string]string, error)
	// Keep are the values of the keys of the configuration that Places name.
	Keep map[string]time.Duration
	Now  func() time.Time
}

// NewOverview makes an Overview of a period, whose end is excluded. It reads the whole
// audit trail, and counts the rows of every table that has something of a person.
func NewOverview(ctx context.Context, o OverviewOptions, from, to time.Time) (v Overview, err error) {
	v = Overview{At: o.Now().UTC(), From: from.UTC(), To: to.UTC(), Asked: []AskedFor{}}
	for _, p := range Places {
		if p.Holds == "" || p.OnlyPostgreSQL && !o.PostgreSQL {
			continue
		}
		s := Stored{Table: p.Table, Holds: p.Holds, Retention: p.Retention}
		var oldest int64
		if s.Rows, oldest, err = o.Count(ctx, p.Table, p.Oldest); err != nil {
			return Overview{}, err
		}
		if oldest > 0 {
			s.Oldest = timeOf(time.UnixMicro(oldest))
		}
		if keep := o.Keep[p.Retention]; keep > 0 {
			s.Keep = keep.String()
		}
		v.Stored = append(v.Stored, s)
	}
	names, err := o.Clients(ctx)
	if err != nil {
		return Overview{}, err
	}
	asked, err := o.Asked(ctx, from, to)
	if err != nil {
		return Overview{}, err
	}
	for _, a := range asked {
		v.Asked = append(v.Asked, AskedFor{a.Client, names[a.Client], a.Endpoint.String(), a.Purpose, a.Requests, a.Consents})
	}
	actions, err := o.Actions(ctx, from, to)
	if err != nil {
		return Overview{}, err
	}
	v.Reports, v.Erasures = actions[audit.SubjectReported], actions[audit.SubjectErased]
	if v.Runs, err = o.Runs(ctx, retention.DayOf(from), retention.DayOf(to.Add(-1))); v.Runs == nil {
		v.Runs = []retention.Run{}
	}
	return v, err
}
