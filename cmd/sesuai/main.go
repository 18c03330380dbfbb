// Command sesuai is the product: the service, and the commands that an operator
// needs. It must hold no logic of its own: flags in, text or JSON out.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/sesuai/sesuai/internal/access"
	"github.com/sesuai/sesuai/internal/app"
)

// The exit statuses of every command.
const (
	exitOK       = 0
	exitNegative = 1 // an unfavourable answer: not verified, nobody there, a row rejected
	exitError    = 2 // no answer
)

// commandLine is the specification of the flags and commands.
type commandLine struct {
	Config string `help:"Configuration file." env:"SESUAI_CONFIG" placeholder:"FILE"`
	Data   string `help:"Data folder (default ./data)." placeholder:"DIR"`
	JSON   bool   `name:"json" help:"Print JSON, for machines."`

	Serve  serveCommand `cmd:"" help:"Serve the API."`
	Person struct {
		Add    personAdd    `cmd:"" help:"Put a person on record."`
		Show   personShow   `cmd:"" help:"Say what kind of record there is of a NIK; never what is in it."`
		Remove personRemove `cmd:"" help:"Take a person off the record."`
		Import personImport `cmd:"" help:"Put the people of a file on record."`
		Export personExport `cmd:"" help:"Write everybody on record to a sealed file."`
		Digest personDigest `cmd:"" help:"Say how many people are on record, and a digest of all of it."`
		Count  personCount  `cmd:"" help:"Say how many people are on record."`

		Recount personRecount `cmd:"" help:"Accept the people on record as they are, where the audit trail describes others."`
	} `cmd:"" help:"The people of the embedded registry."`
	Client struct {
		Add     clientAdd     `cmd:"" help:"Add a client and print its credentials, once."`
		List    clientList    `cmd:"" help:"List the clients."`
		Show    clientShow    `cmd:"" help:"Show the settings of a client."`
		Set     clientSet     `cmd:"" help:"Change settings of a client."`
		Disable clientDisable `cmd:"" help:"Refuse a client until it is enabled again."`
		Enable  clientEnable  `cmd:"" help:"Accept a client again."`
		Rotate  clientRotate  `cmd:"" help:"Give a client new credentials and print them, once; the old ones stay valid for a time."`
		Remove  clientRemove  `cmd:"" help:"Remove a client."`
	} `cmd:"" help:"The applications that may call the API."`
	Operator struct {
		Add     operatorAdd     `cmd:"" help:"Add an operator and print an invitation, once."`
		List    operatorList    `cmd:"" help:"List the operators."`
		Disable operatorDisable `cmd:"" help:"Sign an operator out everywhere, and refuse it until it is enabled again."`
		Enable  operatorEnable  `cmd:"" help:"Accept an operator again."`
		Reset   operatorReset   `cmd:"" help:"Remove the password and the authenticator of an operator, and print a new invitation, once."`
		Remove  operatorRemove  `cmd:"" help:"Remove an operator."`
	} `cmd:"" help:"The people who may use the console: docs/operate/console.md."`
	Limits struct {
		Show  limitsShow  `cmd:"" help:"Show what is used of the limits of clients, or of a NIK."`
		Reset limitsReset `cmd:"" help:"Remove what a client has used today, or the misses on a NIK."`
	} `cmd:"" help:"Limits of clients and of NIKs: docs/operate/limits.md."`
	Webhook struct {
		Set        webhookSet        `cmd:"" help:"Register the URL that a client is told events at, or change it."`
		Show       webhookShow       `cmd:"" help:"Show the webhook of a client; never its secret."`
		Rotate     webhookRotate     `cmd:"" help:"Make a new secret and print it, once."`
		Remove     webhookRemove     `cmd:"" help:"Remove the webhook of a client, and what is yet to be delivered."`
		Test       webhookTest       `cmd:"" help:"Send a signed test event now, and say what comes back."`
		Deliveries webhookDeliveries `cmd:"" help:"List what was delivered to a client, or was not, the last one first."`
		Retry      webhookRetry      `cmd:"" help:"Deliver what was given up, or is waiting, now."`
	} `cmd:"" help:"Where clients are told of events: docs/operate/webhooks.md."`
	Verify verifyCommand `cmd:"" help:"Verify a person; prints what the API would answer."`
	Batch  struct {
		Verify batchVerify `cmd:"" help:"Verify the rows of a file, here or by the API: docs/integrate/batch.md."`
	} `cmd:"" help:"Many verifications at once."`
	Face struct {
		Compare   faceCompare   `cmd:"" help:"Compare two photographs."`
		Evaluate  faceEvaluate  `cmd:"" help:"Measure error rates on labelled photographs."`
		Calibrate faceCalibrate `cmd:"" help:"Make a calibration from labelled photographs."`
		Model     struct {
			Check faceModelCheck `cmd:"" help:"Say whether an ONNX file can make the templates, and how a manifest names it."`
		} `cmd:"" help:"Models of your own: docs/operate/models.md."`
	} `cmd:"" help:"The face engine by itself."`
	Dukcapil struct {
		Usage  dukcapilUsage  `cmd:"" help:"Say how many calls there were, by day, client and service, and what they cost."`
		Report dukcapilReport `cmd:"" help:"Say what an institution reports about a half-year."`
	} `cmd:"" help:"The registry of Dukcapil: docs/operate/dukcapil-cost.md."`
	Audit struct {
		List   auditList   `cmd:"" help:"List verifications and changes with what led to their results, the last one first."`
		Show   auditShow   `cmd:"" help:"Say all that is recorded of a request."`
		Tail   auditTail   `cmd:"" help:"List the last events, and further ones as they are recorded."`
		Export auditExport `cmd:"" help:"Write events to standard output as lines of JSON or as CSV, the first one first."`
		Verify auditVerify `cmd:"" help:"Say whether the audit trail, and what it describes, is as it was recorded."`
		Key    auditKey    `cmd:"" help:"Show the public key that verifies the checkpoints of the trail."`
	} `cmd:"" help:"The audit trail: docs/operate/audit.md."`
	Answer struct {
		Verify answerVerify `cmd:"" help:"Verify a signed answer, offline."`
		Keys   answerKeys   `cmd:"" help:"Print the public key of signed answers."`
	} `cmd:"" help:"Signed answers: docs/integrate/signed.md."`
	Subject struct {
		Report subjectReport `cmd:"" help:"Say all that is stored about a person, and who asked when."`
		Erase  subjectErase  `cmd:"" help:"Erase all that is stored about a person."`
	} `cmd:"" help:"The rights of data subjects: docs/operate/privacy.md."`
	Privacy struct {
		Report privacyReport `cmd:"" help:"Say what is stored of people, for how long, and who asked what for."`
	} `cmd:"" help:"Personal data in general: docs/operate/privacy.md."`
	Keys struct {
		Add    keysAdd    `cmd:"" help:"Make a further master key."`
		Rotate keysRotate `cmd:"" help:"Move everything to the master key that was added."`
		Seal   keysSeal   `cmd:"" help:"Have the KMS seal the files of the master keys."`
		Unseal keysUnseal `cmd:"" help:"Replace the sealed files of the master keys by plain ones."`
		Status keysStatus `cmd:"" help:"Say which master keys there are and what is stored under them."`
	} `cmd:"" help:"The master keys."`
	Migrate struct {
		Up     migrateUp     `cmd:"" help:"Bring the schema of the registry's database up to date."`
		Status migrateStatus `cmd:"" help:"Say which schema the database has."`
	} `cmd:"" help:"The tables of the registry's database."`
	Copy            copyCommand     `cmd:"" help:"Move the people and the clients to another registry."`
	Backup          backupCommand   `cmd:"" help:"Write a backup of the database to a new file: docs/operate/restore.md."`
	Restore         restoreCommand  `cmd:"" help:"Put a backup where there is no database, and verify it."`
	Doctor          doctorCommand   `cmd:"" help:"Look at all that can be wrong with the installation, and say what to do: docs/operate/doctor.md."`
	Bench           benchCommand    `cmd:"" help:"Measure verifications on this machine, and say how many such machines a load needs."`
	DukcapilSandbox dukcapilSandbox `cmd:"" help:"Serve a sandbox of Dukcapil's services on the embedded registry: docs/integrate/dukcapil-sandbox.md."`
	Version         versionCommand  `cmd:"" help:"Print the version."`
	Licenses        licensesCommand `cmd:"" help:"Print the licences of everything that this program consists of, or loads."`
}

