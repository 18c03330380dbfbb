package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"text/tabwriter"

	_ "modernc.org/sqlite" // to break a registry
)

type tableCommand struct{}

// outcome is one of the eight documented outcomes: a request and the expected
// response.
type outcome struct {
	name, what string
	// change changes the claim about the first of the demo people.
	change func(*person)
	photo  string
	status int
	body   *regexp.Regexp
}

// percentage matches any percentage in the body of an outcome.
const percentage = `[0-9]+(\.[0-9]{1,2})?`

func body(pattern string) *regexp.Regexp { return regexp.MustCompile("^" + pattern + "$") }

var outcomes = []outcome{
	{
		"R1", "all match", func(*person) {}, selfieOfFirst, 200,
		body(`\{"verification_status":true,"reason":"Verification Success","result":\{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":` + percentage + `\}\}`),
	},
	{
		"R2", "unknown NIK", func(p *person) { p.NIK = "9999999999999999" }, selfieOfFirst, 200,
		body(`\{"verification_status":false,"reason":"NIK not found on Dukcapil database","result":\{"nik":false,"name":null,"date_of_birth":null,"face_image_percentage":0\}\}`),
	},
	{
		"R3", "another name", func(p *person) { p.Name = "SURYANI HAPSARI" }, selfieOfFirst, 200,
		body(`\{"verification_status":false,"reason":"Name does not match","result":\{"nik":true,"name":false,"date_of_birth":true,"face_image_percentage":` + percentage + `\}\}`),
	},
	{
		"R4", "another date of birth", func(p *person) { p.DateOfBirth = "13-03-1990" }, selfieOfFirst, 200,
		body(`\{"verification_status":false,"reason":"Date of birth does not match","result":\{"nik":true,"name":true,"date_of_birth":false,"face_image_percentage":` + percentage + `\}\}`),
	},
	{
		"R5", "another face", func(*person) {}, "safitri.jpg", 200,
		body(`\{"verification_status":false,"reason":"Selfie image does not pass the threshold","result":\{"nik":true,"name":true,"date_of_birth":true,"face_image_percentage":` + percentage + `\}\}`),
	},
	{
		"R6", "nik too short", func(p *person) { p.NIK = p.NIK[:15] }, selfieOfFirst, 400,
		body(`\{"verification_status":false,"reason":"Invalid NIK number format"\}`),
	},
	{
		"R7", "no such day", func(p *person) { p.DateOfBirth = "31-02-1990" }, selfieOfFirst, 400,
		body(`\{"verification_status":false,"reason":"Invalid date_of_birth format"\}`),
	},
	{
		"R8", "the registry fails", func(*person) {}, selfieOfFirst, 503,
		body(`\{"verification_status":false,"reason":"Something wrong in Dukcapil server","result":\{"nik":null,"name":null,"date_of_birth":null,"face_image_percentage":null\}\}`),
	},
}

// Run prints the responses to the eight requests as a table. It fails if one is not
// as documented.
func (*tableCommand) Run(ctx context.Context, c *commandLine) error {
	return c.try(ctx, func(s *trial) error { return printOutcomes(ctx, c, s) })
}

func printOutcomes(ctx context.Context, c *commandLine, s *trial) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\tREQUEST\tHTTP\tBODY")
	var failed []error
	for _, o := range outcomes {
		if o.name == "R8" {
			if err := breakRegistry(ctx, s.data); err != nil {
				return err
			}
		}
		claim := s.first
		o.change(&claim)
		photo, err := os.ReadFile(filepath.Join(c.photos(), o.photo))
		if err != nil {
			return err
		}
		answer, err := s.sender.Verify(ctx, claim, photo)
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", o.name, o.what, answer.Status, answer.Body)
		if answer.Status != o.status || !o.body.Match(answer.Body) {
			failed = append(failed, fmt.Errorf("%s is not as documented", o.name))
		}
	}
	return errors.Join(append(failed, table.Flush())...)
}

type breakCommand struct {
	Data string `help:"Data folder; its registry is unusable afterwards." required:""`
}

func (b *breakCommand) Run(ctx context.Context) error { return breakRegistry(ctx, b.Data) }

// breakRegistry renames the table of people under a running server.
func breakRegistry(ctx context.Context, data string) error {
	files, err := filepath.Glob(filepath.Join(data, "*.db"))
	if err != nil || len(files) != 1 {
		return errors.Join(err, errors.New("the data folder holds no database"))
	}
	// The server may be writing.
	db, err := sql.Open("sqlite", "file:"+files[0]+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "ALTER TABLE people RENAME TO people_taken_away")
	return errors.Join(err, db.Close())
}
