package main

import (
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
)

// claimFlags are the flags that say who a person is.
type claimFlags struct {
	NIK         string `name:"nik" help:"The NIK: 16 digits."`
	Name        string `help:"The name, as on the identity card."`
	DateOfBirth string `help:"The date of birth: dd-mm-yyyy."`
}

// parse reads them in the order of the API.
func (f claimFlags) parse() (c sesuai.Claim, err error) {
	if c.NIK, err = sesuai.ParseNIK(f.NIK); err != nil {
		return c, err
	}
	if c.Name, err = sesuai.ParseName(f.Name); err != nil {
		return c, err
	}
	c.DateOfBirth, err = enrol.ParseDate(f.DateOfBirth, time.Now())
	return c, err
}

// readPhoto reads a whole photograph. Errors have kind sesuai.KindNoFile or
// KindTooLarge, and do not repeat the path, which may hold a name.
func readPhoto(path string) ([]byte, error) { return enrol.ReadPhotoFile(path) }
