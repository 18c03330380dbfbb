package app

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/doctor"
	"github.com/sesuai/sesuai/internal/dukcapil/client"
	"github.com/sesuai/sesuai/internal/fileperm"
	"github.com/sesuai/sesuai/internal/keyring"
	"github.com/sesuai/sesuai/internal/sqldb"
	"github.com/sesuai/sesuai/internal/vault"
)

// Diagnosis is what Diagnose found.
type Diagnosis = doctor.Report

// Diagnose looks at what c names and at the machine. It changes nothing, and makes no
// database, and the service may be running. mistakes is the error of LoadConfig: what
// can be checked without the keys that it names is checked.
func Diagnose(ctx context.Context, c Config, mistakes error) Diagnosis {
	p := &premises{c: c, mistakes: mistakes}
	defer p.close()
	// The order matters: some checks use what an earlier one has opened.
	return doctor.Run(ctx, []doctor.Check{
		{Name: "configuration", Look: p.configuration},
		{Name: "database", Look: p.database},
		{Name: "schema", Look: p.schemaVersion},
		{Name: "master key", Look: p.masterKey},
		{Name: "audit trail", Look: p.auditTrail},
		{Name: "clock", Look: func(context.Context) doctor.Finding { return doctor.Clock(time.Now(), p.latest) }},
		{Name: "models", Look: p.models},
		{Name: "certificate", Look: p.certificate},
		{Name: "dukcapil", Look: p.dukcapil},
		{Name: "data folder", Look: func(context.Context) doctor.Finding { return doctor.Disk(c.Data) }},
		{Name: "temporary files", Look: func(context.Context) doctor.Finding { return doctor.Disk(c.spoolFolder()) }},
		{Name: "open files", Look: func(context.Context) doctor.Finding {
			possible, _ := c.Limits.connections()
			return doctor.Files(c.Limits.Connections, possible)
		}},
		{Name: "memory", Look: func(context.Context) doctor.Finding {
			return doctor.Memory(c.Limits.Memory+programMemory, c.Limits.heap())
		}},
	})
}

// premises are what the checks share.
type premises struct {
	c        Config
	mistakes error
	db       *sqldb.DB // nil: it cannot be opened, or there is none
	schema   Schema
	keys     *vault.Vault // nil: they do not open the database
	// latest is the latest time that is stored.
	latest time.Time
}

func (p *premises) close() {
	if p.db != nil {
		_ = p.db.Close() // it was only read
	}
}

// failed returns a finding about an error. It says each mistake that is in it.
func failed(do string, err error) doctor.Finding {
	var all []string
	for _, m := range config.Mistakes(err) {
		all = append(all, m.Error())
	}
	return doctor.Fail(do, "%s", strings.Join(all, "; "))
}

func (p *premises) configuration(context.Context) doctor.Finding {
	err := errors.Join(p.mistakes,
		checkAddress("listen", p.c.Listen), checkAddress("admin.listen", p.c.Admin.Listen), checkAddress("console.listen", p.c.Console.Listen), p.c.Console.OIDC.CheckFiles(), p.c.Telemetry.CheckFiles())
	if err != nil {
		return failed("correct it by docs/reference/configuration.md: the service does not start with it, and the checks below use the values that could be read", err)
	}
	return doctor.Good("every value is valid")
}

func (p *premises) masterKey(ctx context.Context) doctor.Finding {
	if p.c.MasterKey == "" && p.db == nil {
		return doctor.Skip("there is no database that can be opened, which the master key belongs to")
	}
	ring, err := openRing(ctx, p.c, false)
	if err != nil {
		return failed("correct the owner and the mode of the file, or put the file back from its backup; docs/operate/keys.md", err)
	}
	if !p.upToDate() {
		return doctor.Skip("it can be read; whether it is that of the database was not checked, as the schema is not this program's")
	}
	keys, err := vault.Open(ctx, vault.Options{
		DB: p.db, ReadOnly: true, OpenRing: func(bool) (*keyring.Ring, error) { return ring, nil },
	})
	if err != nil {
		return failed("put the key that belongs to this database back, or name its database: another key opens nothing; docs/operate/keys.md", err)
	}
	p.keys = keys
	return doctor.Good("it can be read by its owner alone, and opens the database")
}

