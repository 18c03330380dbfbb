package kill_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestKillFirstStart kills the program while it creates the master key and the
// database. Afterwards the program starts and works.
func TestKillFirstStart(t *testing.T) {
	program(t)
	start := time.Now()
	makeRegistry(t, filepath.Join(t.TempDir(), "data"))
	whole := time.Since(start)

	const rounds = 15
	stages := make(map[string]int)
	for range rounds {
		data := filepath.Join(t.TempDir(), "data")
		for kills := range 2 { // the second start finds the files of the first
			cmd := command(t, importNobody(data)...)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// Kill at a random moment of a first start.
			<-time.After(rand.N(whole))
			kill(t, cmd)
			_ = cmd.Wait() // it was killed, or had just ended
			if kills == 0 {
				stages[stage(data)]++
			}
		}
		sesuai(t, nil, "client", "add", "test", "--data", data)
		if c := count(t, data); c != 0 {
			t.Errorf("%d people on record", c)
		}
		var clients []struct{ Name string }
		sesuai(t, &clients, "client", "list", "--data", data)
		if len(clients) != 1 || clients[0].Name != "test" {
			t.Errorf("clients %v, one was added", clients)
		}
		copies, err := filepath.Glob(filepath.Join(data, ".master.key.*"))
		if err != nil || len(copies) != 0 {
			t.Errorf("%d copies of a master key are left behind: %v", len(copies), err)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("a first start takes %v; stages of the first kills: %v", whole, stages)
	if len(stages) < 2 {
		t.Errorf("every kill came at the same stage: %v", stages)
	}
}

// stage describes how far a first start got, by its files.
func stage(data string) string {
	size := func(name string) string {
		info, err := os.Stat(filepath.Join(data, name))
		if err != nil {
			return "none"
		}
		return fmt.Sprint(info.Size())
	}
	return fmt.Sprintf("key %s, database %s", size("master.key"), size("sesuai.db"))
}