// session is what every command works with.
type session struct {
	context.Context
	config app.Config
	// mistakes is what is wrong with config, for the command that goes on with it.
	mistakes       error
	json           bool
	stdout, stderr io.Writer
	// terminal is whether stderr is one.
	terminal bool
	// hangUps are the signals that have a service read its files again. It may be nil.
	hangUps <-chan os.Signal
	// load loads the configuration again, as configure has.
	load func() (app.Config, error)
}

func main() { os.Exit(run(context.Background(), os.Args[1:])) }

// signals returns the context of a command, which the signals end that stop it in
// order, and those that have it read its files again; nil if none do. SIGHUP means that
// for a service that is not on a terminal, and elsewhere that the terminal has ended.
// Whoever started the command may have it ignored, as nohup(1) does.
func signals(ctx context.Context, reloads bool) (_ context.Context, stop context.CancelFunc, hangUps chan os.Signal) {
	stops := []os.Signal{os.Interrupt, syscall.SIGTERM}
	switch {
	case signal.Ignored(syscall.SIGHUP):
	case reloads:
		hangUps = make(chan os.Signal, 1)
		signal.Notify(hangUps, syscall.SIGHUP)
	default:
		stops = append(stops, syscall.SIGHUP)
	}
	ctx, stop = signal.NotifyContext(ctx, stops...)
	return ctx, stop, hangUps
}