func (p *premises) auditTrail(ctx context.Context) doctor.Finding {
	if p.keys == nil {
		return doctor.Skip("the master key does not open the database")
	}
	const do = "run sesuai audit verify, and do as docs/operate/audit.md says of a trail that is broken"
	trail, err := audit.NewTrail(ctx, audit.Options{
		DB: p.db, NIK: p.keys.Secret(keyring.AuditNIK), Chain: p.keys.Secret(keyring.AuditChain),
	})
	if err != nil {
		return failed(do, err)
	}
	head, err := trail.Head(ctx)
	if err != nil {
		return failed(do, err)
	}
	last, err := trail.Events(ctx, audit.Filter{Limit: 1})
	if err != nil {
		return failed(do, err)
	}
	for _, e := range last {
		p.latest = time.UnixMicro(e.Time)
	}
	kept, err := trail.LatestCheckpoint(p.c.checkpointFiles()[0])
	if err != nil {
		return failed(do, err)
	}
	if kept.Time.After(p.latest) {
		p.latest = kept.Time
	}
	if kept.Head == (audit.Head{}) {
		return doctor.Good("the head is signed, at event %d; there is no checkpoint yet", head.Seq)
	}
	if err := trail.CompareCheckpoints(ctx, []audit.Head{kept.Head}); err != nil {
		return failed(do, err)
	}
	if late := 2*p.c.Audit.CheckpointInterval + p.c.Audit.CheckInterval; head.Seq > kept.Seq && !kept.Time.IsZero() && time.Since(kept.Time) > late {
		return doctor.Warn("see that the service runs, and that its log has no error about a checkpoint",
			"the head is signed, at event %d, but the last checkpoint is of event %d, from %s", head.Seq, kept.Seq, kept.Time.Format(time.RFC3339))
	}
	return doctor.Good("the head is signed, at event %d; the last checkpoint is of event %d, which is as it was", head.Seq, kept.Seq)
}

func (p *premises) models(context.Context) doctor.Finding {
	if err := checkEngine(p.c); err != nil {
		return failed("put the files of the release back, or correct models and face; docs/operate/models.md", err)
	}
	return doctor.Good("every file has its digest, and the engine has passed its self-test")
}

// warnExpiry is how long before its end a certificate is a warning: that of the alert.
const warnExpiry = 14 * 24 * time.Hour

func (p *premises) certificate(context.Context) doctor.Finding {
	c := p.c.TLS
	if !c.on() {
		return doctor.Good("tls.cert is not set: the service speaks HTTP")
	}
	const do = "renew the certificate, with its key: docs/operate/tls.md"
	var leaf *x509.Certificate
	if _, err := c.open(func(l *x509.Certificate) { leaf = l }, nil); err != nil {
		return failed(do, err)
	}
	ends := leaf.NotAfter.UTC().Format(time.RFC3339)
	if time.Now().Before(leaf.NotBefore) {
		return doctor.Fail("set the clock, or use a certificate that is valid now", "the certificate is valid from %s", leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	info, err := os.Stat(c.Key)
	if err == nil {
		err = fileperm.Private(info)
	}
	switch {
	case err != nil:
		return doctor.Warn("let only the user that sesuai runs as read the key", "the certificate ends %s; tls.key %s %v", ends, c.Key, err)
	case time.Until(leaf.NotAfter) < warnExpiry:
		return doctor.Warn(do, "the certificate ends %s", ends)
	default:
		return doctor.Good("the certificate fits its key and ends %s", ends)
	}
}

func (p *premises) dukcapil(ctx context.Context) doctor.Finding {
	c := p.c.Dukcapil
	if !c.Enabled {
		return doctor.Good("dukcapil.enabled is false: the people on record here are asked")
	}
	if err := checkDukcapilFiles(c); err != nil {
		return failed("correct the keys and the files of the section; docs/operate/dukcapil.md", err)
	}
	if err := client.Handshake(ctx, c.Config); err != nil {
		return failed("see that the VPN is up and the address is allowed there, and that dukcapil.tls trusts the server; docs/operate/dukcapil.md", err)
	}
	return doctor.Good("the secrets can be read, and both services' hosts accept TLS; neither service was called")
}
