package app

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sesuai/sesuai/internal/config"
	"github.com/sesuai/sesuai/internal/dukcapil/balikan"
	"github.com/sesuai/sesuai/internal/face"
	"github.com/sesuai/sesuai/internal/sqldb"
)

// CheckConfig is LoadConfig, and also reports what Serve would refuse: files
// that cannot be used, a database, addresses. It changes nothing. An address
// that is in use is accepted, since the service may be running.
func CheckConfig(ctx context.Context, path string, environ []string, flags ...Flag) (Config, error) {
	l, err := load(path, environ, flags)
	if err := ProtectMemory(l.Config); err != nil { // before the master key is read
		return l.Config, err
	}
	return l.Config, config.Refuse(l.locate(errors.Join(err, l.mistakes(), CheckFiles(ctx, l.Config))))
}

// CheckFiles reports what Serve would refuse of the files, the database and the
// addresses that c names, as an error of kind sesuai.KindConfiguration.
func CheckFiles(ctx context.Context, c Config) error {
	return config.Refuse(errors.Join(
		checkAddress("listen", c.Listen), checkAddress("admin.listen", c.Admin.Listen), checkAddress("console.listen", c.Console.Listen), c.Console.OIDC.CheckFiles(),
		checkStorage(ctx, c), checkEngine(c), checkDukcapilFiles(c.Dukcapil), checkTLSFiles(c.TLS), c.Telemetry.CheckFiles(),
	))
}

// checkAddress tries to listen. An address that has no port is reported
// elsewhere.
func checkAddress(key, address string) error {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil
	}
	if err != nil {
		return config.Mistakef(key, "cannot listen on %s: %v", address, err)
	}
	return l.Close()
}

// checkStorage checks the data folder, the master key and the database.
func checkStorage(ctx context.Context, c Config) error {
	if err := checkNewFolder(c.Data); err != nil {
		return config.About("data", err)
	}
	exists, err := fileExists(c)
	if err != nil {
		return config.About("data", err)
	}
	errs := []error{config.About(databaseKey(c), sqldb.Check(ctx, databaseOptions(c)))}
	if !emptyFolder(c.Data) {
		errs = append(errs, config.About("data", checkPrivate(c)))
	}
	if folder := c.Audit.CheckpointFolder; folder != "" {
		err := checkNewFolder(folder)
		if info, statErr := os.Stat(folder); err == nil && (statErr != nil || !info.IsDir()) {
			err = config.Mistakef("", "the folder %s is not there", folder)
		}
		errs = append(errs, config.About("audit.checkpoint_folder", err))
	}
	if c.MasterKey != "" || exists && c.Registry == "" {
		_, err := openRing(ctx, c, false)
		errs = append(errs, config.About("master_key", err))
	}
	return errors.Join(errs...)
}

// databaseKey is the key that says where the database is.
func databaseKey(c Config) string {
	if c.Registry != "" {
		return "registry"
	}
	return "data"
}

// checkNewFolder reports whether a folder can be written to or, if there is none,
// be made.
func checkNewFolder(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if parent := filepath.Dir(path); parent != path {
			return checkNewFolder(parent)
		}
	}
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return config.Mistakef("", "%s is not a folder", path)
	case unix.Access(path, unix.W_OK|unix.X_OK) != nil:
		return config.Mistakef("", "the folder %s cannot be written to", path)
	default:
		return nil
	}
}

// checkEngine loads the face models and runs the self-test, with the calibration
// if there is one.
func checkEngine(c Config) error {
	_, calibration, calibrationErr := faceFiles(c)
	c.Face.Workers = 1
	o, err := engineOptions(c, ManyPhotographs, 1)
	if err != nil {
		return errors.Join(calibrationErr, config.About("models", err))
	}
	o.Calibration, o.Uncalibrated = calibration, calibration == nil
	engine, err := face.New(o)
	if err == nil {
		engine.Close()
	}
	return errors.Join(calibrationErr, config.About("models", err))
}

// checkTLSFiles reads the files of TLS.
func checkTLSFiles(c TLSConfig) error {
	if c.check() != nil { // which is reported elsewhere
		return nil
	}
	_, err := c.open(nil, nil)
	return err
}

// checkDukcapilFiles checks the files that the section names, if it is enabled.
func checkDukcapilFiles(c DukcapilConfig) error {
	if !c.Enabled {
		return nil
	}
	err := c.Config.Check()
	if c.returns() && c.Balikan.Validate() == nil {
		_, returns := balikan.New(balikan.Options{Config: c.Balikan})
		err = errors.Join(err, config.About("dukcapil.balikan", returns))
	}
	return err
}
