package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sesuai/sesuai/internal/sqldb/pgtest"
	"github.com/sesuai/sesuai/internal/store"
)

// postgres is where the databases of the tests are that run on PostgreSQL; nil
// while they run on SQLite. Tests of this package do not run in parallel.
var postgres *pgtest.Server

// databases are those of data folders, so that a folder that is opened again is
// the same database.
var databases = make(map[string]string)

// databaseOf is the URL of a folder's database. It is a copy of one with the
// tables, which takes a quarter of the time that making them does.
func databaseOf(t testing.TB, dir string) string {
	t.Helper()
	if url, made := databases[dir]; made {
		return url
	}
	const tables = "tables"
	if len(databases) == 0 {
		postgres.Exec(t, "CREATE DATABASE "+tables+" OWNER "+pgtest.User)
		if _, err := store.Migrate(t.Context(), store.Options{URL: postgres.URL(tables)}); err != nil {
			t.Fatal(err)
		}
	}
	name := fmt.Sprintf("store%d", len(databases))
	postgres.Exec(t, fmt.Sprintf("CREATE DATABASE %s OWNER %s TEMPLATE %s", name, pgtest.User, tables))
	t.Cleanup(func() { postgres.Exec(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	databases[dir] = postgres.URL(name)
	return databases[dir]
}

// TestOnPostgres runs on PostgreSQL what runs on SQLite by itself, but for what
// is about files.
func TestOnPostgres(t *testing.T) {
	postgres = pgtest.Shared(t)
	defer func() { postgres = nil }()
	for _, test := range []struct {
		name string
		run  func(t *testing.T)
	}{
		{"registry exam", TestStorePassesTheRegistryExam},
		{"open again", TestOpenAgain},
		{"another key", TestOpenRefusesAnotherKey},
		{"newer schema", TestOpenRefusesANewerSchema},
		{"older schema", TestOpenRefusesASchemaFromBeforeTheFirstRelease},
		{"ended context", TestOpenGivesUpWithItsContext},
		{"clients", TestClients},
		{"clients that cannot be read", TestClientsThatCannotBeRead},
		{"events", TestEventsAreStoredAsTheyWere},
		{"trail", TestTheTrailIsContinued},
		{"tampering", TestTampering},
		{"verify while appending", TestVerifyWhileAppending},
		{"append with an ended context", TestAppendWithAnEndedContext},
		{"close", TestCloseWritesWhatWaits},
		{"flags", TestFlagsAreStored},
		{"probes", TestProbes},
		{"probes of nobody", TestProbesOfNobody},
		{"probes of the removed", TestProbesOfTheRemoved},
		{"two at once", TestTwoAtOnce},
		{"probes are bounded", TestProbesAreBounded},
		{"old probes", TestOldProbesAreForgotten},
		{"damaged probes", TestDamagedProbes},
		{"damage", TestDamage},
		{"old template", TestOldTemplateDoesNotFitANewRecord},
		{"errors", TestErrorsShowNothing},
		{"sealed lengths", TestSealedLengthsTellLittle},
		{"processes together", TestProcessesTogether},
		{"kill", TestKill},
		{"others", TestSeesWhatOthersWrite},
		{"rotation", TestRotation},
		{"rotation under load", TestRotationUnderLoad},
		{"rotated without the key", TestRotatedWithoutTheKey},
		{"rotation leaves the damaged", TestRotationLeavesTheDamaged},
		{"shredding", TestShredding},
		{"calls", TestCalls},
		{"calls of today", TestCallsOfToday},
		{"calls at once", TestCallsAtOnce},
		{"endings", TestEndingsAreWritten},
		{"calls that cannot be written", TestCallsThatCannotBeWritten},
		{"begin with an ended context", TestBeginWithoutTime},
		{"begins that are left", TestBeginsThatAreLeft},
		{"begin after close", TestBeginAfterClose},
		{"report", TestReport},
		{"returns", TestReturns},
		{"returns are of the trail", TestReturnsAreOfTheTrail},
		{"senders together", TestSendersTogether},
		{"damaged returns", TestDamagedReturns},
		{"returns outlive a rotation", TestReturnsOutliveARotation},
		{"outbox with an ended context", TestOutboxWithoutTime},
		{"strangers", TestStrangers},
		{"strangers at once", TestStrangersAtOnce},
		{"strangers who are enrolled", TestStrangersWhoAreEnrolled},
		{"old strangers", TestOldStrangersAreForgotten},
		{"damaged strangers", TestDamagedStrangers},
		{"later secrets", TestSecretsThatCameLater},
		{"upgrade", TestUpgrade},
		{"kill while calling", TestKillWhileCalling},
	} {
		t.Run(test.name, test.run)
	}
}

// inPostgres says in PostgreSQL's words what a test says in SQLite's.
var inPostgres = strings.NewReplacer(
	"x''", `'\x'::bytea`, "x'00'", `'\x00'::bytea`, "x'01'", `'\x01'::bytea`, "x'02'", `'\x02'::bytea`,
	"x'0000000000000000'", `'\x0000000000000000'::bytea`,
	"AS BLOB", "AS bytea",
	"zeroblob(32)", "decode(repeat('00', 32), 'hex')", "zeroblob(3)", `'\x000000'::bytea`,
	"group_concat(request_id)", "string_agg(request_id, ',')",
)

// inEngine is a statement in the words of the engine under test.
func inEngine(statement string) string {
	if postgres == nil {
		return statement
	}
	return inPostgres.Replace(statement)
}
