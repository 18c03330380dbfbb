package main

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"
)

// tree is files by their paths, which are relative. Folders above them belong to root
// and need no entry.
type tree map[string]file

// file is a regular file, a symbolic link or a folder.
type file struct {
	mode    int64
	owner   int
	content []byte
	link    string // the target of a symbolic link
	folder  bool
}

// addFile adds the file at a path of this machine.
func (t tree) addFile(name, from string, mode int64) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	t[name] = file{mode: mode, content: b}
	return nil
}

// add adds all of another tree in a folder.
func (t tree) add(folder string, other tree) {
	for name, f := range other {
		t[path.Join(folder, name)] = f
	}
}

// withFolders returns the tree with an entry for each folder.
func (t tree) withFolders() tree {
	all := maps.Clone(t)
	for name := range t {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := all[dir]; !ok {
				all[dir] = file{mode: 0o755, folder: true}
			}
		}
	}
	return all
}

// writeTar writes the tree, sorted, with one date for all.
func (t tree) writeTar(w io.Writer, date time.Time) error {
	all := t.withFolders()
	archive := tar.NewWriter(w)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f := all[name]
		h := &tar.Header{
			Name: name, Mode: f.mode, Uid: f.owner, Gid: f.owner, ModTime: date, Size: int64(len(f.content)), Typeflag: tar.TypeReg,
		}
		switch {
		case f.folder:
			h.Typeflag, h.Name = tar.TypeDir, name+"/"
		case f.link != "":
			h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, f.link, 0o777
		}
		if err := archive.WriteHeader(h); err != nil {
			return err
		}
		if _, err := archive.Write(f.content); err != nil {
			return err
		}
	}
	return archive.Close()
}

// writeTo makes the files below a folder of this machine. Owners are ignored.
func (t tree) writeTo(folder string) error {
	all := t.withFolders()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		f, to := all[name], filepath.Join(folder, name)
		var err error
		switch {
		case f.folder:
			err = os.MkdirAll(to, 0o755)
		case f.link != "":
			err = os.Symlink(f.link, to)
		default:
			err = os.WriteFile(to, f.content, 0o600)
		}
		if err == nil && f.link == "" {
			err = os.Chmod(to, os.FileMode(f.mode)) // whatever the umask
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writeTarball writes what is installed in /opt/sesuai, with the files that go to other
// folders, in one folder.
func (r *release) writeTarball(p *program) error {
	all := make(tree)
	folder := "sesuai-" + r.version + "-linux-" + p.debian
	all.add(folder, p.installed)
	for _, name := range []string{"sesuai.service", "sesuai.yaml", "sysusers.conf"} {
		if err := all.addFile(folder+"/"+name, filepath.Join(r.source, "packaging", name), 0o644); err != nil {
			return err
		}
	}
	f, err := os.Create(r.name("linux", p.debian, "tar.gz"))
	if err != nil {
		return err
	}
	zip := gzip.NewWriter(f)
	if err := all.writeTar(zip, r.made); err != nil {
		return err
	}
	if err := zip.Close(); err != nil {
		return err
	}
	return f.Close()
}
