package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/registry"
	"github.com/sesuai/sesuai/internal/synthetic"
)

const (
	// people is how many synthetic people are on record. Each gets the
	// photograph in turn, so that few requests meet a photograph that the
	// person has sent before.
	people = 10_000
	// clients is how many clients there are. A client sends up to eight
	// requests at once: the limits of one client are below those of all.
	clients, requestsOfClient = 8, 8
)

// trial is a registry of synthetic people in a folder of its own, to be served.
type trial struct {
	config  app.Config
	log     *slog.Logger
	photo   []byte
	claims  []Claim
	clients []access.Revealed
}

// newTrial makes the folder and the configuration of the service to be measured.
// The folder is in the data folder of c or, if there is none yet, in the folder that
// it would be made in: on the same disk. The registry is an SQLite database in it,
// also where c names a PostgreSQL database, and Dukcapil is not asked. Everything
// else is as in c.
func newTrial(c app.Config, log *slog.Logger, photo []byte) (*trial, error) {
	parent, err := filepath.Abs(c.Data)
	if err != nil {
		return nil, err
	}
	for !isFolder(parent) && parent != filepath.Dir(parent) {
		parent = filepath.Dir(parent)
	}
	folder, err := os.MkdirTemp(parent, "bench-")
	if err != nil {
		return nil, &sesuai.Error{
			Kind: sesuai.KindConfiguration, Err: err,
			Detail: fmt.Sprintf("no folder can be made in %s, where the benchmark writes; --data names another place", parent),
		}
	}
	c.Data, c.Listen, c.Registry, c.MasterKey = folder, "127.0.0.1:0", "", ""
	c.Admin.Listen, c.Dukcapil.Enabled = "", false
	c.Audit.CheckpointFile, c.Audit.CheckpointFolder, c.Audit.CheckpointSyslog = "", "", ""
	return &trial{config: c, log: log, photo: photo}, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func (t *trial) remove() error { return os.RemoveAll(t.config.Data) }

// prepare measures what needs no service, and puts people and clients on record.
func (t *trial) prepare(ctx context.Context, r *Report, inference time.Duration) error {
	r.Cores, r.JPEGDecoder = runtime.GOMAXPROCS(0), app.JPEGDecoder()
	r.Workers = cmp.Or(t.config.Face.Workers, r.Cores)
	var err error
	if r.SyncMS, err = syncTime(t.config.Data); err != nil {
		return err
	}
	engine, err := app.OpenEngine(t.config, app.ManyPhotographs, r.Cores)
	if err != nil {
		return err
	}
	defer engine.Close()
	r.Model, r.Calibration = engine.Model(), engine.Calibration().ID
	reference, err := engine.Extract(ctx, t.photo, face.ForProbe) // which may be of lower quality than a portrait
	if err == nil {
		err = reference.Refusal()
	}
	if err != nil {
		return err
	}
	if r.Inference, err = measureInference(ctx, engine, t.photo, r.Workers, inference); err != nil {
		return err
	}
	return t.enrol(ctx, reference.Template)
}

// measureInference takes half the time for one worker alone, and half for all. If
// all cannot be measured, PerSecond is 0.
func measureInference(ctx context.Context, engine *face.Engine, photo []byte, workers int, d time.Duration) (i Inference, err error) {
	var mu sync.Mutex
	infer := func() ([]time.Duration, error) {
		var times []time.Duration
		end := time.Now().Add(d / 2)
		err := engine.Infer(ctx, photo, func(took time.Duration) bool {
			times = append(times, took)
			return time.Now().Before(end) && ctx.Err() == nil
		})
		return times, err
	}
	times, err := infer()
	if err != nil {
		return i, err
	}
	i.MS = ms(Quantile(times, 0.5))
	if ctx.Err() != nil {
		return i, ctx.Err()
	}
	perSecond := 0.0
	var group errgroup.Group
	for range workers {
		group.Go(func() error {
			times, err := infer()
			if err != nil {
				return err
			}
			var sum time.Duration
			for _, t := range times {
				sum += t
			}
			mu.Lock()
			defer mu.Unlock()
			perSecond += float64(len(times)) / sum.Seconds()
			return nil
		})
	}
	if err := errors.Join(group.Wait(), ctx.Err()); err != nil {
		return i, err
	}
	i.PerSecond = rounded(perSecond)
	return i, nil
}

// enrol puts the people on record, all with the template, and adds the clients.
func (t *trial) enrol(ctx context.Context, template face.Template) (err error) {
	s, err := app.OpenStorage(ctx, t.config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	country := synthetic.New(1)
	// The photograph is not that of the record, which would be a replay.
	portrait := &registry.Portrait{Template: template, Source: [32]byte{1}}
	var batch []registry.Enrolment
	for n := 0; len(t.claims) < people; n++ {
		p := country.Person(n)
		if p.Status != sesuai.Active {
			continue
		}
		batch = append(batch, registry.Enrolment{Person: p, Portrait: portrait})
		t.claims = append(t.claims, Claim{p.NIK.Reveal(), p.Name.Reveal(), p.DateOfBirth.Reveal()})
	}
	for some := range slices.Chunk(batch, 1000) {
		if _, err := s.People.EnrolBatch(ctx, some, false); err != nil {
			return err
		}
	}
	for i := range clients {
		client := access.Client{
			Name: fmt.Sprintf("bench %d", i+1), Scopes: access.Scopes[:], AddedAt: time.Now(),
			Threshold: sesuai.PercentageOf(access.DefaultThreshold), NameThreshold: access.DefaultNameThreshold,
		}
		if t.config.Face.Liveness {
			client.Liveness = access.Log
		}
		_, credentials, err := access.Add(ctx, s.Clients, s.Hash, client)
		if err != nil {
			return err
		}
		t.clients = append(t.clients, credentials.Reveal())
	}
	return nil
}
