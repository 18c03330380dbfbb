package subject

import (
	"maps"
	"slices"
	"strings"
)

// Fate is what an erasure does with the rows of a table about a person.
type Fate string

// The fates.
const (
	// None: it has no row about a person.
	None Fate = "none"
	// Erased: the rows are removed, or what they have of the person is.
	Erased Fate = "erased"
	// Kept: the rows stay. Why says why.
	Kept Fate = "kept"
)

// Has is what a column has of a person.
type Has string

// What a column may have.
const (
	Nothing Has = ""
	// Hash: a keyed hash of the NIK. Without the key it finds nobody.
	Hash Has = "hash"
	// Sealed: data of the person, or about one, encrypted.
	Sealed Has = "sealed"
	// Linked: what happened with a request about the person, in the clear. It names
	// nobody.
	Linked Has = "linked"
)

// Place is a table of the database, and what it has of people.
type Place struct {
	Table string
	// Owner is the package whose table it is.
	Owner string
	// OnlyPostgreSQL means that an SQLite database has no such table.
	OnlyPostgreSQL bool
	// Columns are all columns of the table, on either engine, with what they have.
	Columns map[string]Has
	// Holds is what a row has of a person; "" if it has nothing.
	Holds string
	// Oldest is the column with the time of a row, in Unix microseconds; "" if there is
	// none.
	Oldest string
	// Retention is a key of the configuration, or words.
	Retention string
	Erased    Fate
	// Why says why rows are kept, or what else there is to know.
	Why string
	// Apart means that a backup with the keys apart has the table in the second file:
	// what opens or names a person in a copy.
	Apart bool
}

// PlaceOf returns the place of a table.
func PlaceOf(table string) (Place, bool) {
	for _, p := range Places {
		if p.Table == table {
			return p, true
		}
	}
	return Place{}, false
}

// TablesApart are the tables that a backup with the keys apart has in the second file.
func TablesApart() (all []string) {
	for _, p := range Places {
		if p.Apart {
			all = append(all, p.Table)
		}
	}
	return all
}

// columns reads "nik:hash key_id": names of columns, with what they have after a colon.
func columns(text string) map[string]Has {
	all := make(map[string]Has)
	for _, word := range strings.Fields(text) {
		name, has, _ := strings.Cut(word, ":")
		all[name] = Has(has)
	}
	return all
}

const (
	untilRemoved = "until the person is removed"
	noLimit      = "no limit"
	operations   = "the operation of the service, and nothing of a person"
)

