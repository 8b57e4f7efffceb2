package policy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sso-elevator/functions/access"
	"sso-elevator/infra/command"
)

// bufferSize is the size of the read buffer and of the write buffer, in bytes.
const bufferSize = 64 << 10

// maxLine is the length of the longest query, in bytes. Real queries are much
// shorter. The answer to a longer line is an error.
const maxLine = 1 << 20

// invalidQuery is the answer to a line that is not a query.
type invalidQuery struct {
	Error string `json:"error"`
}

// answerAll reads one query per line and writes one answer per line, in the same
// order. The answer to a line that is not a query, such as an empty line, is the
// reason. answerAll flushes its answers before it waits for more input, so two
// programs can talk line by line. It returns an error if it can't read or write.
func answerAll(policy *access.Index, queries io.Reader, answers io.Writer) error {
	in := bufio.NewReaderSize(queries, bufferSize)
	out := bufio.NewWriterSize(answers, bufferSize)
	encode := newEncoder(out)
	for {
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return fmt.Errorf("write answers: %w", err)
			}
		}
		line, tooLong, err := readLine(in)
		if err != nil && !errors.Is(err, io.EOF) {
			out.Flush() // report the read error, not this one
			return command.BadInput(fmt.Errorf("read queries: %w", err))
		}
		if err != nil && len(line) == 0 && !tooLong {
			break
		}
		var reply any
		if q, err := parseQuery(line, tooLong); err != nil {
			reply = invalidQuery{strings.ReplaceAll(err.Error(), "\n", "; ")}
		} else {
			reply = q.decide(policy)
		}
		if err := encode.Encode(reply); err != nil {
			return fmt.Errorf("write answers: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write answers: %w", err)
	}
	return nil
}

// readLine returns the next line without its line break. The line is valid until
// the next call. If the line is longer than maxLine, readLine skips it and sets
// tooLong. With io.EOF it returns the text after the last line break, if any.
func readLine(in *bufio.Reader) (line []byte, tooLong bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		switch {
		case tooLong || len(line)+len(part) > maxLine:
			line, tooLong = nil, true
		case line == nil && !errors.Is(err, bufio.ErrBufferFull):
			line = part // the usual case: don't copy
		default:
			line = append(line, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return bytes.TrimSuffix(line, []byte("\n")), tooLong, err
		}
	}
}

// lists are the fields of a query that are lists.
var lists = []string{"requester_groups", "approver_groups", "ou_path"}

// parseQuery parses and checks one line of a batch.
func parseQuery(line []byte, tooLong bool) (query, error) {
	if tooLong {
		return query{}, fmt.Errorf("the line is longer than %d bytes", maxLine)
	}
	if len(bytes.TrimSpace(line)) == 0 {
		return query{}, errors.New("the line is empty")
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	var q *query
	var typeError *json.UnmarshalTypeError
	switch err := d.Decode(&q); {
	case errors.As(err, &typeError) && typeError.Field != "":
		expected := "a string"
		if slices.Contains(lists, typeError.Field) {
			expected = "a list of strings"
		}
		return query{}, fmt.Errorf("not a query: %s must be %s, not %s", typeError.Field, expected, typeError.Value)
	case errors.As(err, &typeError):
		return query{}, fmt.Errorf("not a query: must be a JSON object, not %s", typeError.Value)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return query{}, errors.New("not a query: the JSON object is not closed")
	case err != nil:
		return query{}, fmt.Errorf("not a query: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if q == nil {
		return query{}, errors.New("not a query: must be a JSON object, not null")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return query{}, errors.New("not a query: there is text after the JSON object")
	}
	return *q, q.check()
}

// newEncoder returns an encoder that writes one line per value and doesn't escape
// <, > and &.
func newEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

// writeJSON writes one answer as a line of JSON.
func writeJSON(w io.Writer, a answer) error {
	if err := newEncoder(w).Encode(a); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return nil
}
