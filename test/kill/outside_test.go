package kill_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestNothingOutsideTheDataFolder: neither the program nor a library writes to
// other folders. ONNX Runtime would by default: see package ort.
func TestNothingOutsideTheDataFolder(t *testing.T) {
	data := withDemoPeople(t)
	home, temporary := t.TempDir(), t.TempDir()
	s := serve(t, data, "HOME="+home, "TMPDIR="+temporary, "XDG_CACHE_HOME=", "XDG_CONFIG_HOME=", "XDG_DATA_HOME=")
	photo := readFile(t, photosDir+"/ayu-selfie.jpg")
	for range 10 {
		if status, body, err := s.verify("", photo); err != nil || status != 200 {
			t.Fatal(status, string(body), err)
		}
	}
	for _, dir := range []string{home, temporary} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if path != dir {
				t.Errorf("%s was created", path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	s.Stop(t)
	entries, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"audit-checkpoints.txt", "master.key", "sesuai.db"}; !slices.Equal(names, want) {
		t.Errorf("the data folder holds %v, not %v", names, want)
	}
}