func run(ctx context.Context, args []string) int {
	var c commandLine
	parser := kong.Must(&c,
		kong.Name("sesuai"),
		kong.Description("Self-hosted identity and face verification for Indonesia."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}),
		kong.Vars{
			"name_threshold": nameThreshold(), "threshold": fmt.Sprint(access.DefaultThreshold), "scope": string(access.DefaultScope),
			"replay": access.DefaultReplay.String(), "liveness": access.DefaultLiveness.String(),
		},
	)
	command, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "sesuai: %s\nRun sesuai --help for the commands and flags.\n", misused(err))
		return exitError
	}
	s := &session{
		json: c.JSON, stdout: os.Stdout, stderr: os.Stderr,
		terminal: term.IsTerminal(int(os.Stderr.Fd())),
	}
	ctx, stop, hangUps := signals(ctx, command.Command() == "serve" && !s.terminal)
	defer stop()
	s.Context, s.hangUps = ctx, hangUps
	err = s.configure(c)
	if command.Command() == "doctor" {
		s.mistakes, err = err, nil
	}
	if err == nil {
		err = app.ProtectMemory(s.config)
	}
	if err == nil {
		err = command.Run(s)
	}
	var negative negativeAnswer
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &negative):
		return exitNegative
	default:
		fmt.Fprintf(os.Stderr, "sesuai: %s\n", describe(err))
		return exitError
	}
}

// configure reads the configuration: file, environment, then flags.
func (s *session) configure(c commandLine) error {
	var flags []app.Flag
	for _, f := range []app.Flag{
		{Name: "--data", Key: "data", Value: c.Data}, {Name: "--listen", Key: "listen", Value: c.Serve.Listen},
	} {
		if f.Value != "" {
			flags = append(flags, f)
		}
	}
	s.load = func() (app.Config, error) { return app.LoadConfig(c.Config, os.Environ(), flags...) }
	var err error
	if c.Serve.CheckConfig {
		s.config, err = app.CheckConfig(s, c.Config, os.Environ(), flags...)
	} else {
		s.config, err = s.load()
	}
	return err
}

// negativeAnswer is the error of a command that has printed an unfavourable
// answer.
type negativeAnswer struct{}

func (negativeAnswer) Error() string { return "an unfavourable answer" }

// printJSON writes a line of JSON.
func (s *session) printJSON(v any) error {
	e := json.NewEncoder(s.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// print writes v as JSON if that is wanted, else the text.
func (s *session) print(v any, format string, args ...any) error {
	if s.json {
		return s.printJSON(v)
	}
	_, err := fmt.Fprintf(s.stdout, format, args...)
	return err
}

// withStorage runs f on the opened storage, which must be there: a command that
// only reads, or that changes what is there, makes nothing where --data is wrong.
func (s *session) withStorage(f func(*app.Storage) error) error {
	storage, err := app.OpenExistingStorage(s, s.config)
	return use(storage, err, f)
}

// withNewStorage is withStorage for a command that may come first: it makes the
// storage if there is none.
func (s *session) withNewStorage(f func(*app.Storage) error) error {
	storage, err := app.OpenStorage(s, s.config)
	return use(storage, err, f)
}

// use runs f on a storage and closes it. It takes the results of opening the storage.
func use(storage *app.Storage, err error, f func(*app.Storage) error) error {
	if err != nil {
		return err
	}
	return errors.Join(f(storage), storage.Close())
}
