package main

import (
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/enrol"
	"github.com/sesuai/sesuai/internal/rows"
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
// KindTooLarge, and name the path.
func readPhoto(path string) ([]byte, error) {
	if path == "" {
		return nil, &sesuai.Error{Kind: sesuai.KindNoFile, Detail: "--photo is needed: the path of a JPEG or PNG file"}
	}
	photo, err := rows.ReadPhotoFile(path)
	if err != nil {
		return nil, ofPhoto(path, err)
	}
	return photo, nil
}

// ofPhoto says which photograph an error is about.
func ofPhoto(path string, err error) error {
	return &sesuai.Error{Kind: sesuai.KindOf(err), Detail: path + ": " + describe(err)}
}