// Places are all tables of the database: where personal data can be, and where they
// cannot. A test compares them with the schema.
var Places = []Place{
	{
		Table: "people", Owner: "internal/people", Holds: "the record: name, date of birth, attributes, status",
		Columns: columns("id nik:hash key_id attributes:sealed enrolled_at:linked changed_at:linked"),
		Oldest:  "enrolled_at", Retention: untilRemoved, Erased: Erased,
	},
	{
		Table: "templates", Owner: "internal/people", Holds: "the template of the reference portrait (biometric data)",
		Columns:   columns("id link:hash key_id model:linked template:sealed"),
		Retention: untilRemoved, Erased: Erased,
	},
	{
		Table: "person_keys", Owner: "internal/people", Holds: "the NIK and the data key, without which the other rows open in no copy",
		Columns:   columns("person:hash key_id sealed:sealed"),
		Retention: untilRemoved, Erased: Erased, Apart: true,
	},
	{
		Table: "probes", Owner: "internal/people", Holds: "signatures of photographs that were sent, at most 128",
		Columns: columns("id person:hash key_id last_at:linked probes:sealed"),
		Oldest:  "last_at", Retention: "replay.max_age", Erased: Erased,
	},
	{
		Table: "unenrolled_probes", Owner: "internal/people", Holds: "the same, of a person who was not on record",
		Columns: columns("id person:hash last_at:linked probes:sealed"),
		Oldest:  "last_at", Retention: "replay.max_age", Erased: Erased, Apart: true,
	},
	{
		Table: "audit_events", Owner: "internal/audit",
		Holds: "who asked about the person, when, through which endpoint, for what purpose, on what consent, and with what outcome",
		Columns: columns(`seq at:linked request_id:linked client:linked nik:hash result:linked reason:linked nik_outcome:linked
			name_outcome:linked birth_outcome:linked name_score:linked compared:linked percentage:linked threshold:linked score:linked
			model:linked calibration:linked duration:linked flags:linked liveness_known:linked liveness:linked hash action:linked
			actor item_count digest_before digest_after state name_threshold:linked replay_checked:linked liveness_threshold:linked
			measures:linked cosine:linked reference_length:linked probe_length:linked endpoint:linked attributes:linked
			reference:linked consent_id:linked consent_at:linked purpose:linked`),
		Oldest: "at", Retention: "audit.keep", Erased: Kept,
		Why: "The controller proves with it what was processed and why (UU 27/2022, articles 24, 31 and 47), and a bank keeps records " +
			"of its checks by law. It is a chain: an event that is removed shows as tampering. It names nobody: the NIK is a keyed hash.",
	},
	{
		Table: "answers", Owner: "internal/answer", Holds: "the outcomes that a client was given, to be looked up",
		Columns: columns("seq:linked at:linked request:linked reference:linked sealed:sealed"),
		Oldest:  "at", Retention: "answers.max_age", Erased: Erased, Apart: true,
	},
	{
		Table: "idempotency_keys", Owner: "internal/answer", Holds: "the same, under the key that a client gave its request, and a keyed hash of the whole request",
		Columns: columns("key:linked request:hash at:linked token lease sealed:sealed"),
		Oldest:  "at", Retention: "24 hours", Erased: Erased, Apart: true,
		Why: "The row of a request that has no answer yet cannot be found, and has a keyed hash of the request alone.",
	},
	{
		Table: "approvals", Owner: "internal/approval", Holds: "that an admin proposed to erase the person: the NIK, until it is decided",
		Columns: columns("id proposed_at:linked sealed:sealed"), Oldest: "proposed_at", Retention: "24 hours", Erased: Kept, Apart: true,
		Why: "It cannot be found by the NIK, and the decision removes the NIK, as does the end of the proposal. The rest stays for 30 days, and names nobody.",
	},
	{
		Table: "webhook_deliveries", Owner: "internal/webhook", Holds: "the outcomes that a client is yet to be told at its webhook, or could not be told",
		Columns: columns("id client:linked event:linked created_at:linked state due_at give_up_at tries ended_at lease sealed:sealed attempts"),
		Oldest:  "created_at", Retention: "webhooks.keep_log", Erased: Erased, Apart: true,
		Why: "What was delivered has no body any more, and is about nobody. An erased message that was pending is not delivered.",
	},
	{
		Table: "batches", Owner: "internal/batch",
		Columns:   columns("number id client endpoint state created_at started_at finished_at total mac"),
		Retention: "batches.max_age", Erased: None, Apart: true,
	},
	{
		Table: "batch_rows", Owner: "internal/batch", Holds: "what a client sent of the person, with the photograph, until the row is answered; then the outcomes",
		Columns:   columns("line batch outcome:linked tries tried_at sealed:sealed answer:sealed"),
		Retention: "batches.max_age", Erased: Erased, Apart: true,
		Why: "The row stays, with an answer that says that it was erased, so that the numbers of the batch are right.",
	},
	{
		Table: "outbox", Owner: "internal/dukcapil/balikan", Holds: "that a verified person is to be returned to Dukcapil: the NIK until it is delivered, and the id of the request",
		Columns: columns("seq:linked at:linked day:linked customer:linked sealed:sealed due_at tries lease delivered_at:linked"),
		Oldest:  "at", Retention: "dukcapil.keep_log", Erased: Kept, Apart: true,
		Why: "The institution has to return these data to Dukcapil (data balikan). The NIK is removed when they are delivered, usually within minutes.",
	},
	{
		Table: "upstream_calls", Owner: "internal/dukcapil/ledger", Holds: "that a service of Dukcapil was called for a request",
		Columns: columns("id at:linked day:linked client:linked request_id:linked service:linked price class:linked billable duration mac"),
		Oldest:  "at", Retention: "dukcapil.keep_log", Erased: Kept,
		Why: "It is the record of what is billed. It has the id of the request, and nothing of the person.",
	},
	{
		Table: "limit_misses", Owner: "internal/access/limit", Holds: "when requests about the person did not verify",
		Columns: columns("nik:hash at:linked id client:linked kind:linked"),
		Oldest:  "at", Retention: "24 hours", Erased: Kept,
		Why: "It keeps an attacker from guessing about the person, for a day. An erasure must not end that.",
	},
	{
		Table: "limit_niks", Owner: "internal/access/limit", Holds: "that a client asked about the person on a day",
		Columns:   columns("client:linked day:linked nik:hash"),
		Retention: "the day", Erased: Kept,
		Why: "It counts the persons that a client asks about on a day. An erasure must not end that.",
	},
	{
		Table: "limit_leases", Owner: "internal/access/limit", OnlyPostgreSQL: true, Holds: "that a request about the person is in progress",
		Columns:   columns("id nik:hash client:linked fresh:linked expires"),
		Retention: "until the request is answered", Erased: Kept,
		Why: "It is gone with the request.",
	},
	{
		Table: "limit_clients", Owner: "internal/access/limit", Columns: columns("client day requests answers non_matches niks flagged stopped"),
		Retention: "7 days", Erased: None,
	},
	{Table: "limit_rates", Owner: "internal/access/limit", OnlyPostgreSQL: true, Columns: columns("client full_at"), Retention: operations, Erased: None},
	{
		Table: "retention_days", Owner: "internal/retention", Columns: columns("day table_of removed runs last_at recorded"), Retention: "400 days", Erased: None,
		Why: "counts of what was removed for its age",
	},
	{
		Table: "people_sums", Owner: "internal/people", Columns: columns("bucket sealed"), Retention: noLimit, Erased: None,
		Why: "sums over everybody, from which nobody can be taken",
	},
	{Table: "audit_head", Owner: "internal/audit", Columns: columns("id seq hash people clients mac base"), Retention: noLimit, Erased: None},
	{
		Table: "clients", Owner: "internal/access", Retention: "until the client is removed", Erased: None,
		Columns: columns(`id name scopes threshold name_threshold rate burst added_at replay liveness username password api_key mac networks
			expires_at disabled note previous_username previous_password previous_api_key previous_until percentage consent limits`),
		Why: "about applications. A note is the operator's text, and has nothing personal",
	},
	{Table: "client_uses", Owner: "internal/access", Columns: columns("client used_at mac"), Retention: "until the client is removed", Erased: None},
	{Table: "webhooks", Owner: "internal/webhook", Columns: columns("client sealed"), Retention: "until the webhook is removed", Erased: None},
	{
		Table: "operators", Owner: "internal/operator", Columns: columns("id name sealed"), Retention: "until the operator is removed", Erased: None,
		Why: "about those who work with the console: the name that they sign in with, and sealed the role, a hash of the password, the key of the authenticator, and names and public keys of passkeys",
	},
	{
		Table: "operator_sessions", Owner: "internal/operator", Columns: columns("hash operator created_at seen_at mac"), Retention: "12 hours", Erased: None,
		Why: "who is signed in at the console",
	},
	{Table: "master_keys", Owner: "internal/vault", Columns: columns("id check_value state added_at"), Retention: noLimit, Erased: None},
	{Table: "key_epoch", Owner: "internal/vault", Columns: columns("id epoch mac"), Retention: noLimit, Erased: None},
	{Table: "secrets", Owner: "internal/vault", Columns: columns("name key_id sealed"), Retention: noLimit, Erased: None},
	{
		Table: "river_job", Owner: "internal/jobs", Retention: "a day after the job", Erased: None,
		Columns: columns(`id args attempt attempted_at attempted_by created_at errors finalized_at kind max_attempts metadata priority queue
			state scheduled_at tags unique_key unique_states`),
		Why: "numbers of batches and lines",
	},
	{Table: "river_leader", Owner: "internal/jobs", Columns: columns("elected_at expires_at leader_id name"), Retention: operations, Erased: None},
	{Table: "river_migration", Owner: "internal/jobs", Columns: columns("line version created_at"), Retention: operations, Erased: None},
	{Table: "river_notification", Owner: "internal/jobs", Columns: columns("id created_at payload topic"), Retention: operations, Erased: None},
	{Table: "river_queue", Owner: "internal/jobs", Columns: columns("name created_at metadata paused_at updated_at"), Retention: operations, Erased: None},
	{Table: "schema_versions", Owner: "internal/sqldb", Columns: columns("id version_id is_applied tstamp"), Retention: operations, Erased: None},
}

// columnsThat are the columns that have one of these, in the order of their names.
func (p Place) columnsThat(has ...Has) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(p.Columns)) {
		if slices.Contains(has, p.Columns[name]) {
			all = append(all, name)
		}
	}
	return strings.Join(all, ", ")
}
