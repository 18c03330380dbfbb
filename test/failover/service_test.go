package failover_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/test/process"
)

// service is what the nodes of a test have in common.
type service struct {
	// sesuai is the program, without the settings of a node.
	sesuai process.Runner
	client process.Credentials
	folder string
}

// newService enrols the demo people in the database.
func newService(t *testing.T, url string) *service {
	t.Helper()
	s := &service{folder: t.TempDir()}
	key := filepath.Join(s.folder, "master.key")
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	if err := os.WriteFile(key, b, 0o600); err != nil {
		t.Fatal(err)
	}
	program := process.Program(t, root)
	s.sesuai = process.Runner{Program: program, Env: append(process.Exact(),
		"SESUAI_LOG_LEVEL=warn", "SESUAI_LOG_FORMAT=json", "SESUAI_REGISTRY="+url, "SESUAI_MASTER_KEY="+key,
		"SESUAI_MODELS="+filepath.Join(filepath.Dir(program), "../models"), // for the enrollers
		"SESUAI_PROXIES_NETWORKS=10.213.7.0/24",
		"SESUAI_CORE_DUMPS=true", // node.files looks at the process, which only root may otherwise
	)}
	operator := s.of("operator")
	operator.Run(t, nil, "migrate", "up")
	operator.Run(t, nil, "person", "import", root+"/demo/people.csv", "--photos", photosDir)
	operator.Run(t, &s.client, "client", "add", "failover")
	return s
}

// of returns the program with its own data folder.
func (s *service) of(name string) process.Runner {
	r := s.sesuai
	r.Env = append(r.Env[:len(r.Env):len(r.Env)], "SESUAI_DATA="+filepath.Join(s.folder, name))
	return r
}

// start starts both nodes with HAProxy in front of them, and a load, and waits until
// the load succeeds.
func (s *service) start(t *testing.T) *load {
	t.Helper()
	one, two := s.startNode(t, "one"), s.startNode(t, "two")
	l := startLoad(t, startProxy(t, s), one, two)
	l.awaitWork(time.Time{}, "the load succeeds")
	return l
}

// onOneServer returns a service on a server whose data are on a disk.
func onOneServer(t *testing.T, disk *pgtest.Disk) (*service, *pgtest.Server) {
	t.Helper()
	need(t)
	server := pgtest.Start(t, pgtest.Options{Disk: disk, Settings: map[string]string{"max_wal_size": "128MB"}})
	return newService(t, server.Database(t)), server
}
