package operator

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/sesuai/sesuai"
	"github.com/sesuai/sesuai/internal/audit"
	"github.com/sesuai/sesuai/internal/sqldb"
)

const (
	// IdleTimeout is how long a session lasts without a request, and MaxAge how long it
	// lasts at all. NIST SP 800-63B-4, 2.2.3, allows an hour and a day.
	IdleTimeout = 15 * time.Minute
	MaxAge      = 12 * time.Hour
	// touchInterval is how exactly the last request of a session is known: not each of
	// them has to write.
	touchInterval = 30 * time.Second
)

const (
	insertSession  = `INSERT INTO operator_sessions (hash, operator, created_at, seen_at, mac) VALUES ($1, $2, $3, $3, $4)`
	selectSession  = `SELECT operator, created_at, seen_at, mac FROM operator_sessions WHERE hash = $1`
	touchSession   = `UPDATE operator_sessions SET seen_at = $2 WHERE hash = $1 AND seen_at < $2`
	deleteSession  = `DELETE FROM operator_sessions WHERE hash = $1`
	deleteSessions = `DELETE FROM operator_sessions WHERE operator = $1`
	deleteOthers   = `DELETE FROM operator_sessions WHERE operator = $1 AND hash <> $2`
	deleteOld      = `DELETE FROM operator_sessions WHERE created_at < $1 OR seen_at < $2`
)

// startSession makes a session with a new id, and removes sessions that have ended.
func (s *Store) startSession(ctx context.Context, tx *sqldb.Tx, operator string, now time.Time) (id sesuai.Text, err error) {
	if _, err := tx.ExecContext(ctx, deleteOld, now.Add(-MaxAge).UnixMicro(), now.Add(-IdleTimeout).UnixMicro()); err != nil {
		return id, err
	}
	id = sesuai.NewText(rand.Text())
	hash, at := s.hash("session", id.Reveal()), now.UnixMicro()
	_, err = tx.ExecContext(ctx, insertSession, hash, operator, at, s.sessionMAC(hash, operator, at))
	return id, err
}

// sessionMAC returns the MAC of a session. Who can write to the database can neither make
// a session nor give one to another operator.
func (s *Store) sessionMAC(hash []byte, operator string, createdAt int64) []byte {
	return s.o.Secret.MAC("operator_sessions.mac", hash, []byte(operator), binary.BigEndian.AppendUint64(nil, uint64(createdAt)))
}

// Session returns the operator of a session that has not ended; false if there is none.
func (s *Store) Session(ctx context.Context, id string) (Operator, bool, error) {
	hash, now := s.hash("session", id), s.o.Now()
	var operator string
	var createdAt, seenAt int64
	var mac []byte
	err := s.o.DB.Read().QueryRowContext(ctx, selectSession, hash).Scan(&operator, &createdAt, &seenAt, &mac)
	if errors.Is(err, sql.ErrNoRows) {
		return Operator{}, false, nil
	}
	if err != nil {
		return Operator{}, false, unavailable(ctx, "reading a session", err)
	}
	if !hmac.Equal(mac, s.sessionMAC(hash, operator, createdAt)) {
		s.o.Alert("operator_sessions")
		return Operator{}, false, nil
	}
	idle := now.Sub(time.UnixMicro(seenAt))
	if idle >= IdleTimeout || now.Sub(time.UnixMicro(createdAt)) >= MaxAge {
		return Operator{}, false, nil
	}
	v, found, err := s.find(ctx, s.o.DB.Read(), selectByID, operator)
	if err != nil {
		return Operator{}, false, unavailable(ctx, "reading an operator", err)
	}
	if !found || v.Disabled {
		return Operator{}, false, nil
	}
	if idle >= touchInterval {
		err := s.o.DB.InTx(ctx, func(tx *sqldb.Tx) error {
			_, err := tx.ExecContext(ctx, touchSession, hash, now.UnixMicro())
			return err
		})
		if err != nil {
			return Operator{}, false, unavailable(ctx, "recording a session", err)
		}
	}
	return v.operator(), true, nil
}

// SignOut ends a session, on all nodes.
func (s *Store) SignOut(ctx context.Context, id string, o Operator) error {
	err := s.inTx(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.ExecContext(ctx, deleteSession, s.hash("session", id)); err != nil {
			return err
		}
		return s.record(audit.WithActor(ctx, o.Actor()), tx, audit.OperatorSignedOut, state{id: o.ID, name: o.Name, Role: o.Role})
	})
	return unavailable(ctx, "signing out", err)
}

// endSessions ends all sessions of an operator.
func endSessions(ctx context.Context, tx *sqldb.Tx, operator string) error {
	_, err := tx.ExecContext(ctx, deleteSessions, operator)
	return err
}

// FormToken returns what a form of a session must have, so that no other page can send
// it. It says nothing about the id of the session.
func (s *Store) FormToken(id string) string {
	return base64.RawURLEncoding.EncodeToString(s.hash("form", id))
}

// IsFormToken reports whether a form of a session has the right token.
func (s *Store) IsFormToken(id, token string) bool {
	return hmac.Equal([]byte(token), []byte(s.FormToken(id)))
}
